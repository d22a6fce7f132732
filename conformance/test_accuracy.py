"""Accuracy: every element against the truth, in units of its own bound."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from conformance import operations
from conformance.cases.losses import own_softmax
from conformance.cases.rows import accuracy, normal, regimes
from conformance.run.case import Case
from conformance.run.elementary import LIMIT, SLOPE_LIMIT
from conformance.run.target import Trial, number
from conformance.truth.bounds import confident
from conformance.truth.formats import format_of

COUNTS = (257, 2049, 65537, 70000)  # past what bfloat16, float16 and a 16-bit index can count to


def equal_logits(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows of equal logits, where 1/n is not below the format."""
    wide = format_of(dtype).precision >= 24  # counts further than any row goes
    for n in COUNTS[-1:] if wide else COUNTS:
        if 1 / n >= format_of(dtype).smallest_subnormal:
            yield Case(f"equal-n{n}", f"np.zeros((1, {n}))")


def near_zero(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """One logit ahead of the others by so much that the rest is below one ulp of one."""
    case = Case("ahead", "np.array([[17.0, 0, 0], [20, 0, 1], [12, -3, 2], [30, 1, 2]])")
    labels = "np.zeros(4, int)" if operations.get(operation).labelled else None
    yield Case(case.name, case.x, labels=labels)


def sums(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Row lengths whose sums have every kind of tail."""
    for n in (33, 1000) if tier == "quick" else (33, 1000, 2049):
        yield Case(f"regimes-n{n}-seed{n}", regimes(n, seed=n))


def own_functions(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The arguments that are `elementary`'s own."""
    yield Case("own-exponential-and-logarithm", "np.zeros((1, 2))")


def many(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Enough outputs in a 16-bit format for the mean of their errors to be one."""
    if dtype in ("float16", "bfloat16"):
        rows, n = (2048, 3) if operations.get(operation).per_row else (64, 257)
        yield Case(f"normal-{rows}x{n}-seed9", normal(rows, n, seed=9))


@pytest.mark.requirement("ACC-01", cases=accuracy)
def test_error_is_within_grade_d(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("ACC-02", cases=accuracy)
def test_error_is_within_grade_b(check: Trial) -> None:
    assert check.judge("B") <= 1


@pytest.mark.requirement("ACC-03", cases=equal_logits)
def test_equal_logits_are_counted_exactly(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("ACC-04", cases=near_zero)
def test_near_zero_is_relatively_accurate(check: Trial) -> None:
    judgement = check.judgement()
    how = check.target.traits(check.dtype).arithmetic("B", check.dtype, 3)
    allowed = confident(judgement.setting.rows, how)
    got, truth, error = (
        values if values.ndim == 1 else values[:, 0]  # the first class is ahead in every row
        for values in (judgement.got, judgement.truth.value, judgement.error)
    )
    check.show(got, truth, relative=float(np.max(error / allowed)))
    assert check.holds(error <= allowed, got, truth)


@pytest.mark.requirement("ACC-05", cases=sums)
def test_row_sums_to_one(check: Trial) -> None:
    judgement = check.judgement()
    totals = judgement.got.sum(axis=-1)
    allowed = judgement.tolerance["D"].sum(axis=-1)
    check.show(totals, np.ones_like(totals), ratio_of_sums=float(np.max(np.abs(totals - 1) / allowed)))
    assert check.holds(np.abs(totals - 1) <= allowed, totals, 1.0)


@pytest.mark.requirement("ACC-06", cases=sums)
def test_exponential_of_log_softmax_is_softmax(check: Trial) -> None:
    logs = check.judgement()
    plain = check.target.judge(check.case, "softmax", check.dtype)
    raised = plain.truth.value * np.expm1(logs.tolerance["D"])  # g·e^t − g, what a log off by t makes of g
    allowed = plain.tolerance["D"] + raised
    with np.errstate(invalid="ignore"):
        off = np.abs(np.exp(logs.got) - plain.got)
    worst = np.unravel_index(int(np.argmax(off - allowed)), off.shape)
    check.show(np.exp(logs.got[worst]), plain.got[worst], allowed=float(allowed[worst]))
    assert check.holds(off <= allowed, np.exp(logs.got), plain.got)


@pytest.mark.requirement("ACC-07", cases=many)
def test_rounding_is_unbiased(check: Trial) -> None:
    ulps = check.judgement().ulps
    check.show(
        f"mean {ulps.mean():.3g} ulps of {ulps.size}",
        "a mean nearer 0 than 0.1 ulps",
        bias=float(ulps.mean()),
        variance=float(ulps.var()),
    )
    assert abs(ulps.mean()) < 0.1


@pytest.mark.requirement("ACC-08", cases=own_functions)
def test_own_exponential_and_logarithm_are_within_their_limits(check: Trial) -> None:
    check.need("elementary")
    found = check.target.errors(check.dtype)
    check.show(str(found), f"at most {LIMIT} unit roundoffs, and {SLOPE_LIMIT} · |x| more for exp")
    check.measured = {name: number(value) for name, value in vars(found.functions).items()}
    assert found.excess <= 1
    assert found.functions.logarithm <= LIMIT


@pytest.mark.requirement("ACC-09", cases=own_softmax)
def test_divergence_of_the_own_softmax_is_within_the_bound(check: Trial) -> None:
    check.need("probability_labels")
    assert check.judge("D") <= 1
