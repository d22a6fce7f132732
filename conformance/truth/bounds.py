"""Bounds of the distance of a result from the truth: one for each element, from the input and the arithmetic.

Shifted softmax commits one rounding in x_j − m (relative u_p on gap_j = m − x_j), one exponential (a relative
error E₀·u_p, and E₁·u_p in its argument: one through base 2 rounds a product), a sum with at most h additions on
any path (u_s each) and at most R rescalings (an exponential and a product each, in the arithmetic of the sum),
one narrowing of the sum where u_s < u_p, and one division of d roundings. With g the exact softmax,
κ = (1 + u_p)(1 + E₁·u_p) − 1, and nothing of second order left out,

    B±    = Σ g_i · exp(±κ·gap_i)
    S_max = B+ (1 + E₀·u_p)(1 + u_s)^h (1 + u_p) ((1 + E₀·u_s)(1 + u_s))^R        S_min likewise with B− and minus
    lower_j = g_j · exp(−κ·gap_j)(1 − E₀·u_p)(1 − u_p)^d / S_max
    upper_j = g_j · exp(+κ·gap_j)(1 + E₀·u_p)(1 + u_p)^d / S_min

and for log_softmax = (x_j − m) − log Σ, with b = log Σ exp(−gap), D = max(ln S_max, −ln S_min) and L·u_p the
error of the logarithm,

    A = u_p·gap_j + D + L·u_p·(b + D)                    |l̂_j − l_j| ≤ A + u_p(|l_j| + A) =: A_j.

Softmax may also be exp(l̂), whose logarithm is off by A_j − ln(1 − E₀·u_p) + E₁·u_p(|l_j| + A_j): its bound is
the larger of both. To first order |p̂_j − g_j| ≤ g_j·u·[gap_j + H(g) − b + 2E + h + d] for the first form: the
normwise constant of Blanchard, Higham and Higham (IMA J. Numer. Anal. 2021) sharpened to one an element.

R is what the row itself asks for. An online sum (Milakov, Gimelshein, arXiv:1805.02867) is rescaled where its
running maximum rises: along a lane or a sequence of tiles, in either direction, no more often than the row has a
chain of ever larger logits, and again in the ⌈log₂ n⌉ pairs that merge lanes; and never more often than it adds,
or than there are larger logits that differ.
What the steps do to the gap adds up to the gap, and exp(0) is 1.

Grade B, which is good practice and no *must*, grants none of the three: R = 0, d = 1, and softmax is a quotient.
Elsewhere d = 3, since a reciprocal may be off by an ulp, and a product follows. Elements, and sums, of 16 bits
or 8 are treated as in grade B: a log-probability near −8 would be good to e^±0.02 in bfloat16, so that kernels
keep it, and the reciprocal and what is rescaled, in float32.

Where logits z are computed too, each to within Δ_j, take the computed maximum s for m, with |s − m| ≤ δ. With
z_j − s in place of −gap_j the true g is the same; the gap that is rounded is off by Δ_j, and no longer than
gap_j + Δ_j + δ; and |log Σ exp(z − s) − b| ≤ δ. So Δ_j joins the argument of each exponential and the error A of
each log-probability, exactly, and |l̂_j − l_j| has Δ_j + log Σ g exp(Δ) of it. R is then h: any order of ties is
granted.

The hypotheses, and what becomes of a result that does not meet them:

- No sum overflows, nor its narrowing: Σ < MAX. None is granted an overflow, so a sum that the format of the
  elements cannot hold is to be divided by, and its logarithm taken, before it is narrowed.
- Among subnormal numbers an exponential of k ulps is off by k of the smallest ones, and any other operation by
  one; by the smallest normal number where the target flushes, which then takes three of them from a gap as well.
- E₀, E₁ and L are a target's own where `elementary` measures them to be worse than the defaults.

A result rounded once more to a narrower output adds half an ulp of it. The bounds are evaluated in float64 in
forms without cancellation, and enlarged by 2^−30 for that.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from conformance.truth.arithmetic import Arithmetic
from conformance.truth.formats import Floats
from conformance.truth.oracle import Truth


@dataclass(frozen=True, eq=False)
class Rows:
    """The data of rows (r, n) that the bounds need: gaps, true probabilities and true log-probabilities."""

    gap: Floats  # +inf where the logit is −inf
    g: Floats
    l: Floats  # noqa: E741 -- the letter of the formulas
    log_total: Floats  # b, (r, 1)
    peak: Floats  # m, (r, 1)
    off: Floats | float = 0.0  # Δ, the error of each logit where the logits are computed
    shift: Floats | float = 0.0  # how far off a row's computed maximum is at most, (r, 1)

    @staticmethod
    def of(x: Floats, softmax: Truth, log_softmax: Truth) -> Rows:
        """From exact logits and the truth of both functions."""
        peak = np.max(x, axis=-1, keepdims=True, initial=-np.inf)
        with np.errstate(invalid="ignore", over="ignore"):
            gap = np.where(np.isneginf(x), np.inf, peak - x)
            log_total = -np.max(log_softmax.value, axis=-1, keepdims=True, initial=-np.inf)
        return Rows(gap, softmax.value, log_softmax.value, log_total, peak)

    @property
    def live(self) -> Floats:
        """The largest computed gaps, with 0 in place of an infinite one, whose g is 0."""
        return np.where(np.isinf(self.gap), 0.0, self.gap) + (self.off + self.shift)


# The bounds of one call ask for these several times, of the same rows.
once = lru_cache(maxsize=8)


@dataclass(frozen=True)
class Spread:
    """The distance that a computed sum may have from Σ: ln S_max and −ln S_min, (r, 1) each, both ≥ 0."""

    up: Floats
    down: Floats

    @property
    def widest(self) -> Floats:
        """D."""
        return np.maximum(self.up, self.down)


def rescalings(rows: Rows, how: Arithmetic) -> Floats:
    """R of each row, (r, 1)."""
    if how.blocked or how.total.precision < 24:
        return np.zeros_like(rows.log_total)
    if np.any(rows.shift):  # the order of logits that are off is not known
        return np.full_like(rows.log_total, how.additions)
    within: Floats = np.minimum(how.additions, _climbs(rows))
    return within


@once
def _climbs(rows: Rows) -> Floats:
    if rows.gap.shape[-1] == 2:
        differ: Floats = 1.0 * (rows.gap[:, :1] != rows.gap[:, 1:])  # at once: a sweep asks for a million
        return differ
    return np.array([climbs(gaps.tobytes()) for gaps in rows.gap], np.float64)[:, None]


@lru_cache(maxsize=4096)
def climbs(gaps: bytes) -> int:
    """Return the number of times that the maximum can rise along a row, in order or in lanes.

    `gaps` are those of the row, as float64 bytes.
    """
    logits = (-np.frombuffer(gaps)).tolist()
    if not logits:
        return 0
    longest = max(len(_rising(logits)), len(_rising(logits[::-1])))
    return min(longest - 1 + math.ceil(math.log2(len(logits))), len(set(logits)) - 1)


def _rising(values: Iterable[float]) -> list[float]:
    """Return a list as long as the longest rising subsequence (C. Schensted, Canad. J. Math. 13, 1961)."""
    ends: list[float] = []
    for value in values:
        place = bisect_left(ends, value)
        ends[place : place + 1] = [value]
    return ends


@once
def spread(rows: Rows, how: Arithmetic) -> Spread:
    """ln S_max and −ln S_min of the module's formula, with each underflowed exponential counted."""
    u, u_s, h = how.u, how.total.roundoff, how.additions
    off, again = drift(rows, how), rescalings(rows, how)
    # g·expm1(±off) as exp(l ± …)·(1 − exp(…)): no overflow times zero far from the maximum
    wider = np.exp(rows.l + off) * -np.expm1(-off)
    narrower = rows.g * -np.expm1(-off)
    lost = how.slip / np.exp(rows.log_total - rows.shift)  # the share of Σ that one underflow can make
    raised = (rows.gap.shape[-1] + again) * lost
    fallen = np.minimum(lost / (1 - how.exponential), rows.g - narrower)  # none loses more than itself
    up = np.log1p(sum_of_rows(wider)) + math.log1p(how.exponential) + h * math.log1p(u_s) + np.log1p(raised)
    gone = sum_of_rows(narrower + fallen)
    # where Δ is large, 1 − gone has no digits; but no computed sum is without the exp(0) of its own maximum
    down = np.where(gone < 0.5, -np.log1p(-np.minimum(gone, 0.5)), rows.log_total + rows.shift)
    down = down - math.log1p(-how.exponential) - h * math.log1p(-u_s)
    wide = how.functions.exponential * u_s
    up += again * (math.log1p(wide) + math.log1p(u_s))
    down -= again * (math.log1p(-wide) + math.log1p(-u_s))
    if how.narrowed:
        up, down = up + math.log1p(u), down - math.log1p(-u)
    return Spread(up, down)


def drift(rows: Rows, how: Arithmetic) -> Floats:
    """Return the error of an exponential's argument: rounded gap and E₁ together, and Δ."""
    return how.argument * rows.live + rows.off + how.lost_gap


def probability_error(rows: Rows, how: Arithmetic) -> Floats:
    """Largest |p̂ − g| of each element before the rounding to the output."""
    return quotient_error(rows, how) if how.plain else saved_error(rows, how)


@once
def quotient_error(rows: Rows, how: Arithmetic) -> Floats:
    """The same for exponentials over their sum."""
    u = how.u
    off, argument = spread(rows, how), drift(rows, how)
    above = argument + math.log1p(how.exponential) + how.division * math.log1p(u) + off.down
    below = argument - math.log1p(-how.exponential) - how.division * math.log1p(-u) + off.up
    lost = how.slip * np.exp(off.down) * (1 + u) ** how.division + how.unit(how.element)
    return np.where(np.isinf(rows.gap), 0.0, _moved(rows, above, below) + lost)


@once
def saved_error(rows: Rows, how: Arithmetic) -> Floats:
    """The same for probabilities or exponentials of log-probabilities, whichever are kept for a derivative."""
    logs = log_error(rows, how)
    argument = how.functions.slope * how.u * (np.abs(_finite(rows)) + logs)
    off = logs + argument - math.log1p(-how.exponential)
    raised = np.where(np.isinf(rows.gap), 0.0, _moved(rows, off, off) + how.slip)
    return np.maximum(quotient_error(rows, how), raised)


def _moved(rows: Rows, above: Floats, below: Floats) -> Floats:
    """Return the distances that g moves where its logarithm moves so far up or down."""
    upper = np.exp(np.where(rows.g == 0, -np.inf, rows.l) + above) * -np.expm1(-above)
    moved: Floats = np.maximum(upper, rows.g * -np.expm1(-below))
    return moved


def _finite(rows: Rows) -> Floats:
    return np.where(np.isinf(rows.gap), 0.0, rows.l)


def log_total_error(rows: Rows, how: Arithmetic) -> Floats:
    """Largest error of the computed log Σ exp(−gap) of each row, (r, 1)."""
    d = spread(rows, how).widest
    return d + how.functions.logarithm * how.u * (np.abs(rows.log_total) + rows.shift + d)


@once
def log_error(rows: Rows, how: Arithmetic) -> Floats:
    """Largest |l̂ − l| of each element before the rounding to the output."""
    u = how.u
    magnitude = np.abs(_finite(rows))
    a = u * rows.live + rows.off + how.lost_gap + log_total_error(rows, how)
    tolerance: Floats = a + u * (magnitude + a) + how.unit(how.element)
    return tolerance


def confident(rows: Rows, how: Arithmetic) -> Floats:
    """Largest |l̂ − l| at each row's maximum, (r,), for −log1p(rest): relative to l, however near zero (grade R).

    The rest, Σ of the other exponentials, is a sum of positive terms and relatively accurate, and log1p takes
    a relative error of its argument to no larger one of its value.
    """
    u = how.u
    peak = np.argmax(rows.g, axis=-1)[:, None]
    others = rows.l.copy()
    np.put_along_axis(others, peak, -np.inf, axis=-1)
    mass = sum_of_rows(np.exp(others))
    argument = drift(rows, how)
    wider = sum_of_rows(np.exp(others + argument) * -np.expm1(-argument))
    with np.errstate(invalid="ignore"):
        moved = np.where(mass > 0, wider / mass, 0.0)
    off = np.log1p(moved) + math.log1p(how.exponential) + how.additions * math.log1p(how.total.roundoff)
    off = off + math.log1p(how.functions.logarithm * u) + math.log1p(u)
    nearest = np.abs(np.take_along_axis(rows.l, peak, axis=-1))
    lost = rows.gap.shape[-1] * how.slip + how.unit(how.element)  # by each of the others, and by the logarithm
    return how.rounded(nearest, nearest * np.expm1(off) + lost)[:, 0]


def sum_of_rows(values: Floats) -> Floats:
    """The sum along the last axis, kept."""
    total: Floats = np.sum(values, axis=-1, keepdims=True)
    return total
