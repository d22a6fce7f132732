"""Assembles records into one value, from which every form of the report is rendered.

`assemble` does all counting and grouping; the modules that render the value count nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from conformance import deviations as known
from conformance import requirements as specification
from conformance.deviations import Deviation
from conformance.record.records import Record
from conformance.requirements import Requirement
from reports import accuracy, behaviour, findings
from reports.checks import Judged, all_checks, plural, split_target
from reports.targets import Family, TargetSummary, families, summary

LEVELS = {
    "must": "required of every implementation; a failure that is not a known deviation fails the run",
    "should": "good practice; a failure is reported and does not fail the run",
    "choice": "several answers are legal; the answer is recorded, and an answer outside the list fails",
    "report": "a measurement without a verdict",
}
GRADES = {
    "A": "correctly rounded: never more than half an ulp",
    "B": "all arithmetic in float32 or wider, pairwise or blocked summation, rounded once to the output",
    "C": "the same with sequential summation",
    "D": "elementwise arithmetic in the format itself, the sum in float32 or wider (the bound of must)",
    "E": "everything in the format itself, sequential summation",
    "F": "outside all of these",
    "R": "whether entries near zero (confident log-probabilities and losses) are relatively accurate",
}


@dataclass(frozen=True)
class Report:
    """The whole report in the order in which it is rendered; `facts` are label and text."""

    targets: tuple[TargetSummary, ...]
    families: tuple[Family, ...]
    sections: tuple[findings.Section, ...]
    behaviour: tuple[behaviour.Behaviour, ...]
    accuracy: tuple[accuracy.AccuracyTable, ...]
    notes: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


def assemble(
    records: Sequence[Record],
    requirements: Mapping[str, Requirement] | None = None,
    entries: Sequence[Deviation] | None = None,
) -> Report:
    """Return the report of `records`, by this suite's specification and deviations unless others are given."""
    requirements = specification.load() if requirements is None else requirements
    entries = known.load() if entries is None else entries
    used = latest(records)
    by_target = [all_checks([record], requirements) for record in used]
    checks = [judged for group in by_target for judged in group]
    summaries = tuple(summary(*pair) for pair in zip(used, by_target, strict=True))
    names = [target.name for target in summaries]
    return Report(
        targets=summaries,
        families=families(summaries, checks),
        sections=findings.sections(used, checks, entries),
        behaviour=behaviour.table(names, checks),
        accuracy=accuracy.tables(names, checks),
        notes=(*_replaced(records, used), *_unknown(checks), *_mixed(used)),
        facts=_facts(used, len(checks)),
    )


def latest(records: Iterable[Record]) -> list[Record]:
    """Return the record of each target that started last, sorted by target; the fuller one of a tie."""
    used: dict[str, Record] = {}
    for record in records:
        name = record.header.target
        if name not in used or _rank(record) >= _rank(used[name]):
            used[name] = record
    return [used[name] for name in sorted(used)]


def _rank(record: Record) -> tuple[str, bool, int]:
    return record.header.start, record.complete, len(record.checks)


def _replaced(records: Iterable[Record], used: Iterable[Record]) -> list[str]:
    chosen = {record.header.target: record for record in used}
    pairs = ((record, chosen[record.header.target]) for record in records)
    return [_not_used(record, other) for record, other in pairs if record is not other]


def _not_used(record: Record, chosen: Record) -> str:
    paths = (record.path, chosen.path)
    left, taken = (path.name for path in paths) if paths[0].name != paths[1].name else map(str, paths)
    if replace(record, path=chosen.path) == chosen:
        return f"{record.header.target}: {left} is the same record as {taken} and is not counted again"
    reason = f"{taken}, which started at {chosen.header.start}, is used; {left} ({record.header.start}) is not"
    return f"{record.header.target}: {reason}"


def _unknown(checks: Iterable[Judged]) -> list[str]:
    numbers: dict[str, int] = {}
    for judged in checks:
        if judged.requirement is None:
            numbers[judged.check.requirement] = numbers.get(judged.check.requirement, 0) + 1
    return [f"{name}: unknown to this suite, {plural(number)}" for name, number in sorted(numbers.items())]


def _mixed(used: Sequence[Record]) -> list[str]:
    headers = [record.header for record in used]
    groups = {
        "suite commits": [header.suite_commit or "unknown" for header in headers],
        "tiers": [header.tier for header in headers],
        "machines": [f"{header.platform}, {plural(header.threads, 'thread')}" for header in headers],
    }
    for header in headers:
        _, device, _ = split_target(header.target)
        groups.setdefault(f"{device} devices".strip(), []).append(header.device_model or "unknown")
    return [
        f"The records come from different {name} ({'; '.join(dict.fromkeys(texts))}): compare targets with care."
        for name, texts in groups.items()
        if len(set(texts)) > 1
    ]


def _facts(used: Sequence[Record], checks: int) -> tuple[tuple[str, str], ...]:
    headers = [record.header for record in used]
    values = {
        "checks": [str(checks)],
        "suite commit": [header.suite_commit or "unknown" for header in headers],
        "tier": [header.tier for header in headers],
        "device": [header.device_model for header in headers],
        "platform": [header.platform for header in headers],
        "threads": [str(header.threads) for header in headers],
        "Python": [header.python for header in headers],
        "builds": [header.framework.get("build", "") for header in headers],
        "started": [min(header.start for header in headers)] if headers else [],
    }
    return tuple((name, "; ".join(dict.fromkeys(filter(None, texts)))) for name, texts in values.items())
