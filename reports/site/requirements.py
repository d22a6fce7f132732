"""A page for each requirement: its text and sources, the code that judges it, and every target's outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

from conformance.requirements import FAMILIES, LEVELS, Requirement
from reports.behaviour import Answer
from reports.checks import Counts, Judged, count, split_target
from reports.evidence import Evidence
from reports.findings import Finding, WorstCheck, finding_id, worst_checks
from reports.html import TONES
from reports.kills import fault
from reports.site.judging import judges
from reports.site.page import Page
from reports.witness import over_bound, short

INDEX = "requirements.html"
SIGNS = {
    "failures": "✕ fails",
    "crashes": "✕ crash or timeout",
    "deviations": "≠ known deviation",
    "should": "▽ fails, good practice",
    "stale": "↻ listed, yet passes",
}
MOST_CASES = 5  # of one finding and target that are listed


@dataclass(frozen=True)
class TargetOutcome:
    """The outcome of one requirement on one target.

    `worst` is its largest error over the bound or "", `case` the operation/format/case that has it.
    """

    target: str
    counts: Counts
    worst: str
    case: str
    answers: tuple[Answer, ...]
    absent: str  # why, where the target lacks what is asked


OfTarget = TypeVar("OfTarget", TargetOutcome, WorstCheck)


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the index, and a page for each requirement of the suite."""
    checks_of = by_requirement(evidence)
    yield _index(evidence, checks_of)
    order = list(evidence.specification.values())
    before = {after.id: requirement for requirement, after in pairwise(order)}
    after = {requirement.id: other for requirement, other in pairwise(order)}
    for requirement in order:
        checks = checks_of.get(requirement.id, {})
        every = [judged for judgements in checks.values() for judged in judgements]
        outcomes = _outcomes(evidence, requirement.id, checks)
        yield Page(
            path=path(requirement.id),
            title=f"{requirement.id}: {FAMILIES.get(requirement.family, requirement.family)}",
            template="requirement.html.j2",
            part=INDEX,
            values={
                "requirement": requirement,
                "outcomes": outcomes,
                "rows": merged(outcomes),
                "findings": here(evidence, every),
                "tones": TONES,
                "signs": SIGNS,
                "most": MOST_CASES,
                "judge": judges().get(requirement.id),
                "catches": tuple((name, fault(name)) for name in requirement.catches),
                "before": before.get(requirement.id),
                "after": after.get(requirement.id),
            },
        )


def path(requirement: str) -> str:
    """Return the path of a requirement's page."""
    return f"requirements/{requirement}.html"


def by_requirement(evidence: Evidence) -> dict[str, dict[str, list[Judged]]]:
    """Return requirement → target → checks."""
    checks_of: dict[str, dict[str, list[Judged]]] = {}
    for judged in evidence.checks:
        checks_of.setdefault(judged.check.requirement, {}).setdefault(judged.target, []).append(judged)
    return checks_of


def here(evidence: Evidence, checks: Sequence[Judged]) -> tuple[tuple[str, Finding], ...]:
    """Return the findings that these checks belong to, each with its section and these checks as evidence."""
    own: dict[str, list[Judged]] = {}
    for judged in checks:
        own.setdefault(finding_id(judged), []).append(judged)
    return tuple(
        (section.name, replace(finding, evidence=_worst(own[finding.id])))
        for section in evidence.report.sections
        for finding in section.findings
        if finding.id in own
    )


def _worst(checks: Sequence[Judged]) -> tuple[WorstCheck, ...]:
    """Return the worst check of each target; modes that fail alike share the program and message of the first."""
    return merged(worst_checks(checks, with_code=True), message="", code=None)


def merged(items: Iterable[OfTarget], **aside: Any) -> tuple[OfTarget, ...]:
    """Join the items of one framework and device that differ in the mode alone, and in the fields of `aside`."""
    alike: dict[tuple[tuple[str, ...], OfTarget], list[OfTarget]] = {}
    for item in items:
        alike.setdefault((split_target(item.target)[:2], replace(item, target="", **aside)), []).append(item)
    return tuple(replace(group[0], target=", ".join(one.target for one in group)) for group in alike.values())


def frameworks(evidence: Evidence) -> tuple[str, ...]:
    """Return the adapters of all targets, in their order."""
    return tuple(dict.fromkeys(split_target(target.name)[0] for target in evidence.report.targets))


def outcome(target: str, checks: Sequence[Judged], answers: tuple[Answer, ...] = ()) -> TargetOutcome:
    """Summarise the checks of one requirement for a target."""
    measured = [(value, judged.check) for judged in checks if (value := over_bound(judged.check)) is not None]
    value, check = max(measured, key=lambda pair: pair[0], default=(None, None))
    case = "/".join((check.operation, check.dtype, check.case)) if check else ""
    absent = next((judged.check.message or "" for judged in checks if judged.check.outcome == "absent"), "")
    return TargetOutcome(target, count(checks), "" if value is None else short(value), case, answers, absent)


def _outcomes(
    evidence: Evidence, requirement: str, checks: Mapping[str, Sequence[Judged]]
) -> tuple[TargetOutcome, ...]:
    """Return the outcome of every target, in their order, with its answers if several are legal."""
    targets = evidence.report.targets
    rows = (row.cells for row in evidence.report.behaviour if row.requirement.id == requirement)
    answers = next(rows, ((),) * len(targets))
    return tuple(
        outcome(target.name, checks.get(target.name, ()), given)
        for target, given in zip(targets, answers, strict=True)
    )


def _index(evidence: Evidence, checks_of: Mapping[str, Mapping[str, list[Judged]]]) -> Page:
    names = frameworks(evidence)

    def over(requirement: str, framework: str) -> Counts:
        targets = checks_of.get(requirement, {}).items()
        return count(
            judged for name, checks in targets if split_target(name)[0] == framework for judged in checks
        )

    families: dict[str, list[tuple[Requirement, list[Counts]]]] = {prefix: [] for prefix in FAMILIES}
    for requirement in evidence.specification.values():
        if requirement.family in families:
            row = [over(requirement.id, framework) for framework in names]
            families[requirement.family].append((requirement, row))
    values = {
        "groups": [(prefix, FAMILIES[prefix], rows) for prefix, rows in families.items() if rows],
        "frameworks": names,
        "levels": LEVELS,
        "unknown": tuple(sorted(set(checks_of) - set(evidence.specification))),
    }
    return Page(INDEX, "Requirements", "requirements.html.j2", INDEX, values)
