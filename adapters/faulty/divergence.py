"""Wrong divergences: which logarithm of what, which comes first, and what a probability of 0 adds."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ml_dtypes import bfloat16

from adapters.faulty.base import Faulty
from adapters.rows import Array


def nan_where(wrong: Array, right: Array, axis: int) -> Array:
    """Return `right`, and NaN in the rows that hold something wrong."""
    return np.where(wrong.any(axis=axis), right.dtype.type(np.nan), right)


def summed(steps: Any, x: Array, labels: Array, axis: int, terms: Callable[[Array, Array], Array]) -> Array:
    """Return the sum of `terms` of the probabilities p and the log-probabilities of x."""
    with np.errstate(all="ignore"):
        p, logs = steps.working(labels), steps.log_softmax(steps.working(x), axis=axis)
        found: Array = steps.finish(np.sum(terms(p, logs), axis=axis), x)
    return found


class DivergenceZeroTimesLogOfZero(Faulty):
    """A probability of 0 makes its row NaN, 0 · log 0: Lightning-AI/torchmetrics#1029."""

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        return nan_where(labels == 0, super().kl_divergence(x, labels, axis=axis), axis)


class DivergenceZeroAtMasked(Faulty):
    """A probability of 0 at a logit of −inf makes its row NaN: google-deepmind/optax#1786."""

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        wrong = (labels == 0) & np.isneginf(x)
        return nan_where(wrong, super().kl_divergence(x, labels, axis=axis), axis)


class DivergenceWithoutEntropy(Faulty):
    """The cross-entropy is returned, which has the same gradient: a textbook mistake."""

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        return super().softmax_cross_entropy(x, labels, axis=axis)


class DivergenceMeanOfClasses(Faulty):
    """The terms of a row are averaged, not summed: pytorch/pytorch#2259."""

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        right = super().kl_divergence(x, labels, axis=axis)
        return np.asarray(right / max(1, x.shape[axis]), right.dtype)


class DivergenceOverLastAxis(Faulty):
    """The terms are summed along the last axis whatever axis is named: a textbook mistake."""

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        return super().kl_divergence(x, labels)


class DivergenceCastInGraph(Faulty):
    """In a composition the divergence is rounded to bfloat16; cf. pytorch/pytorch#152309."""

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        right = super().kl_divergence(x, labels, axis=axis)
        return right.astype(bfloat16).astype(right.dtype) if self.fused else right


class DivergenceReversed(Faulty):
    """The two distributions are exchanged, KL(softmax(x) ‖ p): a textbook mistake."""

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        def terms(p: Array, logs: Array) -> Array:
            return np.where(np.isneginf(logs), 0, np.exp(logs) * (logs - np.log(p)))

        return summed(self, x, labels, axis, terms)


class DivergenceOfProbabilities(Faulty):
    """The softmax is passed where its logarithm is expected: microsoft/ProDA#20."""

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        def terms(p: Array, logs: Array) -> Array:
            return np.where(p == 0, 0, p * (np.log(p) - np.exp(logs)))

        return summed(self, x, labels, axis, terms)


class DivergenceOfClipped(Faulty):
    """Both distributions are clipped to [1e-7, 1], so that it is never infinite: a textbook mistake."""

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        def terms(p: Array, logs: Array) -> Array:
            p, g = (np.clip(part, np.float32(1e-7), 1) for part in (p, np.exp(logs)))
            return np.asarray(p * np.log(p / g))

        return summed(self, x, labels, axis, terms)
