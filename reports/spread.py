"""Combines the bias and variance of many checks' errors, in ulps, weighted by their elements."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from conformance.record.accuracy_keys import number
from conformance.record.records import Check


@dataclass(frozen=True)
class ErrorSpread:
    """The mean and the variance of the signed errors of `elements` outputs, and the largest error, in ulps."""

    elements: int
    bias: float
    variance: float
    largest: float


def spread(checks: Iterable[Check]) -> ErrorSpread | None:
    """Return the spread over all outputs of `checks`; a call that several of them judge counts once.

    None if no check has the three numbers, as in older records, or none has an output.
    """
    spreads = {(check.case, repr(check.witness.get("call"))): part for check in checks if (part := _told(check))}
    parts = spreads.values()
    elements = sum(part.elements for part in parts)
    if not elements:
        return None
    shares = [part.elements / elements for part in parts]
    bias = sum(share * part.bias for share, part in zip(shares, parts, strict=True))
    # not E[x²] − bias², which cancels; and no **, which raises where a square overflows
    around = [part.variance + (part.bias - bias) * (part.bias - bias) for part in parts]
    variance = sum(share * value for share, value in zip(shares, around, strict=True))
    return ErrorSpread(elements, bias, variance, max(part.largest for part in parts))


def _told(check: Check) -> ErrorSpread | None:
    elements, bias, variance, largest = (
        number(check.measured.get(key)) for key in ("elements", "bias", "variance", "ulps")
    )
    if elements is None or bias is None or variance is None or not 0 < elements < math.inf:
        return None
    return ErrorSpread(int(elements), bias, variance, math.nan if largest is None else largest)
