"""Labels: indices and probabilities, weights, smoothing, ignored rows and reductions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from conformance.cases import losses
from conformance.cases.copies import of_copies
from conformance.cases.losses import IGNORED, WEIGHT_SUM
from conformance.cases.rows import soft_labels
from conformance.cases.views import LABEL_VIEWS
from conformance.run.case import Case
from conformance.run.measure import Call, compare
from conformance.run.target import Refused, Trial
from conformance.truth.formats import Floats, exact


def loss(check: Trial, labels: Any, **options: Any) -> Any:
    """The losses for `labels`, or `Refused`."""
    call = replace(check.call, labels=labels, options=check.call.options | options)
    return check.attempt(partial(_losses, check, call))


def _losses(check: Trial, call: Call) -> Floats:
    return exact(call.run(check.adapter))


def answer(check: Trial, got: Any, name: str, case: Case | None = None) -> str:
    """`name` where `got` are the losses of the case; else what they are."""
    if isinstance(got, Refused):
        return "error"
    if got.shape != check.call.x.shape[:1]:
        return f"shape {got.shape}"
    return name if check.compare(got, "D", case) <= 1 else f"losses {got[:3].tolist()}"


def mean_of_nothing(check: Trial, labels: Any, **options: Any) -> str:
    """Return the answer to the mean over rows that count nothing."""
    got = loss(check, labels, **options)
    check.show(got, "NaN or 0")
    if isinstance(got, Refused):
        return "error"
    return "nan" if np.isnan(got) else "zero" if got == 0 else f"loss {float(got)!r}"


def out_of_range(check: Trial, bad: tuple[int, ...]) -> None:
    """Name the answer to each of `bad` labels in a batch of good ones."""
    check.need_arguments("index_labels")
    answers = {}
    for label in bad:
        labels = check.call.labels.copy()  # type: ignore[union-attr]  # the case has labels
        labels.flat[2] = label
        got = loss(check, labels)
        check.show(got, f"an error, or NaN in row 2, for label {label}")
        if isinstance(got, Refused):
            answers[f"label {label}"] = "error"
            continue
        of_row = float(got.ravel()[2 if got.ndim else 0])
        answers[f"label {label}"] = "nan" if np.isnan(of_row) else f"loss {of_row!r}"
    check.choose(answers)


@pytest.mark.requirement("LBL-01", cases=losses.every_reduction)
def test_label_beyond_the_classes_has_one_answer(check: Trial) -> None:
    n = check.call.x.shape[check.case.axis]
    out_of_range(check, (n, n + 1, 1000, 2**31, 2**32 + 1))  # cut to 32 bits the last one is class 1


@pytest.mark.requirement("LBL-02", cases=losses.every_reduction)
def test_negative_label_has_one_answer(check: Trial) -> None:
    n = check.call.x.shape[check.case.axis]
    out_of_range(check, (-1, -2, -n, -n - 1, -(2**31), 1 - 2**32))


@pytest.mark.requirement("LBL-03", cases=losses.partly_ignored)
def test_ignored_row_counts_nothing(check: Trial) -> None:
    check.need("ignore_index")
    ignored = check.call.labels == check.call.options["ignore_index"]
    assert check.judge("D") <= 1
    got = check.judgement().got
    assert check.holds(~ignored | (got == 0), got, 0.0)
    gradient = replace(check.case, name="gradient", derivative="vjp", cotangent="np.ones(6)")
    got = check.judgement(gradient).got
    assert check.holds(~ignored[:, None] | (got == 0), got, 0.0)
    assert check.judge("D", gradient) <= 1


@pytest.mark.requirement("LBL-04", cases=losses.partly_ignored)
def test_mean_leaves_ignored_rows_out(check: Trial) -> None:
    check.need("ignore_index", "reduction")
    options = check.case.options | {"reduction": "mean"}
    assert check.judge("D", replace(check.case, options=options)) <= 1


@pytest.mark.requirement("LBL-05", cases=losses.every_rank)
def test_mean_of_ignored_rows_has_one_answer(check: Trial) -> None:
    check.need_arguments("ignore_index", "reduction")
    labels = np.full_like(check.call.labels, IGNORED)
    check.choose({"mean": mean_of_nothing(check, labels, reduction="mean", ignore_index=IGNORED)})


@pytest.mark.requirement("LBL-06", cases=losses.one_hot)
def test_index_and_one_hot_agree(check: Trial) -> None:
    check.need("index_labels", "probability_labels")
    dense = replace(check.case, labels=f"1.0 * (np.arange(33) == ({check.case.labels})[:, None])")
    one, other = check.judgement(), check.judgement(dense)
    allowed = one.tolerance["D"] + other.tolerance["D"]
    off = np.abs(one.got - other.got)
    worst = int(np.argmax(off - allowed))
    check.show(one.got[worst], other.got[worst], ratio_of_difference=float(np.max(off / allowed)))
    assert check.holds(off <= allowed, one.got, other.got)


@pytest.mark.requirement("LBL-07", cases=losses.unnormalised)
def test_loss_for_unnormalised_labels_is_the_weighted_sum(check: Trial) -> None:
    check.need("probability_labels")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-08", cases=losses.masked_zero_label(""))
def test_zero_label_at_masked_logit_has_one_answer(check: Trial) -> None:
    check.need("probability_labels")
    judgement = check.judgement()
    check.show(judgement.got, judgement.truth.value)
    check.choose(
        {
            f"row {i}": "nan"
            if np.isnan(got)
            else "zero"
            if judgement.ratios("D")[i] <= 1
            else f"loss {float(got)!r}"
            for i, got in enumerate(judgement.got)
        }
    )


@pytest.mark.requirement("LBL-09", cases=losses.masked_zero_label("vjp"))
def test_gradient_of_zero_label_at_masked_logit_is_within_the_bound(check: Trial) -> None:
    check.need("probability_labels", "vjp")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-10", cases=losses.masked_other_class)
def test_masked_other_class_leaves_the_loss(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-11", cases=losses.masked_label)
def test_masked_label_has_infinite_loss(check: Trial) -> None:
    got = check.result()
    check.show(got[0], np.inf)
    assert got[0] == np.inf
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-12", cases=losses.weighted)
def test_class_weights_multiply_and_divide(check: Trial) -> None:
    check.need("class_weight")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-13", cases=losses.smoothed)
def test_smoothing_is_spread_over_all_classes(check: Trial) -> None:
    check.need("label_smoothing")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-14", cases=losses.integers)
def test_integer_format_of_labels_is_refused_or_read_rightly(check: Trial) -> None:
    check.need("index_labels")
    n = check.call.x.shape[-1]
    answers = {}
    formats = ("uint8", "int8", "int32", "int16", "uint16", "uint32", "uint64")
    for name in formats[:3] if check.tier == "quick" else formats:
        last = min(int(np.iinfo(name).max), n - 1)
        labels = np.array([last, min(200, last), 3])
        wide = replace(check.case, labels=f"np.array({labels.tolist()})")
        answers[name] = answer(check, loss(check, labels.astype(name)), "accepted", wide)
    check.observed = ", ".join(f"{name} {answer}" for name, answer in answers.items())
    assert set(answers.values()) <= {"accepted", "error"}, check.observed


@pytest.mark.requirement("LBL-15", cases=losses.reduced)
def test_reduction_is_that_of_the_row_losses(check: Trial) -> None:
    check.need_arguments()
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-16", cases=losses.many_rows)
def test_mean_of_many_losses_is_within_the_bound(check: Trial) -> None:
    check.need_arguments()
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-17", cases=losses.channels)
def test_channel_axis_is_the_class_axis(check: Trial) -> None:
    check.need_arguments()
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-18", cases=losses.bare)
def test_wrong_number_of_labels_is_refused(check: Trial) -> None:
    check.need("index_labels")
    good = check.call.labels
    assert good is not None
    for labels in (good[:-1], np.append(good, 0)):
        got = loss(check, labels)
        check.show(got, f"an error for {len(labels)} labels of 6 rows")
        assert isinstance(got, Refused)
    check.observed = "refused"


@pytest.mark.requirement("LBL-19", cases=losses.bare)
def test_gradient_of_ignored_rows_is_zero_under_an_empty_mean(check: Trial) -> None:
    check.need("ignore_index", "reduction", "vjp")
    options = {"reduction": "mean", "ignore_index": IGNORED}
    call = replace(
        check.call,
        labels=np.full(6, IGNORED),
        options=options,
        derivative="vjp",
        cotangent=np.ones((), check.call.x.dtype),
    )
    got = exact(call.run(check.adapter))
    check.show(got[0], 0.0)
    assert check.holds(got == 0, got, 0.0)


@pytest.mark.requirement("LBL-20", cases=losses.no_classes)
def test_label_of_no_class_is_refused(check: Trial) -> None:
    check.need_arguments("index_labels")
    got = loss(check, check.call.labels)
    check.show(got, "an error")
    assert isinstance(got, Refused)
    check.observed = "refused"


@pytest.mark.requirement("LBL-21", cases=losses.no_rows)
def test_mean_of_no_rows_has_one_answer(check: Trial) -> None:
    check.need_arguments()
    check.choose({"mean": mean_of_nothing(check, check.call.labels)})


@pytest.mark.requirement("LBL-22", cases=losses.equal_rows)
def test_mean_of_equal_losses_is_the_loss_of_one(check: Trial) -> None:
    check.need_arguments()
    assert check.keep(of_copies(check), "B") <= 1


@pytest.mark.requirement("LBL-23", cases=losses.combined)
def test_weights_smoothing_ignored_rows_and_reductions_combine(check: Trial) -> None:
    check.need_arguments()
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-24", cases=losses.weighted_probabilities)
def test_weighted_mean_of_probability_labels_has_one_divisor(check: Trial) -> None:
    check.need_arguments("probability_labels")
    mean = check.judgement(replace(check.case, options=check.case.options | {"reduction": "mean"}))
    total = check.judgement()
    check.show(mean.got, mean.truth.value)
    by_weights = np.abs(mean.got * WEIGHT_SUM - total.truth.value) <= total.tolerance["D"]
    check.choose(
        {"mean": "rows" if mean.worst("D") <= 1 else "weights" if by_weights else f"loss {float(mean.got)!r}"}
    )


@pytest.mark.requirement("LBL-25", cases=losses.beyond_probability)
def test_label_that_is_no_probability_has_one_answer(check: Trial) -> None:
    check.need("probability_labels")
    check.choose({"losses": answer(check, loss(check, check.call.labels), "accepted")})


@pytest.mark.requirement("LBL-26", cases=losses.integers_like_logits)
def test_integers_shaped_like_the_logits_have_one_answer(check: Trial) -> None:
    check.need("index_labels")
    check.choose({"losses": answer(check, loss(check, check.call.labels), "probabilities")})


@pytest.mark.requirement("LBL-27", cases=losses.one_label_row)
def test_one_row_of_probability_labels_has_one_answer(check: Trial) -> None:
    check.need("probability_labels")
    assert check.call.labels is not None
    check.choose({"losses": answer(check, loss(check, check.call.labels[:1]), "broadcast")})


@pytest.mark.requirement("LBL-28", cases=losses.views)
def test_label_views_are_read_in_their_own_order(check: Trial) -> None:
    check.need_arguments("index_labels")
    cases = [check.case]
    if check.tier != "quick":
        check.need("vjp")
        cotangent = f"np.ones(np.shape({check.case.labels}))"
        cases.append(replace(check.case, name="gradient", derivative="vjp", cotangent=cotangent))
    for case in cases:
        call = case.call(check.operation, check.dtype)
        call = replace(call, labels=LABEL_VIEWS[check.case.name](call.labels))
        assert check.compare(call.run(check.adapter), "D", case) <= 1


@pytest.mark.requirement("LBL-29", cases=losses.bare)
def test_call_after_a_refused_one_is_right(check: Trial) -> None:
    check.need("index_labels")
    good = check.call.labels
    assert good is not None
    refused = 0
    for labels in (np.where(good == 14, 33, good), np.where(good == 14, -1, good), good[:-1]):
        refused += isinstance(loss(check, labels), Refused)
        assert check.compare(check.call.run(check.adapter), "D") <= 1
    check.observed = f"{refused} of 3 refused"


@pytest.mark.requirement("LBL-30", cases=losses.ignored_without_truth)
def test_ignored_row_counts_nothing_whatever_its_logits(check: Trial) -> None:
    check.need("ignore_index", "vjp")
    ignored = check.call.labels == IGNORED
    gradient = replace(check.case, name="gradient", derivative="vjp", cotangent="np.ones(6)")
    for case in (check.case, gradient):
        got = check.judgement(case).got[ignored]
        check.show(got, 0.0, case)
        assert check.holds(got == 0, got, 0.0)
        assert check.judge("D", case) <= 1


@pytest.mark.requirement("LBL-32", cases=losses.every_class)
def test_every_class_has_its_loss_and_gradient(check: Trial) -> None:
    check.need("index_labels", *filter(None, [check.case.derivative]))
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-33", cases=losses.past_the_format)
def test_class_beyond_what_the_format_holds_has_its_own_loss(check: Trial) -> None:
    check.need("index_labels")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-34", cases=losses.past_the_count)
def test_reduction_past_what_the_format_counts_is_within_the_bound(check: Trial) -> None:
    check.need_arguments(*filter(None, [check.case.derivative]))
    if not check.case.derivative:
        assert check.keep(of_copies(check)) <= 1
        return
    got = check.call.run(check.adapter)
    ends = [0, losses.MANY // 2, losses.MANY - 1]
    # the same rows, whose sum has the upstream gradient that the mean gives each of them
    few = replace(
        check.call, x=check.call.x[:3], labels=np.zeros(3, int), options={"reduction": "sum"},
        cotangent=np.array(1 / losses.MANY),
    )  # fmt: skip
    assert check.keep(compare(few, exact(got[ends]), check.target.traits(check.dtype))) <= 1


@pytest.mark.requirement("LBL-35", cases=losses.nan_weights)
def test_weight_of_nan_for_another_class_has_one_answer(check: Trial) -> None:
    check.need_arguments("index_labels")
    got = loss(check, check.call.labels)
    check.show(got, "NaN, or the losses of the classes that are named")
    answers = {f"row {i}": "nan" if np.isnan(row) else "ignored" for i, row in enumerate(np.atleast_1d(got))}
    if "ignored" in answers.values():
        bare = replace(check.case, options={})
        assert check.compare(got, case=bare) <= 1
    check.choose(answers)


@pytest.mark.requirement("LBL-36", cases=losses.nan_labels)
def test_probability_of_nan_has_one_answer(check: Trial) -> None:
    check.need("probability_labels")
    got = loss(check, check.call.labels)
    check.show(got, "NaN in row 2 alone, or an error")
    if not isinstance(got, Refused):
        bare = replace(check.case, labels=soft_labels(6, 33))
        expected = check.target.judge(bare, check.operation, check.dtype)
        others = np.arange(6) != 2
        off = np.abs(got - expected.truth.value)[others]
        assert (off <= expected.tolerance["D"][others]).all()
        got = "nan" if np.isnan(got[2]) else f"loss {float(got[2])!r}"
    check.choose({"row 2": "error" if isinstance(got, Refused) else got})


@pytest.mark.requirement("LBL-31", cases=losses.no_weight)
def test_mean_without_weight_has_one_answer(check: Trial) -> None:
    check.need_arguments()
    check.choose({"mean": mean_of_nothing(check, check.call.labels)})
