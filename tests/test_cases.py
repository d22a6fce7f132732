"""Cases: named, alike on every call, and in every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np
import pytest

from conformance.cases.rows import accuracy, lengths
from conformance.requirements import TIERS, load
from conformance.run.case import Case
from conformance.run.measure import Call
from conformance.run.subjects import judged_in, takes
from conformance.truth.formats import exact, format_of
from tests.test_requirements import MODULES, functions, markers

FORMATS = ("float8_e4m3fn", "float8_e5m2", "float16", "bfloat16", "float32", "float64")
Provider = Callable[[str, str, str], Iterator[Case]]


@cache
def providers() -> dict[str, Provider]:
    """What yields the cases of each requirement."""
    modules = (import_module(f"conformance.{name}") for name in MODULES.values())
    marks = (mark for module in modules for _, function in functions(module) for mark in markers(function))
    return {mark.args[0]: mark.kwargs["cases"] for mark in marks}


def asked(tier: str) -> Iterator[tuple[str, str, str, list[Case]]]:
    """Each requirement, operation and format with its cases."""
    for requirement in load().values():
        formats = [dtype for dtype in FORMATS if judged_in(dtype, requirement.family)]
        for operation, dtype in product(requirement.operations, formats):
            cases = providers()[requirement.id](operation, dtype, tier)
            yield requirement.id, operation, dtype, [case for case in cases if takes(operation, case)]


def distinct(tier: str, dtype: str) -> list[tuple[str, Case]]:
    """Every case of a format once, with an operation that asks it."""
    found = {
        repr(case): (operation, case)
        for _, operation, name, cases in asked(tier)
        if name == dtype
        for case in cases
    }
    return list(found.values())


@pytest.mark.parametrize("tier", TIERS)
def test_names_are_unique_within_a_requirement(tier: str) -> None:
    for requirement, operation, dtype, cases in asked(tier):
        names = Counter(case.name for case in cases)
        assert not [name for name, count in names.items() if count > 1], (requirement, operation, dtype)


@pytest.mark.parametrize("tier", TIERS)
def test_names_can_stand_in_an_id(tier: str) -> None:
    for *_, cases in asked(tier):
        for case in cases:
            assert case.name
            assert not set(case.name) & set("/ \t\n:[]*?\"'\\"), case.name
            assert case.name.isprintable()


def test_every_requirement_has_a_case_in_the_quick_tier_for_some_format() -> None:
    filled = {requirement for requirement, _, _, cases in asked("quick") if cases}
    assert filled == set(load())


def test_the_full_tier_holds_the_quick_one() -> None:
    named = [{entry[:3]: {case.name for case in entry[3]} for entry in asked(tier)} for tier in TIERS]
    quick, full, exhaustive = named
    assert all(quick[key] <= full[key] for key in quick)
    assert sum(map(len, quick.values())) < sum(map(len, full.values()))
    assert all(bool(full[key]) <= bool(exhaustive[key]) for key in quick)


def test_every_operation_of_a_requirement_has_a_case_in_the_quick_tier_for_some_format() -> None:
    filled = {(requirement, operation) for requirement, operation, _, cases in asked("quick") if cases}
    assert filled == {(name, operation) for name, r in load().items() for operation in r.operations}


@pytest.mark.parametrize("dtype", FORMATS)
def test_row_lengths_of_a_narrower_tier_are_among_those_of_a_wider_one(dtype: str) -> None:
    quick, full, exhaustive = (set(lengths(dtype, tier)) for tier in TIERS)
    assert quick < full < exhaustive
    assert len(list(accuracy("softmax", dtype, "full"))) == len(full)


def arrays(call: Call) -> dict[str, Any]:
    weight = call.options.get("weight")
    parts = {"x": call.x, "cotangent": call.cotangent, "tangent": call.tangent, "labels": call.labels}
    return {name: part for name, part in {**parts, "weight": weight}.items() if part is not None}


@pytest.mark.parametrize("dtype", FORMATS)
def test_every_case_evaluates_to_the_same_bits_twice_and_in_its_format(dtype: str) -> None:
    for operation, case in distinct("quick", dtype):
        once, again = (arrays(case.call(operation, dtype)) for _ in range(2))
        assert list(once) == list(again)
        for name, array in once.items():
            assert array.tobytes() == again[name].tobytes(), case.name
            if name != "labels" or array.dtype.kind not in "iu":
                assert array.dtype == format_of(dtype).dtype, (case.name, name)


@pytest.mark.parametrize("dtype", FORMATS)
def test_logits_hold_what_their_expression_says(dtype: str) -> None:
    fmt = format_of(dtype)
    for operation, case in distinct("quick", dtype):
        x = exact(case.call(operation, dtype).x)
        with np.errstate(all="ignore"):
            asked = np.asarray(eval(case.x, {"np": np, "MAX": fmt.largest}), np.float64)
        assert (np.isnan(x) == np.isnan(asked)).all() or not fmt.infinite, case.name
        assert (np.isinf(x) == np.isinf(asked)).all() or not fmt.infinite, case.name


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_case_described_reproduces_its_logits(dtype: str) -> None:
    for operation, case in distinct("quick", dtype):
        described = case.describe(case.call(operation, dtype))
        assert "MAX" not in described["expression"]
        assert described["shape"] == list(case.call(operation, dtype).x.shape)
