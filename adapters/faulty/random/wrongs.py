"""The ways in which a result is wrong: each a function of the call, of its right result, and of the reference."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np

from adapters.faulty.base import as_stored
from adapters.faulty.random.asked import ARRAYS, VECTORS, Asked
from adapters.faulty.random.levels import LEVELS
from adapters.numpy import Adapter
from adapters.rows import Array, is_floating

Wrong = Callable[[Asked, Any, Adapter], Any]
OPTIONS = ("weight", "ignore_index", "label_smoothing", "reduction", "where")


class Unshifted(Adapter):
    """The reference without the subtraction of the maximum."""

    def shift(self, x: Array) -> Array:
        """Return 0 for each row."""
        return np.zeros((*x.shape[:-1], 1), x.dtype)


def _zero(asked: Asked, right: Array, of: Adapter) -> Array:
    return np.zeros_like(right)


def _coarse(asked: Asked, right: Array, of: Adapter) -> Array:
    """Add more than any bound grants, in units of the last place of the largest result."""
    values = right.astype(np.float64)
    size = np.max(np.abs(values), initial=0, where=np.isfinite(values))
    off = 8 * (asked.n + 32) * float(ml_dtypes.finfo(right.dtype).eps) * size
    more: Array = (values + off).astype(right.dtype)
    return more


def _rolled(asked: Asked, right: Array, of: Adapter) -> Array:
    return _by_row(asked, right, lambda rows: np.roll(rows, 1, axis=0))


def _first(asked: Asked, right: Array, of: Adapter) -> Array:
    return _by_row(asked, right, lambda rows: np.broadcast_to(rows[:1], rows.shape))


def _last_row(asked: Asked, right: Array, of: Adapter) -> Array:
    return _by_row(asked, right, lambda rows: np.where(np.arange(len(rows))[:, None] == len(rows) - 1, 0, rows))


def _last_place(asked: Asked, right: Array, of: Adapter) -> Array:
    return _by_row(asked, right, lambda rows: np.where(np.arange(rows.shape[1]) == rows.shape[1] - 1, 0, rows))


def _by_row(asked: Asked, right: Array, change: Callable[[Array], Array]) -> Array:
    """Change a result as rows (r, n), or (r, k) of chosen elements, or (r, 1) where there is one result a row."""
    if right.ndim != asked.x.ndim:
        return change(right.reshape(-1, 1)).reshape(right.shape).astype(right.dtype)
    moved = np.moveaxis(right, asked.axis, -1)
    changed = change(moved.reshape(-1, moved.shape[-1])).reshape(moved.shape)
    return np.moveaxis(changed, -1, asked.axis).astype(right.dtype)


def _other_axis(asked: Asked, right: Any, of: Adapter) -> Any:
    """Take another axis, or read the logits with two axes swapped where the other arrays fit this one alone."""
    other = asked.x.ndim - 1 if asked.axis != asked.x.ndim - 1 else 0
    if asked.operation in ("softmax", "log_softmax"):
        return asked.with_(axis=other).answer(of)
    return asked.with_(x=np.swapaxes(asked.x, asked.axis, other).reshape(asked.x.shape)).answer(of)


def _as_stored(name: str, asked: Asked, right: Any, of: Adapter) -> Any:
    return asked.with_(**{name: as_stored(np.asarray(asked.given[name]))}).answer(of)


def _forgotten(name: str, asked: Asked, right: Any, of: Adapter) -> Any:
    if name == "reduction":
        return asked.with_(reduction={"mean": "sum", "sum": "mean"}[asked.given["reduction"]]).answer(of)
    if name == "ignore_index":  # what is no label is taken for the first or the last one
        return asked.without(name).with_(labels=np.clip(asked.given["labels"], 0, asked.n - 1)).answer(of)
    return asked.without(name).answer(of)


def _of_ones(name: str, asked: Asked, right: Any, of: Adapter) -> Any:
    return asked.with_(**{name: np.ones_like(asked.given[name])}).answer(of)


def _next_class(asked: Asked, right: Any, of: Adapter) -> Any:
    given = np.asarray(asked.given["labels"])
    if is_floating(given):
        return asked.with_(labels=np.roll(given, 1, axis=asked.axis)).answer(of)
    ignored = given == asked.given.get("ignore_index")
    return asked.with_(labels=np.where(ignored, given, (given + 1) % asked.n).astype(given.dtype)).answer(of)


def _unshifted(asked: Asked, right: Any, of: Adapter) -> Any:
    return asked.answer(Unshifted())


STALE = "the result of the call before"
OF_RESULTS: dict[str, Wrong] = {
    "zero": _zero,
    "too many ulps": _coarse,
    "rows off by one": _rolled,
    "the first row for all": _first,
    "zero in the last row": _last_row,
    "zero at the last place": _last_place,
}
OF_ARGUMENTS: dict[str, Wrong] = {
    "along another axis": _other_axis,
    "labels off by one": _next_class,
    "maximum not subtracted": _unshifted,
    **{f"{name} read as stored": partial(_as_stored, name) for name in ARRAYS},
    **{f"{name} forgotten": partial(_forgotten, name) for name in OPTIONS},
    **{f"{name} taken for ones": partial(_of_ones, name) for name in VECTORS},
}
MISREAD = ("transposed", "strided", "offset", "reversed", "misaligned", "sliced")
# what is wrong → the factor, and those of its levels, without which it is no fault
NEEDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "along another axis": ("axis", LEVELS["axis"]),
    "labels off by one": ("labels", LEVELS["labels"]),
    "maximum not subtracted": ("logits", ("offset",)),
    **{f"{name} read as stored": (f"layout of {name}", MISREAD) for name in ARRAYS},
    "weight forgotten": ("weight", ("weight",)),
    "ignore_index forgotten": ("ignore", LEVELS["ignore"][1:]),
    "label_smoothing forgotten": ("smoothing", LEVELS["smoothing"][1:]),
    "reduction forgotten": ("reduction", LEVELS["reduction"][1:]),
    "where forgotten": ("where", LEVELS["where"][1:]),
    "cotangent taken for ones": ("cotangent", ("c-end", "c-maximum", "c-random")),
    "tangent taken for ones": ("tangent", ("t-end", "t-maximum", "t-random")),
}
WRONGS = (STALE, *OF_RESULTS, *OF_ARGUMENTS)


def changed(wrong: str, part: int, asked: Asked, right: Any, before: Any, of: Adapter) -> Any:
    """Return the wrong result, or the right one where the fault cannot be: no such argument, no other axis.

    Of a pair, value and gradient or values and places, `part` is wrong.
    """
    try:
        with np.errstate(all="ignore"):
            found = _found(wrong, asked, right, before, of)
    except (IndexError, KeyError, TypeError, ValueError):
        return right
    if isinstance(right, tuple):
        return (found[0], right[1]) if part == 0 else (right[0], found[1])
    return found if found.shape == right.shape else right


def _found(wrong: str, asked: Asked, right: Any, before: Any, of: Adapter) -> Any:
    if wrong == STALE:
        return before
    if wrong in OF_ARGUMENTS:
        return OF_ARGUMENTS[wrong](asked, right, of)
    if isinstance(right, tuple):
        return tuple(OF_RESULTS[wrong](asked, one, of) for one in right)
    return OF_RESULTS[wrong](asked, right, of)
