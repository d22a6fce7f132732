"""Summarises the record of a target: counts, verdict, seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.record import verdict
from conformance.record.records import Record
from conformance.requirements import FAMILIES
from reports.checks import Counts, Judged, count, plural, split_target


@dataclass(frozen=True)
class TargetSummary:
    """One target's run; `state` is "holds", "failures", "incomplete" or "error", and `verdict` its words."""

    name: str
    framework: str
    device: str
    counts: Counts
    state: str
    verdict: str
    seconds: float

    @property
    def adapter(self) -> str:
        """The first part of the name."""
        return split_target(self.name)[0]

    @property
    def place(self) -> str:
        """The rest of the name: "cpu:eager"."""
        return ":".join(part for part in split_target(self.name)[1:] if part)


@dataclass(frozen=True)
class Family:
    """One family of requirements, its checks counted for each target in the order of the targets."""

    prefix: str
    name: str
    cells: tuple[Counts, ...]


def summary(record: Record, checks: Sequence[Judged]) -> TargetSummary:
    """Return the summary of one record."""
    header = record.header
    framework = header.framework
    state, words = _verdict(record, checks)
    return TargetSummary(
        name=header.target,
        framework=f"{framework.get('name', '?')} {framework.get('version', '?')}",
        device=header.device_model,
        counts=count(checks),
        state=state,
        verdict="; ".join(filter(None, (words, verdict.upgrade(record)))),
        seconds=sum(judged.check.seconds for judged in checks),
    )


def _verdict(record: Record, checks: Sequence[Judged]) -> tuple[str, str]:
    failures = sum(judged.fails for judged in checks)
    problems = [plural(failures, "must failure")] if failures else []
    for outcome in ("crash", "timeout"):
        if number := sum(judged.check.outcome == outcome for judged in checks):
            problems.append(f"{number} {outcome}{('es' if outcome == 'crash' else 's') * (number != 1)}")
    fixed = len({judged.check.entry or judged.check.id for judged in checks if judged.check.outcome == "fixed"})
    if fixed:
        problems.append(f"{fixed} deviation entr{'y' if fixed == 1 else 'ies'} to narrow")
    if record.footer is None:
        problems.insert(0, f"incomplete: the run stopped after {plural(len(checks))}")
        return "incomplete", "; ".join(problems)
    if record.footer.error is not None:
        problems.insert(
            0, f"not judged: {record.footer.error}" if not checks else f"error: {record.footer.error}"
        )
        return "error", "; ".join(problems)
    if record.partial:
        return "incomplete", "; ".join((f"incomplete: {record.partial}", *problems))
    if unmatched := len(record.footer.unmatched):
        problems.append(f"{unmatched} deviation entr{'y matches' if unmatched == 1 else 'ies match'} nothing")
    if not checks:
        return "incomplete", "no checks were run"
    return ("failures", "; ".join(problems)) if problems else ("holds", "holds")


def families(targets: Sequence[TargetSummary], checks: Sequence[Judged]) -> tuple[Family, ...]:
    """Return the families that have a check, in the order of the specification, unknown ones last."""
    cells: dict[str, dict[str, list[Judged]]] = {}
    for judged in checks:
        cells.setdefault(judged.check.requirement[:3], {}).setdefault(judged.target, []).append(judged)
    return tuple(
        Family(
            prefix,
            FAMILIES.get(prefix, "unknown to this suite"),
            tuple(count(cells[prefix].get(target.name, ())) for target in targets),
        )
        for prefix in (*FAMILIES, *sorted(cells.keys() - FAMILIES.keys()))
        if prefix in cells
    )
