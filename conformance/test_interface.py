"""Interface: axes, views, formats, shapes and empty inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from conformance.cases import Case, regimes, with_labels
from conformance.target import Check, Refused
from conformance.ulp import exact, format_of

BLOCK = "np.random.default_rng(6).standard_normal((5, 6, 7)) * 3"


def axes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every axis of a block, from either end."""
    for axis in (0, 1, -1, -2) if tier == "quick" else (0, 1, 2, -1, -2, -3):
        yield Case(f"axis-{axis}".replace("--", "-minus-"), BLOCK, axis=axis)


def wrong_axes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Axes that a matrix does not have."""
    for axis in (2, 3, -3, -4):
        yield Case(f"no-axis-{axis}".replace("--", "-minus-"), "np.zeros((2, 3))", axis=axis)


def plain(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Ordinary logits."""
    yield from with_labels(Case("regimes-n33-seed33", regimes(33, seed=33)), operation, 6, 33)


def no_rows(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A batch of no rows."""
    case = Case("no-rows", "np.zeros((0, 33))")
    if operation != "softmax_cross_entropy":
        yield case
        return
    yield replace(case, name="index-no-rows", labels="np.zeros(0, int)")
    yield replace(case, name="probability-no-rows", labels="np.zeros((0, 33))")


def no_classes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows of no classes."""
    yield Case("no-classes", "np.zeros((2, 0))")


def single_class(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows of one class, from the smallest subnormal to the largest number."""
    smallest = format_of(dtype).smallest_subnormal
    case = Case("single-class", f"np.array([[0.0], [1], [-3], [MAX], [-MAX], [{smallest}]])")
    yield from with_labels(case, operation, 6, 1)


def scalar(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A logit without an axis."""
    yield Case("zero-dimensional", "np.array(2.0)")


def whole(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Whole logits, which an integer format holds as well."""
    if dtype == "float32":
        yield Case("whole", "np.array([[200, 0, 110, 103], [107, 220, 107, 101.0]])")


def axes_of_one(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Axes of size one after and before the class axis."""
    yield Case("shape-3-1-1-axis-0", "np.array([1.0, 2, 4]).reshape(3, 1, 1)", axis=0)
    yield Case("shape-1-3-1-axis-1", "np.array([1.0, 2, 4]).reshape(1, 3, 1)", axis=1)
    yield Case("shape-1-1-3-axis-2", "np.array([1.0, 2, 4]).reshape(1, 1, 3)", axis=2)


VIEWS = {
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "offset": lambda x: np.concatenate([x[:, :1], x], axis=1)[:, 1:],
    "rows-strided": lambda x: np.repeat(x, 3, axis=0)[::3],
}


def views(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits behind every kind of view."""
    for name in (*VIEWS, "broadcast"):
        yield Case(f"{name}-regimes-n33-seed33", regimes(33, seed=33))
    yield Case("transposed-regimes-n1000-seed1000", regimes(1000, seed=1000))


@pytest.mark.requirement("IFC-01", cases=axes)
def test_class_axis_may_stand_anywhere(check: Check) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("IFC-02", cases=wrong_axes)
def test_axis_out_of_range_is_an_error(check: Check) -> None:
    got = check.attempt(lambda: check.call.run(check.adapter))
    check.show(got, "an error")
    assert isinstance(got, Refused)


@pytest.mark.requirement("IFC-03", cases=views)
def test_views_are_read_in_their_own_order(check: Check) -> None:
    kind = check.case.name.partition("-regimes")[0]
    judgement = check.judgement()
    x = check.call.x
    if kind == "broadcast":
        x = np.broadcast_to(x[2], x.shape)
        expected, allowed = judgement.truth.value[[2]], judgement.tolerance["D"][[2]]
    else:
        x = VIEWS[kind](x)
        expected, allowed = judgement.truth.value, judgement.tolerance["D"]
    got = exact(replace(check.call, x=x).run(check.adapter))
    off = np.abs(got - expected)
    check.show(got, expected, ratio_of_difference=float(np.max(off / allowed)))
    assert (off <= allowed).all()


@pytest.mark.requirement("IFC-04", cases=plain)
def test_result_has_the_format_and_device_of_the_logits(check: Check) -> None:
    native = check.call.native(check.adapter)
    given = check.adapter.asarray(check.call.x)
    got = check.adapter.to_numpy(native).dtype.name
    check.show(got, check.dtype)
    assert got == check.dtype
    assert str(getattr(native, "device", None)) == str(getattr(given, "device", None))


@pytest.mark.requirement("IFC-05", cases=plain)
def test_result_has_the_shape_of_the_logits(check: Check) -> None:
    shape_of_result(check)


@pytest.mark.requirement("IFC-06", cases=no_rows)
def test_batch_of_no_rows_is_empty(check: Check) -> None:
    shape_of_result(check)


@pytest.mark.requirement("IFC-07", cases=plain)
def test_logits_are_not_modified(check: Check) -> None:
    call = check.call
    before = call.x.copy()
    native = check.adapter.asarray(call.x)
    labels = [] if call.labels is None else [check.adapter.asarray(call.labels)]
    check.adapter.synchronize(getattr(check.adapter, call.operation)(native, *labels, axis=-1))
    if "vjp" in check.adapter.features:
        cotangent = np.ones(6 if labels else call.x.shape, call.x.dtype)
        kwargs = {"axis": -1} | ({"labels": labels[0]} if labels else {})
        gradient = check.adapter.vjp(call.operation, native, check.adapter.asarray(cotangent), **kwargs)
        check.adapter.synchronize(gradient)
    after = check.adapter.to_numpy(native)
    check.show(after, before)
    assert after.tobytes() == before.tobytes()
    assert call.x.tobytes() == before.tobytes()


@pytest.mark.requirement("IFC-08", cases=no_classes)
def test_rows_of_no_classes_have_one_answer(check: Check) -> None:
    got = check.attempt(lambda: check.call.run(check.adapter))
    check.show(got if isinstance(got, Refused) else str(got.shape), "(2, 0), or an error")
    check.choose(
        {
            "shape (2, 0)": "error"
            if isinstance(got, Refused)
            else "empty"
            if got.shape == (2, 0)
            else str(got.shape)
        }
    )


@pytest.mark.requirement("IFC-09", cases=single_class)
def test_single_class_is_certain(check: Check) -> None:
    got = check.result()
    certain = 1.0 if check.operation == "softmax" else 0.0
    check.show(got, np.full(got.shape, certain))
    assert (got == certain).all()


@pytest.mark.requirement("IFC-10", cases=scalar)
def test_zero_dimensional_logit_has_one_answer(check: Check) -> None:
    got = check.attempt(lambda: exact(check.call.run(check.adapter)))
    certain = 1.0 if check.operation == "softmax" else 0.0
    check.show(got, certain)
    check.choose(
        {"shape ()": "error" if isinstance(got, Refused) else "accepted" if (got == certain).all() else "other"}
    )


@pytest.mark.requirement("IFC-11", cases=whole)
def test_integer_logits_do_not_wrap(check: Check) -> None:
    judgement = check.judgement()
    answers = {}
    for name in ("int64", "int32", "uint8", "int8"):
        x = check.call.x - np.float32(100 if name == "int8" else 0)  # softmax does not see the shift
        integers = replace(check.call, x=x.astype(name))
        got: Any = check.attempt(partial(integers.run, check.adapter))
        answers[name] = (
            "error" if isinstance(got, Refused) else _converted(got, judgement.truth.value, check.operation)
        )
        if answers[name] == "wrapped":
            check.show(got, judgement.truth.value)
    check.observed = ", ".join(f"{name} {answer}" for name, answer in answers.items())
    legal = check.subject.requirement.choices
    assert all(answer in legal for answer in answers.values()), check.observed


def _converted(got: Any, expected: Any, operation: str) -> str:
    """Whether integer logits were converted to a floating format before anything else."""
    if got.dtype.kind in "iub":
        return "integers"
    fmt = format_of(got.dtype.name)
    # the format that it was converted to is the framework's own choice: a few ulps of that one
    near = np.abs(exact(got) - expected) <= 16 * fmt.roundoff * np.maximum(np.abs(expected), 1)
    return "converted" if near.all() else "wrapped"


@pytest.mark.requirement("IFC-12", cases=axes_of_one)
def test_axes_of_one_change_nothing(check: Check) -> None:
    assert check.judge("D") <= 1


def shape_of_result(check: Check) -> None:
    """The shape of the logits, or that without the class axis."""
    expected = check.call.x.shape
    if check.operation == "softmax_cross_entropy":
        expected = expected[:-1]
    got = check.call.run(check.adapter).shape
    check.show(str(got), str(expected))
    assert got == expected
