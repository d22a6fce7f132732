"""Whether a record holds: every *must* met, or listed as a deviation that still shows."""

from __future__ import annotations

from conformance import requirements
from conformance.records import Check, Record

LENIENT = ("should", "report")  # levels at which a failure does not fail the run


def fails_run(check: Check) -> bool:
    """Whether this row alone makes the run fail."""
    requirement = requirements.load().get(check.requirement)
    if check.outcome == "fixed":
        return True
    if check.outcome in ("crash", "timeout"):
        return check.entry is None
    return check.outcome == "fail" and not (requirement and requirement.level in LENIENT)


def problems(record: Record) -> list[str]:
    """Why the run of this target fails, one line each; empty where it holds."""
    if record.footer is None:
        return ["incomplete: the run was cut off; --resume goes on where it stopped"]
    if record.footer.error is not None:
        return [record.footer.error]
    failed = [check for check in record.checks if fails_run(check)]
    by_requirement: dict[tuple[str, str], int] = {}
    for check in failed:
        key = (check.requirement, check.outcome)
        by_requirement[key] = by_requirement.get(key, 0) + 1
    lines = [f"{name}: {count} {outcome}" for (name, outcome), count in sorted(by_requirement.items())]
    return lines + [
        f"deviation {entry} matches no check of this target: narrow it or take it out"
        for entry in record.footer.unmatched
    ]
