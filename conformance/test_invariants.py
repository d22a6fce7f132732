"""Invariants: what may change in the input without changing the result, or must change it alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.cases.rows import regimes, with_labels
from conformance.run.case import Case
from conformance.run.measure import Judgement
from conformance.run.target import Trial
from conformance.truth.arithmetic import EXPONENTIAL
from conformance.truth.formats import Floats, format_of, spacing

SHIFTS = {"float8_e4m3fn": 16, "float8_e5m2": 8, "bfloat16": 128, "float16": 1024}  # every sum below is exact


def whole_numbers(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Whole logits from −8 to 0, so that adding a power of two is exact."""
    if dtype in ("float8_e5m2", "float8_e4m3fn"):  # too few bits for a shift and its logits
        return
    case = Case("whole-n33-seed1", "-np.random.default_rng(1).integers(0, 9, (6, 33))")
    yield from with_labels(case, operation, 6, 33)


def permuted(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every regime, at lengths with a tail."""
    for n in (33, 1000):
        yield Case(f"regimes-n{n}-seed{n}", regimes(n, seed=n))


def distant_rows(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows 500 apart in value."""
    step = 500 if format_of(dtype).largest > 4000 else 100
    case = Case(
        "rows-500-apart", f"np.linspace(-2, 2, 33) + {step} * np.array([[0.0], [-4], [4], [1], [-1], [2]])"
    )
    yield from with_labels(case, operation, 6, 33)


def repeated(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Two values taking turns, so that each stands in every lane and in the tail."""
    for n in (33, 1001):
        yield Case(f"two-values-n{n}", f"np.where((np.arange({n}) + np.arange(6)[:, None]) % 2 == 0, 0.3, -1.7)")


def ascending(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits in ascending order, many of them neighbours in the format."""
    logits = "np.sort(np.concatenate([np.linspace(-3, 0.49, 500), 0.5 + np.arange(501) * 2.0**-24]))"
    yield Case("ascending-n1001", f"{logits} * [[1.0], [0.5], [4], [2], [3], [0.1]]")


def in_every_regime(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every regime at lengths with a tail, and one class far ahead in the tail."""
    for n in (33, 1001):
        yield from with_labels(Case(f"regimes-n{n}-seed{n}", regimes(n, seed=n)), operation, 6, n)
    ahead = "np.where(np.arange(33) == 32, 40.0, 0.0) * np.ones((6, 1))"
    yield from with_labels(Case("ahead-in-tail-n33", ahead), operation, 6, 33)
    if format_of(dtype).largest > 60000:
        offset = Case("offset-ahead-n33", "20000.0 + 32 * (np.arange(33) == np.arange(6)[:, None] * 7)")
        yield from with_labels(offset, operation, 6, 33)


def padded(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows to be padded."""
    if format_of(dtype).infinite:
        yield Case("regimes-n33-seed33", regimes(33, seed=33))


def ratios(one: Judgement, other: Judgement, order: Any = ..., shift: float = 0.0) -> Floats:
    """Return the differences of two results over the sums of their bounds.

    `order` arranges the first, and `shift` is added to it.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.abs(one.got[order] + shift - other.got)
        allowed = one.tolerance["D"][order] + other.tolerance["D"]
        ratio = np.where(difference == 0, 0.0, difference / allowed)
    return np.where(np.isnan(ratio), np.inf, ratio)


@pytest.mark.requirement("INV-01", cases=whole_numbers)
def test_exact_shift_changes_nothing(check: Trial) -> None:
    shift = SHIFTS.get(check.dtype, 2**20)
    shifted = replace(check.case, name="shifted", x=f"({check.case.x}) + {shift}")
    one, other = check.judgement(), check.judgement(shifted)
    ratio = ratios(one, other, shift=check.op.shift * shift)
    check.show(other.got, one.got, shifted, ratio_of_difference=ratio.max())
    assert check.holds(ratio <= 1, other.got, one.got + check.op.shift * shift)


@pytest.mark.requirement("INV-02", cases=permuted)
def test_permutation_permutes(check: Trial) -> None:
    n = check.call.x.shape[-1]
    order = np.random.default_rng(2).permutation(n)
    moved = replace(
        check.case, name="permuted", x=f"({check.case.x})[:, np.random.default_rng(2).permutation({n})]"
    )
    one, other = check.judgement(), check.judgement(moved)
    moves = ... if check.op.per_row else (slice(None), order)
    ratio = ratios(one, other, moves)
    check.show(other.got, one.got[moves], moved, ratio_of_difference=ratio.max())
    assert check.holds(ratio <= 1, other.got, one.got[moves])


@pytest.mark.requirement("INV-03", cases=distant_rows)
def test_distant_rows_are_apart(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("INV-04", cases=repeated)
def test_equal_logits_have_equal_results(check: Trial) -> None:
    got = check.result()
    kinds = [
        np.unique(row[x == value])
        for row, x in zip(got, check.call.rows(check.call.x), strict=True)
        for value in np.unique(x)
    ]
    check.show(kinds[0], "one value", distinct=max(len(kind) for kind in kinds))
    odd = next((kind for kind in kinds if len(kind) > 1), None)
    if odd is not None:
        check.show(odd[1], odd[0])
    assert odd is None


@pytest.mark.requirement("INV-05", cases=ascending)
def test_larger_logit_has_no_smaller_result_by_more_than_an_ulp(check: Trial) -> None:
    got = check.result()
    fmt = format_of(check.dtype)
    functions = check.target.errors(check.dtype).granted(fmt)
    worse = (functions.exponential - EXPONENTIAL) * fmt.roundoff  # an exponential's own error is ACC-08's finding
    allowed = spacing(got[:, 1:], fmt) + np.abs(got[:, 1:]) * worse
    falls = np.argwhere(np.diff(got, axis=-1) < -allowed)
    shown = got[falls[0][0], falls[0][1] : falls[0][1] + 2] if len(falls) else got[0, :2]
    check.show(shown, "smaller by an ulp at most", falls=len(falls))
    assert not len(falls)


@pytest.mark.requirement("INV-06", cases=in_every_regime)
def test_results_stay_in_their_range(check: Trial) -> None:
    got = check.result()
    low, high = check.op.range(check.call.rows(check.call.x))
    check.show([got.min(), got.max()], f"[{low}, {high}]")
    ulp = spacing(np.asarray(high), format_of(check.dtype)) if check.op.excess else 0.0
    assert check.holds(got >= low, got, low)
    assert check.holds(got <= high + check.op.excess * ulp, got, high)


@pytest.mark.requirement("INV-08", cases=in_every_regime)
def test_no_probability_exceeds_one(check: Trial) -> None:
    got = check.result()
    assert check.holds(got <= 1, got, 1.0)


@pytest.mark.requirement("INV-07", cases=padded)
def test_padding_with_minus_infinity_leaves_the_rest(check: Trial) -> None:
    wide = replace(
        check.case, name="padded", x=f"np.pad({check.case.x}, ((0, 0), (0, 967)), constant_values=-np.inf)"
    )
    one, other = check.judgement(), check.judgement(wide)
    kept = ... if check.op.per_row else (slice(None), slice(0, 33))
    ratio = ratios(other, one, kept)
    check.show(other.got[kept], one.got, wide, ratio_of_difference=ratio.max())
    assert check.holds(ratio <= 1, other.got[kept], one.got)
