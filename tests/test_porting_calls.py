"""The calls that a porter is told run in their frameworks, both sides give the same, and each habit is shown."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from adapters.frameworks import FRAMEWORKS
from conformance import requirements
from reports import porting
from reports.differences.comparison import DescribedDifference, OperandText
from reports.site.port import Break, Move

# runs each program with a print that keeps the value: as numbers, and as text
RUNNER = """
import json, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
results = []
for code in json.load(sys.stdin):
    kept = []
    try:
        exec(code, {"print": kept.append})
    except Exception as error:
        results.append(["error", str(error)])
    else:
        try:
            numbers = np.asarray(kept[0], dtype=float).tolist()
        except (TypeError, ValueError):
            numbers = None
        results.append([str(kept[0]), numbers])
json.dump(results, sys.stdout)
"""


@cache
def results(name: str) -> dict[str, tuple[str, Any]]:
    """Key of a call, or "habit" and key → the text and the numbers that its program gives."""
    spelling = FRAMEWORKS[name].spelling
    assert spelling is not None
    if importlib.util.find_spec(FRAMEWORKS[name].package) is None:
        pytest.skip(f"{name} is not installed")
    bodies = {key: code for key in porting.CALLS if (code := porting.code(spelling, key))}
    bodies |= {f"habit {key}": habit["call"] for key, habit in spelling.habits.items()}
    programs = json.dumps([porting.program(name, body) for body in bodies.values()])
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=programs, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(bodies, map(tuple, json.loads(done.stdout)), strict=True))


@pytest.mark.parametrize(("first", "second"), list(permutations(porting.portable(), 2)))
def test_both_sides_of_a_call_give_the_same(first: str, second: str) -> None:
    told = list(porting.calls(first, second))
    assert len(told) >= 3
    for call in told:
        (text, one), (other_text, other) = results(first)[call.key], results(second)[call.key]
        assert "error" not in (text, other_text), (call.key, one, other)
        assert np.allclose(one, other, rtol=1e-5), (call.key, text, other_text)


@pytest.mark.parametrize("name", porting.portable())
def test_a_habit_is_what_the_framework_does(name: str) -> None:
    spelling = FRAMEWORKS[name].spelling
    assert spelling is not None
    for key, habit in spelling.habits.items():
        text, numbers = results(name)[f"habit {key}"]
        assert text == habit["prints"], (key, text, numbers)
        assert habit.keys() == {"says", "call", "prints"}


def test_every_call_and_habit_is_one_that_a_porter_looks_for() -> None:
    for name in porting.portable():
        spelling = FRAMEWORKS[name].spelling
        assert spelling is not None
        assert {*spelling.ported, *spelling.habits} <= porting.CALLS.keys()


def lacking(text: str, side: int = 0) -> Break:
    side_text = OperandText("", "", "")
    told = DescribedDifference(
        "absent", side, f"lacks {text}", "softmax", ("ACC-01",), 1, (), (side_text, side_text)
    )
    return Break(told, ("", ""), ("softmax",))


def test_what_is_missing_is_one_line_for_each_feature() -> None:
    texts = (
        "class weight, label smoothing",
        "label smoothing",
        "class weight",
        "f has no axis; got 0",
        "f has no axis; got 1",
    )
    move = Move(("a", "b"), ("a", "b"), ("1", "2"), (), (), tuple(map(lacking, texts)))
    assert [one.lack for one in move.lacking("softmax")] == [
        "lacks label smoothing",
        "lacks class weight",
        "lacks axis in f",
    ]
    assert move.lacking("loss") == []


def test_ordinary_inputs_come_before_rare_ones() -> None:
    def told(requirement: str, where: str = "softmax float32") -> DescribedDifference:
        side = OperandText("", "", "")
        return DescribedDifference("faults", None, requirement, where, (requirement,), 1, (), (side, side))

    found = [told("SPV-06"), told("RNG-01"), told("LBL-14", "softmax float64"), told("LBL-14"), told("ACC-01")]
    order = [(one.title, one.where) for one in porting.ranked(found, requirements.load())]
    assert [name for name, _ in order[:3]] == ["ACC-01", "LBL-14", "LBL-14"]
    assert order[1][1] == "softmax float32"
    assert {name for name, _ in order[3:]} == {"SPV-06", "RNG-01"}
