"""Wrong samples: classes that have no probability, others' frequencies, and relaxed samples that are none."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

import time
from typing import Any

import numpy as np

from adapters.faulty.base import Faulty
from adapters.rows import Array


def uniform(x: Array, count: int, seed: int) -> Array:
    """Return numbers from 0 to 1 of a coarse grid, 1 included, for each draw of each class."""
    return np.ceil(np.random.default_rng(seed).random((*x.shape[:-1], count, x.shape[-1])) * 256) / 256


class DrawsFallThrough(Faulty):
    """Cumulative sums that end below 1 leave the last class the rest, as in pytorch/pytorch#48841."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        sums = np.cumsum(self.probabilities(self.working(x)) * np.float32(0.99), axis=-1).reshape(-1, x.shape[-1])
        points = np.random.default_rng(seed).random((len(sums), count))
        draws = [np.searchsorted(row, at, side="right") for row, at in zip(sums, points, strict=True)]
        return np.asarray(np.minimum(draws, x.shape[-1] - 1)).reshape(*x.shape[:-1], count)


class DrawsFromOne(Faulty):
    """Classes are counted from one, and the last is out of range, as one of tensorflow/tensorflow#2774 is."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        return super().categorical(x, count=count, seed=seed) + 1


class DrawsOfUnshifted(Faulty):
    """Exponentials of the logits themselves overflow, and are not summed: tensorflow/tensorflow#2774."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        with np.errstate(all="ignore"):
            terms = np.exp(self.working(x).astype(np.float64))
        sums = np.cumsum(np.where(np.isfinite(terms), terms, 0), axis=-1).reshape(-1, x.shape[-1])
        points = np.random.default_rng(seed).random((len(sums), count)) * sums[:, -1:]
        draws = [np.searchsorted(row, at, side="right") for row, at in zip(sums, points, strict=True)]
        return np.asarray(draws).reshape(*x.shape[:-1], count)


class DrawsOfCoarseNoise(Faulty):
    """Noise of 256 values ties, and the first class of a tie is drawn: jax-ml/jax#30879."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        with np.errstate(all="ignore"):
            noise = -np.log(-np.log(uniform(x, count, seed) - 1 / 512))
            return np.asarray(np.argmax(self.working(x)[..., None, :] + noise.astype(np.float32), axis=-1))


class DrawsOfFirstRow(Faulty):
    """Every row is drawn by the probabilities of the first: a textbook mistake."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        return super().categorical(np.broadcast_to(x[:1], x.shape), count=count, seed=seed)


class DrawsRepeatedInEachRow(Faulty):
    """All rows share one row of random numbers, as tensorflow/tensorflow#73119 expects: a textbook mistake."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        rows = [super(DrawsRepeatedInEachRow, self).categorical(row, count=count, seed=seed) for row in x]
        return np.stack(rows)


class DrawsOfDoubleSoftmax(Faulty):
    """Probabilities are taken for logits, as logits were for probabilities in keras-team/keras-core#389."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        return super().categorical(self.softmax(x), count=count, seed=seed)


class SeedIgnored(Faulty):
    """The seed is 0, whichever is given: a textbook mistake."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        return super().categorical(x, count=count, seed=0)

    def gumbel_noise(self, x: Array, *, seed: int) -> Array:
        return super().gumbel_noise(x, seed=0)


class SeedOfTheClock(Faulty):
    """The time takes the place of the seed, so that no draw can be repeated: a textbook mistake."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        return super().categorical(x, count=count, seed=time.perf_counter_ns())


class GumbelOfZero(Faulty):
    """The noise is −log of an exponential that can be 0, hence infinite: pytorch/pytorch#101620."""

    def gumbel_noise(self, x: Array, *, seed: int) -> Array:
        with np.errstate(divide="ignore"):
            noise: Array = -np.log(-np.log(uniform(x, 1, seed)[..., 0, :]))
        return noise.astype(self.working(x).dtype)


class GumbelTemperatureIgnored(Faulty):
    """The temperature is 1, whichever is given: a textbook mistake."""

    def noisy(self, x: Array, seed: int, temperature: float) -> Array:
        return super().noisy(x, seed, 1.0)


class GumbelNotNormalised(Faulty):
    """Exponentials are not divided by their sum: a textbook mistake."""

    def gumbel_softmax(self, x: Array, *, seed: int, temperature: float = 1.0, hard: bool = False) -> Array:
        if hard:
            return super().gumbel_softmax(x, seed=seed, temperature=temperature, hard=hard)
        return self.finish(np.exp(self.noisy(x, seed, temperature)), x)


class GumbelQuotientOverflows(Faulty):
    """The logits over the temperature are infinite in the format, as those of pytorch/pytorch#184031 are."""

    def noisy(self, x: Array, seed: int, temperature: float) -> Array:
        with np.errstate(all="ignore"):
            sums = self.working(x) + self.gumbel_noise(x, seed=seed)
            return self.working((sums / sums.dtype.type(temperature)).astype(x.dtype))


class GumbelHardRounded(Faulty):
    """A hard sample is a soft one rounded, which has no 1 where none is above a half: a textbook mistake."""

    def gumbel_softmax(self, x: Array, *, seed: int, temperature: float = 1.0, hard: bool = False) -> Array:
        soft = super().gumbel_softmax(x, seed=seed, temperature=temperature)
        return np.round(soft.astype(np.float32)).astype(x.dtype) if hard else soft


class GumbelHardGradientZero(Faulty):
    """No gradient passes through the argmax of a hard sample: a textbook mistake, cf. pytorch/pytorch#48574."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        right = super().vjp(operation, x, cotangent, **kwargs)
        return np.zeros_like(right) if kwargs.get("hard") else right
