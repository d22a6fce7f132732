"""Wrong derivatives."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from adapters.faulty.base import Faulty, as_stored, zero_in
from adapters.rows import Array, Linearised, last


class DiagonalJacobian(Faulty, jacobian=lambda right, g, v: g * (1 - g) * v):
    """The Jacobian of softmax is its diagonal: Apiquet/DeepLearningFrameworkFromScratchCpp#1."""


class ProbabilitiesAsLogits(Faulty):
    """Softmax is applied before a cross-entropy that applies it again: a textbook mistake."""

    def losses(self, rows: Array, target: Array) -> Array:
        return super().losses(self.probabilities(rows), target)

    def residual(self, g: Array, q: Array) -> Array:
        return self.jacobian(g, super().residual(self.probabilities(g), q))


class TangentWithoutMean(Faulty):
    """Forward mode leaves out the mean of the tangent, Σ g t: a textbook mistake."""

    def jvp(self, operation: str, x: Array, tangent: Array, **kwargs: Any) -> Any:
        right = operation != "softmax"
        return super().jvp(operation, x, tangent, **kwargs) if right else self.softmax(x, **kwargs) * tangent


class ZeroSecondDerivative(Faulty, hvp=zero_in("x")):
    """The second derivative is 0: it was silently wrong in tensorflow/tensorflow#7403."""


class ZeroMixedDerivative(Faulty, hvp=zero_in("labels")):
    """The mixed second derivative in logits and labels is 0: tensorflow/tensorflow#26495."""


class ZeroLabelGradient(Faulty, vjp=zero_in("labels")):
    """Probability labels have the gradient 0, as in version 1 of the loss in tensorflow/tensorflow#34336."""


class UpstreamIgnored(Faulty):
    """The gradient of a loss is the one for an upstream of ones: linkedin/Liger-Kernel#968."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        upstream = np.ones_like(cotangent) if operation == "softmax_cross_entropy" else cotangent
        return super().vjp(operation, x, upstream, **kwargs)


class CotangentReadAsStored(Faulty, vjp=lambda right, f, x, c, **k: right(f, x, as_stored(c), **k)):
    """A cotangent is read in the order of its storage, as the output is in pytorch/pytorch#139740."""


class UpstreamMixed(Faulty):
    """0 times every other row's upstream gradient is in that of a row, NaN as in pytorch/pytorch#189045."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        gradient = super().vjp(operation, x, cotangent, **kwargs)
        with np.errstate(invalid="ignore"):
            mixed: Array = gradient + 0 * np.sum(cotangent)
        return mixed


class VmapFirstCotangent(Faulty):
    """vmap maps the logits alone: every row has the labels and the cotangent of the first; a textbook mistake."""

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        firsts = (np.repeat(array[:1], len(array), axis=0) for array in arrays[1:])
        return super().vmap(function, arrays[0], *firsts)


class WhereAfterExponential(Faulty):
    """A gradient has 0 times the exponential of each hidden logit, which may be infinite: jax-ml/jax#17117."""

    def _linearised(self, operation: str, x: Array, *args: Any, **kwargs: Any) -> Linearised:
        at = super()._linearised(operation, x, *args, **kwargs)
        if at.shown is None:
            return at
        rows = last(self.working(x), at.axis)
        live = np.max(rows, axis=-1, keepdims=True, where=at.shown, initial=-np.inf)
        return replace(at, g=at.g + np.where(at.shown, 0, 0 * np.exp(rows - live)))


class GradientOfSum(Faulty):
    """The gradient of a mean is that of the sum; reductions alone were wrong in pytorch/pytorch#64163."""

    def _share(self, *args: Any) -> float | None:
        return None if super()._share(*args) is None else 1.0


class MaximumDifferentiated(Faulty):
    """The maximum is differentiated; tied ones but the first leave a rest of it: cf. jax-ml/jax#2260."""

    def jacobian(self, g: Array, v: Array) -> Array:
        tied = g == np.max(g, axis=-1, keepdims=True)
        later = tied & (np.cumsum(tied, axis=-1) > 1)
        product: Array = super().jacobian(g, v) - np.where(later, self.total(g * v), 0)
        return product


class GradientFromLogSumExp(Faulty):
    """A gradient takes exp(x − log-sum-exp) for the softmax, the shift lost as in pytorch/pytorch#195829."""

    def _linearised(self, operation: str, x: Array, *args: Any, **kwargs: Any) -> Linearised:
        at = super()._linearised(operation, x, *args, **kwargs)
        rows = last(self.working(x), at.axis)
        total = self.shift(rows) + np.log1p(self.terms(rows).rest)
        return replace(at, g=np.exp(rows - total) if at.shown is None else at.g)
