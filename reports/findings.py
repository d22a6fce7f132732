"""Lists failures, known deviations and stale entries, one line each, with the evidence behind them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.deviations import Deviation
from conformance.record import causes
from conformance.record.records import Check, Record
from conformance.requirements import Requirement
from reports.behaviour import where
from reports.checks import Judged, Part, parts, plural, split_target
from reports.reproduce import reproduction
from reports.witness import difference, over_bound, rows, short

UNREPORTED = "unreported"
LONGEST_LINE = 140
MOST_REQUIREMENTS = 5  # of one cause that are quoted
MOST_CASES = 40  # of one finding and target that are listed


@dataclass(frozen=True)
class WorstCheck:
    """The worst check of one target: where, the witness, why it fails, how many checks fail with it."""

    target: str
    check: str
    witness: tuple[tuple[str, str], ...]
    message: str
    code: str | None  # the call in the framework alone, where the finding has no reproduction of its own
    checks: int
    cases: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One fault in one line, with everything that is needed to judge and reproduce it."""

    id: str
    title: str
    targets: tuple[str, ...]
    reason: str
    link: tuple[Part, ...]
    requirements: tuple[Requirement, ...]
    evidence: tuple[WorstCheck, ...]
    reproduction: str = ""
    prints: str = ""
    expected: str = ""
    statement: str = ""  # the requirement's, where the title names it


@dataclass(frozen=True)
class Section:
    """Findings of one sort; `name` makes a stable anchor."""

    name: str
    title: str
    note: str
    findings: tuple[Finding, ...]


def sections(
    records: Sequence[Record], checks: Sequence[Judged], entries: Iterable[Deviation]
) -> tuple[Section, ...]:
    """Return every section, also those without findings: nothing found is an answer too."""
    known = {entry.id: entry for entry in entries}
    by_kind: dict[str, list[Judged]] = defaultdict(list)
    for judged in checks:
        by_kind[judged.kind].append(judged)
    return (
        Section(
            "causes",
            "Failures by likely cause",
            "What fails the run, grouped by what tells it from what passes. The sections below have each one.",
            _causes(records, checks),
        ),
        Section(
            "failures",
            "Failures of what every implementation must do",
            "These fail the run. None of them is a known deviation.",
            _faults(by_kind["fail"]),
        ),
        Section(
            "crashes",
            "Crashes and timeouts",
            "The process that ran the check died or gave no answer in time.",
            _faults(by_kind["crash"] + by_kind["timeout"]),
        ),
        Section(
            "deviations",
            "Known deviations",
            "Each still fails as deviations.toml says it does; none of them fails the run.",
            _known(by_kind["deviation"], known),
        ),
        Section(
            "should",
            "Failures of good practice",
            "These have level should (or report): they are listed here and do not fail the run.",
            _faults(by_kind["fail (should)"] + by_kind["fail (report)"]),
        ),
        Section(
            "stale",
            "Entries of deviations.toml to narrow",
            "These are listed as failing, yet they pass or match no check. They fail the run until they are "
            "narrowed.",
            _stale(records, by_kind["fixed"], known),
        ),
    )


def _causes(records: Iterable[Record], checks: Iterable[Judged]) -> tuple[Finding, ...]:
    """Return a finding for each likely cause and framework; its modes share it."""
    by_check = {(judged.target, judged.check.id): judged for judged in checks}
    found: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for record in records:
        target = record.header.target
        judged = [by_check[target, check.id] for check in record.checks]
        failed = [one.check for one in judged if one.kind in ("fail", "crash", "timeout") and not one.check.entry]
        for group in causes.groups(record.checks, failed):
            found[split_target(target)[0], group.cause] += [by_check[target, check.id] for check in group.checks]
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    return tuple(_cause(number, cause, of) for number, ((_, cause), of) in enumerate(ordered, 1))


def _cause(number: int, cause: str, checks: list[Judged]) -> Finding:
    named = {one.check.requirement: one.requirement for one in checks}
    order = causes.Group(cause, tuple(one.check for one in checks)).requirements
    known = [requirement for name in order if (requirement := named[name])]
    more = ", …" if len(order) > MOST_REQUIREMENTS else ""
    return Finding(
        id=f"cause-{number}",
        title=cause,
        statement=f"{known[0].id}: {known[0].text}" if known else "",
        targets=_targets(checks),
        reason=f"{plural(len(checks))} of {', '.join(order[:MOST_REQUIREMENTS])}{more}",
        link=(),
        requirements=tuple(known[:MOST_REQUIREMENTS]),
        evidence=worst_checks(checks, with_code=True),
    )


def _faults(checks: Iterable[Judged]) -> tuple[Finding, ...]:
    """Return a finding for each requirement, operation, outcome and framework; its modes share it."""
    groups: dict[tuple[str, str, str, str], list[Judged]] = defaultdict(list)
    for judged in checks:
        check, adapter = judged.check, split_target(judged.target)[0]
        groups[check.requirement, check.operation, adapter, check.outcome].append(judged)
    return tuple(_fault(groups[key]) for key in sorted(groups))


def _fault(checks: list[Judged]) -> Finding:
    worst = max(checks, key=severity)
    check, requirement = worst.check, worst.requirement
    outcome = "" if check.outcome == "fail" else f"{check.outcome} in "
    return Finding(
        id=finding_id(worst),
        title=f"{check.requirement} {outcome}{check.operation}",
        statement=requirement.text if requirement else "A requirement unknown to this suite.",
        targets=_targets(checks),
        reason=_reason(checks),
        link=(),
        requirements=(requirement,) if requirement else (),
        evidence=worst_checks(checks, with_code=True),
    )


def finding_id(judged: Judged) -> str:
    """Return the id of the finding that a check belongs to, if its outcome makes one."""
    check = judged.check
    if check.outcome == "deviation":
        return check.entry or check.requirement
    if check.outcome == "fixed":
        return f"stale-{check.entry or check.id}"
    return "-".join((check.outcome, check.requirement, check.operation, split_target(judged.target)[0]))


def _known(checks: Iterable[Judged], entries: dict[str, Deviation]) -> tuple[Finding, ...]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for judged in checks:
        groups[finding_id(judged)].append(judged)
    order = list(entries)
    names = sorted(groups, key=lambda name: (order.index(name) if name in entries else len(order), name))
    return tuple(_deviation(name, groups[name], entries.get(name)) for name in names)


def _deviation(name: str, checks: list[Judged], entry: Deviation | None) -> Finding:
    met = {judged.requirement.id: judged.requirement for judged in checks if judged.requirement}
    return Finding(
        id=name,
        title=entry.title if entry else f"{name}, an entry that this suite's deviations.toml does not hold",
        targets=_targets(checks),
        reason=entry.reason if entry else _reason(checks),
        link=parts(entry.link if entry else UNREPORTED),
        requirements=tuple(met[key] for key in sorted(met)),
        evidence=worst_checks(checks, with_code=entry is None),
        reproduction=entry.reproduction.strip() if entry else "",
        prints=entry.prints.strip() if entry else "",
        expected=entry.expected.strip() if entry else "",
    )


def _stale(
    records: Iterable[Record], checks: Iterable[Judged], entries: dict[str, Deviation]
) -> tuple[Finding, ...]:
    passing: dict[str, list[Judged]] = defaultdict(list)
    for judged in checks:
        passing[judged.check.entry or judged.check.id].append(judged)
    unmatched: dict[str, list[str]] = defaultdict(list)
    for record in records:
        for name in record.footer.unmatched if record.footer else ():
            unmatched[name].append(record.header.target)
    findings = []
    for name in sorted({*passing, *unmatched}):
        group, entry = passing.get(name, []), entries.get(name)
        passes = f"{plural(len(group))} that it lists pass{'es' * (len(group) == 1)} ({where(group)})"
        reasons = [passes] if group else []
        reasons += ["it matches no check"] if name in unmatched else []
        findings.append(
            Finding(
                id=f"stale-{name}",
                title=f"{name}: {entry.title}" if entry else name,
                targets=tuple(dict.fromkeys((*_targets(group), *unmatched.get(name, ())))),
                reason="; ".join(reasons),
                link=parts(entry.link) if entry else (),
                requirements=(),
                evidence=worst_checks(group, with_code=True),
            )
        )
    return tuple(findings)


def _targets(checks: Iterable[Judged]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(judged.target for judged in checks))


def severity(judged: Judged) -> float:
    """Return the error over the bound, −1 if none was measured."""
    value = over_bound(judged.check)
    return -1.0 if value is None else value


def _reason(checks: list[Judged]) -> str:
    """Return the number of checks, and by how much the worst exceeds its bound."""
    worst = max(checks, key=severity).check
    value = over_bound(worst)
    number = f"{plural(len(checks))} ({where(checks)})"
    if value is not None and 1 < value < math.inf:
        return f"{number}, outside the bound by {short(value)}×"
    if worst.observed is not None:
        return f"{number}, observed: {worst.observed}"
    return f"{number}{difference(worst) or _raised(worst)}"


def _raised(check: Check) -> str:
    """Return the last line of the message, which names the exception, if the check left no witness."""
    last = (check.message or "").strip().split("\n")[-1].strip()
    if check.witness or not last or last.startswith(("assert", "required:")):
        return ""
    return f": {last[:LONGEST_LINE]}{'…' if len(last) > LONGEST_LINE else ''}"


def worst_checks(checks: Sequence[Judged], with_code: bool) -> tuple[WorstCheck, ...]:
    """Return the worst check of each target, `with_code` that is the call in the framework alone."""
    worst_of = []
    for target in _targets(checks):
        group = [judged for judged in checks if judged.target == target]
        worst = max(group, key=severity).check
        worst_of.append(
            WorstCheck(
                target=target,
                check=worst.id,
                witness=rows(worst),
                message=(worst.message or "").strip(),
                code=reproduction(target, worst) if with_code else None,
                checks=len(group),
                cases=tuple(judged.check.id for judged in group[:MOST_CASES]),
            )
        )
    return tuple(worst_of)
