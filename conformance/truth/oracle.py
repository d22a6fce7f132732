"""True values and their enclosures, by ball arithmetic from the exact bits of the input.

Every quantity is computed in python-flint's `arb`, whose balls provably contain the true value, and the
precision is raised until the ball decides the rounding to float64, or it is marked as undecided. The operations
say what is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from conformance.truth.formats import Floats

PRECISIONS = (128, 320, 1280)  # bits, the first steps; each further one takes four times as many
MOST = 2**16  # bits that no rounding is worth more than


@dataclass(frozen=True)
class Truth:
    """True values: |true − (value + residual)| ≤ radius, elementwise.

    `residual` is what the rounding to `value` left, rounded again: together about 106 bits. Where `decided`,
    `value` is the true value correctly rounded to float64 (±inf where it overflows). Elsewhere the true value is
    too close to halfway between two numbers, and `value` is either of them. The radius is 0 only where value and
    residual are proved to be exact.
    """

    value: Floats
    residual: Floats
    radius: Floats
    decided: NDArray[np.bool_]

    @staticmethod
    def undefined(shape: tuple[int, ...]) -> Truth:
        """Return the truth of a row that has no true value: NaN, about which nothing is left open."""
        nothing = np.full(shape, np.nan)
        return Truth(nothing, nothing, nothing, np.ones(shape, bool))

    def part(self, index: Any) -> Truth:
        """The truth of the elements at `index`."""
        return Truth(*(getattr(self, name.name)[index] for name in fields(self)))


class Row:
    """One row at one precision: gaps, exponentials and their sum, each distinct logit computed once."""

    def __init__(self, x: Floats) -> None:
        distinct, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
        self.inverse: list[int] = inverse.tolist()
        finite = np.isfinite(distinct)
        self.masked = int(np.count_nonzero(~finite))  # −inf sorts first, and is one distinct value
        self.counts: list[int] = counts.tolist()
        logits = [arb(v) for v in distinct[finite].tolist()]
        self.peak = logits[-1]
        gaps = [self.peak - v for v in logits]
        exponentials = [(-gap).exp() for gap in gaps]
        rest = arb(self.counts[-1] - 1)
        for e, count in zip(exponentials[:-1], self.counts[self.masked : -1], strict=True):
            rest += e * count
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

    @property
    def top(self) -> int:
        """A position of the maximum."""
        return self.inverse.index(len(self._g) - 1)


def balls(values: Floats) -> list[arb]:
    """Exact balls."""
    return [arb(v) for v in values.tolist()]


def total(values: Iterable[arb]) -> arb:
    """The sum."""
    return sum(values, arb(0))


def dot(a: list[arb], b: list[arb]) -> arb:
    """Σ a_j b_j."""
    return total(p * q for p, q in zip(a, b, strict=True))


def limit(x: Floats, *factors: Floats | None) -> int:
    """The precision past which nothing more is decided, for a row of logits and what multiplies its results.

    So many bits resolve float64's least number beside the largest product of the factors, and the least of the
    exponentials beside it, unless that takes more than MOST.
    """
    with np.errstate(over="ignore"):
        gaps = np.log2(np.e) * (np.max(x) - x[np.isfinite(x)])
    inputs = (x, *(factor for factor in factors if factor is not None))
    farthest = int(np.max(gaps[gaps < MOST], initial=0))
    return min(MOST, 1280 + sum(map(_span, inputs)) + 2 * farthest)  # two exponentials are multiplied at most


def _span(values: Floats) -> int:
    _, exponents = np.frexp(values[np.isfinite(values) & (values != 0)])
    return 53 + int(np.max(exponents, initial=0)) - int(np.min(exponents, initial=0))


def decide(compute: Callable[[], list[arb]], most: Callable[[], int]) -> Truth:
    """Values rounded to float64, at the first precision up to `most()` that decides every rounding."""
    before = ctx.prec
    try:
        for precision in _steps(most):
            ctx.prec = precision
            rounded = [_rounded(ball) for ball in compute()]
            if all(decided for *_, decided in rounded):
                break
    finally:
        ctx.prec = before
    columns: Floats = np.array(rounded, np.float64).reshape(-1, 4)
    return Truth(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3] != 0)


def _steps(most: Callable[[], int]) -> Iterator[int]:
    yield from PRECISIONS
    precision, last = PRECISIONS[-1], most()
    while precision < last:
        precision = min(4 * precision, last)
        yield precision


def _rounded(ball: arb) -> tuple[float, float, float, bool]:
    """(value, residual, radius, whether the rounding of value is decided)."""
    value = float(ball)
    if not math.isfinite(value):
        infinite = not ball.is_finite() or float(ball.lower()) == float(ball.upper())
        return value, 0.0, 0.0, infinite
    if ball.is_exact() and ball == value:
        return value, 0.0, 0.0, True
    left = ball - value
    residual = float(left)
    radius = math.nextafter(float((left - residual).abs_upper()), math.inf)
    return value, residual, radius, float(ball.lower()) == float(ball.upper())
