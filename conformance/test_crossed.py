"""Crossed cases: every pair of levels of what a call may vary in, and in the full tier every triple."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conformance.cases.crossed import DIRECTIONS, crossed
from conformance.run.case import Case
from conformance.run.measure import compare
from conformance.run.target import Refused, Trial
from conformance.truth.formats import exact


def provide(check: Trial, *features: str) -> None:
    """Raise NotProvided unless the adapter has what the case's arguments and its method ask for."""
    derivative, labels = check.case.derivative, check.call.labels
    form = () if labels is None else ("index_labels" if labels.dtype.kind in "iu" else "probability_labels",)
    check.need_arguments(*filter(None, [derivative, *form, *features]))
    check.need_method(check.case.method)


def judge(check: Trial, *features: str, refusable: bool = False) -> None:
    """Judge; second derivatives, and labels in another format than int64, may be refused by raising."""
    provide(check, *features)
    check.call_another()
    labels = check.call.labels
    narrow = labels is not None and labels.dtype.kind in "iu" and labels.dtype != np.int64
    if not (refusable or narrow):
        got = check.call.native(check.adapter)
    else:
        got = check.attempt(lambda: check.call.native(check.adapter))
        check.observed = "refused" if isinstance(got, Refused) else "computed"
        if isinstance(got, Refused):
            check.show(got, "the result, or an error")
            return
    if check.case.method != "value_and_vjp":
        assert check.compare(check.adapter.to_numpy(got)) <= 1
        return
    value, gradient = map(check.adapter.to_numpy, got)
    assert check.compare(value, case=replace(check.case, derivative="", cotangent=None, method="")) <= 1
    assert check.compare(gradient) <= 1


def several(check: Trial) -> list[Case]:
    """The case and the one of the same function after it."""
    return [check.case, *filter(None, [check.case.then])]


@pytest.mark.requirement("CRS-01", cases=crossed("value"))
def test_crossed_value_is_within_the_bound(check: Trial) -> None:
    judge(check)


@pytest.mark.requirement("CRS-02", cases=crossed("vjp"))
def test_crossed_gradient_is_within_the_bound(check: Trial) -> None:
    judge(check)


@pytest.mark.requirement("CRS-03", cases=crossed("jvp"))
def test_crossed_forward_mode_is_within_the_bound(check: Trial) -> None:
    judge(check)


@pytest.mark.requirement("CRS-04", cases=crossed("hvp"))
def test_crossed_second_derivative_is_within_the_bound_or_refused(check: Trial) -> None:
    judge(check, refusable=True)


@pytest.mark.requirement("CRS-05", cases=crossed("rof"))
def test_crossed_reverse_over_forward_mode_is_within_the_bound_or_refused(check: Trial) -> None:
    judge(check, "jvp", refusable=True)


@pytest.mark.requirement("CRS-06", cases=crossed("both"))
def test_crossed_value_and_gradient_of_one_call_are_within_the_bound(check: Trial) -> None:
    judge(check)


@pytest.mark.requirement("CRS-07", cases=crossed("labels-vjp", "labels-hvp"))
def test_crossed_derivative_by_labels_is_within_the_bound_or_refused(check: Trial) -> None:
    judge(check, refusable=True)


@pytest.mark.requirement("CRS-08", cases=crossed("value", "vjp", "jvp", "hvp", "rof", "both", of=("where",)))
def test_crossed_where_hides_and_leaves_the_rest_within_the_bound(check: Trial) -> None:
    provide(check, "where")
    check.call_another()
    call, both = check.call, check.case.method == "value_and_vjp"
    native = call.native(check.adapter)
    parts = [check.adapter.to_numpy(part) for part in (native if both else (native,))]
    cases = [replace(check.case, derivative="", cotangent=None, method="")] * both + [check.case]
    shown = np.broadcast_to(call.where, call.x.shape)  # type: ignore[arg-type]  # the case has it
    for got, case in zip(parts, cases, strict=True):
        hidden = 0.0 if case.derivative else check.op.masked
        assert check.holds((got == hidden) | shown, got, hidden), "a result outside `where`"
        judgement = compare(case.call(check.operation, check.dtype), exact(got), check.target.traits(check.dtype))
        # the change of what is hidden has no other truth
        error = np.where(call.rows(shown) == 1, judgement.error, 0.0)
        assert check.keep(replace(judgement, error=error), case=case) <= 1


@pytest.mark.requirement("CRS-09", cases=crossed(*DIRECTIONS, mode="vmap"))
def test_crossed_calls_of_a_batch_are_each_within_the_bound(check: Trial) -> None:
    provide(check, "vmap")
    adapter = check.adapter
    calls = [case.call(check.operation, check.dtype) for case in several(check)]
    stacked = [adapter.asarray(np.stack(parts)) for parts in zip(*(call.given for call in calls), strict=True)]
    got = adapter.to_numpy(adapter.vmap(check.call.function(adapter), *stacked))
    for part, case in zip(got, several(check), strict=True):
        assert check.compare(part, case=case) <= 1


@pytest.mark.requirement("CRS-10", cases=crossed(*DIRECTIONS, mode="autocast"))
def test_crossed_value_of_mixed_precision_is_within_the_bound_of_its_format(check: Trial) -> None:
    provide(check, "autocast")
    adapter, call = check.adapter, check.call
    got = adapter.to_numpy(adapter.autocast(call.function(adapter), *call.arrays(adapter)))
    widened = replace(call, x=call.x.astype(got.dtype))
    assert check.keep(compare(widened, exact(got), check.target.traits(got.dtype.name))) <= 1


@pytest.mark.requirement("CRS-11", cases=crossed(*DIRECTIONS, mode="dynamic"))
def test_crossed_graph_of_any_size_is_within_the_bound_at_another_size(check: Trial) -> None:
    provide(check, "dynamic")
    adapter, call = check.adapter, check.call
    graph = adapter.dynamic(call.function(adapter), *call.arrays(adapter))
    for case in several(check):
        got = graph(*case.call(check.operation, check.dtype).arrays(adapter))
        assert check.compare(adapter.to_numpy(got), case=case) <= 1
