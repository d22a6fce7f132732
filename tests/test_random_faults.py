"""Faults drawn at random: each is the reference elsewhere, and is caught or named on the page of kills."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import adapters
from adapters.faulty.random import Fault, Watched, of_seed
from adapters.faulty.random.asked import ARRAYS, Asked
from adapters.faulty.random.levels import FACTORS, LEVELS, layout, level, levels
from conformance.cases import crossed, designs
from conformance.run.measure import Call
from reports import kills
from reports.power import judging, probing, results

FEW = 24
CALLS = 300
LAYOUT_OF = {"x": "x", "c": "cotangent", "t": "tangent", "l": "labels", "w": "where", "weight": "weight"}


@pytest.fixture(scope="module")
def drawn() -> probing.Drawn:
    return probing.draw(FEW)


class Levels(Watched):
    def give(self, asked: Asked, right: object, before: object) -> object:
        self.found = dict(levels(asked))
        return right


def test_a_seed_draws_one_fault_by_name() -> None:
    first, again = (adapters.load("adapters.faulty.random:Fault17") for _ in range(2))
    assert isinstance(first, Fault)
    assert isinstance(again, Fault)
    assert (first.name, str(first), first.where) == ("Fault17", str(again), again.where)
    assert len({str(of_seed(seed)()) for seed in range(50)}) > 45


def test_a_fault_is_the_reference_where_a_call_has_not_both_levels(drawn: probing.Drawn) -> None:
    for seed in drawn.faults:
        fault = of_seed(seed)()
        other = [probe.call for probe in probing.probes() if not fault.where <= probe.levels][:20]
        for call in other:
            got, right = call.native(fault), call.native(fault.right)
            for one, same in zip(probing.parts(got), probing.parts(right), strict=True):
                assert np.array_equal(one, same, equal_nan=True)


def test_every_fault_answers_some_call_outside_the_bound(drawn: probing.Drawn) -> None:
    for seed, call in drawn.faults.items():
        assert probing.beyond(of_seed(seed)(), call)
        assert level_pairs(seed, call)


def level_pairs(seed: int, call: Call) -> bool:
    seen = Levels()
    call.native(seen)
    return of_seed(seed)().where <= frozenset(seen.found.items())


def test_the_reference_is_no_fault() -> None:
    class Right(Fault):
        def give(self, asked: Asked, right: object, before: object) -> object:
            return right

    assert not any(probing.beyond(Right(), probe.call) for probe in probing.probes()[:CALLS])


def test_few_faults_survive_and_those_that_the_page_names(drawn: probing.Drawn) -> None:
    found = judging.judge([of_seed(seed)() for seed in drawn.faults], "quick")
    kept = json.loads(results.FILE.read_text(encoding="utf-8"))["survivors"]["quick"]
    assert {one.fault.seed for one in found if not one.caught} == {one["seed"] for one in kept} & {*drawn.faults}


def test_the_suite_catches_what_the_issue_of_power_asks() -> None:
    kept = json.loads(results.FILE.read_text(encoding="utf-8"))
    faults = kept["drawn"]["faults"]
    assert faults >= 500
    least = {"quick": 0.97, "full": 0.995}
    for tier, survivors in kept["survivors"].items():
        assert 1 - len(survivors) / faults >= least[tier]


def test_the_page_of_kills_names_each_survivor() -> None:
    text, kept = kills.PAGE.read_text(encoding="utf-8"), json.loads(results.FILE.read_text(encoding="utf-8"))
    for survivors in kept["survivors"].values():
        for one in survivors:
            assert f"Fault{one['seed']}" in text


def test_a_crossed_case_has_the_layouts_that_its_name_tells() -> None:
    seen = Levels()
    for design in designs.load().values():
        for row in design.rows(2):
            if "mode" in row or row["length"] == "n1":  # of one logit a row, one axis alone may be longer
                continue
            crossed.case(design, row).call(row["operation"], row["format"]).native(seen)
            for factor, array in LAYOUT_OF.items():
                told = row.get(factor, "no-")
                if factor in row and not told.startswith("no-") and not told.endswith("contiguous"):
                    assert seen.found[f"layout of {array}"] != "contiguous", (design.name, row)


@pytest.mark.parametrize(
    ("view", "name"),
    [
        (np.zeros((3, 4)), "contiguous"),
        (np.zeros((3, 4)).T, "transposed"),
        (np.zeros((3, 8))[:, ::2], "strided"),
        (np.zeros((3, 5))[:, 1:], "offset"),
        (np.zeros((3, 4))[:, ::-1], "reversed"),
        (np.broadcast_to(0.0, (3, 4)), "repeated"),
        (np.zeros(13)[1:].reshape(3, 4), "misaligned"),
        (np.zeros((3, 5))[:, :4], "sliced"),
    ],
)
def test_a_layout_is_told_from_the_array(view: np.ndarray[Any, Any], name: str) -> None:
    assert layout(view) == name


def test_every_factor_of_the_crossed_cases_is_told() -> None:
    known = {factor for design in designs.load().values() for factor in design.factors} - {"mode"}
    assert known - {*LAYOUT_OF} <= {*FACTORS}
    assert {*LEVELS} == {*FACTORS}
    assert {f"layout of {name}" for name in ARRAYS} <= {*LEVELS}
    assert level(Asked("softmax", "softmax", {"x": np.zeros((2, 3)), "axis": 5}), "axis") is not None
