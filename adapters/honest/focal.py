"""Focal losses that are right in other ways: a weight from the softmax, and one from its logarithm."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

import numpy as np

from adapters.honest.base import Honest
from adapters.losses import power
from adapters.rows import Array, last


class FocalFromSoftmax(Honest, fails=("ACC-11",), only="focal_loss"):
    """The weight is (1 − softmax)^γ, absolutely accurate and no more: a textbook method."""

    def focal_loss(self, x: Array, labels: Array, *, axis: int = -1, gamma: float = 2.0) -> Array:
        if labels.shape != x.shape:
            return super().focal_loss(x, labels, axis=axis, gamma=gamma)
        rows, q = (last(self.working(part), axis) for part in (x, labels))
        with np.errstate(all="ignore"):
            return self.finish(self.losses(rows, q * power(1 - self.probabilities(rows), gamma)), x)


class FocalFromLogs(Honest, only="focal_loss"):
    """The weight is (−expm1(log_softmax))^γ: a textbook method."""

    def others(self, rows: Array) -> Array:
        with np.errstate(all="ignore"):
            weight: Array = -np.expm1(self.log_probabilities(rows))
        return weight
