"""Renders the report as Markdown for GitHub: text from records is escaped, code is fenced."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from conformance.ci.markup import escape, fence, inert, list_of, table_of
from conformance.requirements import Requirement
from reports.accuracy import AccuracyTable, Grade
from reports.behaviour import Answer, Behaviour, with_verdict
from reports.checks import Counts, Part, parts
from reports.findings import Finding, Section, WorstCheck
from reports.model import GRADES, LEVELS, Report
from reports.witness import short


def render(report: Report) -> str:
    """Return the whole report."""
    blocks = [
        "# Softmark report",
        *(f"> {escape(note)}" for note in report.notes),
        "## Summary",
        _summary(report),
        "## Requirements by family",
        _families(report),
        "## Findings",
        *(block for section in report.sections for block in _section(section)),
        "## Behaviour",
        "What each target does where several answers are legal or nothing is required:",
        _behaviour(report),
        "## Accuracy",
        "Each cell holds the grade and the largest error over the bound of grade D, which *must* requires to "
        "be at most 1.",
        *(block for table in report.accuracy for block in _accuracy(report, table)),
        "## About this report",
        list_of(report.facts),
        "Levels:",
        list_of(LEVELS.items()),
        "Grades:",
        list_of(GRADES.items()),
        "For float32 and float64, C, D and E are one. A grade holds for the inputs that were tried, on this "
        "machine and these versions.",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _counts(counts: Counts) -> str:
    return " · ".join(f"{number} {kind}" for kind, number in counts.items) or "–"


def _names(report: Report) -> list[str]:
    return [escape(target.name) for target in report.targets]


def _summary(report: Report) -> str:
    head = ("target", "framework", "verdict", "checks", "seconds", "device")
    return table_of(
        head,
        (
            (
                escape(target.name),
                escape(target.framework),
                escape(target.verdict),
                _counts(target.counts),
                f"{target.seconds:.1f}",
                escape(target.device),
            )
            for target in report.targets
        ),
    )


def _families(report: Report) -> str:
    rows = (
        (f"{escape(family.prefix)} {escape(family.name)}", *map(_counts, family.cells))
        for family in report.families
    )
    return table_of(("family", *_names(report)), rows)


def _section(section: Section) -> Iterator[str]:
    yield f"### {section.title} ({len(section.findings)})"
    yield section.note if section.findings else "None."
    for finding in section.findings:
        yield f"<details><summary>{_one_line(finding)}</summary>"
        yield from _body(finding)
        yield "</details>"


def _one_line(finding: Finding) -> str:
    """Return the finding as the HTML of a summary element."""
    named = [
        f"<b>{_text(finding.title)}</b> {_text(finding.statement)}".strip(),
        _text(", ".join(finding.targets)),
        _text(finding.reason),
    ]
    link = "".join(
        f'<a href="{_text(part.url)}">{_text(part.text)}</a>' if part.url else _text(part.text)
        for part in finding.link
    )
    return " — ".join(part for part in (*named, link) if part)


def _text(text: str) -> str:
    """Return `text` as the text of an HTML element, with Markdown's own marks as entities."""
    text = html.escape(" ".join(text.split()))
    return re.sub(r"[`*_\[\]~|\\]", lambda match: f"&#{ord(match[0])};", text)


def _body(finding: Finding) -> Iterator[str]:
    for requirement in finding.requirements:
        yield quoted(requirement)
    if finding.reproduction:
        yield fence(finding.reproduction, "python")
        yield f"Prints {escape(finding.prints)}; expected {escape(finding.expected)}"
    for item in finding.evidence:
        yield from _evidence(item)


def _evidence(item: WorstCheck) -> Iterator[str]:
    more = f" (the worst of {item.checks} checks)" if item.checks > 1 else ""
    yield f"{escape(item.target)}, {escape(item.check)}{more}"
    yield fence("\n".join(f"{name}: {value}" for name, value in item.witness))
    if item.code:
        yield fence(item.code, "python")


def linked(pieces: Iterable[Part]) -> str:
    """Return the text of the parts with its threads and addresses as links."""
    spaced = ((re.sub(r"\s+", " ", piece.text), piece.url) for piece in pieces)
    return "".join(f"[{inert(text)}]({url})" if url else inert(text) for text, url in spaced).strip()


def _behaviour(report: Report) -> str:
    if not report.behaviour:
        return "No such requirement was judged."
    return table_of(
        ("requirement", "", *_names(report)),
        (
            (_required(row), "differs" if row.differs else "", *map(_answers, row.cells))
            for row in report.behaviour
        ),
    )


def quoted(requirement: Requirement) -> str:
    """Return a requirement as a quotation with its sources."""
    named = f"> **{requirement.id}** ({requirement.level}) {escape(requirement.text)}"
    return f"{named} Sources: {sources(requirement)}" if requirement.sources else named


def sources(requirement: Requirement) -> str:
    """Return the threads and papers that a requirement cites, as links."""
    return "; ".join(linked(parts(source)) for source in requirement.sources)


def _required(row: Behaviour) -> str:
    choices = "".join(
        f"<br>*{escape(name)}*: {escape(meaning)}" for name, meaning in row.requirement.choices.items()
    )
    return f"**{row.requirement.id}** {escape(row.requirement.text)}{choices}"


def _answers(cell: Sequence[Answer]) -> str:
    if len(cell) == 1:
        return escape(with_verdict(cell[0]))
    return "<br>".join(f"{escape(with_verdict(answer))} ({escape(answer.where)})" for answer in cell) or "–"


def _accuracy(report: Report, table: AccuracyTable) -> Iterator[str]:
    yield f"### {table.title.capitalize()}"
    yield grades(table, [target.name for target in report.targets])
    yield "<details><summary>The inputs that attain these errors</summary>"
    witnesses = (
        (
            escape(target.name),
            escape(cell.case),
            short(cell.worst),
            "<br>".join(f"{escape(name)}: {escape(value)}" for name, value in cell.witness),
        )
        for row in table.rows
        for target, cell in zip(report.targets, row.cells, strict=True)
        if cell
    )
    yield table_of(("target", "check", "error / bound", "witness"), witnesses)
    yield "</details>"


def grades(table: AccuracyTable, targets: Iterable[str]) -> str:
    """Return a table with a row for each operation, format and direction and a column for each target."""
    rows = (
        (escape(row.operation), escape(row.dtype), escape(row.direction), *map(_grade, row.cells))
        for row in table.rows
    )
    return table_of(("operation", "format", "direction", *map(escape, targets)), rows)


def _grade(cell: Grade | None) -> str:
    if cell is None:
        return "–"
    relative = "" if cell.relative is None else " · R yes" if cell.relative else " · R no"
    return f"{cell.letter} {short(cell.worst)}{relative}"
