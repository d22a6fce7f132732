"""The machine's limit for a cell, measured beside it: a copy of the same bytes, and the exponential.

    t_roof = max(bytes / bandwidth of a copy that moves as many bytes, exponentials / rate of the exponential)

On a CPU, each is the better of NumPy, in as many threads as the cell may use, and the framework itself. On a
device, both are the framework's own calls in a queue, so that they contain neither dispatch nor waiting: a copy
takes no longer than its share of a larger copy, which hides the dispatch, and the exponentials are in one kernel
that a compiler has fused. See Williams, Waterman and Patterson, *Roofline* (CACM 52, 2009).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.protocol import Adapter, NotProvided
from benchmarks.timing import clock
from benchmarks.timing.cells import Cell

BLOCK = 1 << 16  # elements of the array of exponentials; it fits in a core's own cache
FUSED = 1 << 24  # the same on a device: enough for all its cores, and long compared with a launch
SPLIT = 1 << 18  # bytes below which a second thread costs more than it saves
SPAN = 5e-3  # seconds over which a ceiling is measured
REPEATS = 3
CHAIN = 64  # nested exponentials in a fused kernel, so many that its memory traffic is negligible
LADDER = [4**step for step in range(4, 14)]  # float32 elements of the copies on a device, up to 256 MiB


class Ceilings:
    """The ceilings of `threads` cores, or of a device through `adapter`; each is measured once.

    `fused` returns the adapter of a compiled mode; it is called only on a device.
    """

    def __init__(self, adapter: Adapter, threads: int, fused: Callable[[], Adapter]) -> None:
        self.adapter = adapter
        self.fused = fused
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads)
        self._copies: dict[int, float] = {}
        self._rates: dict[str, float] = {}
        self._queued: dict[int, float] = {}

    def roof(self, cell: Cell) -> float:
        """Return the fewest seconds that `cell` can take."""
        device = self.adapter.device
        return max(self.copy(cell.traffic(device)), cell.elements(device) / self.exponentials(cell.format))

    def copy(self, moved: int) -> float:
        """Return the seconds of a copy that moves `moved` bytes: half are read, half are written."""
        if moved not in self._copies:
            size = max(1, moved // 8)  # float32 elements
            if self.adapter.device == "cpu":
                self._copies[moved] = min(self._copy_by_framework(size), self._copy_on_cores(size))
            else:
                self._copies[moved] = self._copy_on_device(size)
        return self._copies[moved]

    def exponentials(self, dtype: str) -> float:
        """Return exponentials a second: in float64 for float64, in float32 for every other format."""
        kind = "float64" if dtype == "float64" else "float32"
        if kind not in self._rates:
            if self.adapter.device == "cpu":
                self._rates[kind] = max(self._rate_by_framework(kind), self._rate_on_cores(kind))
            else:
                self._rates[kind] = self._rate_on_device(kind)
        return self._rates[kind]

    def _copy_on_cores(self, size: int) -> float:
        source, target = np.ones(size, np.float32), np.empty(size, np.float32)
        parts = [(slice(i * size // self.threads, (i + 1) * size // self.threads)) for i in range(self.threads)]

        def whole() -> None:
            np.copyto(target, source)

        def split() -> None:
            list(self.pool.map(lambda part: np.copyto(target[part], source[part]), parts))

        alone = best(whole)
        return min(alone, best(split)) if self.threads > 1 and source.nbytes >= SPLIT else alone

    def _copy_by_framework(self, size: int) -> float:
        """Time the framework's own negation, which reads once and writes once."""
        adapter = self.adapter
        if size * 4 < SPLIT:
            return np.inf  # dispatch would be most of it, and NumPy dispatches faster
        array = adapter.asarray(np.ones(size, np.float32))
        try:
            return best(lambda: adapter.synchronize(adapter.call(negated, array)))
        except NotProvided:
            return np.inf

    def _copy_on_device(self, size: int) -> float:
        """Return the least of a copy's own time, which may be all dispatch, and its share of larger copies.

        The largest copy of the ladder exceeds every cache, so a larger one takes time in proportion.
        """
        sizes = [min(size, LADDER[-1]), *(step for step in LADDER if step > size)]
        return float(min(self._queue(step) * size / step for step in sizes))

    def _queue(self, size: int) -> float:
        """Return the seconds of a negation in a queue of negations."""
        if size not in self._queued:
            adapter = self.adapter
            array = adapter.asarray(np.ones(size, np.float32))
            self._queued[size] = queued(lambda: adapter.call(negated, array), adapter.synchronize)
        return self._queued[size]

    def _rate_on_cores(self, kind: str) -> float:
        """Return the rate of np.exp on all cores at once."""
        blocks = [(ramp(BLOCK, kind), np.empty(BLOCK, kind)) for _ in range(self.threads)]
        repeats = 50

        def several(block: tuple[NDArray[Any], NDArray[Any]]) -> None:
            for _ in range(repeats):
                np.exp(block[0], out=block[1])

        return self.threads * repeats * BLOCK / best(lambda: list(self.pool.map(several, blocks)))

    def _rate_by_framework(self, kind: str) -> float:
        """Return the rate of a chain of the framework's own exponentials."""
        adapter = self.adapter
        if "elementary" not in adapter.features:
            return 0.0
        array, exponentials = adapter.asarray(ramp(BLOCK, kind)), chain(adapter)
        return CHAIN * BLOCK / best(lambda: adapter.synchronize(adapter.call(exponentials, array)))

    def _rate_on_device(self, kind: str) -> float:
        """Return the rate of a chain fused to one kernel; infinite if that fails, so that the copy is the limit.

        With one kernel for each exponential, memory would limit the rate, which would be 10 to 20 times too low.
        """
        try:
            adapter = self.fused()
            array, exponentials = adapter.asarray(ramp(FUSED, kind)), chain(adapter)
            return (
                CHAIN * FUSED / queued(lambda: adapter.call(exponentials, array), adapter.synchronize) or np.inf
            )
        except Exception:  # of any kind: the compiled cells report what the compiler cannot do
            return np.inf


def chain(adapter: Adapter) -> Callable[[Any], Any]:
    """Return x ↦ exp(−exp(−… x)), which stays within (0, 1] and neither overflows nor becomes subnormal."""

    def exponentials(x: Any) -> Any:
        for _ in range(CHAIN):
            x = adapter.exp(-x)
        return x

    return exponentials


def queued(start: clock.Start, wait: clock.Wait) -> float:
    """Return the seconds of a call in a queue, as `clock.steady` measures it."""
    timing = clock.steady(start, wait, clock.warm(start, wait), REPEATS)
    return timing.median if timing.samples else np.inf


def negated(x: Any) -> Any:
    """Return −x."""
    return -x


def ramp(size: int, kind: str) -> NDArray[Any]:
    """Return `size` evenly spaced numbers in (0, 1]."""
    return (np.arange(1, size + 1) / size).astype(kind)


def best(run: Callable[[], Any]) -> float:
    """Return the fewest seconds that `run` takes, since a ceiling is the best that the machine can do."""
    run()
    return min(repeats(run))


def repeats(run: Callable[[], Any]) -> Iterator[float]:
    """Yield the seconds of each call, for at least `REPEATS` calls and `SPAN` seconds."""
    began = time.perf_counter()
    count = 0
    while count < REPEATS or time.perf_counter() - began < SPAN:
        before = time.perf_counter()
        run()
        yield time.perf_counter() - before
        count += 1
