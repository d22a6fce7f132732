"""Rows of NumPy arrays: what the reference, and the gallery made of it, are written with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Terms:
    """What the three functions and their derivatives share of a batch of rows, class axis last."""

    gap: Array  # x − max, in the working format
    exponentials: Array  # exp(gap)
    rest: Array  # Σ exp(gap) − 1, without cancellation


@dataclass(frozen=True)
class Linearised:
    """What a derivative is made of, class axis last."""

    g: Array  # probabilities
    vector: Array  # cotangent, of each row's loss for a cross-entropy; or tangent
    q: Array  # a cross-entropy's targets
    axis: int
    shown: Array | None = None  # `where`


def is_floating(x: Array) -> bool:
    """Whether `x` holds floating point numbers, ml_dtypes' formats included."""
    return x.dtype.kind == "f" or x.dtype.name.startswith(("bfloat", "float"))


def labelled(q: Array) -> Array:
    """Whether a row has a label: (…, 1), false for an ignored one."""
    return np.asarray((q != 0).any(axis=-1, keepdims=True))


def hidden(x: Array, shown: Array | None, value: float = 0.0) -> Array:
    """`x` with `value` where it is not `shown`."""
    return x if shown is None else np.where(shown, x, x.dtype.type(value))


def last(x: Array, axis: int) -> Array:
    """`x` with `axis` moved to the end."""
    return np.moveaxis(x, axis, -1)


def back(x: Array, axis: int) -> Array:
    """`x` with its last axis moved back to `axis`."""
    return np.moveaxis(x, -1, axis)


def selected(where: Array | None, x: Array, axis: int) -> Array | None:
    """`where` with `axis` moved to the end.

    Raises:
        ValueError: it has more axes than `x`.
    """
    if where is not None and where.ndim > x.ndim:
        raise ValueError(f"where {where.shape} has more axes than the logits {x.shape}")
    return None if where is None else last(where, axis)
