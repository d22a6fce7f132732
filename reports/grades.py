"""Makes grades.md: the grades of every target with the inputs that attain the worst errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from conformance.ci.markup import escape, list_of, table_of
from conformance.record.accuracy_keys import number
from conformance.record.records import Check, Record
from reports import sweeps
from reports.accuracy import AccuracyRow, Grade, by_format
from reports.markdown import grades
from reports.model import GRADES, Report
from reports.witness import rows, short

ELEMENTARY = "ACC-08"  # measures E and L
CALL = ("labels", "cotangent", "tangent", "arguments")
SHOWN = {"logit": "logit", "max": "row maximum", "got": "got", "expected": "expected"}
NUMBERS = (
    "operation",
    "format",
    "direction",
    "grade",
    "R",
    "error / bound",
    "bias (ulps)",
    "variance (ulps²)",
    "largest (ulps)",
    "elements",
    "checks",
)


def page(records: Sequence[Record], report: Report) -> str:
    """Return the page; `report` is the report of `records`."""
    names = [target.name for target in report.targets]
    blocks = [
        "# Grades",
        "Each cell holds the best grade whose bound no check exceeds, and the largest error over the bound of "
        "grade D, which *must* requires to be at most 1. The checks are those of the families accuracy and "
        "gradients; a grade holds for the inputs that were tried, on these machines and versions.",
        list_of(GRADES.items()),
        "For float32 and float64, C, D and E are one.",
    ]
    for table in report.accuracy:
        blocks += [f"## {table.title.capitalize()}", grades(table, names)]
    blocks += sweeps.section(sweeps.load())
    blocks += ["## Exponential and logarithm", *_elementary(records)]
    for place, target in enumerate(report.targets):
        blocks += [f"## {escape(target.name)}", f"{escape(target.framework)}; {escape(target.device)}."]
        blocks += _target([row for table in report.accuracy for row in table.rows], place)
    return "\n\n".join(blocks) + "\n"


def _target(every: Sequence[AccuracyRow], place: int) -> Iterator[str]:
    graded = [(row, cell) for row in every if (cell := row.cells[place]) is not None]
    if not graded:
        yield "No errors were measured."
        return
    yield (
        "Bias and variance are those of the signed errors of all outputs, in ulps of each output. Where a "
        "derivative cancels or a result underflows, a small error is many ulps, and the error over the bound "
        "says more."
    )
    yield table_of(NUMBERS, (_numbers(row, cell) for row, cell in graded))
    yield "<details><summary>The inputs that attain the largest errors</summary>"
    head = ("operation, format, direction", "case", *SHOWN.values(), "logits", "call")
    yield table_of(head, (_witness(row, cell) for row, cell in graded))
    yield "</details>"


def _numbers(row: AccuracyRow, cell: Grade) -> tuple[str, ...]:
    relative = "–" if cell.relative is None else "yes" if cell.relative else "no"
    errors = cell.spread
    spread = (
        (short(errors.bias), short(errors.variance), short(errors.largest), str(errors.elements))
        if errors
        else ("–", "–", "–", "–")
    )
    place = (escape(row.operation), escape(row.dtype), escape(row.direction))
    return (*place, cell.letter, relative, short(cell.worst), *spread, str(cell.checks))


def _witness(row: AccuracyRow, cell: Grade) -> tuple[str, ...]:
    witness, texts = cell.check.witness, dict(rows(cell.check))
    call = "; ".join(f"{name} {texts[name]}" for name in CALL if name in texts)
    return (
        escape(f"{row.operation}, {row.dtype}, {row.direction}"),
        escape(cell.check.id),
        *(escape(hexed(witness[name])) if name in witness else "–" for name in SHOWN),
        escape(texts.get("logits", "–")),
        escape(call) or "–",
    )


def hexed(value: object) -> str:
    """Return a witness value as the record holds it, hex floats without trailing zeros."""
    return re.sub(r"\.([0-9a-f]*?)0*p(?=[+-]?\d)", lambda match: f"{'.' * bool(match[1])}{match[1]}p", str(value))


def _elementary(records: Sequence[Record]) -> Iterator[str]:
    yield (
        "Each cell holds E₀ / L, or E₀ + E₁·|x| / L: the largest errors of a framework's own exponential, near 0 "
        "and growing with its argument x, and of its logarithm, in unit roundoffs of the format, at the "
        "arguments that softmax and log_softmax give them."
    )
    errors = {
        (record.header.target, check.dtype): _pair(check)
        for record in records
        for check in record.checks
        if check.requirement == ELEMENTARY and {"exponential", "logarithm"} <= check.measured.keys()
    }
    if not errors:
        yield "None was measured."
        return
    dtypes = sorted({dtype for _, dtype in errors}, key=by_format)
    targets = [
        record.header.target for record in records if any(key[0] == record.header.target for key in errors)
    ]
    yield table_of(
        ("target", *map(escape, dtypes)),
        ((escape(target), *(errors.get((target, dtype), "–") for dtype in dtypes)) for target in targets),
    )


def _pair(check: Check) -> str:
    base, slope, logarithm = (number(check.measured.get(name)) for name in ("exponential", "slope", "logarithm"))
    more = f" + {short(slope)}·\\|x\\|" if slope else ""
    return " / ".join(
        "–" if value is None else short(value) + part for value, part in ((base, more), (logarithm, ""))
    )
