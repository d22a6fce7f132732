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
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.truth.certified import difference, ulps
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


def flat(x: Floats, fmt: Format, logarithmic: bool) -> tuple[Array, Floats | None, NDArray[np.intp]]:
    """The bits of softmax or log_softmax of pairs (2, r), and the rows whose gap is neither close nor wide.

    The bits of those are not the true ones. Between both is how far off log-probabilities are, in ulps.
    """
    first, second = x
    above = first >= second
    close, wide = ends(fmt, logarithmic)
    gap = np.abs(first - second)
    far, rows = gap >= 1, np.flatnonzero((gap > close) & (gap < wide))
    zero = sign(fmt) ^ sign(fmt)
    if not logarithmic:
        middle, one = coded(0.5, fmt), coded(1.0, fmt)
        return _placed(above, np.where(far, one, middle), np.where(far, zero, middle)), None, rows
    scaled = LOG2 * 2.0**fmt.precision
    middle = coded(-round(scaled) * 2.0**-fmt.precision, fmt)
    rounded, off = _away(x, gap, fmt)
    bits = _placed(above, np.where(far, zero, middle), np.where(far, coded(-rounded, fmt), middle))
    least = abs(scaled - round(scaled))
    return bits, _placed(above, np.where(far, 0.0, least), np.where(far, off, least)), rows


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
    if fmt.largest / fmt.smallest_subnormal > 2.0**52:
        tied = np.flatnonzero(whole - scaled == 0.5)
        _, left = difference(np.max(x[:, tied], axis=0), np.min(x[:, tied], axis=0))
        whole[tied[left < 0]] -= 1
    rounded = whole * ulp
    if fmt.infinite:
        rounded = np.where(rounded > fmt.largest, np.inf, rounded)
    return rounded, np.where(np.isinf(rounded), 0.0, np.abs(scaled - whole))
