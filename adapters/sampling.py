"""Sampling of the reference: draws by the inverse of the distribution function, and relaxed samples.

The classes of a row are last.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.rows import Array

NAME = "gumbel_softmax"


def categorical(steps: Any, x: Array, *, count: int, seed: int) -> Array:
    """Return `count` draws for each row, (…, count).

    Raises:
        ValueError: a row has no distribution.
    """
    sums = np.cumsum(weights(steps, x), axis=-1).reshape(-1, x.shape[-1])
    points = np.random.default_rng(seed).random((len(sums), count)) * sums[:, -1:]
    points = np.minimum(points, np.nextafter(sums[:, -1:], 0))  # a product may round to the total
    draws = [np.searchsorted(row, at, side="right") for row, at in zip(sums, points, strict=True)]
    return np.asarray(draws, np.int64).reshape(*x.shape[:-1], count)


def weights(steps: Any, x: Array) -> Array:
    """Return the exponentials of rows less their maximum in float64.

    Raises:
        ValueError: a row has no distribution.
    """
    rows = steps.working(x).astype(np.float64)
    peak = np.max(rows, axis=-1, keepdims=True)
    if not np.isfinite(peak).all():
        raise ValueError("a row with a NaN or +inf, or of -inf alone, has no distribution")
    return np.asarray(np.exp(rows - peak))


def gumbel_noise(steps: Any, x: Array, *, seed: int) -> Array:
    """Return standard Gumbel noise in the working format."""
    return np.random.default_rng(seed).gumbel(size=x.shape).astype(steps.working(x).dtype)


def noisy(steps: Any, x: Array, seed: int, temperature: float) -> Array:
    """Return (x + noise − its maximum) / temperature: no quotient overflows upwards."""
    with np.errstate(all="ignore"):
        sums = steps.working(x) + steps.gumbel_noise(x, seed=seed)
        quotients: Array = (sums - steps.shift(sums)) / sums.dtype.type(temperature)
    return quotients


def gumbel_softmax(steps: Any, x: Array, *, seed: int, temperature: float = 1.0, hard: bool = False) -> Array:
    """Return the softmax of `noisy`, or with `hard` the one-hot row of its largest entry."""
    with np.errstate(all="ignore"):
        sample = steps.probabilities(steps.noisy(x, seed, temperature))
        if hard:
            sample = sample.argmax(axis=-1)[..., None] == np.arange(x.shape[-1])
        found: Array = steps.finish(sample, x)
    return found


def gradient(
    steps: Any,
    x: Array,
    cotangent: Array,
    *,
    seed: int,
    temperature: float = 1.0,
    hard: bool = False,
    wrt: str = "x",
) -> Array:
    """Return the gradient of a soft sample, which stands for that of a hard one too."""
    with np.errstate(all="ignore"):
        g = steps.probabilities(steps.noisy(x, seed, temperature))
        slopes: Array = steps.finish(steps.jacobian(g, steps.working(cotangent)) / g.dtype.type(temperature), x)
    return slopes
