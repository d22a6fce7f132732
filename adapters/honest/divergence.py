"""Divergences that are right in other ways: term by term, and with each step in the format of the logits."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

import numpy as np

from adapters.honest.base import Honest
from adapters.rows import Array, last


class DivergenceByTerms(Honest, only="kl_divergence"):
    """p(log p − log_softmax) of each class, 0 where p is, in one sum: google-deepmind/optax#473."""

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        if labels.shape != x.shape:
            return super().kl_divergence(x, labels, axis=axis)
        with np.errstate(all="ignore"):
            p, logs = (last(self.working(part), axis) for part in (labels, x))
            logs = self.log_probabilities(logs)
            terms = np.where((p == 0) & ~np.isnan(logs), 0, p * (np.log(p) - logs))
            return self.finish(self.total(terms)[..., 0], x)


class DivergenceByProducts(
    Honest, dtypes=("float16", "bfloat16", "float32"), fails=("ACC-02",), only="kl_divergence"
):
    """p · log p and p · log_softmax, each rounded to the format of the logits: a textbook method."""

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        if labels.shape != x.shape:
            return super().kl_divergence(x, labels, axis=axis)
        with np.errstate(all="ignore"):
            p, logs = labels, self.log_softmax(x, axis=axis)
            own = np.where(p == 0, 0, p * self.log(p)).astype(x.dtype)
            other = np.where((p == 0) & ~np.isnan(logs), 0, p * logs).astype(x.dtype)
            terms = self.working((own - other).astype(x.dtype))
            return self.finish(self.total(last(terms, axis))[..., 0], x)
