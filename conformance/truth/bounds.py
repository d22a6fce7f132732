"""How far a result may be from the truth: a bound for each element, from the input and the arithmetic.

Shifted softmax commits one rounding in x_j − m (relative u_p on gap_j = m − x_j), one exponential (relative
error E·u_p), a sum with at most h additions on any path (u_s each), one narrowing of the sum where u_s < u_p,
and one division. With g the exact softmax and nothing of second order left out,

    B±    = Σ g_i · exp(±u_p·gap_i)
    S_max = B+ (1 + E·u_p)(1 + u_s)^h (1 + u_p)          S_min = B− (1 − E·u_p)(1 − u_s)^h (1 − u_p)
    lower_j = g_j · exp(−u_p·gap_j)(1 − E·u_p)(1 − u_p) / S_max
    upper_j = g_j · exp(+u_p·gap_j)(1 + E·u_p)(1 + u_p) / S_min

and for log_softmax = (x_j − m) − log Σ, with b = log Σ exp(−gap), D = max(ln S_max, −ln S_min) and L·u_p the
error of the logarithm,

    A = u_p·gap_j + D + L·u_p·(b + D)                    |l̂_j − l_j| ≤ A + u_p(|l_j| + A).

To first order |p̂_j − g_j| ≤ g_j·u·[gap_j + H(g) − b + 2E + h + 1]: the normwise constant of Blanchard, Higham
and Higham (IMA J. Numer. Anal. 2021) sharpened to one an element. A result rounded once more to a narrower
output adds half an ulp of it; underflow adds the smallest subnormal, or the smallest normal where the target
flushes. E and L are a target's own where `elementary` measures them to be worse than the defaults. The bounds
are evaluated in float64 in forms without cancellation, and enlarged by 2^−30 for that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from conformance.truth.arithmetic import Arithmetic
from conformance.truth.formats import Floats
from conformance.truth.oracle import Truth


@dataclass(frozen=True)
class Rows:
    """What the bounds need of the rows (r, n): gaps, true probabilities and true log-probabilities."""

    gap: Floats  # +inf where the logit is −inf
    g: Floats
    l: Floats  # noqa: E741 -- the letter of the formulas
    log_total: Floats  # b, (r, 1)
    peak: Floats  # m, (r, 1)

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
        """Gaps with 0 in place of an infinite one, whose g is 0."""
        return np.where(np.isinf(self.gap), 0.0, self.gap)


@dataclass(frozen=True)
class Spread:
    """How far a computed sum may be from Σ: ln S_max and −ln S_min, (r, 1) each, both ≥ 0."""

    up: Floats
    down: Floats

    @property
    def widest(self) -> Floats:
        """D."""
        return np.maximum(self.up, self.down)


def spread(rows: Rows, how: Arithmetic) -> Spread:
    """ln S_max and −ln S_min of the module's formula, with each underflowed exponential counted."""
    u, u_s, h = how.u, how.total.roundoff, how.additions
    # g·expm1(±u·gap) as exp(l ± …)·(1 − exp(…)): no overflow times zero far from the maximum
    wider = np.exp(rows.l + u * rows.live) * -np.expm1(-u * rows.live)
    narrower = rows.g * -np.expm1(-u * rows.live)
    lost = how.unit(how.element) / np.exp(rows.log_total)  # the share of Σ that one underflow can make
    raised = rows.gap.shape[-1] * lost
    fallen = np.minimum(lost / (1 - how.exponential * u), rows.g - narrower)  # none loses more than itself
    up = np.log1p(sum_of_rows(wider)) + math.log1p(how.exponential * u) + h * math.log1p(u_s) + np.log1p(raised)
    down = -np.log1p(-sum_of_rows(narrower + fallen)) - math.log1p(-how.exponential * u) - h * math.log1p(-u_s)
    if how.narrowed:
        up, down = up + math.log1p(u), down - math.log1p(-u)
    return Spread(up, down)


def probability_error(rows: Rows, how: Arithmetic) -> Floats:
    """The same before the rounding to the output: what a derivative starts from."""
    u = how.u
    off = spread(rows, how)
    above = u * rows.live + math.log1p(how.exponential * u) + math.log1p(u) + off.down
    below = u * rows.live - math.log1p(-how.exponential * u) - math.log1p(-u) + off.up
    upper = np.exp(rows.l + above) * -np.expm1(-above)
    lower = rows.g * -np.expm1(-below)
    tolerance = np.maximum(upper, lower) + 2 * how.unit(how.element)
    return np.where(np.isinf(rows.gap), 0.0, tolerance)


def log_total_error(rows: Rows, how: Arithmetic) -> Floats:
    """Largest error of the computed log Σ exp(−gap) of each row, (r, 1)."""
    d = spread(rows, how).widest
    return d + how.logarithm * how.u * (np.abs(rows.log_total) + d)


def log_error(rows: Rows, how: Arithmetic) -> Floats:
    """Largest |l̂ − l| of each element before the rounding to the output."""
    u = how.u
    magnitude = np.where(np.isinf(rows.gap), 0.0, np.abs(rows.l))
    a = u * rows.live + log_total_error(rows, how)
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
    wider = sum_of_rows(np.exp(others + u * rows.live) * -np.expm1(-u * rows.live))
    with np.errstate(invalid="ignore"):
        drift = np.where(mass > 0, wider / mass, 0.0)
    off = np.log1p(drift) + math.log1p(how.exponential * u) + how.additions * math.log1p(how.total.roundoff)
    off = off + math.log1p(how.logarithm * u) + math.log1p(u)
    nearest = np.abs(np.take_along_axis(rows.l, peak, axis=-1))
    lost = (rows.gap.shape[-1] + 1) * how.unit(how.element)  # by each of the others, and by the logarithm
    return how.rounded(nearest, nearest * np.expm1(off) + lost)[:, 0]


def sum_of_rows(values: Floats) -> Floats:
    """The sum along the last axis, kept."""
    total: Floats = np.sum(values, axis=-1, keepdims=True)
    return total
