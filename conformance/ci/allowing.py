"""`--allow FILE`: failures that do not fail the run, a line each: `RNG-01/softmax/float16/* : reason`.

The left side is the id of a check, or a shell pattern of ids; a line that begins with # is a comment. The record
keeps each failure as it is; what a run tells of it has the outcome *allowed* and its reason. As in the list of
deviations, a line that matches no failure fails the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from conformance.record.records import Check, Record
from conformance.record.verdict import fails_run

ALLOWED = "allowed"
LINE = re.compile(r"(\S+)\s+:(?:\s+(.*))?")


class BadList(ValueError):
    """The file cannot be used; the message says why, on one line."""


@dataclass(frozen=True)
class Allowance:
    """The checks whose ids match a pattern, and why they may fail."""

    pattern: str
    reason: str

    def covers(self, check: Check) -> bool:
        """Return True if this check may fail."""
        return fnmatchcase(check.id, self.pattern)


def load(path: Path) -> tuple[Allowance, ...]:
    """Return what a file allows, in its order.

    Raises:
        BadList: the file cannot be read, or a line has no reason.
    """
    try:
        lines = list(enumerate(map(str.strip, path.read_text(encoding="utf-8").splitlines()), 1))
    except (OSError, UnicodeDecodeError) as error:
        raise BadList(f"cannot read what is allowed: {path}: {error}") from error
    return tuple(_read(f"{path}, line {n}", line) for n, line in lines if line and not line.startswith("#"))


def _read(place: str, line: str) -> Allowance:
    found = LINE.fullmatch(line)
    if found is None:
        raise BadList(f"{place}: {line!r} is no pattern with a reason: RNG-01/softmax/float16/* : reason")
    if not found[2]:
        raise BadList(f"{place}: {found[1]} has no reason")
    return Allowance(found[1], found[2])


def told(record: Record, allowances: Sequence[Allowance]) -> Record:
    """Return the record as a run tells it: a failure that the first matching line allows has its reason."""
    return replace(record, checks=[_told(check, allowances) for check in record.checks]) if allowances else record


def _told(check: Check, allowances: Sequence[Allowance]) -> Check:
    matching = (one for one in allowances if fails_run(check) and check.outcome != "fixed" and one.covers(check))
    first = next(matching, None)
    return replace(check, outcome=ALLOWED, message=f"{first.reason}\n{check.message or ''}") if first else check


def unmatched(records: Iterable[Record], allowances: Sequence[Allowance]) -> list[str]:
    """Return a line for each allowance that matches no failure, unless a record is not whole."""
    records = list(records)
    if any(record.unfinished for record in records):
        return []
    failed = [check for record in records for check in record.checks if check.outcome == ALLOWED]
    return [
        f"allowed {one.pattern} matches no failure: narrow it or take it out"
        for one in allowances
        if not any(map(one.covers, failed))
    ]


def notes(record: Record) -> list[str]:
    """Return a line for each reason, with the number of failures that it allows."""
    reasons: dict[str, int] = {}
    for check in record.checks:
        if check.outcome == ALLOWED:
            reasons[reason(check)] = reasons.get(reason(check), 0) + 1
    return [f"allowed: {count}, {text}" for text, count in reasons.items()]


def reason(check: Check) -> str:
    """Return why a check may fail."""
    return (check.message or "").partition("\n")[0]
