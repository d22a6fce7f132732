"""Makes grades.md: a table of the grades of every target, and where the inputs behind them are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conformance.ci.markup import escape, list_of, table_of
from conformance.record.accuracy_keys import number
from conformance.record.records import Check, Record
from reports import sweeps
from reports.accuracy import by_format
from reports.markdown import grades
from reports.model import GRADES, Report
from reports.witness import short

ELEMENTARY = "ACC-08"  # measures E and L


def page(records: Sequence[Record], report: Report) -> str:
    """Return the page; `report` is the report of `records`."""
    names = [target.name for target in report.targets]
    tiers = ", ".join(dict.fromkeys(record.header.tier for record in records))
    blocks = [
        "# Grades",
        "Each cell holds the best grade whose bound no check exceeds, and the largest error over the bound of "
        f"grade D, which *must* requires to be at most 1, on the {escape(tiers)} tier. The checks are those of "
        "the families accuracy and gradients; a grade holds for the inputs that were tried, on these machines "
        "and versions.",
        list_of(GRADES.items()),
        "For float32 and float64, C, D and E are one. The inputs that attain the largest errors, in hex floats, "
        "with the calls as programs, and how errors grow with the length of a row, are on [the "
        "site](../docs/reading.md#the-site), page Accuracy; bias and variance are on its page of each framework. "
        "[The records](records) hold every check.",
        table_of(
            ("target", "framework", "judged on"),
            ([escape(one.name), escape(one.framework), escape(one.device)] for one in report.targets),
        ),
    ]
    for table in report.accuracy:
        blocks += [f"## {table.title.capitalize()}", grades(table, names)]
    if not report.accuracy:
        blocks.append("No errors were measured.")
    blocks += sweeps.section(sweeps.load())
    blocks += ["## Exponential and logarithm", *_elementary(records)]
    return "\n\n".join(blocks) + "\n"


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
