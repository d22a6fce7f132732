"""True values at a fiftieth of the cost: float64 arithmetic with a proved bound on its error.

Only NumPy's +, −, ×, ÷ and comparisons of float64 are used, which IEEE 754 rounds correctly, and its bits: no
exponential or logarithm of a library. With u = 2^−53, and the numbers of steps in the docstrings of
`exponential`, `logarithm` and `Sums`:

    exp(−gap)          relative error ≤ 2.1 u                            (EXPONENTIAL)
    log(1 + s)         relative error ≤ 10 u, for the computed s         (LOGARITHM)
    s = Σ exp − 1      relative error ≤ (2.1 + 2 ⌈log₂ n⌉) u

each times 1 + 2^−20 for what is of second order. A value is given as value, residual and radius, as `Truth` has
them. Where the radius does not decide what is asked (a rounding, a verdict), ball arithmetic does: `oracle`.

Rows have their class axis first, (n, r), and logits of at most 24 bits, NaN and infinity left out. The
hypotheses: rounding to nearest, subnormal numbers kept (nothing here is one), and no product and sum fused:
NumPy's loops round each operation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from conformance.truth.formats import Floats, Format
from conformance.truth.oracle import Truth

U = 2.0**-53
EXPONENTIAL, LOGARITHM = 2.1, 10.0  # u
SECOND = 1 + 2.0**-20  # over all terms of second order, and over the roundings of a radius
FAR = 690.0  # a larger gap is taken for this one: exp(−690) = 2^−995.5
NOTHING = 2.0**-900  # of a value below n times this, only (0, 2·value) is claimed
BLOCK = 2**14  # elements at a time, so that all scratch space stays in a core's own cache
MAGIC = 1.5 * 2.0**52  # added, it rounds to an integer and leaves that in the low bits
STEPS, PLACES = 2**11, 2**10  # tables of the exponential and of the logarithm
FRACTION = np.int64(2**52 - 1)  # bits of a float64 behind its exponent

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Tables:
    """2^(−j/2048), correctly rounded; log(1 + j/1024), likewise; and ln 2/2048 = first + second, first of 31
    bits."""

    powers: Floats
    logarithms: Floats
    first: float
    second: float
    log2: float


@cache
def tables() -> Tables:
    """Return the tables, made by ball arithmetic."""
    with ctx.workprec(192):
        log2 = arb.const_log2()
        first = math.floor(float(log2 * 2**31)) / 2.0**42
        return Tables(
            np.array([float((-log2 * j / STEPS).exp()) for j in range(STEPS)]),
            np.array([float((1 + arb(j) / PLACES).log()) for j in range(PLACES + 1)]),
            first,
            float(log2 / STEPS - first),
            float(log2),
        )


def exponential(gap: Floats, low: Floats | None = None) -> Floats:
    """exp(−(gap + low)) for 0 ≤ gap ≤ FAR and |low| ≤ u·gap, to a relative 2.1 u.

    With k the integer nearest to gap·2048/ln 2 (k < 2^21), z = k·ln 2/2048 − gap and |z| ≤ 2^−12.4, the result is
    2^(−k/2048)·exp(z) = 2^−q·T_j·(1 + p), with k = 2048 q + j, T from a table and p = z + z²/2 + z³/6 + z⁴/24.

    - k·first is exact (21 + 31 bits). So is gap − k·first: both are multiples of 2^−65, as k > 0 has gap ≥ 2^−13,
      and it is below 2^−12. What is rounded of z is k·second (below 2^−22), k times the error of second, and the
      two sums, none of which is off by more than 2^−65: |δz| < 2^−63.
    - the remainder of p is below |z|⁵/119 < 2^−68; its last product and the sum of 1 before it are off by u·|z|
      at most, 2^−64.4 together with the rest of it: |δp| < 2^−62.
    - T is off by u, T·p by u·|p| < 2^−65, T + T·p rounds once: 2 u + 2^−61 < 2.1 u in all.
    - 2^−q, with q ≤ 995, is taken from the exponent's bits, which is exact.
    """
    out = np.empty(gap.size)
    flat, lows = gap.reshape(-1), None if low is None else low.reshape(-1)
    scratch = np.empty((5, min(BLOCK, gap.size)))
    for start in range(0, gap.size, BLOCK):
        part = slice(start, min(start + BLOCK, gap.size))
        size = part.stop - part.start
        _exponential(flat[part], None if lows is None else lows[part], out[part], scratch[:, :size])
    return out.reshape(gap.shape)


def _exponential(gap: Floats, low: Floats | None, out: Floats, scratch: Floats) -> None:
    known = tables()
    k, z, power = scratch[:3]
    j, q = scratch[3:].view(np.int64)
    np.multiply(gap, STEPS / known.log2, out=k)
    k += MAGIC
    np.bitwise_and(k.view(np.int64), STEPS - 1, out=j)
    np.left_shift(k.view(np.int64), 52 - 11, out=q)
    q &= ~FRACTION
    k -= MAGIC
    np.multiply(k, known.first, out=z)
    z -= gap
    k *= known.second
    z += k
    if low is not None:
        z -= low
    np.multiply(z, 1 / 24, out=out)
    for factor in (1 / 6, 0.5, 1.0):
        out += factor
        out *= z
    known.powers.take(j, out=power, mode="wrap")
    out *= power
    out += power
    bits = out.view(np.int64)
    bits -= q


def logarithm(s: Floats) -> Floats:
    """log(1 + s) for s > 0, to a relative 10 u.

    With 1 + s = w + v exactly (v what the sum left), w = 2^k·m, m in [1, 2), c the multiple of 2^−10 nearest to m
    and r = ((m − c) + 2^−k·v)/c, |r| ≤ 2^−11, the result is k·ln 2 + (log c + P(r)), P of degree 5.

    - m − c is exact: a multiple of 2^−52 below 2^−10. Its sum with v, and the quotient, round once each. P(r) is
      r·(1 + …): its remainder is below 1.1·|r|⁶/6 < 2^−57·|r|, its last product and the sum of 1 before it round
      once each. So P is off by 4.2 u·|P|.
    - where c = 1 and k = 0, that is all. Where k = 0 else, c ≥ 1 + 2^−10 and the result is at least 0.999 |P| and
      0.499 log c: 4.3 u of P, 2.1 u of log c, u of their sum. Where k > 0 it is at least 0.69: 2.1 u of k·ln 2
      (the constant and the product), u of log c, and u of each of the two sums.
    """
    known = tables()
    w = 1 + s
    larger = np.maximum(s, 1.0)
    v = np.minimum(s, 1.0) - (w - larger)  # Fast2Sum (T. J. Dekker, Numer. Math. 18, 1971): exact
    bits = w.view(np.int64)
    k = (bits >> 52) - 1023
    m = ((bits & FRACTION) | np.int64(1023 << 52)).view(np.float64)
    place = ((bits & FRACTION) + np.int64(2**41)) >> 42
    c = 1 + place * (1 / PLACES)
    scaled = np.int64(1023 << 52) - (k << 52)  # 2^−k
    r = ((m - c) + v * scaled.view(np.float64)) / c
    series = r * (1 + r * (-1 / 2 + r * (1 / 3 + r * (-1 / 4 + r * (1 / 5)))))
    found: Floats = k * known.log2 + (known.logarithms[place] + series)
    return found


def difference(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a − b, and what its rounding left, exactly (D. E. Knuth's TwoSum)."""
    d = a - b
    back = d - a
    return d, (a - (d - back)) - (b + back)


@dataclass(frozen=True)
class Sums:
    """Gaps, exponentials and s = Σ exp(−gap) − 1 of rows (n, r), the largest exponential being the 1 left out.

    The sum is a tree of ⌈log₂ n⌉ levels, in which a node holds its largest exponential and the sum of the others.
    Two nodes have the larger one, and the sum of both sums and of the smaller one: two additions of positive
    numbers, hence a relative (2.1 + 2 ⌈log₂ n⌉) u; none in a row of two.
    """

    peak: Floats  # (r,)
    gap: Floats
    low: Floats | None  # what the rounding of the gap left, None where it left nothing
    e: Floats
    s: Floats  # (r,)

    @staticmethod
    def of(x: Floats, exact: bool = False) -> Sums:
        """Evaluate rows; `exact` says that no gap needs rounding, as in float16 and narrower formats."""
        peak = np.max(x, axis=0)
        gap, low = (peak - x, None) if exact else difference(peak, x)
        if len(x) == 2:  # the larger logit's exponential is 1
            s = _capped(np.maximum(*gap), None if low is None else low[0] + low[1])
            return Sums(peak, gap, low, np.where(gap > 0, s, 1.0), s)
        e = _capped(gap, low)
        return Sums(peak, gap, low, e, _others(e))

    @property
    def depth(self) -> float:
        """The relative error of s, in u."""
        n = len(self.e)
        return EXPONENTIAL + (2 * math.ceil(math.log2(n)) if n > 2 else 0)

    def softmax(self) -> Truth:
        """e/(1 + s): the errors of e and s, a sum and a quotient."""
        return self._enclosed(self.e / (1 + self.s), self.depth + EXPONENTIAL + 2)

    def rest(self, j: int) -> Truth:
        """1 − softmax of class j as (Σ − e_j)/Σ: its numerator is s, or 1 + (s − e_j) where e_j is not left out.

        In the latter case s − e_j ≥ 0 is off by depth·s + 2.1·e_j + s, at most (depth + 3.1) times a numerator
        that is no less than 1 and s; the two sums and the quotient round.
        """
        most = self.e[j] == 1
        others = np.where(most, self.s, 1 + np.maximum(self.s - self.e[j], 0.0))
        return self._enclosed(others / (1 + self.s), 2 * self.depth + 6.1)

    def log_total(self) -> tuple[Floats, Floats]:
        """b = log(1 + s) and its radius: s is off by depth·u, and log(1 + s) by no more than s, relatively."""
        b = logarithm(self.s)
        return b, self._radius(b, self.depth + LOGARITHM)

    def log_softmax(self) -> Truth:
        """−(gap + b): what the sum leaves is the residual, beside what the rounding of the gap left."""
        b, radius = self.log_total()
        value, residual = difference(-self.gap, b[None])
        if self.low is None:
            return _truth(value, residual, np.broadcast_to(radius, value.shape))
        both = residual - self.low
        return _truth(value, both, radius + np.where(self.low == 0, 0.0, U * np.abs(both)))

    def logsumexp(self) -> Truth:
        """m + b."""
        b, radius = self.log_total()
        value, residual = difference(self.peak, -b)
        return _truth(value, residual, radius)

    def _enclosed(self, value: Floats, error: float) -> Truth:
        return _truth(value, np.zeros_like(value), self._radius(value, error))

    def _radius(self, value: Floats, error: float) -> Floats:
        """`error` in u; all of a value that exponentials of far logits may have made."""
        return np.where(value > NOTHING * len(self.e), value * (error * U * SECOND), value)


def _capped(gap: Floats, low: Floats | None) -> Floats:
    """exp(−gap), or exp(−FAR) where the gap is larger."""
    return exponential(np.minimum(gap, FAR), None if low is None else np.where(gap > FAR, 0.0, low))


def _others(e: Floats) -> Floats:
    """Σ e without the largest one, which is 1."""
    top, rest = e, np.zeros_like(e)
    while len(top) > 1:
        half = len(top) // 2
        first, second, odd = slice(half), slice(half, 2 * half), slice(2 * half, None)
        small = np.minimum(top[first], top[second])
        merged = (rest[first] + rest[second]) + small
        larger = np.maximum(top[first], top[second])
        top, rest = np.concatenate([larger, top[odd]]), np.concatenate([merged, rest[odd]])
    others: Floats = rest[0]
    return others


def _truth(value: Floats, residual: Floats, radius: Floats) -> Truth:
    return Truth(value, residual, radius, np.zeros(value.shape, bool))


@dataclass(frozen=True)
class Rounded:
    """True values rounded to a format: where `decided`, `value` is the only right one, in float64.

    `off` is how far the true value lies from it, in units of the last place, to 2^−28.
    """

    value: Floats
    off: Floats
    decided: Mask


def nearest(truth: Truth, fmt: Format) -> Rounded:
    """Round to the nearest of `fmt`, ties to even, past the largest number to infinity.

    value/ulp, its nearest integer and the distance `off` of both are exact. The residual is below 2 u·|value|,
    less than 2^−27 ulps, so that off and the radius decide where they are below ½ − 2^−16 together; beyond,
    where all three cannot reach ½. Where off is ½, the sign of a residual no smaller than the radius decides, as
    the true value lies strictly within.
    """
    ulp = ulps(truth.value, fmt)
    scaled = truth.value / ulp
    whole = np.rint(scaled)
    off = np.abs(scaled - whole)
    decided = off + truth.radius / ulp < 0.5 - 2.0**-16
    doubtful = np.nonzero(~decided)
    if len(doubtful[0]):
        unit, residual, radius = ulp[doubtful], truth.residual[doubtful], truth.radius[doubtful]
        tied = off[doubtful] == 0.5
        up = np.floor(scaled[doubtful]) + (residual > 0)
        known = np.where(tied, (residual != 0) & (np.abs(residual) >= radius), False)
        whole[doubtful] = np.where(known, up, whole[doubtful])
        off[doubtful] = np.abs((scaled[doubtful] - whole[doubtful]) + residual / unit)
        exact = (residual == 0) & (radius == 0)  # then to even, as it is
        near = ~tied & (np.abs(scaled[doubtful] - whole[doubtful]) + (np.abs(residual) + radius) / unit < 0.5)
        decided[doubtful] = known | exact | near
    value = whole * ulp
    if fmt.infinite:
        value = np.where(np.abs(value) > fmt.largest, np.copysign(np.inf, value), value)
    return Rounded(value, off, decided)


def ulps(value: Floats, fmt: Format) -> Floats:
    """One ulp of `fmt` at |value|: the power of two that the exponent's bits are, scaled."""
    power = (value.view(np.int64) & ~FRACTION & np.int64(2**63 - 1)).view(np.float64)
    found: Floats = np.maximum(power * 2.0 ** (1 - fmt.precision), fmt.smallest_subnormal)
    return found
