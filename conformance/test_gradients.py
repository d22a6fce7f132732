"""Gradients: reverse mode, forward mode and second derivatives against the exact ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conformance.cases import gradients
from conformance.cases.gradients import derivative, in_labels, masked
from conformance.cases.losses import focusing
from conformance.run.target import Refused, Trial
from conformance.truth.formats import exact, round_to

HIDDEN = np.arange(33) % 3 == np.array([[0], [1], [2], [0], [1], [2]])  # gradients.THIRD


@pytest.mark.requirement("GRD-01", cases=derivative("vjp"))
def test_gradient_is_within_the_bound(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-02", cases=derivative("jvp"))
def test_forward_mode_is_within_the_bound(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-03", cases=derivative("hvp"))
def test_second_derivative_is_within_the_bound_or_refused(check: Trial) -> None:
    right_or_refused(check, "hvp")


@pytest.mark.requirement("GRD-04", cases=masked("vjp"))
def test_gradient_at_masked_logit_is_zero(check: Trial) -> None:
    check.judge("D")
    judgement = check.judgement()
    hidden = np.isneginf(judgement.call.rows(judgement.call.x))
    assert check.holds(~hidden | (judgement.got == 0), judgement.got, 0.0)
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-05", cases=masked("jvp"))
def test_forward_mode_passes_masked_logits(check: Trial) -> None:
    judgement = check.judgement()
    hidden = np.isneginf(judgement.call.rows(judgement.call.x))
    check.judge("D")
    if judgement.got.ndim == 1:
        assert check.judge("D") <= 1
        return
    # what −inf itself moves by is not defined: only the live entries have a derivative
    assert check.holds(hidden | (judgement.ratios("D") <= 1), judgement.got, judgement.truth.value)


@pytest.mark.requirement("GRD-06", cases=gradients.all_masked)
def test_gradient_of_all_masked_row_has_one_answer(check: Trial) -> None:
    check.need("vjp")
    row = check.result()[1]
    check.show(row, "NaN or 0 at every position")
    check.choose({"row 1": "nan" if np.isnan(row).all() else "zero" if (row == 0).all() else "other"})


@pytest.mark.requirement("GRD-07", cases=derivative("vjp"))
def test_gradient_of_a_row_sums_to_zero(check: Trial) -> None:
    judgement = check.judgement()
    totals = judgement.got.sum(axis=-1)
    allowed = judgement.tolerance["D"].sum(axis=-1)
    exact_totals = (judgement.truth.value + judgement.truth.residual).sum(axis=-1)
    check.show(totals, exact_totals, ratio_of_sums=float(np.max(np.abs(totals - exact_totals) / allowed)))
    assert check.holds(np.abs(totals - exact_totals) <= allowed, totals, exact_totals)


@pytest.mark.requirement("GRD-08", cases=gradients.upstream_zero)
def test_upstream_gradient_multiplies_each_row(check: Trial) -> None:
    check.judge("D")
    got = check.judgement().got
    assert check.holds(got[[0, 2]] == 0, got[[0, 2]], 0.0)
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-09", cases=in_labels("hvp"))
def test_mixed_second_derivative_is_within_the_bound_or_refused(check: Trial) -> None:
    right_or_refused(check, "hvp", "probability_labels")


@pytest.mark.requirement("GRD-10", cases=in_labels("vjp"))
def test_gradient_in_labels_is_within_the_bound_or_refused(check: Trial) -> None:
    right_or_refused(check, "vjp", "probability_labels")


@pytest.mark.requirement("GRD-11", cases=gradients.unnormalised)
def test_gradient_for_unnormalised_labels_has_one_formula(check: Trial) -> None:
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


@pytest.mark.requirement("GRD-12", cases=gradients.long_rows)
def test_gradient_of_a_long_row_is_within_the_bound(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-13", cases=derivative("vjp"))
def test_forward_and_reverse_mode_agree(check: Trial) -> None:
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


@pytest.mark.requirement("GRD-14", cases=gradients.strided)
def test_strided_cotangent_is_read_in_its_own_order(check: Trial) -> None:
    call = check.call
    stored = np.asfortranarray(round_to(exact(call.cotangent), check.dtype))
    viewed = replace(call, cotangent=stored)
    judgement = check.judgement()
    got = call.rows(viewed.run(check.adapter))
    off = np.abs(got - judgement.truth.value)
    check.show(off.max(), 0.0)
    assert check.holds(off <= judgement.tolerance["D"] * (1 + 2**-20), got, judgement.truth.value)


@pytest.mark.requirement("GRD-15", cases=gradients.mapped)
def test_gradient_under_vmap_is_within_the_bound(check: Trial) -> None:
    check.need("vjp", "vmap")
    call, adapter = check.call, check.adapter
    got = adapter.vmap(call.function(adapter), *call.arrays(adapter))
    assert check.compare(adapter.to_numpy(got)) <= 1


@pytest.mark.requirement("GRD-16", cases=gradients.outside_where)
def test_gradient_outside_where_is_zero(check: Trial) -> None:
    check.need("vjp", "where")
    adapter, call = check.adapter, check.call
    shown = adapter.asarray(~HIDDEN)
    got = exact(adapter.to_numpy(adapter.vjp(check.operation, *call.arrays(adapter), axis=-1, where=shown)))
    bare = gradients.shown_alone(check.case)
    within = check.compare(got, case=bare)
    check.describe(check.case)
    assert check.holds(~HIDDEN | (got == 0), got, 0.0)
    assert within <= 1


@pytest.mark.requirement("GRD-17", cases=gradients.options)
def test_gradient_with_options_is_within_the_bound(check: Trial) -> None:
    check.need_arguments("vjp")
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-18", cases=gradients.far_ahead)
def test_gradient_at_the_maximum_is_kept_or_zero(check: Trial) -> None:
    check.need("vjp")
    judgement = check.judgement()
    at_maximum, other = judgement.got.ravel()
    check.show(judgement.got, judgement.truth.value, at_maximum=float(at_maximum), other=float(other))
    check.observed = "kept" if at_maximum else "zero at the maximum alone" if other else "zero"


@pytest.mark.requirement("GRD-19", cases=gradients.kept)
def test_bytes_kept_for_the_backward_pass_are_measured(check: Trial) -> None:
    check.need("residuals")
    adapter, call = check.adapter, check.call
    x, *labels = call.arrays(adapter)
    kept = adapter.residual_bytes(check.operation, x, **dict(zip(["labels"], labels, strict=False)))
    check.measured |= {"bytes": kept, "copies": round(kept / call.x.nbytes, 3)}
    check.describe(check.case)


@pytest.mark.requirement("GRD-20", cases=gradients.tied)
def test_gradient_of_tied_maxima_is_within_the_bound(check: Trial) -> None:
    check.need(check.case.derivative)
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-21", cases=masked("hvp"))
def test_second_derivative_at_masked_logits_is_within_the_bound_or_refused(check: Trial) -> None:
    right_or_refused(check, "hvp")


@pytest.mark.requirement("GRD-22", cases=gradients.poisoned_upstream)
def test_poisoned_upstream_gradient_changes_no_other_row(check: Trial) -> None:
    check.need("vjp")
    got = np.delete(check.result(), 2, axis=0)
    within = check.compare(got, case=gradients.without_row_2(check.case))
    check.describe(check.case)
    assert within <= 1


@pytest.mark.requirement("GRD-23", cases=gradients.far_off)
def test_gradient_at_a_large_common_offset_is_within_the_bound(check: Trial) -> None:
    check.need("vjp")
    assert check.judge("D") <= 1


@pytest.mark.requirement("GRD-24", cases=gradients.many)
def test_rounding_of_gradients_is_unbiased(check: Trial) -> None:
    check.need("vjp")
    judgement = check.judgement()
    ulps = judgement.ulps[~np.eye(3, dtype=bool)[np.arange(2048) % 3].ravel()]  # those of one sign
    check.show(
        f"mean {ulps.mean():.3g} ulps of {ulps.size}",
        "a mean nearer 0 than 0.1 ulps",
        bias=float(ulps.mean()),
        variance=float(ulps.var()),
    )
    assert abs(ulps.mean()) < 0.1


@pytest.mark.requirement("GRD-25", cases=focusing("vjp"))
def test_gradient_of_a_focal_loss_is_within_the_bound_for_every_gamma(check: Trial) -> None:
    check.need("probability_labels", "vjp")
    assert check.judge("D") <= 1


def right_or_refused(check: Trial, *features: str) -> None:
    """Judge, unless the framework refuses by raising."""
    check.need(*features)
    answer = check.attempt(lambda: check.call.run(check.adapter))
    if isinstance(answer, Refused):
        check.observed = "refused"
        check.show(answer, "the derivative, or an error")
        return
    check.observed = "computed"
    assert check.judge("D") <= 1
