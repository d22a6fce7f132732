"""Judges many faults in one process: each check runs on the reference, then on the faults that it may show.

A check shows a fault only if one of its calls has the fault's two levels: elsewhere the fault is the reference.
The test function that judges a target judges a fault, and one that a check has caught is judged no further.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import pytest

from adapters.faulty.random import Fault, Watched
from adapters.faulty.random.asked import Asked
from adapters.faulty.random.levels import drawn, levels
from adapters.protocol import NotProvided
from conformance import HERE
from conformance.record import records
from conformance.run import admission, consistency
from conformance.run.subjects import subjects
from conformance.run.target import Subject, Target, Trial

Levels = frozenset[tuple[str, str]]
Judge = Callable[[Trial], None]


class Seen(Watched):
    """The reference, and the levels of every call that a fault may answer since `levels` was emptied."""

    levels: set[Levels]

    def give(self, asked: Asked, right: Any, before: Any) -> Any:
        """Return the right result."""
        if drawn(asked):
            self.levels.add(levels(asked))
        return right


@dataclass
class Candidate:
    """A fault, what has been probed of it, and the answers to choices that it gives otherwise."""

    fault: Fault
    target: Target
    answers: dict[str, str | None] = field(default_factory=dict)
    met: int = 0  # checks in which a call had both levels
    caught: str = ""  # the first of them that caught it


def checks(adapter: Any, tier: str) -> Iterator[tuple[Judge, Subject]]:
    """Yield each check of a tier and the test that judges it, in the order of a run."""
    for path in sorted(HERE.glob("test_*.py")):
        for test in list(vars(import_module(f"{HERE.name}.{path.stem}")).values()):
            for marker in getattr(test, "pytestmark", ()):
                if marker.name == "requirement":
                    yield from ((test, subject) for subject in subjects(adapter, marker, tier))


def judge(faults: Iterable[Fault], tier: str) -> list[Candidate]:
    """Judge faults on a tier."""
    seen = Seen()
    reference = Target("adapters.numpy:Adapter:cpu:eager", seen)
    found = [Candidate(fault, Target(f"{fault.name}:cpu:eager", fault)) for fault in faults]
    rows: list[records.Check] = []
    with warnings.catch_warnings(action="ignore"):
        for adapter in (seen, *(one.fault for one in found)):
            seen.levels = set()
            admission.answers(adapter)
        for test, subject in checks(seen, tier):
            seen.levels, before = set(), dict(seen.kept)
            reference._judged.clear()  # what is kept from the check before would hide its calls
            row = outcome(test, reference, subject, tier)
            if row.outcome == "fail":
                raise AssertionError(f"the reference fails {row.id}: {row.message}")
            rows += [row] * (row.outcome == "choice")
            for one in found:
                if not one.caught and any(one.fault.where <= known for known in seen.levels):
                    one.fault.kept = dict(before)
                    _judge(one, test, subject, tier)
    for one in found:
        if not one.caught and one.answers:
            _compare(one, rows)
    return found


def _judge(one: Candidate, test: Judge, subject: Subject, tier: str) -> None:
    one.met += 1
    row = outcome(test, one.target, subject, tier)
    if row.outcome == "fail" and subject.requirement.level != "report":
        one.caught = row.id
    elif row.outcome == "choice":
        one.answers[row.id] = row.observed


def _compare(one: Candidate, rows: list[records.Check]) -> None:
    """Catch what only all answers together show."""
    given = [replace(row, observed=one.answers.get(row.id, row.observed)) for row in rows]
    one.caught = next((row.id for row in consistency.judge(one.target.name, given) if row.outcome == "fail"), "")


def outcome(test: Judge, target: Target, subject: Subject, tier: str) -> records.Check:
    """Judge one check, as a run does."""
    check, found, message = Trial(target, subject, tier), "pass", None
    try:
        test(check)
        found = {"choice": "choice", "report": "measured"}.get(subject.requirement.level, "pass")
    except NotProvided:
        found = "absent"
    except (Exception, pytest.fail.Exception) as error:  # of any kind, as in a run
        found, message = "fail", repr(error)
    return records.Check(
        subject.requirement.id,
        check.operation,
        check.dtype,
        check.case.name,
        found,
        check.observed,
        message=message,
    )
