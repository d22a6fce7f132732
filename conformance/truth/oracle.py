"""True values and their enclosures, by ball arithmetic from the exact bits of the input.

Every quantity is computed in python-flint's `arb`, whose balls provably contain the true value, and the
precision is raised until the ball decides the rounding to float64. The operations say what is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from conformance.truth.formats import Floats

PRECISIONS = (128, 320, 1280)  # bits; the last resolves float64's subnormals beside numbers of order one
ZERO = 2.0**-256  # a ball that still holds zero and is smaller than this is taken for an exact cancellation


@dataclass(frozen=True)
class Truth:
    """True values: |true − (value + residual)| ≤ radius, elementwise.

    `value` is the true value correctly rounded to float64 (±inf where it overflows), `residual` what that
    rounding left, rounded again: together about 106 bits.
    """

    value: Floats
    residual: Floats
    radius: Floats

    @staticmethod
    def undefined(shape: tuple[int, ...]) -> Truth:
        """That of a row that has no true value."""
        nothing = np.full(shape, np.nan)
        return Truth(nothing, nothing, nothing)


class Row:
    """One row at one precision: gaps, exponentials and their sum, each distinct logit computed once."""

    def __init__(self, x: Floats) -> None:
        distinct, self.inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
        finite = np.isfinite(distinct)
        self.masked = int(np.count_nonzero(~finite))  # −inf sorts first, and is one distinct value
        logits = [arb(float(v)) for v in distinct[finite]]
        self.peak = logits[-1]
        gaps = [self.peak - v for v in logits]
        exponentials = [(-gap).exp() for gap in gaps]
        rest = arb(int(counts[-1]) - 1)
        for e, count in zip(exponentials[:-1], counts[finite][:-1], strict=True):
            rest += e * int(count)
        total = rest + 1
        self.log_total = rest.log1p()  # accurate also where one logit holds nearly all the mass
        self._g = [arb(0)] * self.masked + [e / total for e in exponentials]
        self._l = [arb.neg_inf()] * self.masked + [-gap - self.log_total for gap in gaps]

    def softmax(self) -> list[arb]:
        """Probabilities of the distinct logits, in ascending order."""
        return self._g

    def log_softmax(self) -> list[arb]:
        """Log-probabilities of the distinct logits, in ascending order; −inf for −inf."""
        return self._l

    @property
    def g(self) -> list[arb]:
        """Probability at each position."""
        return [self._g[i] for i in self.inverse]

    def log_probability(self, j: int) -> arb:
        """Log-probability at position j."""
        return self._l[self.inverse[j]]


def balls(values: Floats) -> list[arb]:
    """Exact balls."""
    return [arb(float(v)) for v in values]


def total(values: Iterable[arb]) -> arb:
    """The sum."""
    return sum(values, arb(0))


def dot(a: list[arb], b: list[arb]) -> arb:
    """Σ a_j b_j."""
    return total(p * q for p, q in zip(a, b, strict=True))


def jacobian(g: list[arb], v: list[arb]) -> list[arb]:
    """(diag g − g gᵀ) v."""
    inner = dot(g, v)
    return [p * (w - inner) for p, w in zip(g, v, strict=True)]


def decide(compute: Callable[[], list[arb]]) -> Truth:
    """Values rounded to float64, at the first precision that decides every rounding."""
    before = ctx.prec
    try:
        for precision in PRECISIONS:
            ctx.prec = precision
            rounded = [_rounded(ball) for ball in compute()]
            if all(decided for *_, decided in rounded):
                break
    finally:
        ctx.prec = before
    columns: NDArray[np.float64] = np.array([row[:3] for row in rounded], np.float64).reshape(-1, 3)
    return Truth(columns[:, 0], columns[:, 1], columns[:, 2])


def _rounded(ball: arb) -> tuple[float, float, float, bool]:
    """(value, residual, radius, whether the rounding of value is decided)."""
    value = float(ball)
    if not np.isfinite(value):
        infinite = not ball.is_finite() or float(ball.lower()) == float(ball.upper())
        return value, 0.0, 0.0, infinite
    if ball.is_exact() and ball == value:
        return value, 0.0, 0.0, True
    size = float(ball.abs_upper())
    if size < ZERO and ball.contains(0) and ctx.prec > PRECISIONS[0]:
        return 0.0, 0.0, float(np.nextafter(size, np.inf)), True
    left = ball - value
    residual = float(left)
    radius = float(np.nextafter(float((left - residual).abs_upper()), np.inf))
    return value, residual, radius, float(ball.lower()) == float(ball.upper())
