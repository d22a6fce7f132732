"""Computes the gradient of each form of a loss over the gap between two logits, and where a format makes it 0.

With p the probability of the class behind, p = 1/(1 + exp(gap)), each is computed from the logarithm of p, so
that nothing underflows. A magnitude is that of the gradient's largest element.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from conformance.truth.formats import format_of
from reports.evidence import Evidence

REQUIREMENT = "USE-05"
FORMATS = ("float16", "bfloat16", "float32", "float64")
GAMMA = 2  # the focus of the focal loss
NEVER = math.inf


@dataclass(frozen=True)
class LossForm:
    """A form of loss, `name`d with the class that is ahead; `log` is the logarithm of its gradient at a gap.

    `case` is that of USE-05 which measures it: operation and name, or "".
    """

    name: str
    log: Callable[[float], float]
    case: tuple[str, str] = ("", "")

    def magnitude(self, gap: float) -> float:
        """Return the gradient at a gap; 0 only where float64 has none so small."""
        return math.exp(self.log(gap))


def _ahead(gap: float) -> float:
    """Return the logarithm of the larger probability."""
    return -math.log1p(math.exp(-gap))


def _behind(gap: float) -> float:
    return _ahead(gap) - gap


def _focal(gap: float) -> float:
    """Return ln of |γ p₀ (1 − p₀)^γ ln p₀ − (1 − p₀)^(γ + 1)|, p₀ the probability of the label."""
    t = math.exp(-gap)
    # both terms are of the order of (1 − p₀)^(γ + 1), which is taken out of the sum; p₀/(1 − p₀) is 1/t
    return (GAMMA + 1) * _behind(gap) + math.log1p(GAMMA * (math.log1p(t) / t if t else 1.0))


SQUARED = LossForm(
    "squared error of softmax, a wrong class ahead",
    lambda gap: math.log(2) + 2 * _ahead(gap) + _behind(gap),
    ("softmax", "squared-error"),
)
WRONG = LossForm("cross-entropy of logits, a wrong class ahead", _ahead)
RIGHT = LossForm(
    "cross-entropy of logits, the right class ahead", _behind, ("softmax_cross_entropy", "cross-entropy")
)
FORMS = (
    SQUARED,
    WRONG,
    RIGHT,
    LossForm("minus log_softmax, the right class ahead", _behind, ("log_softmax", "log-probability")),
    LossForm(f"focal loss (γ = {GAMMA}), the right class ahead", _focal),
)


def underflow(dtype: str) -> float:
    """Return the gap beyond which exp(−gap) rounds to 0."""
    return math.log(2) - math.log(format_of(dtype).smallest_subnormal)


def vanishes(form: LossForm, dtype: str) -> float:
    """Return the gap beyond which the exact gradient rounds to 0, by bisection; infinite if there is none."""
    least = -underflow(dtype)  # the logarithm of half the smallest number
    low, high = 0.0, 2 * underflow(dtype)
    if form.log(high) > least:
        return NEVER
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if form.log(middle) > least else (low, middle)
    return high


def measured(evidence: Evidence, form: LossForm, dtype: str) -> list[float]:
    """Return the gaps that the records tell, of any target, in ascending order."""
    checks = (check for side in evidence.today for check in side.by_requirement.get(REQUIREMENT, ()))
    return sorted(
        float(check.measured["gap"])
        for check in checks
        if (check.operation, check.case) == form.case and check.dtype == dtype and "gap" in check.measured
    )


def table(evidence: Evidence) -> Iterable[tuple[str, tuple[tuple[str, str], ...]]]:
    """Yield each form with the exact gap in each format, and what was measured: "" or a span."""
    for form in FORMS:
        cells = []
        for dtype in FORMATS:
            gap, found = vanishes(form, dtype), measured(evidence, form, dtype)
            span = dict.fromkeys(f"{value:g}" for value in found[:1] + found[-1:])
            cells.append(("never" if gap == NEVER else f"{gap:.2f}", " to ".join(span)))
        yield form.name, tuple(cells)
