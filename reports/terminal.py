"""Prints the report on a terminal: the tables in brief and a line for each finding; the page holds the evidence.

Records' text is printed as `Text`, so that brackets in it never become markup.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.accuracy import AccuracyTable, Grade
from reports.behaviour import Answer, with_verdict
from reports.checks import Counts
from reports.console import table
from reports.findings import Section
from reports.model import Report
from reports.witness import short

STYLES = {
    "crash": "bold red",
    "timeout": "bold red",
    "fail": "bold red",
    "fixed": "bold red",
    "fail (should)": "yellow",
    "fail (report)": "yellow",
    "deviation": "blue",
    "pass": "green",
    "none": "dim",
    "absent": "dim",
}
VERDICTS = {"holds": "green", "failures": "bold red", "incomplete": "bold yellow", "error": "bold red"}


def show(report: Report, console: Console) -> None:
    """Print the report."""
    for note in report.notes:
        console.print(Text(f"note: {note}", "yellow"))
    console.print(_summary(report))
    console.print(_families(report))
    for section in report.sections:
        _section(section, console)
    for graded in report.accuracy:
        console.print(_accuracy(report, graded))
    _behaviour(report, console)
    facts = dict(report.facts)
    shown = ("checks", "suite commit", "tier", "device", "threads", "Python")
    console.print(Text(" · ".join(f"{name} {facts[name]}" for name in shown), "dim"))


def _counts(counts: Counts, between: str) -> Text:
    return Text(between).join(Text(f"{number} {kind}", STYLES.get(kind, "")) for kind, number in counts.items)


def _summary(report: Report) -> Table:
    shown = table("Summary", "target", "framework", "verdict", "checks", "seconds")
    for target in report.targets:
        shown.add_row(
            Text(target.name),
            Text(target.framework),
            Text(target.verdict, VERDICTS[target.state]),
            _counts(target.counts, " · "),
            Text(f"{target.seconds:.1f}"),
        )
    return shown


def _families(report: Report) -> Table:
    """Return a table with targets down and families across: the other way round it does not fit a terminal."""
    shown = table("Checks by family", "target", *(family.prefix for family in report.families))
    for place, target in enumerate(report.targets):
        cells = (_counts(family.cells[place], "\n") or Text("–", "dim") for family in report.families)
        shown.add_row(Text(target.name), *cells)
    return shown


def _section(section: Section, console: Console) -> None:
    if not section.findings:
        return
    console.print(Text(f"{section.title} ({len(section.findings)})", "bold"))
    for finding in section.findings:
        line = (
            Text("  ")
            .append(finding.title, "bold")
            .append(f" {finding.statement}")
            .append("  " + ", ".join(finding.targets), "cyan")
        )
        console.print(line)
        link = "".join(part.text for part in finding.link)
        console.print(Text(f"    {finding.reason}" + (f"  {link}" if link else "")))
    console.print()


def _accuracy(report: Report, accuracy: AccuracyTable) -> Table:
    title = f"Accuracy of {accuracy.title}: grade, largest error over the bound of grade D"
    shown = table(
        title,
        "operation",
        "format",
        "direction",
        *(f"{target.adapter}\n{target.place}" for target in report.targets),
    )
    for row in accuracy.rows:
        shown.add_row(Text(row.operation), Text(row.dtype), Text(row.direction), *map(_grade, row.cells))
    return shown


def _grade(cell: Grade | None) -> Text:
    if cell is None:
        return Text("–", "dim")
    relative = "" if cell.relative is None else " R" if cell.relative else " no R"
    return Text(f"{cell.letter} {short(cell.worst)}{relative}", "" if cell.worst <= 1 else "bold red")


def _behaviour(report: Report, console: Console) -> None:
    """Print the answers that differ between targets; the page has the others."""
    differing = [row for row in report.behaviour if row.differs]
    if not differing:
        return
    console.print(Text("Behaviour that differs between targets", "bold"))
    for row in differing:
        console.print(Text(f"  {row.requirement.id} {row.requirement.text}"))
        groups: dict[str, list[str]] = {}
        for target, cell in zip(report.targets, row.cells, strict=True):
            if cell:
                groups.setdefault(_answers(cell), []).append(target.name)
        for answer, names in groups.items():
            console.print(Text(f"    {answer}: ").append(", ".join(names), "cyan"))
    console.print()


def _answers(cell: Sequence[Answer]) -> str:
    if len(cell) == 1:
        return with_verdict(cell[0])
    return " | ".join(f"{with_verdict(answer)} ({answer.where})" for answer in cell)
