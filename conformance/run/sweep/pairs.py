"""The true results of pairs as bits, fast: by certified arithmetic only where a result depends on more than the
gap.

With t ≥ 0 the gap of a pair, its softmax is ½ ± t/4 to first order, with |g − ½| ≤ t/4, and 1/(1 + e^±t) is
monotone. So for t ≤ `close` both results are ½, a quarter of an ulp away at most, and for t ≥ `wide` they are 1
and 0, a hundredth of an ulp away. The log-probabilities are −(ln 2 ± t/2) likewise, and from `wide` on 0 and
−(t + tiny), where 0 < tiny < e^−t: that rounds as t does, with ties away from zero, as no other t of the format
is so near to one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.truth.certified import Sums, difference, exponential, nearest, ulps
from conformance.truth.formats import Floats, Format

Array = NDArray[Any]
LOG2 = math.log(2)


def coded(value: Any, fmt: Format) -> Array:
    """The bits of values that are numbers of a format, or past its largest one; a zero has no sign."""
    with np.errstate(over="ignore"):
        narrow = np.asarray(value, np.float64).astype(np.float32).astype(fmt.dtype)
    bits = narrow.view(f"u{fmt.dtype.itemsize}")
    return np.where(bits == sign(fmt), bits.dtype.type(0), bits)


@cache
def sign(fmt: Format) -> Any:
    """The bits of −0."""
    return np.dtype(f"u{fmt.dtype.itemsize}").type(1 << (8 * fmt.dtype.itemsize - 1))


@cache
def ends(fmt: Format, logarithmic: bool) -> tuple[float, float]:
    """`close` and `wide`."""
    wide = 5 - math.log(fmt.smallest_subnormal)
    if not logarithmic:
        return 2.0 ** -(fmt.precision + 1), wide
    scaled = LOG2 * 2.0**fmt.precision  # in ulps
    return (0.5 - abs(scaled - round(scaled))) * 2.0**-fmt.precision, wide


@dataclass(frozen=True)
class Pairs:
    """Bits of softmax or log_softmax of pairs (2, r), and how far off they are, in ulps: of `rows`, or of all.

    `undecided` are the pairs whose bits are still open.
    """

    bits: Array
    rows: NDArray[np.intp] | None
    off: Floats
    undecided: NDArray[np.intp]


def pairs(x: Floats, fmt: Format, logarithmic: bool) -> Pairs:
    """Round the true results of pairs of finite logits."""
    first, second = x
    above = first >= second
    close, wide = ends(fmt, logarithmic)
    gap = np.abs(first - second)
    far, rows = gap >= 1, np.flatnonzero((gap > close) & (gap < wide))
    zero = sign(fmt) ^ sign(fmt)
    if logarithmic:
        scaled = LOG2 * 2.0**fmt.precision
        middle = coded(-round(scaled) * 2.0**-fmt.precision, fmt)
        rounded, off = _away(x, gap, fmt)
        bits = np.where(far, zero, middle), np.where(far, coded(-rounded, fmt), middle)
        least = abs(scaled - round(scaled))
        offs = np.where(far, 0.0, least), np.where(far, off, least)
    else:
        middle, one = coded(0.5, fmt), coded(1.0, fmt)
        bits = np.where(far, one, middle), np.where(far, zero, middle)
    known = _sums(x, gap, rows, fmt)
    found = nearest(known.log_softmax() if logarithmic else known.softmax(), fmt)
    for j, column in enumerate(coded(found.value, fmt)):
        bits[j][rows] = column
    open_rows = rows[~found.decided.all(axis=0)]
    if not logarithmic:
        return Pairs(_placed(above, *bits), rows, _placed(above[rows], *found.off), open_rows)
    for j, column in enumerate(found.off):
        offs[j][rows] = column
    return Pairs(_placed(above, *bits), None, _placed(above, *offs), open_rows)


def _sums(x: Floats, gap: Floats, rows: NDArray[np.intp], fmt: Format) -> Sums:
    """The sums of rows as if the larger logit were 0, and the first."""
    apart, low = gap[rows], None
    if wide_range(fmt):
        _, left = difference(np.maximum(x[0, rows], x[1, rows]), np.minimum(x[0, rows], x[1, rows]))
        low = np.stack([np.zeros_like(left), left])
    s = exponential(apart, None if low is None else low[1])
    gaps, e = np.zeros((2, len(rows))), np.ones((2, len(rows)))
    gaps[1], e[1] = apart, s
    return Sums(gaps[0], gaps, low, e, s)


def wide_range(fmt: Format) -> bool:
    """Return whether gaps of a format may need rounding in float64."""
    return fmt.largest / fmt.smallest_subnormal >= 2.0**52


def _placed(above: Array, larger: Array, smaller: Array) -> Array:
    return np.stack([np.where(above, larger, smaller), np.where(above, smaller, larger)])


def _away(x: Floats, gap: Floats, fmt: Format) -> tuple[Floats, Floats]:
    """Gaps, and a little more, rounded to the format, and how far off they are in ulps.

    A gap that is halfway between two numbers only because float64 rounded it goes where its own remainder says:
    that is a multiple of the smallest number, which is above e^−`wide`.
    """
    ulp = ulps(gap, fmt)
    scaled = gap / ulp
    whole = np.floor(scaled + 0.5)
    if wide_range(fmt):
        tied = np.flatnonzero(whole - scaled == 0.5)
        _, left = difference(np.max(x[:, tied], axis=0), np.min(x[:, tied], axis=0))
        whole[tied[left < 0]] -= 1
    rounded = whole * ulp
    if fmt.infinite:
        rounded = np.where(rounded > fmt.largest, np.inf, rounded)
    return rounded, np.where(np.isinf(rounded), 0.0, np.abs(scaled - whole))
