"""Prints a comparison on a terminal. Records' text is printed as `Text`, so that brackets in it are no markup."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.differences import phrases
from reports.differences.causes import SORTS
from reports.differences.comparison import Comparison, DescribedDifference
from reports.differences.phrases import ComparisonTable

STYLES = {"faults": "bold red", "choices": "bold blue", "absent": "bold yellow"}


def show(comparison: Comparison, console: Console, every: bool = False) -> None:
    """Print the comparison, with the first rows of each table or `every` row."""
    console.print(Text(phrases.heading(comparison), "bold"))
    console.print(Text(phrases.summary(comparison)))
    for note in comparison.notes:
        console.print(Text(f"note: {note}", "yellow"))
    for sort, style in STYLES.items():
        differences = comparison.of(sort)
        if differences:
            console.print(Text(f"\n{SORTS[sort]} ({len(differences)})", style))
        for difference in differences:
            _difference(difference, comparison.names, console)
    for table in phrases.tables(comparison, every):
        _table(table, console)


def _difference(difference: DescribedDifference, names: tuple[str, str], console: Console) -> None:
    console.print(Text(f"\n  {difference.heading(names)}", "bold"))
    console.print(Text(f"  {phrases.line(difference)}", "dim"))
    for name, operand in zip(names, difference.operands, strict=True):
        console.print(Text("  ").append(name, "cyan").append(f": {operand.answer}"))
        for line in operand.program.splitlines():
            console.print(Text(f"      {line}"), soft_wrap=True)
        if operand.recorded:
            console.print(Text(f"      → {operand.recorded}", "dim"))


def _table(table: ComparisonTable, console: Console) -> None:
    shown = Table(
        title=f"\n{table.title}", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for column in table.head:
        shown.add_column(Text(column), overflow="fold")
    for row in table.rows:
        shown.add_row(*map(Text, row))
    console.print(shown)
    console.print(Text(table.rule, "dim"))
    if table.hidden:
        console.print(Text(f"and {table.hidden} more: --all", "dim"))
