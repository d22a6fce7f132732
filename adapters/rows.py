"""Functions of rows in NumPy arrays, for the reference and the gallery that derives from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Terms:
    """The quantities that functions and derivatives of a batch of rows share, class axis last."""

    gap: Array  # x − max, in the working format
    exponentials: Array  # exp(gap)
    rest: Array  # Σ exp(gap) − 1, without cancellation


@dataclass(frozen=True)
class Linearised:
    """The quantities that a derivative is computed from, class axis last."""

    g: Array  # probabilities
    vector: Array  # cotangent, of each row's loss for a cross-entropy; or tangent
    q: Array  # a cross-entropy's targets
    axis: int
    shown: Array | None = None  # `where`


def is_floating(x: Array) -> bool:
    """Return True for floating point formats, those of ml_dtypes included."""
    return x.dtype.kind == "f" or x.dtype.name.startswith(("bfloat", "float"))


def labelled(q: Array) -> Array:
    """Return a mask (…, 1) that is False for rows without a label, such as ignored ones."""
    return np.asarray((q != 0).any(axis=-1, keepdims=True))


def hidden(x: Array, shown: Array | None, value: float = 0.0) -> Array:
    """Return `x` with `value` in the places that are not `shown`."""
    return x if shown is None else np.where(shown, x, x.dtype.type(value))


def last(x: Array, axis: int) -> Array:
    """Return `x` with `axis` moved to the end."""
    return np.moveaxis(x, axis, -1)


def back(x: Array, axis: int) -> Array:
    """Return `x` with its last axis moved back to `axis`."""
    return np.moveaxis(x, -1, axis)
