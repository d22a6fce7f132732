"""The page of accuracy: the worst error over the bound by operation, format and row length for each target.

A cell opens its witness: the input that attains the error and the call as a program. An archived record keeps the
values only of the worst check of a place; for the others only the program is shown, which is built from the call.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.record.accuracy_keys import FORWARD, place, ratio
from conformance.record.records import Check, Record
from conformance.truth.arithmetic import GRADES
from reports import sweeps
from reports.accuracy import REQUIRED, AccuracyRow, AccuracyTable, Grade, by_format
from reports.checks import split_target
from reports.evidence import Evidence
from reports.model import GRADES as MEANINGS
from reports.reproduce import reproduction
from reports.site.page import Page
from reports.site.witnesses import Witnesses, values
from reports.targets import TargetSummary
from reports.witness import short

LENGTHS = (
    4,
    64,
    512,
    1536,
    8192,
)  # the last length of each column; the suite's lengths lie in groups between these
# the largest error over the bound of a colour → its class; above 1 is outside the bound
TONES = {0.1: "h0", 0.25: "h1", 0.5: "h2", 1.0: "h3", 10.0: "o1", 1000.0: "o2", math.inf: "o3"}
SMALL = min(TONES)  # over the bound: nobody looks for the cause of an error below it
OUTSIDE = "▲"  # marks a cell outside the bound for readers who do not see the colour
MOST = 20  # errors that are written out; the rest is counted
LENGTH = re.compile(r"(?:^|-)n(\d+)(?:-|$)")


@dataclass(frozen=True)
class HeatCell:
    """The worst error over the bound at one place, and the number of its witness, if it is kept here."""

    worst: float
    letter: str
    witness: int | None

    @property
    def text(self) -> str:
        """The number, marked if it is outside the bound."""
        return f"{OUTSIDE} {short(self.worst)}" if self.worst > 1 else short(self.worst)

    @property
    def tone(self) -> str:
        """The CSS class that colours the cell."""
        return next((tone for end, tone in TONES.items() if self.worst <= end), "o3")


HeatRow = tuple[AccuracyRow, Grade, list[HeatCell | None]]  # a cell for each range of row lengths
GridRow = tuple[TargetSummary, list[HeatCell | None]]  # a cell for each format


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page."""
    report = evidence.report
    names = [target.name for target in report.targets]
    store = Witnesses()
    errors = outside(names, report.accuracy)
    ranges = _ranges(evidence.records)
    shown: dict[str, object] = {
        "multiples": _multiples(report.targets, report.accuracy, store),
        "sections": [
            _section(record, target, at, report.accuracy, ranges, store)
            for at, (record, target) in enumerate(zip(evidence.records, report.targets, strict=True))
        ],
        "ranges": list(ranges.values()),
        "errors": errors[:MOST],
        "more": len(errors[MOST:]),
        "within": within(names, report.accuracy),
        "meanings": MEANINGS,
        "outside": OUTSIDE,
        "scale": _scale(),
        "sweeps": sweeps.load(),
        "sweeps_head": sweeps.HEAD,
        "sweeps_about": sweeps.ABOUT.replace("`", ""),
    }
    formats = {row.dtype: None for table in report.accuracy for row in table.rows}
    shown["picks"] = (
        ("on", "Target", [("", "all"), *((name, name) for name in names)]),
        ("dtype", "Format", [("", "all"), *((name, name) for name in sorted(formats, key=by_format))]),
    )
    shown["small"] = SMALL
    shown["store"] = store.data()  # once all cells have asked for their witnesses
    yield Page("accuracy.html", "Accuracy", "accuracy.html.j2", "accuracy.html", shown)


def row_length(check: Check) -> int | None:
    """Return the number of classes in a row, from the call or the case's name; None if neither has it."""
    call = check.witness.get("call")
    call = call if isinstance(call, dict) else {}
    shape, axis = call.get("shape"), call.get("axis", -1)
    if isinstance(shape, list) and isinstance(axis, int) and -len(shape) <= axis < len(shape):
        length = shape[axis]
        return length if isinstance(length, int) else None
    named = LENGTH.search(check.case)
    return int(named[1]) if named else None


def outside(targets: Sequence[str], tables: Iterable[AccuracyTable]) -> list[dict[str, Any]]:
    """Describe the errors outside the bound, largest first; targets that err alike share an entry."""
    groups: dict[tuple[str, str, str], list[tuple[str, Grade]]] = defaultdict(list)
    for row, target, grade in _cells(targets, tables):
        if grade.worst > 1:
            groups[_named(row), grade.check.case, short(grade.worst)].append((target, grade))
    made = [_outside(named, group) for (named, *_), group in groups.items()]
    return sorted(made, key=lambda error: -error["grade"].worst)


def _outside(named: str, group: Sequence[tuple[str, Grade]]) -> dict[str, Any]:
    """Describe an input that takes targets outside the bound, with the witness of the first of them."""
    target, grade = group[0]
    code = reproduction(target, grade.check)
    return {
        "place": named,
        "grade": grade,
        "length": row_length(grade.check),
        "known": all(grade.check.outcome == "deviation" for _, grade in group),
        "target": target,
        "named": _together(target for target, _ in group),
        "witness": values(grade.check, code is not None),
        "code": code,
    }


def _together(targets: Iterable[str]) -> str:
    """Name targets, modes of one framework together: "jax:cpu (eager, jit)"."""
    modes: dict[str, list[str]] = defaultdict(list)
    for target in targets:
        adapter, device, mode = split_target(target)
        modes[f"{adapter}:{device}" if device else adapter].append(mode)
    return ", ".join(f"{name} ({', '.join(own)})" if any(own) else name for name, own in modes.items())


def within(targets: Sequence[str], tables: Iterable[AccuracyTable]) -> str:
    """Return a sentence with the largest error inside the bound, "" if there is none."""
    inside = [(grade.worst, row, target) for row, target, grade in _cells(targets, tables) if grade.worst <= 1]
    if not inside:
        return ""
    worst, row, target = max(inside, key=lambda graded: graded[0])
    return f"{len(inside)} are within it; the largest there is {short(worst)}, of {target} in {_named(row)}."


def _cells(targets: Sequence[str], tables: Iterable[AccuracyTable]) -> Iterator[tuple[AccuracyRow, str, Grade]]:
    for table in tables:
        for row in table.rows:
            for target, grade in zip(targets, row.cells, strict=True):
                if grade is not None:
                    yield row, target, grade


def _named(row: AccuracyRow) -> str:
    return f"{row.operation} {row.direction} in {row.dtype}"


def _scale() -> list[tuple[str, str]]:
    """Return the legend: the class and the text of each colour."""
    *ends, _ = TONES
    texts = [*(f"up to {end:g}" for end in ends), f"above {ends[-1]:g}"]
    return [
        (tone, f"{OUTSIDE} {text}" if end > 1 else text)
        for (end, tone), text in zip(TONES.items(), texts, strict=True)
    ]


def _ranges(records: Iterable[Record]) -> dict[int | None, str]:
    """Return the columns: place among `LENGTHS` → the lengths in the records, None → those without a length."""
    lengths: dict[int | None, set[int]] = defaultdict(set)
    for record in records:
        for check in record.checks:
            if place(check) and ratio(check, REQUIRED) is not None:
                length = row_length(check)
                lengths[_column(length)] |= {length} if length is not None else set()
    order = sorted(lengths, key=lambda column: (column is None, column or 0))
    return {column: _span(lengths[column]) for column in order}


def _column(length: int | None) -> int | None:
    return None if length is None else sum(length > end for end in LENGTHS)


def _span(lengths: set[int]) -> str:
    if not lengths:
        return "unknown"
    low, high = min(lengths), max(lengths)
    return f"{low}" if low == high else f"{low}–{high}"


def _section(
    record: Record,
    target: TargetSummary,
    at: int,
    tables: Iterable[AccuracyTable],
    ranges: dict[int | None, str],
    store: Witnesses,
) -> dict[str, object]:
    """Return the section of the target in column `at` of the tables."""
    worst = _worst(record)

    def line(row: AccuracyRow, grade: Grade) -> HeatRow:
        here = (row.operation, row.dtype, row.direction)
        checks = [worst.get((here, column)) for column in ranges]
        return row, grade, [_length_cell(target.name, check, store) if check else None for check in checks]

    made = {table.title: [line(row, grade) for row in table.rows if (grade := row.cells[at])] for table in tables}
    grades = [grade for lines in made.values() for _, grade, _ in lines]
    return {"target": target, "tables": made, "grades": grades}


def _worst(record: Record) -> dict[tuple[tuple[str, str, str], int | None], Check]:
    """Return the check with the largest error for each place and column."""
    worst: dict[tuple[tuple[str, str, str], int | None], Check] = {}
    for check in record.checks:
        here, value = place(check), ratio(check, REQUIRED)
        if here is not None and value is not None:
            key = (here, _column(row_length(check)))
            if key not in worst or value > (ratio(worst[key], REQUIRED) or 0.0):
                worst[key] = check
    return worst


def _cell(target: str, check: Check, letter: str, store: Witnesses) -> HeatCell:
    return HeatCell(ratio(check, REQUIRED) or 0.0, letter, store.add(target, check))


def _length_cell(target: str, check: Check, store: Witnesses) -> HeatCell:
    """Return the cell of a range of row lengths; a small error is a number alone, since these cells are many."""
    worst = ratio(check, REQUIRED) or 0.0
    return HeatCell(worst, "", None) if worst < SMALL else _cell(target, check, "", store)


def _multiples(
    targets: Sequence[TargetSummary], tables: Iterable[AccuracyTable], store: Witnesses
) -> list[dict[str, object]]:
    """Return a grid for each operation and part, with every format that a target has."""
    groups: dict[str, list[AccuracyRow]] = defaultdict(list)
    for table in tables:
        for row in table.rows:
            groups[f"{row.operation}, {FORWARD if row.direction == FORWARD else table.title}"].append(row)
    return [_multiple(title, targets, rows, store) for title, rows in groups.items()]


def _multiple(
    title: str, targets: Sequence[TargetSummary], rows: Sequence[AccuracyRow], store: Witnesses
) -> dict[str, object]:
    dtypes = sorted({row.dtype for row in rows}, key=by_format)
    grid: list[GridRow] = []
    for at, target in enumerate(targets):
        grades = [[grade for row in rows if row.dtype == dtype and (grade := row.cells[at])] for dtype in dtypes]
        if any(grades):
            grid.append((target, [_joined(target.name, own, store) if own else None for own in grades]))
    worst = [_most(grid, at, name) for at, name in enumerate(dtypes)]
    return {"title": title, "dtypes": dtypes, "rows": grid, "worst": worst}


def _joined(target: str, grades: Sequence[Grade], store: Witnesses) -> HeatCell:
    worst = max(grades, key=lambda grade: grade.worst)
    letter = max((grade.letter for grade in grades), key=(*GRADES, "F").index)
    return _cell(target, worst.check, letter, store)


def _most(grid: Iterable[GridRow], at: int, dtype: str) -> str:
    """Return the target that errs most: "float32 0.32 (jax:cpu:jit and 1 other)"."""
    named = [(cell, target.name) for target, cells in grid if (cell := cells[at])]
    worst = max(named, key=lambda pair: pair[0].worst)[0]
    names = [name for cell, name in named if short(cell.worst) == short(worst.worst)]
    others = f" and {len(names) - 1} other{'s' * (len(names) > 2)}" if len(names) > 1 else ""
    return f"{dtype} {short(worst.worst)} ({names[0]}{others})"
