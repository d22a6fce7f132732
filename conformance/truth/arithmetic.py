"""Arithmetics: the ways to compute a result that its error bound depends on, and their grades."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conformance.truth.formats import Floats, Format, format_of, spacing

EXPONENTIAL = 4.0  # E₀, in unit roundoffs: two ulps, where a target's own is not measured to be worse
SLOPE = 0.0  # E₁, in unit roundoffs for each unit of the gap, likewise
LOGARITHM = 4.0  # L, likewise
SLACK = 1 + 2.0**-30  # over the rounding errors of evaluating a bound in float64
GRADES = ("A", "B", "C", "D", "E")  # and F, outside all of them


@dataclass(frozen=True)
class Functions:
    """Errors allowed to an exponential and a logarithm: |ln(computed/exp(−gap))| ≤ −ln(1 − E₀·u) + E₁·u·gap."""

    exponential: float = EXPONENTIAL  # E₀
    slope: float = SLOPE  # E₁
    logarithm: float = LOGARITHM  # L, relative


DEFAULT = Functions()


@dataclass(frozen=True)
class Arithmetic:
    """A way to compute a result, as far as the error bound depends on it."""

    element: Format  # of the elementwise arithmetic: u_p
    total: Format  # of the sum: u_s
    output: Format
    additions: int  # h, the most on any path of the sum
    flushes: bool = False  # subnormal results become zero
    functions: Functions = DEFAULT  # of the elementwise format
    blocked: bool = False  # sums of any length are taken in blocks or pairs; nothing is rescaled

    def path(self, count: int) -> int:
        """The most additions on any path of a sum of `count` numbers that is not along a row."""
        return additions(count, self.blocked)

    @property
    def u(self) -> float:
        """Unit roundoff of the elementwise arithmetic."""
        return self.element.roundoff

    @property
    def exponential(self) -> float:
        """The relative error E₀·u_p."""
        return self.functions.exponential * self.u

    @property
    def argument(self) -> float:
        """The relative error of a gap as the exponential takes it: (1 + u)(1 + E₁·u) − 1."""
        return self.u + self.functions.slope * self.u * (1 + self.u)

    @property
    def plain(self) -> bool:
        """True if softmax is a quotient, correctly rounded: in grade B, and where elements have 16 bits or 8."""
        return self.blocked or self.element.precision < 24

    @property
    def division(self) -> int:
        """Roundings of a quotient: one; or two of a reciprocal (PTX rcp.approx, an ulp), and its product's."""
        return 1 if self.plain else 3

    @property
    def lost_gap(self) -> float:
        """Return the loss of two logits and their difference where subnormal numbers are flushed."""
        return 3 * self.element.smallest_normal if self.flushes else 0.0

    @property
    def slip(self) -> float:
        """The error of an exponential among the subnormal numbers: that of k ulps is off by k of them."""
        if self.flushes:
            return self.element.smallest_normal
        return max(1.0, self.functions.exponential / 2) * self.element.smallest_subnormal

    @property
    def narrowed(self) -> bool:
        """True if the sum is rounded to a narrower format before the division."""
        return self.total.precision > self.element.precision

    def unit(self, fmt: Format) -> float:
        """The error that one underflow in `fmt` can make."""
        return fmt.smallest_normal if self.flushes else fmt.smallest_subnormal

    def rounded(self, value: Floats, tolerance: Floats) -> Floats:
        """`tolerance`, and the rounding to the output where that is narrower; no less than 0."""
        if self.output.precision < self.element.precision:
            half_ulp = spacing(np.abs(value) + tolerance, self.output) / 2
            tolerance = tolerance + half_ulp + (self.unit(self.output) if self.flushes else 0.0)
        enlarged: Floats = tolerance * SLACK
        return enlarged


def additions(count: int, blocked: bool) -> int:
    """h of a sum of `count` numbers: count − 1 one after another, ⌈log₂ count⌉ + 8 in blocks or pairs."""
    sequential = max(count - 1, 0)
    return min(sequential, math.ceil(math.log2(max(count, 1))) + 8) if blocked else sequential


def arithmetic(
    grade: str,
    output: str,
    n: int,
    flushes: bool = False,
    errors: Mapping[str, Functions] | None = None,
) -> Arithmetic:
    """The arithmetic that grade B, C, D or E grants to rows of n in format `output`.

    B: all in float32 or wider, h = ⌈log₂ n⌉ + 8, rounded once. C: the same with h = n − 1. D: elementwise in
    the format itself, the sum in float32 or wider. E: everything in the format itself. C, D and E also grant that
    an online sum is rescaled and, in float32 and wider, that a quotient is a product with a reciprocal and that
    softmax is exp(log_softmax). `errors` holds the functions by format, where they are measured.
    """
    own = format_of(output)
    wide = own if own.precision >= 24 else format_of("float32")
    element, total = {"B": (wide, wide), "C": (wide, wide), "D": (own, wide), "E": (own, own)}[grade]
    blocked = grade == "B"
    functions = (errors or {}).get(element.name, DEFAULT)
    return Arithmetic(element, total, own, additions(n, blocked), flushes, functions, blocked)
