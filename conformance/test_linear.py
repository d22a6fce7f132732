"""Linear cross-entropy: hidden rows and a matrix to losses and their gradients, without the logits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.cases import linear
from conformance.cases.losses import IGNORED
from conformance.run.target import Refused, Trial
from conformance.truth.formats import Floats, exact, format_of


def gradient(check: Trial, wrt: str) -> Floats:
    """The gradient of the case in `wrt`, for an upstream of ones."""
    upstream = "np.ones(())" if check.case.options.get("reduction", "none") != "none" else "np.ones(6)"
    return check.result(linear.gradient(check.case, wrt, upstream))


def every_gradient(check: Trial, upstream: str) -> float:
    """Worst error of the case and of its gradients over the bound of grade D."""
    worst = check.judge("D")
    if "vjp" in check.adapter.features:
        for wrt in linear.AGAINST if check.case.bias else ("x", "matrix"):
            worst = max(worst, check.judge("D", linear.gradient(check.case, wrt, upstream)))
    return worst


def upstream_of(check: Trial, rows: str) -> str:
    """`rows`, or one number where losses are reduced."""
    return rows if check.case.options.get("reduction", "none") == "none" else "np.asarray(0.5)"


@pytest.mark.requirement("LIN-01", cases=linear.sizes)
def test_loss_is_within_the_bound_of_logits_in_the_format_of_hidden(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("LIN-02", cases=linear.sizes)
def test_loss_is_within_the_bound_of_logits_in_float32(check: Trial) -> None:
    assert check.judge("B") <= 1


@pytest.mark.requirement("LIN-03", cases=linear.gradients)
def test_gradient_is_within_the_bound_of_logits_in_the_format_of_hidden(check: Trial) -> None:
    check.need("vjp")
    assert check.judge("D") <= 1


@pytest.mark.requirement("LIN-04", cases=linear.gradients)
def test_gradient_is_within_the_bound_of_logits_in_float32(check: Trial) -> None:
    check.need("vjp")
    assert check.judge("B") <= 1


@pytest.mark.requirement("LIN-05", cases=linear.options)
def test_reductions_weights_smoothing_and_ignored_rows_are_those_of_cross_entropy(check: Trial) -> None:
    rows = "np.cos(np.arange(33))" if check.case.matrix == linear.LONG.matrix else linear.UPSTREAM
    assert every_gradient(check, upstream_of(check, rows)) <= 1


@pytest.mark.requirement("LIN-06", cases=linear.chunked)
def test_chunk_of_any_size_gives_the_same_loss_and_gradients(check: Trial) -> None:
    assert every_gradient(check, upstream_of(check, "np.cos(np.arange(33))")) <= 1


@pytest.mark.requirement("LIN-07", cases=linear.partly_ignored)
def test_ignored_row_has_no_loss_and_no_part_of_a_gradient(check: Trial) -> None:
    ignored = np.asarray(check.call.labels) == IGNORED
    got = check.result()
    assert check.holds(~ignored | (got == 0), got, 0.0)
    assert check.judge("D") <= 1
    check.need("vjp")
    got = gradient(check, "x")
    assert check.holds(~ignored[:, None] | (got == 0), got, 0.0)
    assert check.judge("D", linear.gradient(check.case, "matrix", "np.ones(6)")) <= 1


@pytest.mark.requirement("LIN-08", cases=linear.small)
def test_mean_of_ignored_rows_has_one_answer(check: Trial) -> None:
    options = {"ignore_index": IGNORED, "reduction": "mean"}
    got = check.attempt(
        lambda: check.result(replace(check.case, labels=f"np.full(6, {IGNORED})", options=options))
    )
    check.show(got, "NaN or 0")
    check.choose({"mean": named(got)})


def named(got: Any) -> str:
    """Name the answer to the mean of nothing."""
    if isinstance(got, Refused):
        return "error"
    return "nan" if np.isnan(got).all() else "zero" if (got == 0).all() else f"loss {got.ravel()[0]!r}"


@pytest.mark.requirement("LIN-09", cases=linear.with_nan)
def test_nan_in_hidden_reaches_the_loss_of_its_row_alone(check: Trial) -> None:
    got = check.result()
    assert check.holds(np.isnan(got) == (np.arange(6) == 2), got, "NaN in row 2 alone")
    assert check.judge("D") <= 1  # of the other rows: that one has no true loss
    check.need("vjp")
    got = gradient(check, "x")
    assert check.holds(np.isnan(got) == (np.arange(6) == 2)[:, None], got, "NaN in row 2 alone")
    assert np.isnan(gradient(check, "matrix")[:, 5]).all()


@pytest.mark.requirement("LIN-10", cases=linear.with_infinity)
def test_infinity_in_hidden_gives_its_row_alone_no_number_or_its_limit(check: Trial) -> None:
    got, limit = check.result(), limit_of_row_2(check)
    near = abs(got[2] - limit) <= 16 * format_of(check.dtype).roundoff * limit
    assert check.holds(not np.isfinite(got[2]) or near, got[2], f"NaN, infinite or {limit}")
    assert check.judge("D") <= 1


def limit_of_row_2(check: Trial) -> float:
    """Return the loss of the row that has an infinity: logits without limit share all probability."""
    hidden, matrix, labels = (exact(part) for part in (check.call.x, check.call.matrix, check.call.labels))
    logits = matrix[:, np.isinf(hidden[2])][:, 0] * hidden[2][np.isinf(hidden[2])][0]
    return float(np.log(np.count_nonzero(logits > 0))) if logits[int(labels[2])] > 0 else np.inf


@pytest.mark.requirement("LIN-11", cases=linear.beyond_the_format)
def test_logit_beyond_the_format_has_one_answer(check: Trial) -> None:
    got = check.result()
    check.show(got[2], "a loss within the bound, or NaN")
    others = np.delete(check.judgement().ratios("D"), 2)
    assert check.holds(others <= 1, others, 1.0)
    wide = check.judgement().ratios("B")[2] <= 1
    check.choose({"row 2": "finite" if wide else "nan" if np.isnan(got[2]) else f"loss {got[2]!r}"})


@pytest.mark.requirement("LIN-12", cases=linear.ignored_nan)
def test_ignored_row_of_nan_counts_nothing(check: Trial) -> None:
    row = np.arange(6) == 2
    got = check.result()
    assert check.holds(~row | (got == 0), got, 0.0)
    check.need("vjp")
    got = gradient(check, "x")
    assert check.holds(~row[:, None] | (got == 0), got, 0.0)
    without = linear.gradient(replace(check.case, x=linear.SMALL.x), "matrix", "np.ones(6)")
    assert check.compare(gradient(check, "matrix"), "D", without) <= 1


@pytest.mark.requirement("LIN-13", cases=linear.small)
def test_no_array_that_it_is_given_changes(check: Trial) -> None:
    calls = [check.case]
    if "vjp" in check.adapter.features:
        calls += [linear.gradient(check.case, wrt, "np.ones(6)") for wrt in ("x", "matrix")]
    for case in calls:
        call = case.call(check.operation, check.dtype)
        native = call.arrays(check.adapter)
        before = [np.array(check.adapter.to_numpy(array)) for array in native]
        check.adapter.synchronize(call.function(check.adapter)(*native))
        for array, old in zip(native, before, strict=True):
            now = check.adapter.to_numpy(array)
            assert check.holds(now == old, now, old)


@pytest.mark.requirement("LIN-14", cases=linear.small)
def test_same_call_gives_the_same_bits(check: Trial) -> None:
    first = check.result()
    for _ in range(3):
        again = check.result()
        assert check.holds(again == first, again, first)
    if "vjp" in check.adapter.features:
        once, twice = gradient(check, "matrix"), gradient(check, "matrix")
        assert check.holds(once == twice, twice, once)


@pytest.mark.requirement("LIN-15", cases=linear.small)
def test_loss_is_one_number_a_row_in_one_format(check: Trial) -> None:
    got = check.call.run(check.adapter)
    check.show(exact(got), f"{check.dtype} or float32, of shape (6,)")
    assert got.shape == (6,)
    formats = {check.dtype: "own"} | ({} if check.dtype in ("float32", "float64") else {"float32": "wider"})
    check.choose({"loss": formats.get(got.dtype.name, got.dtype.name)})
