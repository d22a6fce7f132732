"""The suite proves its own power: every gallery class is caught by the requirements that name it."""

from __future__ import annotations

from pathlib import Path

import pytest

import adapters
from conformance import requirements
from conformance.record import causes, reading, storage
from conformance.record.records import Check
from conformance.run import subjects
from conformance.run.processes import supervisor
from reports import kills
from reports.evidence import RECORDS

REFERENCE = RECORDS / "numpy-cpu-eager.jsonl.xz"


SPLIT = {
    "CotangentReadAsStored": "the strided cotangents of GRD-14 are expressions of their own, not layouts",
    "ForwardForgetsOptions": "one of its gradients is wrong by smoothing alone, all others by weights too",
    "LogSumExpOfFirstAxis": "where the first axis is as long as the named one, it raises nothing",
    "MaskReadAsStored": "a mask that reads alike in both orders hides it from most calls that have one",
    "SharedBuffer": "few calls of two threads meet, and not the same ones every time",
    "ShuffledSum": "few sums change with their order, in float16 the fewest",
}  # the classes whose failures may be more than one group
CAUSES = {
    "BrokenByRefusal": "raises IndexError: an earlier call failed",
    "ClampedExponent": "everything below −15 is clipped",
    "EpsilonDenominator": "accurate to 17 bits",
    "GradientFromLogSumExp": "large logits",
    "IgnoredRowCounts": "ignored rows",
    "LabelModulo": "labels out of range",
    "LogOfClippedSoftmax": "everything below −16 is clipped",
    "NaNAsMasked": "a NaN in a row",
    "NoShift": "the answer is NaN or infinite",
    "StridedRowsOfSteps": "x in a layout of its own",
    "TrailingAxisOfOne": "axes and their order",
    "UpstreamIgnored": "the upstream gradient",
    "VmapUpstreamOfFirst": "vmap, its vjp",
    "WhereMultiplies": "where",
    "WidenedOutput": "shape and format of the result",
    "ZeroSecondDerivative": "the answer is 0",
}  # what names a class's group
FAILED = ("fail", "crash", "timeout")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the gallery's records."""
    return tmp_path_factory.mktemp("gallery")


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, set[str]]:
    """Every class judged on the quick tier by the requirements that name it; what each of them failed."""
    return kills.judge(folder, listed=True)


@pytest.fixture(scope="module")
def judged(found: dict[str, set[str]], folder: Path) -> dict[str, list[Check]]:
    """The checks of each class."""
    read = map(reading.read, storage.find([folder]))
    return {record.header.target.removeprefix(kills.PREFIX).split(":")[0]: record.checks for record in read}


def grouped(checks: list[Check]) -> list[causes.Group]:
    """The groups of what fails, good practice too."""
    return causes.groups(checks, [check for check in checks if check.outcome in FAILED])


def test_the_failures_of_a_class_are_one_group(judged: dict[str, list[Check]]) -> None:
    assert set(judged) == set(kills.GALLERY) > set(SPLIT)
    several = {name: grouped(checks) for name, checks in judged.items() if len(grouped(checks)) > 1}
    assert several.keys() - SPLIT.keys() == set()
    for name, groups in several.items():
        largest = len(groups[0].checks) / sum(len(group.checks) for group in groups)
        assert largest >= 0.75 or name == "SharedBuffer", name  # which is by chance


@pytest.mark.parametrize("name", CAUSES)
def test_a_group_is_named_near_the_fault(name: str, judged: dict[str, list[Check]]) -> None:
    assert CAUSES[name] in grouped(judged[name])[0].cause


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("CotangentReadAsStored", "ClampedExponent"),
        ("LogSumExpFirst", "IgnoredRowCounts"),
        ("NaNAsMasked", "LabelModulo"),
        ("VmapLeavesTail", "KeptClassAxis"),
        ("ZeroLabelGradient", "EmptyBatchRefused"),
    ],
)
def test_two_faults_are_two_groups(first: str, second: str, judged: dict[str, list[Check]]) -> None:
    formats = ("float16", "float32")  # of the gallery, whose tier is quick
    quick = set(map(subjects.check_id, subjects.every(adapters.load("numpy"), "quick")))
    passed = [check for check in reading.read(REFERENCE).checks if check.id in quick]
    rows = {check.id: check for check in passed if check.dtype in formats}
    failed = [{check.id: check for check in judged[name] if check.outcome in FAILED} for name in (first, second)]
    groups = grouped(list((rows | failed[0] | failed[1]).values()))[:2]
    groups.sort(key=lambda group: group.checks[0].id not in failed[0])  # of equally many, either is first
    for group, of in zip(groups, failed, strict=True):
        assert {check.id for check in group.checks} <= set(of)
        assert len(group.checks) >= 0.9 * len(of)


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
