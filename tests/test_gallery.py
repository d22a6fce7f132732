"""The suite proves its own power: every gallery class is caught by the requirements that name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.faulty import Faulty
from conformance import requirements, runner
from reports.kills import kills, survivors, table

NAMES = sorted(fault.__name__ for fault in Faulty.__subclasses__())


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every class judged on the quick tier; what each of them failed."""
    output: Path = tmp_path_factory.mktemp("gallery")
    orders = [
        runner.Order(f"adapters.faulty:{name}", "cpu", "eager", "quick", output, check_timeout=60)
        for name in NAMES
    ]
    return kills(runner.run_all(orders, jobs=2, report=lambda progress: None))


def test_every_class_is_caught_by_the_requirements_that_name_it(
    found: dict[str, set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print("\n\nThe kill matrix: X a listed kill, x another\n")
        print(table(found))
    assert survivors(found) == []


def test_every_requirement_with_a_verdict_catches_a_class(found: dict[str, set[str]]) -> None:
    caught = set().union(*found.values())
    judged = {name for name, requirement in requirements.load().items() if requirement.level != "report"}
    assert judged - caught == set()


def test_reference_survives_as_the_only_one(found: dict[str, set[str]], tmp_path: Path) -> None:
    order = runner.Order("numpy", "cpu", "eager", "quick", tmp_path, check_timeout=60)
    reference = runner.run(order, lambda progress: None)
    assert {check.outcome for check in reference.checks} == {"pass", "choice", "measured"}
    assert all(found.values())


def test_missing_kill_is_named() -> None:
    assert "SPV-04 does not catch NaNAsMasked" in survivors({"NaNAsMasked": {"SPV-03"}})
