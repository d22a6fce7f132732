"""Compares the grades of two records, judged by the checks that both have."""

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

LEAST = 1.1  # the smallest factor between worst errors that counts as a difference

Place = tuple[str, str, str]  # operation, format, direction


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
    """Return the grades that differ, judged by the common checks, and the number of places both are graded at."""
    both = {check.id for check in first.checks} & {check.id for check in second.checks}
    rows = table([within(first, both), within(second, both)], specification)
    return pairs((place, cells[0], cells[1]) for place, cells in rows)


def pairs(rows: Iterable[tuple[Place, Grade | None, Grade | None]]) -> tuple[list[GradePair], int]:
    """Return the grades that differ, other letters first, and the number of places that have both grades."""
    both = [(place, first, second) for place, first, second in rows if first and second]
    differing = [row for row in both if differ(row[1], row[2])]
    differing.sort(key=lambda row: row[1].letter == row[2].letter)
    return [GradePair(*place, described(x), described(y)) for place, x, y in differing], len(both)


def table(
    records: Sequence[Record], specification: Mapping[str, Requirement]
) -> list[tuple[Place, tuple[Grade | None, ...]]]:
    """Return each place with the grade of every record there."""
    names = [str(place) for place in range(len(records))]  # two may be of one target
    named = (
        replace(record, header=replace(record.header, target=name))
        for name, record in zip(names, records, strict=True)
    )
    tables = accuracy.tables(names, all_checks(named, specification))
    return [((row.operation, row.dtype, row.direction), row.cells) for part in tables for row in part.rows]


def within(record: Record, ids: set[str]) -> Record:
    """Return the record with only the checks of these ids."""
    return replace(record, checks=[check for check in record.checks if check.id in ids])


def differ(first: Grade, second: Grade) -> bool:
    """Tell whether the letters differ, or R does, or the worst errors by a tenth of the smaller one."""
    if (first.letter, first.relative) != (second.letter, second.relative):
        return True
    low, high = sorted((four(first.worst), four(second.worst)))
    return high >= LEAST * low and not (math.isinf(low) or high == 0)


def described(grade: Grade) -> str:
    """Return the letter, the worst error over the bound of grade D, and R if it was judged."""
    relative = {None: "", True: ", R", False: ", not R"}[grade.relative]
    return f"{grade.letter} ({short(grade.worst)}{relative})"
