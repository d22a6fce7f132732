"""Selection: the k largest of a row, which are exact, their places and their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conformance.cases import selection
from conformance.cases.crossed import crossed
from conformance.operations import top_k
from conformance.run.case import Case
from conformance.run.target import Refused, Trial
from conformance.truth.formats import Floats, format_of

Places = NDArray[Any]


def answered(check: Trial, case: Case | None = None) -> tuple[Any, Any]:
    """The values and places that the framework returns for the case.

    Raises:
        TypeError: it returns anything else.
    """
    native = (case or check.case).call(check.operation, check.dtype).native(check.adapter)
    if not isinstance(native, tuple | list) or len(native) != 2:
        raise TypeError(f"adapter: top_k returned a {type(native).__name__}, not values and places")
    values, places = (np.asarray(check.adapter.to_numpy(part)) for part in native)
    return values, places


def selected(check: Trial, case: Case | None = None) -> tuple[Floats, Floats, Places]:
    """The rows (r, n), and the values and places (r, k) that the framework chooses of them."""
    call = (case or check.case).call(check.operation, check.dtype)
    values, places = answered(check, case)
    assert isinstance(call.axis, int)
    shape = list(call.x.shape)
    shape[call.axis] = call.options["k"]
    for got in (values, places):
        assert check.holds(list(got.shape) == shape, str(got.shape), str(tuple(shape)))
    return call.rows(call.x), call.rows(values), np.moveaxis(places, call.axis, -1).reshape(-1, shape[call.axis])


def elements(check: Trial, rows: Floats, values: Floats, places: Places) -> bool:
    """Return whether places are distinct ones of the row, and values the elements there."""
    beside = np.sort(places, axis=1)
    distinct = np.pad(beside[:, 1:] != beside[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    there = top_k.taken(rows, places)
    return (
        check.holds((places >= 0) & (places < rows.shape[1]), places, f"places of a row of {rows.shape[1]}")
        and check.holds(distinct, beside, "every place once")
        and check.holds((values == there) | (np.isnan(values) & np.isnan(there)), values, there)
    )


def derivative_is_right(check: Trial) -> bool:
    """Return whether a derivative of a row without ties is that of its chosen elements, with no error at all."""
    check.need(check.case.derivative)
    call = check.call
    along = call.cotangent if call.tangent is None else call.tangent
    assert along is not None
    got, rows, vectors = call.rows(call.run(check.adapter)), call.rows(call.x), call.rows(along)
    if check.case.derivative == "vjp":
        expected = top_k.scattered(rows, vectors)
    else:
        expected = top_k.taken(vectors, top_k.order(rows)[:, : got.shape[1]])
    return check.holds(got == expected, got, expected)


@pytest.mark.requirement("SEL-01", cases=selection.sizes)
def test_values_are_the_largest_in_descending_order(check: Trial) -> None:
    rows, values, _ = selected(check)
    largest = top_k.taken(rows, top_k.order(rows)[:, : values.shape[1]])
    assert check.holds(values == largest, values, largest)


@pytest.mark.requirement("SEL-02", cases=selection.sizes)
def test_places_are_distinct_and_those_of_the_values(check: Trial) -> None:
    assert elements(check, *selected(check))


@pytest.mark.requirement("SEL-03", cases=selection.infinite)
def test_infinities_are_the_ends_of_the_order(check: Trial) -> None:
    rows, values, places = selected(check)
    largest = top_k.taken(rows, top_k.order(rows)[:, : values.shape[1]])
    assert check.holds(values == largest, values, largest)
    assert elements(check, rows, values, places)


@pytest.mark.requirement("SEL-04", cases=selection.tied)
def test_equal_logits_have_one_order(check: Trial) -> None:
    found = [selected(check, case) for case in selection.places_of_ties(check.case)]
    for rows, values, places in found:
        assert check.holds(top_k.follows(places, rows), values, "the largest of a row in descending order")

    def by(side: float) -> bool:
        return all(
            np.all(top_k.follows(places, rows, np.full(rows.shape, side).cumsum(axis=1)))
            for rows, _, places in found
        )

    check.show(found[0][2], "places of equal logits in one order")
    check.choose({"ties": "lower" if by(-1.0) else "higher" if by(1.0) else "any"})


@pytest.mark.requirement("SEL-05", cases=selection.with_nan)
def test_nan_has_one_place_in_the_order(check: Trial) -> None:
    rows, values, places = selected(check)
    assert elements(check, rows, values, places)
    clean = ~np.isnan(rows).any(axis=1)
    assert check.holds(top_k.follows(places[clean], rows[clean]), values[clean], "the largest of a row")
    numbers = np.nan_to_num(rows, nan=0.0, posinf=np.inf, neginf=-np.inf)
    sides = ("greatest", "least", "signed")
    legal = [side for side in sides if np.all(top_k.follows(places, top_k.signs(rows, side), numbers))]
    check.show(values[0], "NaN before +inf or behind −inf")
    check.choose({"NaN": legal[0] if legal else "neither first nor last"})


@pytest.mark.requirement("SEL-06", cases=selection.zeros)
def test_zeros_of_either_sign_have_one_order(check: Trial) -> None:
    rows, values, places = selected(check)
    assert elements(check, rows, values, places)
    assert check.holds(top_k.follows(places, rows), values, "numbers in descending order, zeros as one")
    check.show(values[0], "zeros in one order")
    positive = np.all(top_k.follows(places, rows, -np.signbit(rows).astype(float)))
    check.choose({"zeros": "ordered" if positive else "equal"})


@pytest.mark.requirement("SEL-07", cases=selection.subnormal)
def test_subnormal_logits_have_one_order(check: Trial) -> None:
    rows, values, places = selected(check)
    assert elements(check, rows, values, places)
    normal = np.where(np.abs(rows) < format_of(check.dtype).smallest_normal, 0.0, rows)
    kept, flushed = np.all(top_k.follows(places, rows)), np.all(top_k.follows(places, normal))
    check.show(values[0], "subnormal numbers in descending order, or all equal to 0")
    check.choose({"subnormal": "kept" if kept else "flushed" if flushed else "neither"})


@pytest.mark.requirement("SEL-08", cases=selection.none_chosen)
def test_nothing_is_chosen_for_k_of_zero(check: Trial) -> None:
    shape = (6, 0)
    for got in answered(check):
        assert check.holds(got.shape == shape, str(got.shape), str(shape))


@pytest.mark.requirement("SEL-09", cases=selection.too_many)
def test_k_out_of_range_is_refused(check: Trial) -> None:
    got = check.attempt(lambda: answered(check)[0])
    check.show(got, "an error")
    assert isinstance(got, Refused)


@pytest.mark.requirement("SEL-10", cases=selection.axes)
def test_any_axis_is_that_of_rows(check: Trial) -> None:
    rows, values, places = selected(check)
    assert check.holds(top_k.follows(places, rows), values, "the largest along the axis")
    assert elements(check, rows, values, places)


@pytest.mark.requirement("SEL-11", cases=selection.layouts)
def test_any_layout_gives_the_same_elements(check: Trial) -> None:
    rows, values, places = selected(check)
    assert check.holds(top_k.follows(places, rows), values, "the largest of the view")
    assert elements(check, rows, values, places)


@pytest.mark.requirement("SEL-12", cases=selection.small)
def test_values_have_the_format_of_the_logits_and_places_are_integers(check: Trial) -> None:
    values, places = answered(check)
    check.show(values, f"{check.dtype} and integers of shape (6, 5)")
    assert check.holds(values.dtype.name == check.dtype, values.dtype.name, check.dtype)
    assert values.shape == places.shape == (6, 5)
    check.choose({"places": {"int32": "narrow", "int64": "wide"}.get(places.dtype.name, places.dtype.name)})


@pytest.mark.requirement("SEL-13", cases=selection.small)
def test_logits_are_as_they_were(check: Trial) -> None:
    native, before = check.call.arrays(check.adapter), check.call.x.copy()
    check.adapter.synchronize(tuple(check.call.function(check.adapter)(*native)))
    now = check.adapter.to_numpy(native[0])
    assert check.holds(now == before, now, before)


@pytest.mark.requirement("SEL-14", cases=selection.repeated)
def test_same_call_chooses_the_same_places(check: Trial) -> None:
    _, values, places = selected(check)
    for _ in range(3):
        _, again, there = selected(check)
        assert check.holds(there == places, there, places)
        assert check.holds(again == values, again, values)


@pytest.mark.requirement("SEL-15", cases=selection.gradients)
def test_gradient_is_the_cotangent_at_the_chosen_places(check: Trial) -> None:
    assert derivative_is_right(check)


@pytest.mark.requirement("SEL-16", cases=selection.tangents)
def test_tangent_is_that_of_the_chosen_places(check: Trial) -> None:
    assert derivative_is_right(check)


@pytest.mark.requirement("SEL-17", cases=crossed("value", "vjp", "jvp"))
def test_crossed_selection_is_exact(check: Trial) -> None:
    check.call_another()
    if check.case.derivative:
        assert derivative_is_right(check)
        return
    rows, values, places = selected(check)
    assert check.holds(top_k.follows(places, rows), values, "the largest in descending order")
    assert elements(check, rows, values, places)
