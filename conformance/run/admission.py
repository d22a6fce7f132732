"""Checks an adapter before it is judged: what it says of itself, and the types that its methods return.

What fails here is a mistake of the adapter and says nothing about the framework. A call that raises is none: it
is judged. Nor is a result of another format or with an axis too many: requirements ask for these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from adapters.protocol import FEATURES, Adapter
from adapters.protocol import OPERATIONS as PLAIN_OPERATIONS
from conformance.operations import OPERATIONS
from conformance.run.measure import Call
from conformance.truth.formats import format_of, round_to

TEXTS = ("name", "version", "device", "mode")
METHODS = ("asarray", "to_numpy", "synchronize", "call", *PLAIN_OPERATIONS)
SETS = {"dtypes": "format", "features": "feature"}
DERIVATIVES = ("vjp", "jvp", "hvp")
SHAPE = (6, 33)  # the suite's most frequent one: a compiler is asked for it anyway
RAISED = object()
PLAIN = (bool, int, float, complex, str, bytes, list, tuple, dict, set)  # no framework's array
BITS = [0.0, -0.0, 1.0, -1.75, 0.3, np.inf, -np.inf, np.nan]


class AdapterMistake(ValueError):
    """The adapter breaks the protocol; the message is one line that names the method or attribute."""


def describes_itself(adapter: Adapter) -> None:
    """Raise AdapterMistake unless texts are texts, formats and features known, and no method is missing."""
    for name in TEXTS:
        text = getattr(adapter, name, None)
        if not isinstance(text, str):
            raise AdapterMistake(f"{name} is {brief(text)}, not a text")
    for name in METHODS:
        if not callable(getattr(adapter, name, None)):
            raise AdapterMistake(f"there is no method {name}")
    for name, kind in SETS.items():
        values = getattr(adapter, name, None)
        if not isinstance(values, set | frozenset):
            raise AdapterMistake(f"{name} is {brief(values)}, not a set of names")
        for value in sorted(values, key=str):
            if not (is_format(value) if kind == "format" else value in FEATURES):
                example = "float32, bfloat16, …" if kind == "format" else ", ".join(sorted(FEATURES))
                raise AdapterMistake(f"{name} holds {brief(value)}, which is no {kind} ({example})")
    if not adapter.dtypes:
        raise AdapterMistake("dtypes is empty: there is nothing to judge")


def is_format(name: Any) -> bool:
    """Return whether this is the name of a floating-point format that float64 holds."""
    try:
        real = not name.startswith("complex")
        return real and format_of(name).dtype.name == name and format_of(name).precision <= 53
    except (AttributeError, TypeError, ValueError):
        return False


def answers(adapter: Adapter) -> None:
    """Raise AdapterMistake unless arrays keep their bits on the way, and each operation returns an array."""
    for dtype in sorted(adapter.dtypes):
        _round_trip(adapter, dtype)
    for name, call in _calls(adapter):
        native = _tried(call.native, adapter)
        if native is None or isinstance(native, PLAIN):
            raise AdapterMistake(f"{name} returned {brief(native)}")
        got = _tried(adapter.to_numpy, native)
        if got is RAISED:
            continue
        _is_array(f"to_numpy of what {name} returned", got)
        expected = SHAPE if call.derivative or not OPERATIONS[call.operation].per_row else SHAPE[:1]
        if got.size != np.prod(expected):
            raise AdapterMistake(f"{name} returned shape {got.shape} for logits of shape {SHAPE}, not {expected}")


def _round_trip(adapter: Adapter, dtype: str) -> None:
    there = round_to(BITS, dtype)
    native = _tried(adapter.asarray, there)
    if native is None:
        raise AdapterMistake("asarray returned None")
    back = _tried(adapter.to_numpy, native)
    if back is RAISED:
        return
    _is_array("to_numpy", back)
    if back.dtype != there.dtype:
        raise AdapterMistake(f"to_numpy returned {back.dtype.name} for an array of {dtype}")
    if back.shape != there.shape or back.tobytes() != there.tobytes():
        raise AdapterMistake(f"to_numpy returned {back.tolist()} for an array {there.tolist()} of {dtype}")


def _tried(function: Callable[[Any], Any], argument: Any) -> Any:
    """Return function(argument), or RAISED where it raises or was given that."""
    if argument is RAISED:
        return RAISED
    try:
        return function(argument)
    except Exception:  # of any kind, NotProvided among them: that it raises is judged, check by check
        return RAISED


def _is_array(method: str, got: Any) -> None:
    if not isinstance(got, np.ndarray | np.generic) or got.dtype.kind in "OSUmM":
        raise AdapterMistake(f"{method} returned {brief(got)}, not an array of numbers")


def _calls(adapter: Adapter) -> Iterator[tuple[str, Call]]:
    """Yield one call of each operation, and one derivative, by the name of the method."""
    dtype = "float32" if "float32" in adapter.dtypes else min(adapter.dtypes)
    x = round_to(np.random.default_rng(33).standard_normal(SHAPE), dtype)
    for operation in OPERATIONS.values():
        if operation.kind in ("sample", "selection"):  # their requirements judge what is taken and returned
            continue
        labels = None
        if operation.labelled:
            by_index = "index" in operation.labels and "index_labels" in adapter.features
            labels = np.arange(6) * 7 % 33 if by_index else np.full_like(x, 1 / 33)
        matrix = np.ones_like(x, shape=(33, 33)) if operation.kind == "linear" else None
        yield operation.name, Call(operation.name, x, labels=labels, matrix=matrix)
    derivative = next((name for name in DERIVATIVES if name in adapter.features), None)
    if derivative:
        along = {"vjp": (x, None), "jvp": (None, x), "hvp": (x, x)}[derivative]
        yield derivative, Call("softmax", x, derivative=derivative, cotangent=along[0], tangent=along[1])


def brief(value: Any) -> str:
    """Return None or a short text as it is written, and the type of anything longer."""
    text = ascii(value) if value is None or isinstance(value, str | int | float) else ""
    return text if 0 < len(text) <= 40 else f"a {type(value).__name__}"
