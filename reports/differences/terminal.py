"""Prints a comparison on a terminal. Records' text is printed as `Text`, so that brackets in it are no markup."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from reports import console
from reports.differences import phrases
from reports.differences.causes import SORTS
from reports.differences.comparison import Comparison, DescribedDifference
from reports.differences.phrases import ComparisonTable

STYLES = {"faults": "bold red", "choices": "bold blue", "absent": "bold yellow"}


def show(comparison: Comparison, output: Console, every: bool = False) -> None:
    """Print the comparison, with the first rows of each table or `every` row."""
    output.print(Text(phrases.heading(comparison), "bold"))
    output.print(Text(phrases.summary(comparison)))
    for note in comparison.notes:
        output.print(Text(f"note: {note}", "yellow"))
    for sort, style in STYLES.items():
        differences = comparison.of(sort)
        if differences:
            output.print(Text(f"\n{SORTS[sort]} ({len(differences)})", style))
        for difference in differences:
            _difference(difference, comparison.names, output)
    for table in phrases.tables(comparison, every):
        _table(table, output)


def _difference(difference: DescribedDifference, names: tuple[str, str], output: Console) -> None:
    output.print(Text(f"\n  {difference.heading(names)}", "bold"))
    output.print(Text(f"  {phrases.line(difference)}", "dim"))
    for name, operand in zip(names, difference.operands, strict=True):
        output.print(Text("  ").append(name, "cyan").append(f": {operand.answer}"))
        for line in operand.program.splitlines():
            output.print(Text(f"      {line}"), soft_wrap=True)
        if operand.recorded:
            output.print(Text(f"      → {operand.recorded}", "dim"))


def _table(table: ComparisonTable, output: Console) -> None:
    shown = console.table(f"\n{table.title}", *table.head)
    for row in table.rows:
        shown.add_row(*map(Text, row))
    output.print(shown)
    output.print(Text(table.rule, "dim"))
    if table.hidden:
        output.print(Text(f"and {table.hidden} more: --all", "dim"))
