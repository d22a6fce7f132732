"""Gradients: reverse mode, forward mode and second derivatives against the exact ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.cases import Case, normal, regimes, soft_labels, with_labels
from conformance.target import Check, Refused
from conformance.ulp import exact, format_of, round_to

LOSS = "softmax_cross_entropy"
LENGTHS = {"quick": (33, 1000), "full": (1, 2, 3, 33, 129, 1000, 1025, 4097)}
LENGTHS["exhaustive"] = (*LENGTHS["full"], 50257)


def derivative(kind: str) -> Callable[[str, str, str], Iterator[Case]]:
    """`kind` of every regime, for a random cotangent and tangent."""

    def cases(operation: str, dtype: str, tier: str) -> Iterator[Case]:
        for n in LENGTHS[tier]:
            yield from differentiated(Case(f"regimes-n{n}-seed{n}", regimes(n, seed=n)), kind, operation, n)

    return cases


def differentiated(case: Case, kind: str, operation: str, n: int, rows: int = 6) -> Iterator[Case]:
    """`case` with what `kind` needs, in both label forms."""
    cotangent = f"np.random.default_rng(11).standard_normal({rows if operation == LOSS else (rows, n)})"
    tangent = f"np.random.default_rng(12).standard_normal(({rows}, {n}))"
    made = replace(
        case,
        derivative=kind,
        cotangent=cotangent if kind != "jvp" else None,
        tangent=tangent if kind != "vjp" else None,
    )
    yield from with_labels(made, operation, rows, n)


def masked(kind: str) -> Callable[[str, str, str], Iterator[Case]]:
    """Rows with −inf at every third position, where cotangent and tangent are 0."""

    def cases(operation: str, dtype: str, tier: str) -> Iterator[Case]:
        if not format_of(dtype).infinite:
            return
        hidden = "(np.arange(33) % 3 == [[0], [1], [2], [0], [1], [2]])"
        x = f"np.where({hidden}, -np.inf, np.random.default_rng(33).standard_normal((6, 33)))"
        case = next(differentiated(Case("third-masked-n33", x), kind, "softmax", 33))
        if operation == LOSS:
            # a class that is not masked in its row; probabilities over the others
            labels = "np.array([1, 2, 0, 4, 5, 3])"
            case = replace(case, cotangent="np.array([1, -2, 0.5, 3, 1, 1.5])" if kind == "vjp" else None)
            case = replace(case, tangent=f"np.where({hidden}, 0, {case.tangent})" if kind == "jvp" else None)
            yield replace(case, name=f"index-{case.name}", labels=labels)
            return
        for name in ("cotangent", "tangent"):
            if getattr(case, name) is not None:
                changed: dict[str, Any] = {name: f"np.where({hidden}, 0, {getattr(case, name)})"}
                case = replace(case, **changed)
        yield case

    return cases


def all_masked(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A row of −inf alone between ordinary ones."""
    if format_of(dtype).infinite:
        x = "np.where(np.arange(6)[:, None] == 1, -np.inf, np.linspace(-1, 1, 33))"
        cotangent = "np.random.default_rng(11).standard_normal((6, 33))"
        yield Case("row-1-all-masked-n33", x, derivative="vjp", cotangent=cotangent)


def upstream_zero(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """An upstream gradient that is 0 in every other row."""
    case = Case(
        "upstream-alternates-n33",
        regimes(33, seed=33),
        derivative="vjp",
        cotangent="np.array([0.0, 1, 0, -2, 0, 0.5])",
    )
    yield from with_labels(case, operation, 6, 33)


def in_labels(kind: str) -> Callable[[str, str, str], Iterator[Case]]:
    """Derivatives with respect to probability labels."""

    def cases(operation: str, dtype: str, tier: str) -> Iterator[Case]:
        for n in (33,) if tier == "quick" else (3, 33):
            x = f"{normal(6, n, seed=n)} * 2"
            case = Case(
                f"labels-n{n}",
                x,
                labels=soft_labels(6, n),
                derivative=kind,
                wrt="labels",
                cotangent="np.array([1, -2, 0.5, 3, 1, 1.5])",
            )
            tangent = f"np.random.default_rng(12).standard_normal((6, {n}))"
            yield case if kind == "vjp" else replace(case, tangent=tangent)

    return cases


def unnormalised(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Labels whose rows sum to 2, to 0.5 and to 0."""
    labels = "np.array([[1.0, 0.5, 0.5], [0.25, 0.25, 0], [0, 0, 0]])"
    yield Case(
        "label-sums-2-half-0",
        "np.array([[0.5, -1, 2], [1, 0, -2], [3, 1, 0]])",
        labels=labels,
        derivative="vjp",
        cotangent="np.ones(3)",
    )


def long_rows(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Equal logits past what a 16-bit sum can count, and one ahead of the others, for a cotangent of ones."""
    for n in (2049, 65546):
        if 1 / n >= format_of(dtype).smallest_subnormal:
            ones = f"np.ones((1, {n}))"
            ahead = f"np.where(np.arange({n}) == 0, 5.0, np.zeros((1, {n})))"
            yield Case(f"ahead-n{n}-ones", ahead, derivative="vjp", cotangent=ones)
            yield Case(f"equal-n{n}-ones", f"np.zeros((1, {n}))", derivative="vjp", cotangent=ones)


def strided(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A cotangent stored in another order than it is read."""
    yield from differentiated(Case("regimes-n33-seed33", regimes(33, seed=33)), "vjp", operation, 33)


@pytest.mark.requirement("GRD-01", cases=derivative("vjp"))
def test_gradient_is_within_the_bound(check: Check) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-02", cases=derivative("jvp"))
def test_forward_mode_is_within_the_bound(check: Check) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-03", cases=derivative("hvp"))
def test_second_derivative_is_within_the_bound_or_refused(check: Check) -> None:
    right_or_refused(check, "hvp")


@pytest.mark.requirement("GRD-04", cases=masked("vjp"))
def test_gradient_at_masked_logit_is_zero(check: Check) -> None:
    check.judge("D")
    judgement = check.judgement()
    hidden = np.isneginf(judgement.call.rows(judgement.call.x))
    assert (judgement.got[hidden] == 0).all()
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-05", cases=masked("jvp"))
def test_forward_mode_passes_masked_logits(check: Check) -> None:
    judgement = check.judgement()
    hidden = np.isneginf(judgement.call.rows(judgement.call.x))
    check.judge("D")
    if judgement.got.ndim == 1:
        assert check.judge("D") <= 1
        return
    # what −inf itself moves by is not defined: only the live entries have a derivative
    assert (judgement.ratios("D")[~hidden] <= 1).all()


@pytest.mark.requirement("GRD-06", cases=all_masked)
def test_gradient_of_all_masked_row_has_one_answer(check: Check) -> None:
    check.need("vjp")
    row = check.result()[1]
    check.show(row, "NaN or 0 at every position")
    check.choose({"row 1": "nan" if np.isnan(row).all() else "zero" if (row == 0).all() else "other"})


@pytest.mark.requirement("GRD-07", cases=derivative("vjp"))
def test_gradient_of_a_row_sums_to_zero(check: Check) -> None:
    judgement = check.judgement()
    totals = judgement.got.sum(axis=-1)
    allowed = judgement.tolerance["D"].sum(axis=-1)
    exact_totals = (judgement.truth.value + judgement.truth.residual).sum(axis=-1)
    check.show(totals, exact_totals, ratio_of_sums=float(np.max(np.abs(totals - exact_totals) / allowed)))
    assert (np.abs(totals - exact_totals) <= allowed).all()


@pytest.mark.requirement("GRD-08", cases=upstream_zero)
def test_upstream_gradient_multiplies_each_row(check: Check) -> None:
    check.judge("D")
    assert (check.judgement().got[::2][[0, 1]] == 0).all()
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-09", cases=in_labels("hvp"))
def test_mixed_second_derivative_is_within_the_bound_or_refused(check: Check) -> None:
    right_or_refused(check, "hvp", "probability_labels")


@pytest.mark.requirement("GRD-10", cases=in_labels("vjp"))
def test_gradient_in_labels_is_within_the_bound_or_refused(check: Check) -> None:
    right_or_refused(check, "vjp", "probability_labels")


@pytest.mark.requirement("GRD-11", cases=unnormalised)
def test_gradient_for_unnormalised_labels_has_one_formula(check: Check) -> None:
    check.need("vjp", "probability_labels")
    judgement = check.judgement()
    probabilities = check.target.judge(
        replace(check.case, derivative="", labels=None, cotangent=None), "softmax", check.dtype
    )
    labels = check.call.rows(check.call.labels)  # type: ignore[arg-type]  # the case has labels
    assumed = probabilities.truth.value - labels
    allowed = judgement.tolerance["D"] + probabilities.tolerance["D"]
    check.show(judgement.got, judgement.truth.value)
    check.choose(
        {
            f"labels of sum {total}": "exact"
            if (judgement.ratios("D")[i] <= 1).all()
            else "normalised"
            if (np.abs(judgement.got[i] - assumed[i]) <= allowed[i]).all()
            else "other"
            for i, total in enumerate(labels.sum(axis=-1))
        }
    )


@pytest.mark.requirement("GRD-12", cases=long_rows)
def test_gradient_of_a_long_row_is_within_the_bound(check: Check) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-13", cases=derivative("vjp"))
def test_forward_and_reverse_mode_agree(check: Check) -> None:
    check.need("vjp", "jvp")
    tangent = f"np.random.default_rng(12).standard_normal({check.call.x.shape})"
    forward_case = replace(check.case, name="forward", derivative="jvp", cotangent=None, tangent=tangent)
    reverse, forward = check.judgement(), check.judgement(forward_case)
    c = exact(check.call.cotangent)
    t = exact(forward.call.tangent)
    pairs = (c * forward.got).sum(), (reverse.got * t).sum()
    allowed = (np.abs(c) * forward.tolerance["D"]).sum() + (np.abs(t) * reverse.tolerance["D"]).sum()
    check.show(pairs[0], pairs[1], ratio_of_difference=float(abs(pairs[0] - pairs[1]) / allowed))
    assert abs(pairs[0] - pairs[1]) <= allowed


@pytest.mark.requirement("GRD-14", cases=strided)
def test_strided_cotangent_is_read_in_its_own_order(check: Check) -> None:
    call = check.call
    stored = np.asfortranarray(round_to(exact(call.cotangent), check.dtype))
    viewed = replace(call, cotangent=stored)
    judgement = check.judgement()
    off = np.abs(call.rows(viewed.run(check.adapter)) - judgement.truth.value)
    check.show(off.max(), 0.0)
    assert (off <= judgement.tolerance["D"] * (1 + 2**-20)).all()


def right_or_refused(check: Check, *features: str) -> None:
    """Judge, unless the framework refuses by raising."""
    check.need(*features)
    answer = check.attempt(lambda: check.call.run(check.adapter))
    if isinstance(answer, Refused):
        check.observed = "refused"
        check.show(answer, "the derivative, or an error")
        return
    check.observed = "computed"
    assert check.judge("D") <= 1
