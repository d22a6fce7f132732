"""Wrong log-sum-exps: values, axes and gradients."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.faulty.base import Faulty
from adapters.rows import Array


class LogSumExpUnshifted(Faulty, log_sums=lambda right, x: np.log(np.exp(x).sum(axis=-1))):
    """The logarithm of the sum of exp(x), which overflows and underflows: huggingface/candle#2356."""


class LogSumExpUnguarded(Faulty):
    """An infinite maximum is subtracted from itself, which is NaN: tinygrad/tinygrad#17822."""

    def log_sums(self, x: Array) -> Any:
        return (self.shift(x) + np.log1p(self.terms(x).rest))[..., 0]


class LogSumExpWithEpsilon(Faulty):
    """The logarithm is that of the sum plus 1e-5, so that it is never −inf: a textbook mistake."""

    def log_sums(self, x: Array) -> Array:
        peak = np.where(np.isfinite(self.shift(x)), self.shift(x), x.dtype.type(0))
        sums: Array = peak + np.log(np.exp(x - peak).sum(axis=-1, keepdims=True) + x.dtype.type(1e-5))
        return sums[..., 0]


class LogSumExpWithoutMaximum(Faulty):
    """The maximum that was subtracted is counted in no sum, log Σ of the others: a textbook mistake."""

    def log_sums(self, x: Array) -> Any:
        return (self.shift(x) + np.log(self.terms(x).rest))[..., 0]


class LogSumExpOfFirstAxis(Faulty, logsumexp=lambda right, x, axis=-1: right(x, axis=0 if x.ndim > 2 else axis)):
    """A block is summed along its first axis whatever axis is named: a textbook mistake."""


class LogSumExpKeepsAxis(Faulty):
    """The class axis is kept, of length one: a textbook mistake."""

    def logsumexp(self, x: Array, *, axis: int = -1) -> Array:
        return np.expand_dims(super().logsumexp(x, axis=axis), axis)


class LogSumExpGradientFromResult(Faulty):
    """The gradient is exp(x − log-sum-exp), which has lost log Σ beside a large maximum: stan-dev/math#1679."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        if operation != "logsumexp":
            return super().vjp(operation, x, cotangent, **kwargs)
        axis = kwargs.get("axis", -1)
        with np.errstate(all="ignore"):
            result = np.expand_dims(self.logsumexp(x, axis=axis), axis)
            gradient: Array = np.expand_dims(cotangent, axis) * np.exp(x - result)
        return gradient


class LogSumExpUpstreamIgnored(Faulty):
    """The gradient is the softmax whatever comes upstream: a textbook mistake."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        upstream = np.ones_like(cotangent) if operation == "logsumexp" else cotangent
        return super().vjp(operation, x, upstream, **kwargs)
