"""The first page: who was judged, what was found by family, and the ten findings that matter most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reports.checks import Judged, all_checks, split_target
from reports.findings import Finding
from reports.site.evidence import Evidence
from reports.site.page import Page
from reports.site.requirements import path

MOST = 10
USUAL = "float32"
SECTIONS = ("crashes", "failures", "deviations")  # what fails a run, or would if it were not known
RULE = (
    "Faults that fail a run unless they are listed as known, those of one requirement together: first what most "
    f"frameworks share, then what shows in {USUAL}, then what most checks see."
)


@dataclass(frozen=True)
class Fault:
    """What goes wrong at one requirement: its findings, one a framework and fault, the widest first."""

    requirement: str
    findings: tuple[Finding, ...]
    frameworks: tuple[str, ...]
    usual: bool  # it shows in float32
    checks: int

    @property
    def rank(self) -> tuple[int, bool, int, str]:
        """The rule, as what is sorted by."""
        return -len(self.frameworks), not self.usual, -self.checks, self.requirement


def pages(evidence: Evidence) -> Iterator[Page]:
    """The one page."""
    found = faults(evidence)
    values = {
        "faults": found[:MOST],
        "rest": len(found) - len(found[:MOST]),
        "versions": {
            split_target(target.name)[0]: target.framework.partition(" ")[2].partition("+")[0]
            for target in evidence.report.targets
        },
        "rule": RULE,
        "path": path,
    }
    yield Page(
        "index.html", "What frameworks compute at the end of a model", "overview.html.j2", "index.html", values
    )


def faults(evidence: Evidence) -> list[Fault]:
    """Every fault, what matters most first."""
    grouped: dict[str, list[Finding]] = {}
    for section in evidence.report.sections:
        for finding in section.findings if section.name in SECTIONS else ():
            if finding.requirements:
                grouped.setdefault(_first(finding, evidence), []).append(finding)
    checks = list(all_checks(evidence.records, evidence.specification))
    return sorted((_fault(name, found, checks) for name, found in grouped.items()), key=lambda fault: fault.rank)


def _first(finding: Finding, evidence: Evidence) -> str:
    """The requirement that a finding belongs to: the first that its entry names and that was met."""
    met = [requirement.id for requirement in finding.requirements]
    entry = next((entry for entry in evidence.deviations if entry.id == finding.id), None)
    named = [scope.requirement for scope in entry.scopes] if entry else []
    return next((name for name in named if name in met), met[0])


def _fault(requirement: str, findings: Iterable[Finding], checks: Iterable[Judged]) -> Fault:
    widest = sorted(findings, key=lambda finding: -sum(item.checks for item in finding.evidence))
    targets = [name for finding in widest for name in finding.targets]
    ids = {finding.id for finding in widest}
    return Fault(
        requirement=requirement,
        findings=tuple(widest),
        frameworks=tuple(dict.fromkeys(split_target(name)[0] for name in targets)),
        usual=any(
            judged.check.dtype == USUAL
            and (judged.check.entry in ids or (judged.fails and judged.check.requirement == requirement))
            for judged in checks
        ),
        checks=sum(item.checks for finding in widest for item in finding.evidence),
    )
