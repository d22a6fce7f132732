"""Grades: for each operation, format, direction and target the best bound that every measured check is within."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter

from conformance.operations import OPERATIONS
from conformance.record.accuracy_keys import FORWARD, letter, number, place, ratio
from conformance.record.records import Check
from conformance.truth.arithmetic import GRADES
from reports.checks import Judged
from reports.witness import rows

REQUIRED = "D"  # the grade whose bound is "must"
FORMATS = ("float64", "float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2")
DIRECTIONS = (FORWARD, "vjp", "jvp", "hvp")


@dataclass(frozen=True)
class ErrorSpread:
    """The mean and the variance of the signed errors of `elements` outputs, and the largest error, in ulps."""

    elements: int
    bias: float
    variance: float
    largest: float


@dataclass(frozen=True)
class Grade:
    """One target's accuracy at one place; `worst` is error over the required bound, attained in `check`."""

    letter: str
    worst: float
    relative: bool | None  # grade R, None where it was not measured
    check: Check
    graded: tuple[Check, ...] = field(compare=False, repr=False)  # an archive keeps less of each

    @property
    def case(self) -> str:
        """The id of the check."""
        return self.check.id

    @property
    def checks(self) -> int:
        """The number of checks that are graded."""
        return len(self.graded)

    @cached_property
    def spread(self) -> ErrorSpread | None:
        """The spread of the errors; None in records that do not tell it."""
        return spread(self.graded)

    @cached_property
    def witness(self) -> tuple[tuple[str, str], ...]:
        """The witness of `check` as labels and texts."""
        return rows(self.check)


@dataclass(frozen=True)
class AccuracyRow:
    """One operation in one format and direction, a grade for each target in the order of the targets or None."""

    operation: str
    dtype: str
    direction: str
    cells: tuple[Grade | None, ...]


@dataclass(frozen=True)
class AccuracyTable:
    """The grades of results, or of derivatives."""

    title: str
    rows: tuple[AccuracyRow, ...]


def tables(targets: Sequence[str], checks: Iterable[Judged]) -> tuple[AccuracyTable, ...]:
    """A table for results and one for derivatives, each where there is something in it."""
    by_place: dict[tuple[str, str, str], dict[str, list[Check]]] = defaultdict(lambda: defaultdict(list))
    for judged in checks:
        at = place(judged.check)
        if at is not None:
            by_place[at][judged.target].append(judged.check)
    every = [_row(targets, at, by_place[at]) for at in sorted(by_place, key=_order)]
    parts = {
        "results": [row for row in every if row.direction == FORWARD],
        "derivatives": [row for row in every if row.direction != FORWARD],
    }
    kept = {title: tuple(row for row in part if any(row.cells)) for title, part in parts.items()}
    return tuple(AccuracyTable(title, part) for title, part in kept.items() if part)


def _row(targets: Sequence[str], at: tuple[str, str, str], by_target: dict[str, list[Check]]) -> AccuracyRow:
    return AccuracyRow(
        *at, tuple(_grade(by_target[target]) if target in by_target else None for target in targets)
    )


def _grade(checks: list[Check]) -> Grade | None:
    ratios = [(value, check) for check in checks if (value := ratio(check, REQUIRED)) is not None]
    if not ratios:
        return None
    worst, attained = max(ratios, key=itemgetter(0))
    graded = tuple(check for _, check in ratios)
    relative = [number(check.measured.get("relative")) for check in checks]
    known = [value for value in relative if value is not None]
    return Grade(
        letter=letter(graded, GRADES),
        worst=worst,
        relative=all(value <= 1 for value in known) if known else None,
        check=attained,
        graded=graded,
    )


def spread(checks: Iterable[Check]) -> ErrorSpread | None:
    """Return the spread over all outputs of `checks`; a call that several of them judge counts once.

    None if no check has the three numbers, as in older records, or none has an output.
    """
    spreads = {(check.case, repr(check.witness.get("call"))): part for check in checks if (part := _told(check))}
    parts = spreads.values()
    elements = sum(part.elements for part in parts)
    if not elements:
        return None
    shares = [part.elements / elements for part in parts]
    bias = sum(share * part.bias for share, part in zip(shares, parts, strict=True))
    # not E[x²] − bias², which cancels; and no **, which raises where a square overflows
    around = [part.variance + (part.bias - bias) * (part.bias - bias) for part in parts]
    variance = sum(share * value for share, value in zip(shares, around, strict=True))
    return ErrorSpread(elements, bias, variance, max(part.largest for part in parts))


def _told(check: Check) -> ErrorSpread | None:
    elements, bias, variance, largest = (
        number(check.measured.get(key)) for key in ("elements", "bias", "variance", "ulps")
    )
    if elements is None or bias is None or variance is None or not 0 < elements < math.inf:
        return None
    return ErrorSpread(int(elements), bias, variance, math.nan if largest is None else largest)


def _order(at: tuple[str, str, str]) -> tuple[tuple[int, str], ...]:
    operation, dtype, way = at
    return (
        (_index(tuple(OPERATIONS), operation.split(" ", 1)[0]), operation),
        by_format(dtype),
        (_index(DIRECTIONS, way.split(",", 1)[0]), way),
    )


def by_format(dtype: str) -> tuple[int, str]:
    """Return the key that sorts formats: widest first, unknown ones last."""
    return _index(FORMATS, dtype), dtype


def _index(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)
