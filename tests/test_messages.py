"""Every failure says what was got and what was expected: a failing row of each requirement and gallery class."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from adapters import faulty
from conformance import HERE, requirements
from conformance.record.records import ONE_ANSWER, Check
from conformance.run import outcome, target
from conformance.run.subjects import subjects
from conformance.run.target import Target

PAIRS = [(name, fault) for name, stated in requirements.load().items() for fault in stated.catches]


def judging() -> dict[str, tuple[Callable[[Any], None], pytest.Mark]]:
    """The test of each requirement, and its marker."""
    found = {}
    for path in sorted(HERE.glob("test_*.py")):
        for test in vars(import_module(f"{HERE.name}.{path.stem}")).values():
            for mark in getattr(test, "pytestmark", ()):
                found[mark.args[0]] = (test, mark)
    return found


TESTS = judging()


def failing_row(requirement: str, fault: str) -> Check | None:
    """The first row of the requirement that the class fails; None where only several checks together show it."""
    judged = Target(f"adapters.faulty:{fault}:cpu:eager", getattr(faulty, fault)())
    test, marker = TESTS[requirement]
    for subject in subjects(judged.adapter, marker, "quick"):
        check = target.Trial(judged, subject, "quick")
        call = pytest.CallInfo.from_call(lambda check=check: test(check), "call")  # type: ignore[misc]  # bound now
        if call.excinfo is not None and (row := outcome.row_of(check, call)).outcome == "fail":
            return row
    return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("requirement", "fault"), PAIRS, ids=map("-".join, PAIRS))
def test_failure_names_what_was_got_and_what_was_expected(requirement: str, fault: str) -> None:
    row = failing_row(requirement, fault)
    if row is None:
        pytest.skip(f"only {ONE_ANSWER} shows it")
    message = str(row.message)
    assert re.search(r"^  got: (?!None)\S", message, re.MULTILINE), message
    assert re.search(r"^  expected: (?!as required)\S", message, re.MULTILINE), message
    assert "assert" not in message
    assert {"got", "expected", "call"} <= row.witness.keys()
