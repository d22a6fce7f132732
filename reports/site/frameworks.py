"""A page for each framework, with its feed and badge: faults, grades, speed, what its newest release changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.frameworks import FRAMEWORKS
from conformance.record.timeline import Span, Timeline
from reports.checks import Judged, split_target
from reports.evidence import Evidence
from reports.findings import Finding, finding_id
from reports.site import history
from reports.site.history import News
from reports.site.page import Page
from reports.site.ranking import LEVELS, NARROW, SECTIONS
from reports.standing import FaultCount, fault_counts

STEPS = 10  # steps of speed that are shown at once


@dataclass(frozen=True)
class FrameworkFault:
    """A finding of one framework: its strictest level, where its evidence is, and in which releases it shows."""

    finding: Finding
    level: str
    new: bool
    requirement: str
    modes: tuple[str, ...]
    since: str
    narrow: bool

    @property
    def rank(self) -> tuple[bool, int, bool]:
        """The sort key: what is new first, then the strictest level, formats of 8 bits last."""
        return not self.new, LEVELS.index(self.level), self.narrow


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield a page, a feed and a badge for each framework."""
    checks = evidence.checks
    counts = fault_counts(checks, lambda target: split_target(target)[0])
    news = history.news(evidence.timelines, history.steps(evidence))
    for name in dict.fromkeys(split_target(target.name)[0] for target in evidence.report.targets):
        values = _values(name, evidence, checks, counts.get(name, FaultCount((), ())), news)
        title, slug = str(values["title"]), address(name).removesuffix(".html")
        yield Page(f"{slug}.html", title, "framework.html.j2", "index.html", values)
        yield Page(f"{slug}.atom", title, "framework.atom.j2", "index.html", values)
        yield Page(f"{slug}.svg", title, "badge.svg.j2", "index.html", values)


def address(name: str) -> str:
    """Return the path of a framework's page; an adapter elsewhere may have any name."""
    return f"frameworks/{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}.html"


def _values(
    name: str, evidence: Evidence, checks: list[Judged], count: FaultCount, news: list[News]
) -> dict[str, object]:
    known = FRAMEWORKS.get(name)
    targets = [target for target in evidence.report.targets if target.adapter == name]
    usual = f"{name}:cpu:{known.usual}" if known else targets[0].name
    timeline = next((one for one in evidence.timelines if one.target == usual), None)
    own = [item for item in news if item.framework == name]
    at = next((place for place, target in enumerate(evidence.report.targets) if target.name == usual), None)
    faults = sorted(_faults(name, evidence, checks, usual), key=lambda one: one.rank)
    return {
        "name": name,
        "title": known.title if known else name,
        "known": known,
        "targets": targets,
        "usual": usual,
        "count": count,
        "faults": [one for one in faults if one.level not in ("should", "report")],
        "practice": [one for one in faults if one.level in ("should", "report")],
        "gone": _gone(timeline),
        "timeline": timeline,
        "grades": [
            (row.operation, row.dtype, row.direction, row.cells[at])
            for part in evidence.report.accuracy
            for row in part.rows
            if at is not None and row.cells[at]
        ],
        "news": own,
        "newest": own[0] if own and timeline and own[0].version == timeline.releases[-1].version else None,
        "steps": [text for item in own for text in ((item.version, step) for step in item.steps)],
        "most": STEPS,
        "slug": address(name).removeprefix("frameworks/").removesuffix(".html"),
    }


def _faults(name: str, evidence: Evidence, checks: list[Judged], usual: str) -> Iterator[FrameworkFault]:
    own: dict[str, list[Judged]] = {}
    for judged in checks:
        if split_target(judged.target)[0] == name:
            own.setdefault(finding_id(judged), []).append(judged)
    for section in evidence.report.sections:
        for finding in section.findings if section.name in SECTIONS else ():
            found = own.get(finding.id, [])
            if found:
                level = min((judged.level for judged in found), key=LEVELS.index)
                new = section.name in ("failures", "crashes") and any(one.check.entry is None for one in found)
                modes = tuple(dict.fromkeys(split_target(judged.target)[2] for judged in found))
                where = found[0].check.requirement
                narrow = all(judged.check.dtype.startswith(NARROW) for judged in found)
                since = evidence.since(usual, finding.id)
                yield FrameworkFault(finding, level, new, where, modes, since, narrow)


def _gone(timeline: Timeline | None) -> list[Span]:
    """Return the deviations that an older release had and the newest one judged does not have."""
    spans = timeline.spans if timeline else ()
    told = [(span, [there for there in span.shows if there is not None]) for span in spans]
    return [span for span, there in told if True in there and not there[-1]]
