"""Makes the index of the search: requirements, findings, frameworks, tasks, shapes, claims, words, and where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

from benchmarks.timing.cells import SHAPES, Cell
from reports import tasks
from reports.checks import split_target
from reports.claims.claims import load
from reports.evidence import Evidence
from reports.site import claims, glossary
from reports.site.frameworks import address
from reports.site.page import NAVIGATION
from reports.site.ranking import SECTIONS
from reports.site.requirements import path
from reports.timing import wording

Entry = tuple[str, str, str]  # kind, text, address


def entries(evidence: Evidence) -> Iterator[Entry]:
    """Yield what can be found, each once."""
    for where, title in NAVIGATION.items():
        yield "page", title, where
    for name in dict.fromkeys(split_target(target.name)[0] for target in evidence.report.targets):
        yield "framework", name, address(name)
    for name, task in tasks.load().items():
        yield "task", task.title, f"choose.html#task={name}"
    for requirement in evidence.specification.values():
        yield "requirement", f"{requirement.id} {requirement.text}", path(requirement.id)
    where_of = {name: checks[0].check.requirement for name, checks in evidence.by_finding.items()}
    for section in evidence.report.sections:
        for finding in section.findings if section.name in SECTIONS else ():
            where = where_of.get(finding.id, "")
            if where in evidence.specification:
                names = ", ".join(dict.fromkeys(split_target(name)[0] for name in finding.targets))
                text = f"{names}: {finding.title} {finding.statement}".strip()
                yield "finding", text, f"{path(where)}#{quote(finding.id, safe='')}"
    for name, shape in SHAPES.items():
        cell = Cell("softmax", "forward", "eager", "float32", name, "all")
        yield "shape", f"{wording.size(cell, 'cpu')} {shape.where} ({name})", "performance.html"
    for name, table in load().items():
        yield "claim", table["said"], f"{claims.ADDRESS}#{name}"
    for word, (says, _) in glossary.load().items():
        yield "word", f"{word}: {says}", f"{glossary.ADDRESS}#{quote(word)}"


def script(evidence: Evidence) -> str:
    """Return the data as a script, in which no text of a record is markup even if it is read as HTML."""
    data = json.dumps(list(entries(evidence)), ensure_ascii=False).replace("<", "\\u003c")
    return f"const SEARCH = {data};\n"
