"""Samples that are right in other ways: largest noisy logits, races, and noise from uniform numbers."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

import numpy as np

from adapters.honest.base import Honest
from adapters.rows import Array
from adapters.sampling import weights


class GumbelMax(Honest, only="categorical"):
    """The class of the largest logit is drawn after Gumbel noise is added: Maddison et al., arXiv:1611.00712."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        random = np.random.default_rng(seed)
        rows = self.working(x)
        rows = rows - self.shift(rows)
        shape = (*rows.shape[:-1], rows.shape[-1])
        draws = [np.argmax(rows + random.gumbel(size=shape), axis=-1) for _ in range(count)]
        return np.stack(draws, axis=-1)


class ExponentialRace(Honest, only="categorical"):
    """The class whose exponential time ends first is drawn, its rate its probability: a textbook method."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        random = np.random.default_rng(seed)
        p = weights(self, x)
        return np.stack([np.argmax(p / random.exponential(size=p.shape), axis=-1) for _ in range(count)], axis=-1)


class NarrowInverse(Honest, only="categorical"):
    """Cumulative float32 probabilities are inverted: L. Devroye, Non-Uniform Random Variate Generation (1986)."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        sums = np.cumsum(self.probabilities(self.working(x)), axis=-1).reshape(-1, x.shape[-1])
        points = np.random.default_rng(seed).random((len(sums), count), np.float32) * sums[:, -1:]
        points = np.minimum(points, np.nextafter(sums[:, -1:], np.float32(0)))
        draws = [np.searchsorted(row, at, side="right") for row, at in zip(sums, points, strict=True)]
        return np.asarray(draws).reshape(*x.shape[:-1], count)


class GumbelOfUniform(Honest, only="gumbel_softmax"):
    """The noise is −log(−log(u)) of uniform numbers, none of them 0 or 1: Jang et al., arXiv:1611.01144."""

    def gumbel_noise(self, x: Array, *, seed: int) -> Array:
        u = (np.random.default_rng(seed).integers(0, 2**52, x.shape) + 0.5) / 2**52
        return np.asarray(-np.log(-np.log(u)), self.working(x).dtype)
