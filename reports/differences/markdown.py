"""Renders a comparison as Markdown for GitHub: text from records is escaped, code is fenced."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.ci.markup import escape, fence, table_of
from reports.checks import parts
from reports.differences import phrases
from reports.differences.causes import SORTS
from reports.differences.comparison import Comparison, DescribedDifference
from reports.markdown import linked


def render(comparison: Comparison, every: bool = False) -> str:
    """Return the whole comparison, with the first rows of each table or `every` row."""
    blocks = [
        f"# {escape(phrases.heading(comparison))}",
        escape(phrases.summary(comparison)),
        *(f"> {escape(note)}" for note in comparison.notes),
    ]
    for sort, title in SORTS.items():
        differences = comparison.of(sort)
        if differences and sort != "measured":
            blocks.append(f"## {title} ({len(differences)})")
            blocks += (block for difference in differences for block in _difference(difference, comparison.names))
    for table in phrases.tables(comparison, every):
        rows = (list(map(escape, row)) for row in table.rows)
        blocks += [f"## {escape(table.title)}", escape(table.rule), table_of(list(map(escape, table.head)), rows)]
        blocks += [f"And {table.hidden} more: `--all`."] if table.hidden else []
    return "\n\n".join(blocks) + "\n"


def _difference(difference: DescribedDifference, names: tuple[str, str]) -> Iterator[str]:
    yield f"### {escape(difference.heading(names))}"
    yield linked(parts(phrases.line(difference)))
    for name, operand in zip(names, difference.operands, strict=True):
        yield f"**{escape(name)}**: {escape(operand.answer)}"
        if operand.program:
            yield fence(operand.program, "python")
        if operand.recorded:
            yield f"Recorded: {escape(operand.recorded)}"
