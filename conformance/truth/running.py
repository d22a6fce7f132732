"""Running error analysis: quantities that carry a bound on their error, and the Jacobian's product in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from conformance.truth.arithmetic import Arithmetic
from conformance.truth.bounds import Rows, saved_error, sum_of_rows
from conformance.truth.formats import Floats


@dataclass(frozen=True)
class Running:
    """A quantity and a bound on the error it carries, in the manner of a running error analysis.

    Fed with magnitudes it bounds every order of evaluation at once: each computed term is the exact one times
    factors within the bounds, whatever cancels afterwards. Fed with signed values it bounds that one order,
    and sees cancellation.
    """

    value: Floats
    error: Floats | float = 0.0

    @staticmethod
    def magnitude(vector: Floats | None) -> Running:
        """Exact magnitudes; 0 where there is none."""
        return Running(np.zeros(()) if vector is None else np.abs(vector))

    def times(self, other: Running) -> Running:
        """The product, before its rounding."""
        crossed = np.abs(self.value) * other.error + np.abs(other.value) * self.error
        return Running(self.value * other.value, crossed + self.error * other.error)

    def plus(self, other: Running) -> Running:
        """The sum, before its rounding."""
        return Running(self.value + other.value, self.error + other.error)

    def rounded(self, how: Arithmetic, times: int = 1) -> Running:
        """After `times` roundings, each fl(z) = z(1 + δ) + η with |δ| ≤ u_p and η what an underflow loses."""
        growth = np.expm1(times * math.log1p(how.u))
        lost = times * how.unit(how.element)
        return Running(self.value, self.error + growth * (np.abs(self.value) + self.error) + lost)

    def flat(self) -> Running:
        """The only entry of the last axis, without that axis."""
        return Running(self.value[..., 0], (self.error + np.zeros_like(self.value))[..., 0])

    def total(self, how: Arithmetic, additions: int | None = None) -> Running:
        """The sum along the last axis, kept: h additions on any path, and its narrowing."""
        h = how.additions if additions is None else additions
        growth = np.expm1(h * math.log1p(how.total.roundoff))
        carried = sum_of_rows(self.error + np.zeros_like(self.value))
        whole = Running(sum_of_rows(self.value), carried + growth * (sum_of_rows(np.abs(self.value)) + carried))
        return whole.rounded(how) if how.narrowed else whole


def jacobian_product(g: Running, v: Running, how: Arithmetic) -> Running:
    """|(diag g − g gᵀ) v| with its error, for g(v − Σ g v) and for g v − g Σ g v alike.

    Two roundings an operation, where either order needs one, leave room for the products and quotients that
    a framework's own differentiation puts between.
    """
    inner = g.times(v).rounded(how).total(how)
    return g.times(v.plus(inner).rounded(how)).rounded(how, 2)


def saved(rows: Rows, how: Arithmetic) -> Running:
    """The probabilities that a derivative starts from, or exp of the log-probabilities where these are kept.

    Every derivative is a polynomial in them, the cotangent and the tangent. Evaluated on magnitudes it bounds
    |computed − exact| for any order of evaluation.
    """
    return Running(rows.g, saved_error(rows, how))
