"""Check each time: the error of the same call, its memory, and that it was a call at all.

What is `Rejected` are the traps that make a benchmark fast and wrong: a constant, a call not waited for, another
format than asked, inputs that are not where they are used, or whose subnormals slow a core.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from adapters.protocol import Adapter
from benchmarks.timing import devices
from benchmarks.timing.cells import SHAPES, Cell
from benchmarks.timing.inputs import IGNORED, Inputs
from conformance.run.measure import Call, compare
from conformance.truth.formats import exact

Array = NDArray[Any]
ROWS = (0, -1)  # the rows whose truth is computed: the first, and the last, where a tail would be
STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
BLOCK = 1 << 18  # numbers looked at at once, within a core's cache
BUSY = 1e-3  # seconds of calls that are queued before the last is waited for
QUICK = 2e-5  # seconds by which a look may take longer than another without having waited
ASLEEP = 1.5  # times as long as it took until a result was seen: by then it is there


class Rejected(Exception):
    """The call that was timed is not the one that it claims to be."""


def outputs(result: Any, adapter: Adapter) -> list[Array]:
    """The arrays of a result, which is one array or (value, gradient)."""
    return [adapter.to_numpy(part) for part in _parts(result)]


def _parts(result: Any) -> Sequence[Any]:
    return result if isinstance(result, tuple | list) else (result,)


def refuse_constant(first: list[Array], second: list[Array]) -> None:
    """Raise Rejected if a result is the same for other logits."""
    for a, b in zip(first, second, strict=True):
        if np.array_equal(bits(a), bits(b)):
            raise Rejected("the result does not depend on the logits: a constant was timed")


def refuse_format(found: list[Array], dtype: str) -> None:
    """Raise Rejected if a result has another format than its logits, as float64 has without JAX's switch."""
    for array in found:
        if array.dtype.name != dtype:
            raise Rejected(f"the result is {array.dtype.name} for logits in {dtype}")


def refuse_subnormal(logits: Array, found: list[Array]) -> None:
    """Raise Rejected if plain logits or a result hold subnormals, on which a core may take 100 times as long."""
    for array in (logits, *found):
        if array.dtype.name == "float16":
            continue  # computed in float32, where float16's subnormals are ordinary numbers
        whole, kind = bits(array), np.iinfo(f"uint{8 * array.itemsize}")
        fraction = kind.dtype.type((1 << ml_dtypes.finfo(array.dtype).nmant) - 1)
        for start in range(0, whole.size, BLOCK):
            magnitude = whole[start : start + BLOCK] & kind.dtype.type(kind.max >> 1)
            if np.any(magnitude - kind.dtype.type(1) < fraction):  # 0 − 1 is the largest integer
                raise Rejected(f"subnormal numbers in {array.dtype.name} slow the core")


def bits(array: Array) -> Array:
    """The numbers of an array as unsigned integers, in one dimension."""
    return np.ascontiguousarray(array).reshape(-1).view(f"uint{8 * array.itemsize}")


def refuse_host(arrays: Iterable[Any], framework: str) -> None:
    """Raise Rejected if an input of a device's call is in the host's memory: each call would copy it."""
    if not all(devices.holds(framework, array) for array in arrays):
        raise Rejected("an input is in the host's memory: each call copies it to the device")


def refuse_unsynchronised(
    start: Callable[[], Any], wait: Callable[[Any], None], look: Callable[[Any], None], trials: int = 5
) -> Any:
    """A result; raises Rejected if one that was waited for is not there yet.

    So many calls are queued that a device has work for a while, and the last of them is waited for. Then `look`
    takes a number of its result. It takes no longer at once than after ample time unless it had to wait. The
    least of several trials counts, since others disturb.
    """
    called, spent = math.inf, 0.0
    while spent < BUSY:
        began = time.perf_counter()
        wait(found := start())
        once = time.perf_counter() - began
        called, spent = min(called, once), spent + once
    count = math.ceil(BUSY / called)
    quick = max(called / 2, QUICK)

    def looked(pause: float) -> float:
        for _ in range(count):
            result = start()
        wait(result)
        time.sleep(pause)
        return _seconds(lambda: look(result))

    at_once = [_seconds(lambda: look(found)) if count == 1 else looked(0.0)]
    later: list[float] = []
    for _ in range(trials):
        late = min(at_once) - min(later, default=0.0)
        if late <= quick:
            return found
        later.append(looked(ASLEEP * (count * called + at_once[-1])))
        at_once.append(looked(0.0))
    raise Rejected(f"a call returned after {called:.2g} s, and the result of several came {late:.2g} s later")


def glance(result: Any, adapter: Adapter) -> None:
    """Bring the first number of each array of a result to the host."""
    for part in _parts(result):
        adapter.to_numpy(part[(0,) * part.ndim])


def _seconds(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def error(cell: Cell, given: Inputs, found: list[Array]) -> float:
    """The worst error over its bound of grade D, in the first and the last row of every result.

    `found` is [result], or [value, gradient]. The truth is the conformance oracle's, kept by content.
    """
    axis = SHAPES[cell.shape].axis
    operation, per_row = cell.judged.name, cell.judged.per_row
    logits = ends(given.logits, axis)
    labels = None
    if given.labels is not None:
        same = given.labels.shape == given.logits.shape
        labels = ends(given.labels, axis) if same else given.labels.reshape(-1)[list(ROWS)]
    options = {"ignore_index": IGNORED} if cell.data == "ignored" else {}
    forward = Call(operation, logits, labels=labels, options=options)
    rows = found[0].reshape(-1)[list(ROWS)] if per_row else ends(found[0], axis)
    worst = compare(forward, exact(rows)).worst("D")
    if len(found) > 1 and given.cotangent is not None:
        cotangent = given.cotangent.reshape(-1)[list(ROWS)] if per_row else ends(given.cotangent, axis)
        backward = Call(operation, logits, labels=labels, options=options, derivative="vjp", cotangent=cotangent)
        worst = max(worst, compare(backward, exact(ends(found[1], axis))).worst("D"))
    return worst


def ends(array: Array, axis: int) -> Array:
    """The first and the last row along `axis`, as (2, n)."""
    moved = np.moveaxis(array, axis, -1)
    last = tuple(d - 1 for d in moved.shape[:-1])
    return np.stack([moved[(0,) * len(last)], moved[last]])


def resident_peak(run: Callable[[], Any]) -> int | None:
    """Bytes by which `run` raises this process's resident set at most, its result included; None if unknown.

    In a process whose memory goes back at once (`rounds.RETURNED`), or what an earlier call freed is used again
    and not seen.
    """
    before = settled() if CLEAR.exists() else 0
    try:
        CLEAR.write_text("5", encoding="ascii")  # forgets the peak: proc(5), clear_refs
    except OSError:
        return None
    kept = run()
    after = status("VmHWM")
    del kept
    return max(0, after - before)


def settled(pause: float = 0.02, most: int = 50) -> int:
    """The resident set once it no longer shrinks: another thread may free an earlier result, as JAX's does."""
    size = status("VmRSS")
    for _ in range(most):
        time.sleep(pause)
        before, size = size, status("VmRSS")
        if size == before:
            break
    return size


def status(field: str) -> int:
    """Bytes of a field of /proc/self/status."""
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def finite(value: float | None) -> float | None:
    """None for what JSON has no word for."""
    return value if value is not None and math.isfinite(value) else None
