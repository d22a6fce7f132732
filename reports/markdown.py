"""Renders the report as Markdown for GitHub: text from records is escaped, code is fenced."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from conformance.ci.markup import escape, fence, inert, list_of, table_of
from conformance.requirements import Requirement
from reports.accuracy import AccuracyTable, Grade
from reports.behaviour import with_verdict
from reports.checks import Counts, Part, parts
from reports.findings import Finding
from reports.model import GRADES, LEVELS, Report
from reports.witness import short


class Markdown(str):
    """Text that is Markdown already."""


def render(report: Report) -> str:
    """Return the whole report."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        finalize=lambda value: value if isinstance(value, Markdown) else escape(str(value)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    already: dict[str, Callable[..., str]] = {
        "summary": _one_line,
        "quoted": quoted,
        "fence": fence,
        "grades": grades,
        "listed": list_of,
    }
    made.filters |= {name: _already(written) for name, written in already.items()}
    made.filters |= {"counted": _counts, "lines": _lines, "short": short, "with_verdict": with_verdict}
    return made.get_template("report.md.j2").render(report=report, levels=LEVELS, grades=GRADES)


def _already(written: Callable[..., str]) -> Callable[..., Markdown]:
    return lambda *given: Markdown(written(*given))


def _counts(counts: Counts) -> str:
    return " · ".join(f"{number} {kind}" for kind, number in counts.items) or "–"


def _lines(witness: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in witness)


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


def linked(pieces: Iterable[Part]) -> str:
    """Return the text of the parts with its threads and addresses as links."""
    spaced = ((re.sub(r"\s+", " ", piece.text), piece.url) for piece in pieces)
    return "".join(f"[{inert(text)}]({url})" if url else inert(text) for text, url in spaced).strip()


def quoted(requirement: Requirement) -> str:
    """Return a requirement as a quotation with its sources."""
    named = f"> **{requirement.id}** ({requirement.level}) {escape(requirement.text)}"
    return f"{named} Sources: {sources(requirement)}" if requirement.sources else named


def sources(requirement: Requirement) -> str:
    """Return the threads and papers that a requirement cites, as links."""
    return "; ".join(linked(parts(source)) for source in requirement.sources)


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
