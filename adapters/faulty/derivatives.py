"""Wrong derivatives."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.faulty.base import Faulty, as_stored, zero_in
from adapters.numpy import Array


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
