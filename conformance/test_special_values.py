"""Special values: what NaN, +inf, −inf and masks do to their own row and to the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from conformance.cases import Case, with_labels
from conformance.target import Check
from conformance.ulp import Floats, exact, format_of

LENGTHS = (3, 33, 130)  # within a vector, past one with a tail, past 128


def at_each_position(value: str, lengths: tuple[int, ...] = LENGTHS) -> Callable[[str, str, str], Iterator[Case]]:
    """Rows with `value` at each position in turn, the other logits from −1 to 1."""

    def cases(operation: str, dtype: str, tier: str) -> Iterator[Case]:
        if "inf" in value and not format_of(dtype).infinite:
            return
        for n in lengths:
            x = f"np.where(np.eye({n}) == 1, {value}, np.linspace(-1, 1, {n}))"
            yield Case(f"{value.replace('np.', '').replace('-', 'minus-')}-each-position-n{n}", x)

    return cases


def masked(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """−inf at one position, at all but one, at every other, and over the first and second half."""
    if not format_of(dtype).infinite:
        return
    yield from at_each_position("-np.inf")(operation, dtype, tier)
    for n in LENGTHS:
        row = f"np.linspace(-1, 1, {n})"
        yield Case(f"all-but-one-masked-n{n}", f"np.where(np.eye({n}) == 1, {row}, -np.inf)")
        yield Case(
            f"half-masked-n{n}", f"np.where((np.arange({n}) + np.arange({n})[:, None]) % 2 == 0, {row}, -np.inf)"
        )


def all_masked(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Batches whose first, middle and last rows are −inf alone."""
    if format_of(dtype).infinite:
        for n in (33, 130) if tier == "quick" else (1, 2, *LENGTHS, 1000):
            yield Case(
                f"all-masked-n{n}", f"np.where(np.arange(6)[:, None] % 2 == 0, -np.inf, np.zeros((6, {n})))"
            )


def poisoned_neighbours(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Ordinary rows between rows of NaN, +inf and −inf."""
    for n in (33,) if tier == "quick" else (3, 33):
        for name in ("nan", "inf", "-inf"):
            if "inf" in name and not format_of(dtype).infinite:
                continue
            x = f"np.where(np.arange(6)[:, None] % 2 == 1, np.{name.lstrip('-')}, np.linspace(-2, 2, {n}))"
            x = f"-({x})" if name.startswith("-") else x
            case = Case(f"beside-{name.replace('-', 'minus-')}-n{n}", x)
            yield from with_labels(case, operation, 6, n)


def largest_masked(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Minus the largest finite number at each position but one, and at one position."""
    for n in (3, 33):
        row = f"np.linspace(-1, 1, {n})"
        yield Case(f"largest-all-but-one-n{n}", f"np.where(np.eye({n}) == 1, {row}, -MAX)")
        yield Case(f"largest-each-position-n{n}", f"np.where(np.eye({n}) == 1, -MAX, {row})")


def hidden(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits of which every third is outside `where`, holding what must not count."""
    if not format_of(dtype).infinite:
        return
    for name, value in {"nan": "np.nan", "inf": "np.inf", "largest": "MAX", "zero": "0.0"}.items():
        yield Case(
            f"hidden-{name}-n33",
            f"np.where(np.arange(33) % 3 == [[0], [1]], {value}, np.linspace(-2, 2, 33))",
        )


def hidden_rows(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows outside `where` altogether."""
    if format_of(dtype).infinite:
        yield Case("hidden-row-n33", "np.zeros((2, 33))")


def classify(rows: Floats, special: NDArray[np.bool_], operation: str) -> str:
    """Name what each row holds at the special position and elsewhere."""
    empty, whole = (0.0, 1.0) if operation == "softmax" else (-np.inf, 0.0)
    at, elsewhere = rows[special], rows[~special]
    if np.isnan(rows).all():
        return "nan"
    if (rows == empty).all():
        return "empty"
    if np.isnan(at).all() and (elsewhere == empty).all():
        return "nan_at_inf"
    if (at == whole).all() and (elsewhere == empty).all():
        return "one_hot"
    return "other"


@pytest.mark.requirement("SPV-01", cases=masked)
def test_masked_logits_have_probability_zero(check: Check) -> None:
    judgement = check.judgement()
    hidden = np.isneginf(judgement.call.rows(judgement.call.x))
    check.judge("D")
    assert (judgement.got[hidden] == 0).all()
    assert check.judge("D") <= 1


@pytest.mark.requirement("SPV-02", cases=masked)
def test_masked_logits_have_log_probability_minus_infinity(check: Check) -> None:
    judgement = check.judgement()
    hidden = np.isneginf(judgement.call.rows(judgement.call.x))
    check.judge("D")
    assert np.isneginf(judgement.got[hidden]).all()
    assert check.judge("D") <= 1


@pytest.mark.requirement("SPV-03", cases=all_masked)
def test_all_masked_row_has_one_answer(check: Check) -> None:
    got = check.result()[::2]
    check.show(got, "NaN, or probability 0, at every position")
    special = np.zeros(got.shape[1], bool)
    check.choose(
        {f"row {2 * i}": classify(row[None], special[None], check.operation) for i, row in enumerate(got)}
    )


@pytest.mark.requirement("SPV-04", cases=at_each_position("np.nan"))
def test_nan_makes_its_row_nan(check: Check) -> None:
    got = check.result()
    missed = np.argwhere(~np.isnan(got))
    check.show(got[missed[0][0]] if len(missed) else got[0], "NaN at every position", kept=len(missed))
    assert np.isnan(got).all()


@pytest.mark.requirement("SPV-05", cases=poisoned_neighbours)
def test_poisoned_row_changes_no_other(check: Check) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("SPV-06", cases=at_each_position("np.inf"))
def test_infinity_has_one_answer(check: Check) -> None:
    got = check.result()
    special = np.isposinf(exact(check.call.x))
    check.show(got[0], "one answer at every position")
    check.choose(
        {f"+inf at {i}": classify(row[None], special[i][None], check.operation) for i, row in enumerate(got)}
    )


@pytest.mark.requirement("SPV-07", cases=at_each_position("np.inf", (3, 33)))
def test_infinity_is_answered_alike_by_both_functions(check: Check) -> None:
    special = np.isposinf(exact(check.call.x))
    logs = check.result()
    plain = exact(check.case.call("softmax", check.dtype).run(check.adapter))
    check.show(logs[0], plain[0])
    assert classify(logs, special, "log_softmax") == classify(plain, special, "softmax")


@pytest.mark.requirement("SPV-08", cases=largest_masked)
def test_largest_negative_masks(check: Check) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("SPV-09", cases=hidden)
def test_entries_outside_where_count_nothing(check: Check) -> None:
    check.need("where")
    shown = np.arange(33) % 3 != np.array([[0], [1]])
    got = _under(check, shown)
    empty = 0.0 if check.operation == "softmax" else -np.inf
    bare = Case("bare", f"np.where({shown.tolist()}, np.linspace(-2, 2, 33), -np.inf)")
    judgement = check.judgement(bare)
    check.show(got, judgement.truth.value)
    assert (got[~shown] == empty).all()
    off = np.abs(got[shown] - judgement.truth.value[shown])
    assert (off <= judgement.tolerance["D"][shown]).all()


@pytest.mark.requirement("SPV-10", cases=hidden_rows)
def test_row_outside_where_has_one_answer(check: Check) -> None:
    check.need("where")
    shown = np.array([[True], [False]]) & np.ones((1, 33), bool)
    got = _under(check, shown)
    check.show(got[1], "NaN, or probability 0, at every position")
    check.choose({"row 1": classify(got[1:2], np.zeros((1, 33), bool), check.operation)})


def _under(check: Check, shown: NDArray[np.bool_]) -> Floats:
    function = getattr(check.adapter, check.operation)
    result = function(check.adapter.asarray(check.call.x), where=check.adapter.asarray(shown))
    return exact(check.adapter.to_numpy(result))
