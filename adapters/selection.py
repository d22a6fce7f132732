"""top_k of the reference, by sorting whole rows: the NumPy releases that are judged have none."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.rows import Array, back, last

NAME = "top_k"


def top_k(steps: Any, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
    """Return the k largest elements along `axis` in descending order, and their places.

    Raises:
        ValueError: there are not k of them.
    """
    rows = last(steps.working(x), axis)
    if not 0 <= k <= rows.shape[-1]:
        raise ValueError(f"k is {k}, for {rows.shape[-1]} elements")
    places = steps.ranking(rows)[..., :k]
    return back(np.take_along_axis(last(x, axis), places, axis=-1), axis), back(places, axis)


def ranking(steps: Any, rows: Array) -> Array:
    """Return the places of a row's elements, NaN first, then the greatest; of equal ones the first."""
    places: Array = np.lexsort((-rows, ~np.isnan(rows)), axis=-1)
    return places


def gradient(steps: Any, x: Array, cotangent: Array, *, k: int, axis: int = -1, wrt: str = "x") -> Array:
    """Return the cotangent at the chosen places, and 0 elsewhere."""
    found = np.zeros_like(x)
    np.put_along_axis(found, steps.top_k(x, k, axis=axis)[1], cotangent, axis)
    return found


def tangent(steps: Any, x: Array, along: Array, *, k: int, axis: int = -1) -> Array:
    """Return the tangent at the chosen places."""
    return np.take_along_axis(along, steps.top_k(x, k, axis=axis)[1], axis)
