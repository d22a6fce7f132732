"""The suite proves its own power: every gallery class is caught by the requirements that name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import requirements
from conformance.run.processes import supervisor
from reports import kills


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every class judged on the quick tier by the requirements that name it; what each of them failed."""
    return kills.judge(tmp_path_factory.mktemp("gallery"), listed=True)


def test_every_class_is_caught_by_the_requirements_that_name_it(found: dict[str, set[str]]) -> None:
    assert kills.survivors(found) == []


def test_the_page_of_kills_lists_what_comes_about(found: dict[str, set[str]]) -> None:
    assert stable(kills.PAGE.read_text(encoding="utf-8")) == stable(kills.page(found))


def stable(page: str) -> list[str]:
    """The rows without their last column: what a class fails beside the listed ones depends on the processor."""
    return [line.rsplit(" | ", 1)[0] for line in page.splitlines() if line.startswith("| ")]


def test_every_requirement_with_a_verdict_catches_a_class(found: dict[str, set[str]]) -> None:
    caught = set().union(*found.values())
    judged = {name for name, requirement in requirements.load().items() if requirement.level != "report"}
    assert judged - caught == set()


def test_reference_survives_as_the_only_one(found: dict[str, set[str]], tmp_path: Path) -> None:
    order = supervisor.Order("numpy", "cpu", "eager", "quick", tmp_path, check_timeout=60)
    reference = supervisor.run(order, lambda progress: None)
    assert {check.outcome for check in reference.checks} == {"pass", "choice", "measured", "absent"}
    assert {check.requirement for check in reference.checks if check.outcome == "absent"} == {"DET-06"}  # threads
    assert all(found.values())


def test_missing_kill_is_named() -> None:
    assert "SPV-04 does not catch NaNAsMasked" in kills.survivors({"NaNAsMasked": {"SPV-03"}})
