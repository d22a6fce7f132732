"""Special values: what NaN, +inf, −inf and masks do to their own row and to the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from conformance.cases import losses
from conformance.cases.rows import index_labels, soft_labels, with_labels
from conformance.operations.operation import Operation
from conformance.run.case import Case
from conformance.run.target import Trial
from conformance.truth.formats import Floats, exact, format_of

Provider = Callable[[str, str, str], Iterator[Case]]

LENGTHS = (3, 33, 130)  # within a vector, past one with a tail, past 128
SELECTED = "np.array([0, 1, 126, 127, 128, 129, 512, 1022, 1023, 1024])"  # about the ends of vectors and blocks
PLACES = "np.array([0, 5, 15, 16, 31, 32])"  # of what is special in six rows of 33


def at_each_position(value: str) -> Provider:
    """Rows with `value` at each position in turn, the other logits from −1 to 1; at some of a long row."""

    def cases(operation: str, dtype: str, tier: str) -> Iterator[Case]:
        if "inf" in value and not format_of(dtype).infinite:
            return
        name = value.replace("np.", "").replace("-", "minus-")
        # in a row of one, NaN is all that several answers to +inf have, and −inf is all there is
        short = (1, 2) if value == "np.nan" else (2,)
        for n in LENGTHS if tier == "quick" else (*short, *LENGTHS):
            x = f"np.where(np.eye({n}) == 1, {value}, np.linspace(-1, 1, {n}))"
            yield Case(f"{name}-each-position-n{n}", x)
        if value == "np.nan":  # a reader that tells numbers apart by their bits sorts it below −inf
            x = "np.where(np.eye(33) == 1, np.copysign(np.nan, -1), np.linspace(-1, 1, 33))"
            yield Case(f"{name}-with-sign-each-position-n33", x)
        if tier != "quick":
            x = f"np.where(np.eye(1025)[{SELECTED}] == 1, {value}, np.linspace(-1, 1, 1025))"
            yield Case(f"{name}-selected-positions-n1025", x)

    return cases


def positions_and_ranks(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """One +inf at each position, and in logits of one and of three axes and along the first axis."""
    yield from at_each_position("np.inf")(operation, dtype, tier)
    if format_of(dtype).infinite:
        x = f"np.where(np.eye(33)[{PLACES}] == 1, np.inf, np.linspace(-1, 1, 33))"
        yield from ranks(Case("inf-n33", x), dtype, tier)


def ranks(case: Case, dtype: str, tier: str) -> Iterator[Case]:
    """Row 1 of `case`, six rows of 33, by itself, and all rows within three axes and along the first."""
    if tier != "quick" or dtype == "float32":  # each is compiled anew
        yield replace(case, name=f"rank-1-{case.name}", x=f"({case.x})[1]")
        yield replace(case, name=f"rank-3-{case.name}", x=f"({case.x}).reshape(2, 3, 33)")
        yield replace(case, name=f"axis-0-{case.name}", x=f"({case.x}).T", axis=0)


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
    for n in (1024,) if tier == "quick" else (1024, 65536):  # online, the first block's maximum is −inf
        if 1 / n > format_of(dtype).smallest_normal:
            x = f"np.where(np.arange({n}) < {n // 2}, -np.inf, np.arange({n}) % 7 - 3.0)"
            yield Case(f"leading-half-masked-n{n}", f"np.stack([{x}, ({x})[::-1]])")


def all_masked(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Batches of which every other row is −inf alone, in one, two and three axes and along the first."""
    if format_of(dtype).infinite:
        for n in (33, 130) if tier == "quick" else (1, 2, *LENGTHS, 1000):
            yield Case(
                f"all-masked-n{n}", f"np.where(np.arange(6)[:, None] % 2 == 0, -np.inf, np.zeros((6, {n})))"
            )
        x = "np.where(np.arange(6)[:, None] % 2 == 1, -np.inf, np.zeros((6, 33)))"
        yield from ranks(Case("all-masked-n33", x), dtype, tier)


def masked_and_all_masked(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Some −inf, and rows of −inf alone."""
    yield from masked(operation, dtype, tier)
    yield from all_masked(operation, dtype, tier)


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
    if tier != "quick" or dtype == "float32":
        x = "np.where(np.arange(33) % 3 == 0, np.nan, np.linspace(-2, 2, 33) + np.arange(6)[:, None])"
        yield Case("hidden-nan-in-every-row-n33", x)


def hidden_rows(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows outside `where` altogether."""
    if format_of(dtype).infinite:
        yield Case("hidden-row-n33", "np.zeros((6, 33))")
        yield from ranks(Case("hidden-row-n33", "np.zeros((6, 33))"), dtype, tier)


def one_nan(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A NaN at the class of the label, beside it and far from it, and probabilities of both."""
    x = f"np.where(np.eye(33)[{PLACES}] == 1, np.nan, np.linspace(-1, 1, 33))"
    yield Case("index-nan-at-label", x, labels=PLACES)
    yield Case("index-nan-beside-label", x, labels=f"({PLACES} + 1) % 33")
    yield Case("index-nan-far-from-label", x, labels=f"({PLACES} + 17) % 33")
    yield Case("probability-nan", x, labels=soft_labels(6, 33))
    yield Case("probability-nan-at-zero", x, labels=f"np.eye(33)[({PLACES} + 1) % 33]")


def one_infinity(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A +inf at the class of the label in every other row, and elsewhere in the others, in both label forms."""
    if format_of(dtype).infinite:
        x = f"np.where(np.eye(33)[{PLACES}] == 1, np.inf, np.linspace(-1, 1, 33))"
        labels = f"({PLACES} + np.array([0, 1, 0, 17, 0, 32])) % 33"
        yield Case("index-inf", x, labels=labels)
        yield Case("probability-inf", x, labels=f"np.eye(33)[{labels}]")


def no_logit(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows of −inf alone between ordinary ones, in both label forms."""
    if format_of(dtype).infinite:
        x = "np.where(np.arange(6)[:, None] % 2 == 1, -np.inf, np.linspace(-1, 1, 33))"
        yield Case("index-all-masked", x, labels=index_labels(6, 33))
        yield Case("probability-all-masked", x, labels=soft_labels(6, 33))


def along_other_axes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows of one NaN, of −inf first, last, at every other position and at all but one, along other axes."""
    if not format_of(dtype).infinite or (tier == "quick" and dtype != "float32"):
        return
    n = "np.arange(33)"
    rows = f"np.array([{n} == 16, {n} == 0, {n} == 32, {n} % 2 == 0, {n} != 16, {n} < 0])"
    x = f"np.where({rows}, np.where(np.arange(6)[:, None] == 0, np.nan, -np.inf), np.linspace(-1, 1, 33))"
    yield Case("axis-0-n33", f"({x}).T", axis=0)
    yield Case("middle-axis-n33", f"({x}).reshape(2, 3, 33).swapaxes(1, 2)", axis=1)


def answer(row: Floats, special: NDArray[np.bool_] | None, operation: Operation) -> str:
    """Name what a row holds at the special position, if it has one, and elsewhere."""
    empty, whole = operation.masked, operation.single(np.zeros((1, 1))).item()
    if np.isnan(row).all():
        return "nan"
    if (row == empty).all():
        return "empty"
    if special is not None and (row[~special] == empty).all():
        return (
            "nan_at_inf"
            if np.isnan(row[special]).all()
            else "one_hot"
            if (row[special] == whole).all()
            else "other"
        )
    return "other"


@pytest.mark.requirement("SPV-01", cases=masked)
def test_masked_logits_have_probability_zero(check: Trial) -> None:
    judgement = check.judgement()
    hidden = np.isneginf(judgement.call.rows(judgement.call.x))
    check.judge("D")
    assert check.holds(~hidden | (judgement.got == 0), judgement.got, 0.0)
    assert check.judge("D") <= 1


@pytest.mark.requirement("SPV-02", cases=masked)
def test_masked_logits_have_log_probability_minus_infinity(check: Trial) -> None:
    judgement = check.judgement()
    hidden = np.isneginf(judgement.call.rows(judgement.call.x))
    check.judge("D")
    assert check.holds(~hidden | np.isneginf(judgement.got), judgement.got, -np.inf)
    assert check.judge("D") <= 1


@pytest.mark.requirement("SPV-03", cases=all_masked)
def test_all_masked_row_has_one_answer(check: Trial) -> None:
    masked = np.isneginf(check.call.rows(check.call.x)).all(axis=-1)
    got = check.call.rows(check.call.run(check.adapter))
    check.show(got[masked], "NaN, or probability 0, at every position")
    check.choose({f"row {i}": answer(got[i], None, check.op) for i in np.flatnonzero(masked)})


@pytest.mark.requirement("SPV-04", cases=at_each_position("np.nan"))
def test_nan_makes_its_row_nan(check: Trial) -> None:
    got = check.result()
    missed = np.argwhere(~np.isnan(got))
    check.show(got[missed[0][0]] if len(missed) else got[0], "NaN at every position", kept=len(missed))
    assert check.holds(np.isnan(got), got, np.nan)


@pytest.mark.requirement("SPV-05", cases=poisoned_neighbours)
def test_poisoned_row_changes_no_other(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("SPV-06", cases=positions_and_ranks)
def test_infinity_has_one_answer(check: Trial) -> None:
    got = check.call.rows(check.call.run(check.adapter))
    special = np.isposinf(check.call.rows(check.call.x))
    check.show(got[0], "one answer at every position")
    check.choose(
        {f"+inf at {int(np.argmax(at))}": answer(row, at, check.op) for row, at in zip(got, special, strict=True)}
    )


@pytest.mark.requirement("SPV-08", cases=largest_masked)
def test_largest_negative_masks(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("SPV-09", cases=hidden)
def test_entries_outside_where_count_nothing(check: Trial) -> None:
    check.need("where")
    every_row = len(check.call.x) == 6  # then `where` has but one
    shown = np.arange(33) % 3 != (0 if every_row else np.array([[0], [1]]))
    got = _under(check, shown)
    bare = replace(check.case, name="bare", x=f"np.where({shown.tolist()}, {check.case.x}, -np.inf)")
    within = check.compare(got, case=bare)
    check.describe(check.case)
    assert check.holds(shown | (got == check.op.masked), got, check.op.masked)
    assert within <= 1


@pytest.mark.requirement("SPV-10", cases=hidden_rows)
def test_row_outside_where_has_one_answer(check: Trial) -> None:
    check.need("where")
    inside = np.arange(6) % 2 == 0
    shown = np.repeat(inside[:, None], 33, axis=1)
    if check.call.x.ndim == 1:
        inside, shown = inside[1:2], shown[1]
    got = check.call.rows(_under(check, shown.T if check.case.axis == 0 else shown.reshape(check.call.x.shape)))
    check.show(got[~inside], "NaN, or probability 0, at every position")
    check.choose({f"row {i}": answer(got[i], None, check.op) for i in np.flatnonzero(~inside)})


@pytest.mark.requirement("SPV-11", cases=one_nan)
def test_nan_makes_its_loss_nan(check: Trial) -> None:
    got = check.result()
    check.show(got, "NaN in every row", kept=float(np.sum(~np.isnan(got))))
    assert check.holds(np.isnan(got), got, np.nan)


@pytest.mark.requirement("SPV-12", cases=one_infinity)
def test_loss_of_infinity_has_one_answer(check: Trial) -> None:
    got = check.result()
    check.show(got, "NaN in every row, or NaN or 0, and +inf, in turn")
    at_label, elsewhere = got[::2], got[1::2]
    if np.isnan(got).all():
        name = "nan"
    elif np.isposinf(elsewhere).all() and (np.isnan(at_label).all() or (at_label == 0).all()):
        name = "limit" if (at_label == 0).all() else "nan_at_label"
    else:
        name = "other"
    check.choose({"+inf at the label, and elsewhere": name})


@pytest.mark.requirement("SPV-13", cases=no_logit)
def test_loss_of_all_masked_row_has_one_answer(check: Trial) -> None:
    got = check.result()[1::2]
    check.show(got, "NaN or +inf in every other row")
    check.choose(
        {
            f"row {2 * i + 1}": "nan" if np.isnan(of) else "infinite" if np.isposinf(of) else "other"
            for i, of in enumerate(got)
        }
    )


@pytest.mark.requirement("SPV-14", cases=along_other_axes)
def test_special_values_along_another_axis_are_those_along_the_last(check: Trial) -> None:
    judgement = check.judgement()
    x, got = judgement.call.rows(judgement.call.x), judgement.got
    within = check.judge("D")
    poisoned = np.isnan(x).any(axis=-1).reshape(-1, *[1] * (got.ndim - 1))
    assert check.holds(~poisoned | np.isnan(got), got, np.nan)
    assert check.op.per_row or check.holds(~np.isneginf(x) | (got == check.op.masked), got, check.op.masked)
    assert within <= 1


@pytest.mark.requirement("SPV-15", cases=masked_and_all_masked)
def test_masked_logits_add_nothing(check: Trial) -> None:
    nothing = np.isneginf(check.call.rows(check.call.x)).all(axis=-1)
    within = check.judge("D")
    got = check.judgement().got
    check.show(got[nothing], np.full(nothing.sum(), -np.inf))
    assert check.holds(~nothing | np.isneginf(got), got, -np.inf)
    assert within <= 1


@pytest.mark.requirement("SPV-16", cases=positions_and_ranks)
def test_infinity_outweighs_all_other_logits(check: Trial) -> None:
    got = check.judgement().got
    check.show(got, np.inf)
    assert check.holds(np.isposinf(got), got, np.inf)


@pytest.mark.requirement("SPV-17", cases=losses.zero_probability)
def test_probability_of_zero_adds_nothing_to_a_divergence(check: Trial) -> None:
    check.need("probability_labels")
    assert check.judge("D") <= 1


@pytest.mark.requirement("SPV-18", cases=losses.masked_probability)
def test_divergence_from_a_masked_class_is_infinite(check: Trial) -> None:
    check.need("probability_labels")
    got = check.result()
    check.show(got, np.inf)
    assert check.holds(np.isposinf(got), got, np.inf)


def _under(check: Trial, shown: NDArray[np.bool_]) -> Floats:
    function = getattr(check.adapter, check.operation)
    arrays = check.adapter.asarray(check.call.x), check.adapter.asarray(shown)
    return exact(check.adapter.to_numpy(function(arrays[0], axis=check.case.axis, where=arrays[1])))
