"""A comparison on a terminal. Text goes in as `Text`, so that brackets in a record never become markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.differences import phrases
from reports.differences.compared import Comparison, Told
from reports.differences.pair import SORTS

MOST = 12  # rows of a table, and programs of a sort, where not all are asked for
STYLES = {"faults": "bold red", "choices": "bold blue", "absent": "bold yellow", "measured": "bold"}


def show(one: Comparison, console: Console, every: bool = False) -> None:
    """Print the comparison."""
    console.print(Text(phrases.heading(one), "bold"))
    console.print(Text(phrases.summary(one)))
    for note in one.notes:
        console.print(Text(f"note: {note}", "yellow"))
    for sort in (*SORTS,)[:-1]:
        _sort(one, sort, console, every)
    _table(console, phrases.grades(one), phrases.GRADE_HEAD, phrases.grade_rows(one), one, every)
    _table(console, phrases.costs(one), phrases.COST_HEAD, phrases.cost_rows(one), one, every)
    _table(console, SORTS["measured"], phrases.MEASURED_HEAD, phrases.measured_rows(one), one, every)


def _sort(one: Comparison, sort: str, console: Console, every: bool) -> None:
    found = one.of(sort)
    if not found:
        return
    console.print(Text(f"\n{SORTS[sort]} ({len(found)})", STYLES[sort]))
    for told in found:
        _told(told, one, console)


def _told(told: Told, one: Comparison, console: Console) -> None:
    console.print(Text(f"\n  {told.title}", "bold"))
    console.print(Text(f"  {phrases.line(told)}", "dim"))
    for side, answer in zip((one.a, one.b), told.sides, strict=True):
        console.print(Text("  ").append(side.name, "cyan").append(f": {answer.text}"))
        for line in answer.code.splitlines():
            console.print(Text(f"      {line}"), soft_wrap=True)
        if answer.told:
            console.print(Text(f"      → {answer.told}", "dim"))


def _table(
    console: Console,
    title: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    one: Comparison,
    every: bool,
) -> None:
    rows = list(rows)
    if not rows:
        return
    shown = Table(
        title=f"\n{title}", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for column in (*head, one.a.name, one.b.name):
        shown.add_column(Text(column), overflow="fold")
    kept = rows if every else rows[:MOST]
    for row in kept:
        shown.add_row(*map(Text, row))
    console.print(shown)
    if len(kept) < len(rows):
        console.print(Text(f"and {len(rows) - len(kept)} more: --all", "dim"))
