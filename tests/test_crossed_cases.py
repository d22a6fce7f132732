"""Crossed cases: every level is in a case, every pair in quick, every triple in full; names tell the levels."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from conformance.cases import covering, crossed, designs
from conformance.cases.crossed import LAYOUTS, Shape
from conformance.cases.designs import Design, Levels, Rule
from conformance.operations import OPERATIONS
from conformance.run.case import Case
from reports import coverage

DESIGNS = designs.load()


def every_case(strength: int = 3) -> Iterator[tuple[Design, Levels, Case]]:
    for design in DESIGNS.values():
        for row in design.rows(strength):
            yield design, row, crossed.case(design, row)


@pytest.mark.parametrize("tier", crossed.ROWS)
@pytest.mark.parametrize("name", DESIGNS)
def test_every_level_is_in_a_case(name: str, tier: str) -> None:
    design = DESIGNS[name]
    held = {level for row in crossed.ROWS[tier](design) for level in row.items()}
    assert held == {(factor, level) for factor, levels in design.factors.items() for level in levels}


@pytest.mark.parametrize("name", DESIGNS)
def test_quick_asks_every_possible_pair_and_full_every_possible_triple(name: str) -> None:
    pairs, triples = coverage.count(name, 2), coverage.count(name, 3)
    assert pairs.asked["quick"] == pairs.asked["full"] == pairs.possible
    assert triples.asked["full"] == triples.possible
    assert not pairs.left_out
    assert not triples.left_out


@pytest.mark.parametrize("name", DESIGNS)
def test_a_framework_that_copies_is_asked_every_pair_without_a_layout(name: str) -> None:
    design = DESIGNS[name]
    factors = {factor: levels for factor, levels in design.factors.items() if factor not in designs.LAYOUTS}
    plain = replace(design, factors=factors)
    rows = design.without_layouts()
    assert designs.asked(plain, 2, rows) == designs.asked(plain, 2, design.rows(2))
    assert len(rows) < len(design.rows(2)) or "x" not in design.factors


def test_no_row_has_what_a_rule_forbids() -> None:
    for design in DESIGNS.values():
        for row in design.rows(3):
            assert not design.why_not(tuple(row.items()))


def test_every_rule_concerns_a_design() -> None:
    rules = tomllib.loads(designs.FILE.read_text(encoding="utf-8"))["never"]
    reasons = {rule.because for design in DESIGNS.values() for rule in design.rules}
    assert {rule["because"] for rule in rules} == reasons
    for rule in rules:
        levels = {level for factor, forbidden in rule.items() if factor != "because" for level in forbidden}
        known = {level for design in DESIGNS.values() for found in design.factors.values() for level in found}
        assert levels <= known, rule


def test_a_level_that_no_row_may_have_is_seen() -> None:
    rules = (Rule({"a": frozenset({"x"}), "b": frozenset({"y", "z"})}, "never"),)
    design = Design("small", "", (), {"a": ("w", "x"), "b": ("y", "z")}, rules)
    assert not design.possible((("a", "x"),))
    assert design.possible((("a", "w"), ("b", "y")))
    assert design.why_not((("a", "x"), ("b", "z"))) == "never"


@pytest.mark.parametrize("name", ["index", "where"])
def test_the_rows_are_those_that_the_factors_give(name: str) -> None:
    pytest.importorskip("coverwise")
    design = DESIGNS[name]
    committed = (designs.ARRAYS / f"{name}.txt").read_text(encoding="ascii")
    assert covering.text(design, covering.rows(design)) == committed


def test_every_operation_is_crossed() -> None:
    crossed = {operation for design in DESIGNS.values() for operation in design.factors["operation"]}
    own = ("linear", "sample")  # kinds with cases of their own alone
    assert crossed == {name for name, operation in OPERATIONS.items() if operation.kind not in own}
    for design in DESIGNS.values():
        assert {OPERATIONS[name].kind for name in design.factors["operation"]} == {*design.kinds}


def test_names_are_unique_and_tell_the_levels() -> None:
    seen = set()
    for design, row, made in every_case():
        key = (row["operation"], row["direction"], row["format"], made.name)
        assert key not in seen
        seen.add(key)
        assert made.name.startswith(f"{design.name}-r")
        assert re.fullmatch(r"[a-z0-9.-]+", made.name)


def test_a_case_has_the_shape_and_axis_of_its_levels() -> None:
    for _, row, made in every_case(2):
        call = made.call(row["operation"], "float32")
        assert call.x.ndim == int(row["rank"][1:])
        assert isinstance(call.axis, int)
        assert call.x.shape[call.axis] == int(row["length"][1:])
        assert (call.axis < 0) == row["axis"].startswith("minus-")
        if row["others"] == "square":
            assert list(call.x.shape).count(call.x.shape[call.axis]) >= 2
        assert call.x.size <= 2**13


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_layout_keeps_the_values_unless_it_repeats_them(kind: str) -> None:
    shape = Shape((3, 4, 5), 1)
    a = np.arange(60.0).reshape(shape.sizes)
    words = {"s": shape.sizes, "other": shape.other, "cut": 4, "inner": 2, "at": ":, :, "}
    view = eval(LAYOUTS[kind].format(**words), {"np": np, "a": a})
    assert view.shape == a.shape
    if kind not in ("repeated", "scalar"):
        assert (view == a).all()
    if kind != "contiguous":
        assert not view.flags.c_contiguous or view.base is not None
    if kind in ("repeated", "scalar"):
        assert 0 in view.strides


def test_what_a_case_prints_is_the_array_that_it_passes() -> None:
    for _, row, made in every_case(1):
        call = made.call(row["operation"], "float64")
        told = made.describe(call)
        for name, array in (("expression", call.x), ("labels", call.labels), ("cotangent", call.cotangent)):
            if array is not None:
                printed = eval(told[name], {"np": np})
                values = printed.astype(np.float32) if printed.dtype.kind == "f" else printed
                given = np.float32(array) if array.dtype.kind == "f" else array
                assert np.array_equal(values, given)
                assert name != "expression" or printed.strides == array.strides


def test_a_slow_compiler_is_asked_fewer_rows_of_the_same_names() -> None:
    provider = crossed.crossed("vjp")
    names = {
        tier: {case.name for case in provider("softmax", "float32", tier)}
        for tier in ("few", "copied", "quick", "full")
    }
    assert names["few"] <= names["quick"] < names["full"]
    assert names["copied"] <= names["quick"]
