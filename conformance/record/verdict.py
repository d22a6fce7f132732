"""Decides whether a record holds: every *must* is met, or listed as a deviation that still shows."""

from __future__ import annotations

from collections import Counter

from conformance import requirements
from conformance.record.records import Check, Record

UNMATCHED = "shows in no check of this target: narrow it or take it out"  # a deviation that does
FAILED = ("fail", "deviation", "crash", "timeout")
LENIENT = ("should", "report")  # levels at which a failure does not fail the run


def kind(outcome: str, level: str) -> str:
    """Return the outcome as it is counted: a failure that does not fail the run is apart from one that does."""
    return f"fail ({level})" if outcome == "fail" and level in LENIENT else outcome


def counted(check: Check) -> str:
    """Return the kind of a check; one of an unknown requirement counts as a must."""
    requirement = requirements.load().get(check.requirement)
    return kind(check.outcome, requirement.level if requirement else "must")


def fails_run(check: Check) -> bool:
    """Return whether this row alone makes the run fail."""
    if check.outcome in ("crash", "timeout"):
        return check.entry is None
    return counted(check) in ("fail", "fixed")


def upgrade(record: Record) -> str:
    """Count what shows as known of another version, what is new, what is gone; "" where entries name this one."""
    since = record.footer.known_from if record.footer else ""
    if not since:
        return ""
    listed = [check.outcome in FAILED for check in record.checks if check.entry]
    new = sum(map(fails_run, record.checks))
    return f"{sum(listed)} known from {since}, {new} new, {len(listed) - sum(listed)} gone"


def problems(record: Record) -> list[str]:
    """Return why the run of this target fails, one line each; empty where it holds."""
    if record.footer and record.footer.error is not None:
        return [record.footer.error]
    lines = [f"incomplete: {record.partial}; --resume goes on where it stopped"] if record.partial else []
    lines += [] if record.checks else ["no check was judged"]
    failed = Counter((check.requirement, check.outcome) for check in record.checks if fails_run(check))
    lines += [f"{name}: {count} {outcome}" for (name, outcome), count in sorted(failed.items())]
    unmatched = record.footer.unmatched if record.footer else []
    return lines + [f"deviation {entry} {UNMATCHED}" for entry in unmatched]
