"""How a result is computed, as far as its error bound depends on it, and the grades of such arithmetics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conformance.truth.formats import Floats, Format, format_of, spacing

EXPONENTIAL = 4.0  # E, in unit roundoffs: two ulps, where a target's own is not measured to be worse
LOGARITHM = 4.0  # L, likewise
SLACK = 1 + 2.0**-30  # over the rounding errors of evaluating a bound in float64
GRADES = ("A", "B", "C", "D", "E")  # and F, outside all of them


@dataclass(frozen=True)
class Arithmetic:
    """How a result is computed, as far as its error bound depends on it."""

    element: Format  # of the elementwise arithmetic: u_p
    total: Format  # of the sum: u_s
    output: Format
    additions: int  # h, the most on any path of the sum
    flushes: bool = False  # subnormal results become zero
    exponential: float = EXPONENTIAL  # E of the elementwise format
    logarithm: float = LOGARITHM  # L
    blocked: bool = False  # sums of any length are taken in blocks or pairs

    def path(self, count: int) -> int:
        """The most additions on any path of a sum of `count` numbers that is not along a row."""
        return additions(count, self.blocked)

    @property
    def u(self) -> float:
        """Unit roundoff of the elementwise arithmetic."""
        return self.element.roundoff

    @property
    def narrowed(self) -> bool:
        """Whether the sum is rounded to a narrower format before the division."""
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
    errors: Mapping[str, tuple[float, float]] | None = None,
) -> Arithmetic:
    """The arithmetic that grade B, C, D or E grants to rows of n in format `output`.

    B: all in float32 or wider, h = ⌈log₂ n⌉ + 8, rounded once. C: the same with h = n − 1. D: elementwise in
    the format itself, the sum in float32 or wider. E: everything in the format itself. `errors` holds E and L
    by format, where they are measured.
    """
    own = format_of(output)
    wide = own if own.precision >= 24 else format_of("float32")
    element, total = {"B": (wide, wide), "C": (wide, wide), "D": (own, wide), "E": (own, own)}[grade]
    blocked = grade == "B"
    exponential, logarithm = (errors or {}).get(element.name, (EXPONENTIAL, LOGARITHM))
    return Arithmetic(element, total, own, additions(n, blocked), flushes, exponential, logarithm, blocked)
