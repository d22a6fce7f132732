"""Compare a run with an earlier record, its baseline: only new failures fail the run.

A check that failed in the baseline may still fail; a check that passed, or is not in the baseline, may not.
With a baseline, entries of the list of deviations that pass or match nothing do not fail the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from conformance.ci import allowing
from conformance.record import causes, verdict
from conformance.record.causes import Group
from conformance.record.reading import read
from conformance.record.records import BrokenRecord, Check, Record
from conformance.record.storage import find
from conformance.record.verdict import counted, fails_run


class BadBaseline(ValueError):
    """The baseline cannot be used; the message says why and what to do, on one line."""


@dataclass(frozen=True)
class Compared:
    """The checks that fail only now, the checks that fail in both, and the ids of those that pass again.

    `unjudged` counts the failures of the baseline that this run did not judge.
    """

    new: tuple[Check, ...]
    known: tuple[Check, ...]
    mended: tuple[str, ...]
    unjudged: int

    @property
    def line(self) -> str:
        """Return the comparison in one line."""
        counts = f"against the baseline: {len(self.new)} new, {len(self.known)} known, {len(self.mended)} mended"
        return f"{counts}, {self.unjudged} not judged" if self.unjudged else counts


def load(place: Path, targets: Iterable[str]) -> dict[str, Record]:
    """Return the newest record of each target at `place`, a record or a folder of records.

    Raises:
        BadBaseline: `place` is empty, a record is broken or incomplete, or a target has none.
    """
    if not place.exists():
        raise BadBaseline(f"there is no baseline {place}: a record that python -m conformance wrote, or a folder")
    try:
        records = [read(path) for path in find([place])]
    except BrokenRecord as error:
        raise BadBaseline(f"the baseline {error}") from error
    newest: dict[str, Record] = {}
    for record in sorted(records, key=lambda record: record.header.start):
        if record.unfinished:
            reason = f"is incomplete ({record.unfinished}): let that run come to its end"
            raise BadBaseline(f"the baseline {record.path} {reason}")
        newest[record.header.target] = record
    for target in targets:
        if target not in newest:
            there = ", ".join(sorted(newest)) or "no record at all"
            raise BadBaseline(f"the baseline {place} has no record of {target}, only {there}")
    return {target: newest[target] for target in targets}


def failing(check: Check) -> bool:
    """Return True if a check does not hold: a *must* failed, or its process died or gave no answer."""
    return check.outcome in ("crash", "timeout", "deviation") or counted(check) == "fail"


def compare(record: Record, before: Record) -> Compared:
    """Compare a run with its baseline; a listed deviation counts as known."""
    earlier = {check.id: failing(check) for check in before.checks}
    now = [check for check in record.checks if failing(check)]
    new = tuple(check for check in now if check.entry is None and not earlier.get(check.id))
    new_ids = {check.id for check in new}
    ids = {check.id for check in record.checks}
    still = {check.id for check in record.checks if failing(check) or check.outcome == allowing.ALLOWED}
    return Compared(
        new=new,
        known=tuple(check for check in now if check.id not in new_ids),
        mended=tuple(name for name, failed in earlier.items() if failed and name in ids and name not in still),
        unjudged=sum(failed and name not in ids for name, failed in earlier.items()),
    )


def failures(record: Record, before: Record | None) -> list[Check]:
    """Return the checks that fail the run: with a baseline, the new failures."""
    return list(compare(record, before).new) if before else [check for check in record.checks if fails_run(check)]


def by_cause(record: Record, before: Record | None) -> list[Group]:
    """Return the checks that fail the run, by likely cause."""
    return causes.groups(record.checks, failures(record, before))


def by_requirement(checks: Iterable[Check]) -> dict[tuple[str, str], list[Check]]:
    """Group checks by requirement and operation."""
    grouped: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        grouped.setdefault((check.requirement, check.operation), []).append(check)
    return grouped


def problems(record: Record, before: Record | None) -> list[str]:
    """Return why the run fails, one line each; against a baseline, only what is new."""
    if before is None or record.unfinished:
        return verdict.problems(record)
    counts = Counter((check.requirement, check.outcome) for check in compare(record, before).new)
    return [f"{name}: {count} new {outcome}" for (name, outcome), count in sorted(counts.items())]


def notes(record: Record, before: Record | None) -> list[str]:
    """Return lines on what is known of another version, what is allowed, and what the baseline has."""
    known = [line] if (line := verdict.upgrade(record)) else []
    known += allowing.notes(record)
    if before is None:
        return known
    lines = [*known, compare(record, before).line]
    if record.header.tier != before.header.tier:
        lines.append(f"the baseline is of tier {before.header.tier}: checks of one id are compared")
    if before.header.asked is None:
        lines.append("the baseline does not tell what was asked: its format is an older one")
    return lines
