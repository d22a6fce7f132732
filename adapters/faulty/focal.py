"""Wrong focal losses: a clipped softmax, a weight without digits, another weight, the gradient of a part."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.faulty.base import Faulty
from adapters.losses import power
from adapters.rows import Array, back, last

NAME, LOSS = "focal_loss", "softmax_cross_entropy"


class FocalOfClipped(Faulty):
    """The softmax is clipped to [1e-7, 1 − 1e-7], as in keras-team/keras#17651."""

    def focal_loss(self, x: Array, labels: Array, *, axis: int = -1, gamma: float = 2.0) -> Array:
        p = np.clip(self.softmax(self.working(x), axis=axis), np.float32(1e-7), np.float32(1 - 1e-7))
        terms = self.working(labels) * power(1 - p, gamma) * -np.log(p)
        return self.finish(np.sum(terms, axis=axis), x)


class FocalOneMinusSoftmax(Faulty):
    """The weight is one minus a probability, which has no digits left near one: a textbook mistake."""

    def others(self, rows: Array) -> Array:
        return 1 - self.probabilities(rows)


class FocalGradientAtCertainty(Faulty):
    """With γ < 1 a gradient is NaN where a probability is one, 0 to a negative power: kornia/kornia#918."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        right = super().vjp(operation, x, cotangent, **kwargs)
        if operation != NAME or kwargs.get("gamma", 2.0) >= 1:
            return right
        axis = kwargs.get("axis", -1)
        certain = (self.softmax(self.working(x), axis=axis) == 1) & (kwargs["labels"] != 0)
        certain = certain.any(axis=axis, keepdims=True)
        return np.asarray(np.where(certain, right.dtype.type(np.nan), right))


class FocalWeightDetached(Faulty):
    """The weight (1 − p)^γ is a constant to the gradient: a textbook mistake."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        if operation != NAME:
            return super().vjp(operation, x, cotangent, **kwargs)
        gamma, axis = kwargs.pop("gamma", 2.0), kwargs.get("axis", -1)
        with np.errstate(all="ignore"):
            weight = back(power(self.others(last(self.working(x), axis)), gamma), axis)
        return super().vjp(LOSS, x, cotangent, **kwargs | {"labels": self.working(kwargs["labels"]) * weight})


class FocalTimesGamma(Faulty):
    """The weight is γ(1 − p), and not a power: fudannlp16/focal-loss#3."""

    def focal_loss(self, x: Array, labels: Array, *, axis: int = -1, gamma: float = 2.0) -> Array:
        right = super().focal_loss(x, labels, axis=axis, gamma=1.0)
        return np.asarray(right * right.dtype.type(gamma), right.dtype)
