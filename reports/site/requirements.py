"""A page for each requirement: what it asks and why, the code that judges it, and what every target did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from conformance.requirements import FAMILIES, Requirement
from reports.behaviour import Answer
from reports.checks import Counts, Judged, all_checks, count, split_target
from reports.findings import Finding, fault_id
from reports.findings import evidence as evidence_of
from reports.kills import fault
from reports.site.evidence import Evidence
from reports.site.judging import judges
from reports.site.page import Page
from reports.witness import over_bound, short

INDEX = "requirements.html"


@dataclass(frozen=True)
class Did:
    """What one target did with one requirement; `worst` is its largest error over the bound, "" without one."""

    target: str
    counts: Counts
    worst: str
    answers: tuple[Answer, ...]
    absent: str  # why, where the target lacks what is asked


@dataclass(frozen=True)
class Group:
    """The requirements of a family, each with the outcomes of every framework over its targets."""

    prefix: str
    name: str
    rows: tuple[tuple[Requirement, tuple[Counts, ...]], ...]


def pages(evidence: Evidence) -> Iterator[Page]:
    """The index, and a page for each requirement of the suite."""
    found = by_requirement(evidence)
    yield _index(evidence, found)
    order = list(evidence.specification.values())
    before = {after.id: one for one, after in pairwise(order)}
    after = {one.id: other for one, other in pairwise(order)}
    findings = by_finding(evidence)
    for one in order:
        checks = found.get(one.id, {})
        every = [judged for judgements in checks.values() for judged in judgements]
        yield Page(
            path=path(one.id),
            title=f"{one.id}: {FAMILIES.get(one.family, one.family)}",
            template="requirement.html.j2",
            part=INDEX,
            values={
                "requirement": one,
                "did": tuple(
                    did(target.name, checks.get(target.name, ()), answers)
                    for target, answers in zip(evidence.report.targets, _answers(evidence, one.id), strict=True)
                ),
                "findings": tuple(_here(finding, every) for finding in findings.get(one.id, ())),
                "judge": judges().get(one.id),
                "catches": tuple((name, fault(name)) for name in one.catches),
                "before": before.get(one.id),
                "after": after.get(one.id),
            },
        )


def path(requirement: str) -> str:
    """Where the page of a requirement lies."""
    return f"requirements/{requirement}.html"


def by_requirement(evidence: Evidence) -> dict[str, dict[str, list[Judged]]]:
    """Requirement → target → checks."""
    found: dict[str, dict[str, list[Judged]]] = {}
    for judged in all_checks(evidence.records, evidence.specification):
        found.setdefault(judged.check.requirement, {}).setdefault(judged.target, []).append(judged)
    return found


def by_finding(evidence: Evidence) -> dict[str, tuple[Finding, ...]]:
    """Requirement → the findings that touch it, in the order of the report."""
    found: dict[str, list[Finding]] = {}
    for section in evidence.report.sections:
        for finding in section.findings:
            for requirement in finding.requirements:
                found.setdefault(requirement.id, []).append(finding)
    return {name: tuple(findings) for name, findings in found.items()}


def _here(finding: Finding, checks: Sequence[Judged]) -> Finding:
    """The finding with its evidence from the checks of one requirement."""
    own = [judged for judged in checks if (judged.check.entry or fault_id(judged)) == finding.id]
    return replace(finding, evidence=evidence_of(own, alone=True)) if own else finding


def frameworks(evidence: Evidence) -> tuple[str, ...]:
    """The adapters of all targets, in their order."""
    return tuple(dict.fromkeys(split_target(target.name)[0] for target in evidence.report.targets))


def did(target: str, checks: Sequence[Judged], answers: tuple[Answer, ...]) -> Did:
    """What the checks of one requirement say of a target."""
    values = [value for judged in checks if (value := over_bound(judged.check)) is not None]
    absent = next((judged.check.message or "" for judged in checks if judged.check.outcome == "absent"), "")
    return Did(target, count(checks), short(max(values)) if values else "", answers, absent)


def _index(evidence: Evidence, found: Mapping[str, Mapping[str, list[Judged]]]) -> Page:
    names = frameworks(evidence)

    def over(requirement: str, framework: str) -> Counts:
        targets = found.get(requirement, {}).items()
        return count(
            judged for name, checks in targets if split_target(name)[0] == framework for judged in checks
        )

    groups = [
        Group(
            prefix,
            name,
            tuple(
                (one, tuple(over(one.id, framework) for framework in names))
                for one in evidence.specification.values()
                if one.family == prefix
            ),
        )
        for prefix, name in FAMILIES.items()
    ]
    values = {
        "groups": tuple(group for group in groups if group.rows),
        "frameworks": names,
        "unknown": tuple(sorted(set(found) - set(evidence.specification))),
    }
    return Page(INDEX, "Requirements", "requirements.html.j2", INDEX, values)


def _answers(evidence: Evidence, requirement: str) -> tuple[tuple[Answer, ...], ...]:
    """What each target answers where several answers are legal, in the order of the targets."""
    rows = (row.cells for row in evidence.report.behaviour if row.requirement.id == requirement)
    return next(rows, ((),) * len(evidence.report.targets))
