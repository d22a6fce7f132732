"""Labels: indices and probabilities, weights, smoothing, ignored rows and reductions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from conformance.cases import Case, index_labels, normal, soft_labels, with_labels
from conformance.measure import Call
from conformance.target import Check, Refused
from conformance.ulp import Floats, exact, format_of

X = normal(6, 33, seed=3)
IGNORED = -7  # any integer may be the ignored one
PARTLY = f"np.array([1, {IGNORED}, 3, {IGNORED}, 5, 6])"
WEIGHT = "0.5 + np.arange(33) % 5 * 0.25"


def bare(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Ordinary logits with index labels."""
    yield Case("n33", X, labels=index_labels(6, 33))


def partly_ignored(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Two of six rows ignored, by a label outside and by one inside the classes."""
    yield Case("ignored-outside", X, labels=PARTLY, options={"ignore_index": IGNORED})
    yield Case("ignored-inside", X, labels="np.array([1, 3, 3, 2, 5, 3])", options={"ignore_index": 3})


def one_hot(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Index labels at several common offsets."""
    for offset in (0.0, 1e4, 1e6, 1e8):
        if offset <= format_of(dtype).largest:
            yield Case(f"offset-{offset:g}", f"{X} + {offset}", labels=index_labels(6, 33))


def unnormalised(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Probability labels whose rows do not sum to one."""
    scale = "np.array([[2.0], [0.5], [0], [1], [3], [0.25]])"
    yield Case("label-sums", X, labels=f"{soft_labels(6, 33)} * {scale}")


def masked_zero_label(derivative: str) -> Any:
    """Probability labels of 0 where the logit is −inf."""

    def cases(operation: str, dtype: str, tier: str) -> Iterator[Case]:
        if format_of(dtype).infinite:
            yield Case(
                "masked-zero-label",
                "np.array([[0.5, -np.inf, 2], [1, 0, -np.inf]])",
                labels="np.array([[0.25, 0, 0.75], [1, 0, 0.0]])",
                derivative=derivative,
                cotangent="np.ones(2)" if derivative else None,
            )

    return cases


def masked_other_class(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """−inf at classes that the index does not name."""
    if format_of(dtype).infinite:
        yield Case("masked-other", "np.array([[0.5, -np.inf, 2], [1, 0, -np.inf]])", labels="np.array([0, 1])")


def masked_label(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """−inf at the class that the index names."""
    if format_of(dtype).infinite:
        yield Case("masked-label", "np.array([[0.5, -np.inf, 2], [1, 0, 2]])", labels="np.array([1, 1])")


def weighted(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Class weights in every reduction of the index form, and with probabilities."""
    for reduction in ("none", "sum", "mean"):
        options = {"weight": WEIGHT, "reduction": reduction}
        yield Case(f"index-weight-{reduction}", X, labels=index_labels(6, 33), options=options)
    partly = {"weight": WEIGHT, "reduction": "mean", "ignore_index": IGNORED}
    yield Case("index-weight-mean-ignored", X, labels=PARTLY, options=partly)
    yield Case("probability-weight-none", X, labels=soft_labels(6, 33), options={"weight": WEIGHT})


def smoothed(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Label smoothing in both forms, alone, with weights and with ignored rows."""
    smoothing = {"label_smoothing": 0.1}
    yield from with_labels(Case("smoothed", X, options=smoothing), operation, 6, 33)
    both = smoothing | {"weight": WEIGHT, "reduction": "mean"}
    yield Case("index-smoothed-weighted-mean", X, labels=index_labels(6, 33), options=both)
    ignored = smoothing | {"ignore_index": IGNORED, "reduction": "mean"}
    yield Case("index-smoothed-ignored-mean", X, labels=PARTLY, options=ignored)


def reduced(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Sum and mean in both label forms."""
    for reduction in ("sum", "mean"):
        case = Case(f"{reduction}-n33", X, options={"reduction": reduction})
        yield from with_labels(case, operation, 6, 33)


def many_rows(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """2000 rows whose losses sum to more than float16 holds."""
    x = "np.array([0.0, 4, 2]) * (1 + np.arange(2000) % 7)[:, None] * 4"
    yield Case("index-mean-2000-rows", x, labels="np.zeros(2000, int)", options={"reduction": "mean"})


def channels(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Class axis 1 of (N, C, d)."""
    x = "np.random.default_rng(4).standard_normal((4, 5, 7))"
    yield Case("index-channel-axis", x, axis=1, labels="np.arange(28).reshape(4, 7) % 5")
    soft = "np.moveaxis(np.random.default_rng(5).dirichlet(np.ones(5), (4, 7)), -1, 1)"
    yield Case("probability-channel-axis", x, axis=1, labels=soft)


def loss(check: Check, labels: Any, **options: Any) -> Any:
    """The losses for `labels`, or `Refused`."""
    call = replace(check.call, labels=labels, options=check.call.options | options)
    return check.attempt(partial(_losses, check, call))


def _losses(check: Check, call: Call) -> Floats:
    return exact(call.run(check.adapter))


def out_of_range(check: Check, bad: tuple[int, ...]) -> None:
    """Name the answer to each of `bad` labels in a batch of good ones."""
    check.need("index_labels")
    answers = {}
    for label in bad:
        labels = check.call.labels.copy()  # type: ignore[union-attr]  # the case has labels
        labels[2] = label
        got = loss(check, labels)
        check.show(got, f"an error, or NaN in row 2, for label {label}")
        if isinstance(got, Refused):
            answers[f"label {label}"] = "error"
        elif np.isnan(got[2]):
            answers[f"label {label}"] = "nan"
        else:
            answers[f"label {label}"] = f"loss {float(got[2])!r}"
    check.choose(answers)


@pytest.mark.requirement("LBL-01", cases=bare)
def test_label_beyond_the_classes_has_one_answer(check: Check) -> None:
    out_of_range(check, (33, 34, 1000))


@pytest.mark.requirement("LBL-02", cases=bare)
def test_negative_label_has_one_answer(check: Check) -> None:
    out_of_range(check, (-1, -2, -33, -34))


@pytest.mark.requirement("LBL-03", cases=partly_ignored)
def test_ignored_row_counts_nothing(check: Check) -> None:
    check.need("ignore_index")
    ignored = check.call.labels == check.call.options["ignore_index"]
    assert check.judge("D") <= 1
    assert (check.judgement().got[ignored] == 0).all()
    gradient = replace(check.case, name="gradient", derivative="vjp", cotangent="np.ones(6)")
    assert (check.judgement(gradient).got[ignored] == 0).all()
    assert check.judge("D", gradient) <= 1


@pytest.mark.requirement("LBL-04", cases=partly_ignored)
def test_mean_leaves_ignored_rows_out(check: Check) -> None:
    check.need("ignore_index", "reduction")
    options = check.case.options | {"reduction": "mean"}
    assert check.judge("D", replace(check.case, options=options)) <= 1


@pytest.mark.requirement("LBL-05", cases=bare)
def test_mean_of_ignored_rows_has_one_answer(check: Check) -> None:
    check.need("ignore_index", "reduction")
    got = loss(check, np.full(6, IGNORED), reduction="mean", ignore_index=IGNORED)
    check.show(got, "NaN or 0")
    check.choose({"mean": "nan" if np.isnan(got) else "zero" if got == 0 else f"loss {float(got)!r}"})


@pytest.mark.requirement("LBL-06", cases=one_hot)
def test_index_and_one_hot_agree(check: Check) -> None:
    check.need("index_labels", "probability_labels")
    dense = replace(check.case, labels=f"1.0 * (np.arange(33) == ({check.case.labels})[:, None])")
    one, other = check.judgement(), check.judgement(dense)
    allowed = one.tolerance["D"] + other.tolerance["D"]
    off = np.abs(one.got - other.got)
    worst = int(np.argmax(off - allowed))
    check.show(one.got[worst], other.got[worst], ratio_of_difference=float(np.max(off / allowed)))
    assert (off <= allowed).all()


@pytest.mark.requirement("LBL-07", cases=unnormalised)
def test_loss_for_unnormalised_labels_is_the_weighted_sum(check: Check) -> None:
    check.need("probability_labels")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-08", cases=masked_zero_label(""))
def test_zero_label_at_masked_logit_has_one_answer(check: Check) -> None:
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


@pytest.mark.requirement("LBL-09", cases=masked_zero_label("vjp"))
def test_gradient_of_zero_label_at_masked_logit_is_within_the_bound(check: Check) -> None:
    check.need("probability_labels", "vjp")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-10", cases=masked_other_class)
def test_masked_other_class_leaves_the_loss(check: Check) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-11", cases=masked_label)
def test_masked_label_has_infinite_loss(check: Check) -> None:
    got = check.result()
    check.show(got[0], np.inf)
    assert got[0] == np.inf
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-12", cases=weighted)
def test_class_weights_multiply_and_divide(check: Check) -> None:
    check.need("class_weight")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-13", cases=smoothed)
def test_smoothing_is_spread_over_all_classes(check: Check) -> None:
    check.need("label_smoothing")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-14", cases=bare)
def test_integer_format_of_labels_is_refused_or_read_rightly(check: Check) -> None:
    check.need("index_labels")
    wide = replace(check.case, x=f"{normal(3, 257, seed=3)}", labels="np.array([200, 127, 3])")
    judgement = check.judgement(wide)
    answers = {}
    formats = ("uint8", "int8", "int32", "int16", "uint16", "uint32", "uint64")
    for name in formats[:3] if check.tier == "quick" else formats:
        labels = np.array([200, 127, 3] if name != "int8" else [100, 127, 3]).astype(name)
        call = replace(judgement.call, labels=labels)
        got = check.attempt(partial(_losses, check, call))
        expected = (
            judgement if name != "int8" else check.judgement(replace(wide, labels="np.array([100, 127, 3])"))
        )
        if isinstance(got, Refused):
            answers[name] = "refused"
        elif got.shape == (3,) and (np.abs(got - expected.truth.value) <= expected.tolerance["D"]).all():
            answers[name] = "accepted"
        else:
            answers[name] = "wrong"
            check.show(got, expected.truth.value, wide)
    check.observed = ", ".join(f"{name} {answer}" for name, answer in answers.items())
    assert "wrong" not in answers.values(), check.observed


@pytest.mark.requirement("LBL-15", cases=reduced)
def test_reduction_is_that_of_the_row_losses(check: Check) -> None:
    check.need("reduction")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-16", cases=many_rows)
def test_mean_of_many_losses_is_within_the_bound(check: Check) -> None:
    check.need("reduction")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-17", cases=channels)
def test_channel_axis_is_the_class_axis(check: Check) -> None:
    check.need("class_axis")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LBL-18", cases=bare)
def test_wrong_number_of_labels_is_refused(check: Check) -> None:
    check.need("index_labels")
    good = check.call.labels
    assert good is not None
    for labels in (good[:-1], np.append(good, 0)):
        got = loss(check, labels)
        check.show(got, f"an error for {len(labels)} labels of 6 rows")
        assert isinstance(got, Refused)
    check.observed = "refused"


@pytest.mark.requirement("LBL-19", cases=bare)
def test_gradient_of_ignored_rows_is_zero_under_an_empty_mean(check: Check) -> None:
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
    assert (got == 0).all()
