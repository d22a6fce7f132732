"""Grades of two records that differ, judged by the checks that both have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from conformance.record.records import Record
from conformance.requirements import Requirement
from reports import accuracy
from reports.accuracy import Grade
from reports.checks import all_checks
from reports.differences.values import four
from reports.witness import short

LEAST = 1.1  # of two worst errors with one letter, which differ from here on


@dataclass(frozen=True)
class GradePair:
    """One operation, format and direction, and the two grades."""

    operation: str
    dtype: str
    direction: str
    first: str
    second: str


def grades(
    first: Record, second: Record, specification: Mapping[str, Requirement]
) -> tuple[list[GradePair], int]:
    """The grades that differ, other letters first, and how many places both are graded at."""
    a, b = common(first, second)
    rows = table([a, b], specification)
    found = [(row, pair) for row, pair in rows if None not in pair]
    differing = [(row, x, y) for row, (x, y) in found if x and y and differ(x, y)]
    differing.sort(key=lambda one: one[1].letter == one[2].letter)
    return [GradePair(*row, told(x), told(y)) for row, x, y in differing], len(found)


def table(
    records: Sequence[Record], specification: Mapping[str, Requirement]
) -> list[tuple[tuple[str, str, str], tuple[Grade | None, ...]]]:
    """Operation, format and direction, and the grade of each record there."""
    names = [str(place) for place in range(len(records))]  # two may be of one target
    named = (
        replace(record, header=replace(record.header, target=name))
        for name, record in zip(names, records, strict=True)
    )
    found = accuracy.tables(names, all_checks(named, specification))
    return [((row.operation, row.dtype, row.direction), row.cells) for part in found for row in part.rows]


def common(first: Record, second: Record) -> tuple[Record, Record]:
    """Both records with the checks that both have."""
    both = {check.id for check in first.checks} & {check.id for check in second.checks}
    return within(first, both), within(second, both)


def within(record: Record, names: Iterable[str]) -> Record:
    """The record with the checks of these ids alone."""
    kept = set(names)
    return replace(record, checks=[check for check in record.checks if check.id in kept])


def differ(first: Grade, second: Grade) -> bool:
    """Whether the letters differ, or R does, or the worst errors by a tenth of the smaller one."""
    if (first.letter, first.relative) != (second.letter, second.relative):
        return True
    low, high = sorted((four(first.worst), four(second.worst)))
    return high >= LEAST * low and not (math.isinf(low) or high == 0)


def told(grade: Grade) -> str:
    """The letter, the worst error over the bound of grade D, and whether it is R."""
    relative = {None: "", True: ", R", False: ", not R"}[grade.relative]
    return f"{grade.letter} ({short(grade.worst)}{relative})"
