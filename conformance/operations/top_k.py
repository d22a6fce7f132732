"""top_k: the k largest logits of a row and their places. They are elements of the row: the bound of each is 0.

Of equal logits any may be chosen, so a result is right if it is one of the orders that its keys allow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.operations.operation import Operation
from conformance.truth.formats import Floats, exact

OPERATION = Operation(
    name="top_k",
    title="top-k",
    kind="selection",
    truths={},  # an order, as `follows` tells it
    bounds={},
    range=lambda rows: (-np.inf, np.inf),
    single=lambda rows: rows[:, 0],
    forms=(),  # it is not timed
    optional=True,
)


def taken(rows: Floats, places: NDArray[Any]) -> Floats:
    """Return the elements of rows (r, n) at places (r, k), the nearest ones of places that are out of range."""
    within = np.clip(exact(places), 0, rows.shape[1] - 1).astype(np.int64)
    found: Floats = np.take_along_axis(rows, within, axis=1)
    return found


def order(*keys: Floats) -> NDArray[Any]:
    """Return the places of each row, the greatest first by the first of `keys`, of equal ones by the next."""
    places: NDArray[Any] = np.lexsort([-key for key in reversed(keys)], axis=-1)
    return places


def follows(places: NDArray[Any], *keys: Floats) -> NDArray[np.bool_]:
    """Return where `places` (r, k) have the `keys` (r, n), never NaN, of those that the order by them chooses."""
    best = order(*keys)[:, : places.shape[1]]
    same: NDArray[np.bool_] = np.logical_and.reduce([taken(key, places) == taken(key, best) for key in keys])
    return same


def signs(rows: Floats, nan: str) -> Floats:
    """Return the key that puts NaN first ("greatest"), last ("least") or where its sign bit says ("signed")."""
    side = {"greatest": np.ones_like(rows), "least": -np.ones_like(rows), "signed": np.copysign(1, rows)}[nan]
    return np.where(np.isnan(rows), side, 0.0)


def scattered(rows: Floats, cotangent: Floats) -> Floats:
    """Return the gradient of rows without ties: the cotangent (r, k) at the chosen places, and 0."""
    gradient = np.zeros_like(rows)
    np.put_along_axis(gradient, order(rows)[:, : cotangent.shape[1]], cotangent, axis=1)
    return gradient


def nucleus(shares: Floats, off: Floats, mass: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which classes are in the least set of the largest shares that reaches `mass`, and which are not.

    A class is in it if those before it have less than `mass`. Each share may be off by `off`, so for some classes
    neither is sure.
    """
    high, low = shares + off, np.maximum(shares - off, 0.0)
    margin = 1e-9  # of sums in float64
    most = _sum_from(high, shares - off, "left") - high  # it is among them itself
    least = _sum_from(low, shares + off, "right")
    return most < mass - margin, least >= mass + margin


def _sum_from(values: Floats, limits: Floats, side: Any) -> Floats:
    """Return the sum of a row's values that are beyond each limit, or at it for the side "left"."""
    ascending = np.sort(values, axis=1)
    sums = np.append(np.cumsum(ascending[:, ::-1], axis=1)[:, ::-1], np.zeros((len(values), 1)), axis=1)
    first = [np.searchsorted(row, limit, side) for row, limit in zip(ascending, limits, strict=True)]
    return np.take_along_axis(sums, np.stack(first), axis=1)
