"""The first page: the ways into the site, the ten most important findings, the families and the targets."""

from __future__ import annotations

from collections.abc import Iterator

from reports.checks import all_checks, split_target
from reports.evidence import Evidence
from reports.model import LEVELS
from reports.site.page import Page
from reports.site.ranking import LEVELS as STRICTEST
from reports.site.ranking import RULE, faults
from reports.site.requirements import path
from reports.targets import Family

MOST = 10
BROKEN = ("crash", "timeout", "fail", "fixed", "fail (should)", "fail (report)", "deviation")
TITLE = "What frameworks compute at the end of a model"


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page."""
    every = faults(evidence)
    values = {
        "faults": every[:MOST],
        "rest": len(every[MOST:]),
        "rule": RULE,
        "path": path,
        "versions": {
            split_target(target.name)[0]: target.framework.partition(" ")[2].partition("+")[0]
            for target in evidence.report.targets
        },
        "families": table(evidence),
        "levels": LEVELS,
    }
    yield Page("index.html", TITLE, "overview.html.j2", "index.html", values)


def table(evidence: Evidence) -> list[tuple[Family, list[str]]]:
    """Return every family that has a check, with the strictest level that each target breaks, or ""."""
    broken: dict[tuple[str, str], set[str]] = {}
    for judged in all_checks(evidence.records, evidence.specification):
        if judged.kind in BROKEN:
            broken.setdefault((judged.check.requirement[:3], judged.target), set()).add(judged.level)
    names = [target.name for target in evidence.report.targets]
    return [
        (family, [min(broken.get((family.prefix, name), [""]), key=("", *STRICTEST).index) for name in names])
        for family in evidence.report.families
    ]
