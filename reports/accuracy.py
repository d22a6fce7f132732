"""Grades: for each operation, format and target the best bound that every measured check is within."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.checks import Judged, label_form
from reports.witness import number, ratio, rows

GRADES = ("A", "B", "C", "D", "E")  # of conformance.bounds, which brings the oracle along
REQUIRED = "D"  # the grade whose bound is "must"
FORMATS = ("float64", "float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2")
PARTS = {"ACC": "results", "GRD": "derivatives"}


@dataclass(frozen=True)
class Grade:
    """One target's accuracy on one operation and format; `worst` is error over the required bound."""

    letter: str
    worst: float
    relative: bool | None  # grade R, None where it was not measured
    checks: int
    case: str
    witness: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Row:
    """One operation in one format, a grade for each target in the order of the targets or None."""

    operation: str
    dtype: str
    cells: tuple[Grade | None, ...]


@dataclass(frozen=True)
class Table:
    """The grades of results, or of derivatives."""

    title: str
    rows: tuple[Row, ...]


def tables(targets: Sequence[str], checks: Iterable[Judged]) -> tuple[Table, ...]:
    """A table for results and one for derivatives, each where there is something in it."""
    found: dict[tuple[str, str, str, str], list[Judged]] = defaultdict(list)
    for judged in checks:
        part = PARTS.get(judged.check.requirement[:3])
        if part and judged.check.measured:
            found[part, form(judged), judged.check.dtype, judged.target].append(judged)
    found = {key: group for key, group in found.items() if _graded(group)}
    return tuple(
        Table(part, _rows(targets, {key[1:]: value for key, value in found.items() if key[0] == part}))
        for part in PARTS.values()
        if any(key[0] == part for key in found)
    )


def _rows(targets: Sequence[str], found: dict[tuple[str, str, str], list[Judged]]) -> tuple[Row, ...]:
    places = sorted({key[:2] for key in found}, key=lambda place: (_operation(place[0]), _format(place[1])))
    return tuple(
        Row(*place, tuple(_grade(found[*place, t]) if (*place, t) in found else None for t in targets))
        for place in places
    )


def _graded(checks: Iterable[Judged]) -> list[Judged]:
    return [judged for judged in checks if ratio(judged.check, REQUIRED) is not None]


def _grade(checks: list[Judged]) -> Grade:
    graded = _graded(checks)
    worst = max(graded, key=lambda judged: ratio(judged.check, REQUIRED) or 0.0)
    relative = [number(judged.check.measured.get("relative")) for judged in checks]
    known = [value for value in relative if value is not None]
    return Grade(
        letter=letter(graded),
        worst=ratio(worst.check, REQUIRED) or 0.0,
        relative=all(value <= 1 for value in known) if known else None,
        checks=len(graded),
        case=worst.check.id,
        witness=rows(worst.check),
    )


def letter(checks: Iterable[Judged]) -> str:
    """The best grade whose bound holds in every check, F where none does."""
    held = list(GRADES)
    for judged in checks:
        held = [grade for grade in held if (ratio(judged.check, grade) or 0.0) <= 1]
    return held[0] if held else "F"


def form(judged: Judged) -> str:
    """The operation, a cross-entropy with the form of its labels where the record tells it."""
    told = label_form(judged.check)
    return f"{judged.check.operation} ({told})" if told else judged.check.operation


def _operation(name: str) -> tuple[int, str]:
    order = ("softmax", "log_softmax", "softmax_cross_entropy")
    plain = name.split(" ", 1)[0]
    return (order.index(plain) if plain in order else len(order)), name


def _format(name: str) -> tuple[int, str]:
    return (FORMATS.index(name) if name in FORMATS else len(FORMATS)), name
