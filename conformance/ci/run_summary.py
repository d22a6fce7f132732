"""What a run says of itself, in the words that the terminal and continuous integration share."""

from __future__ import annotations

from collections import Counter

from conformance import requirements
from conformance.record.records import Record
from conformance.record.verdict import counted


def counts(record: Record) -> str:
    """How many checks there are of each kind: "2 fail, 31 measured, 1355 pass"."""
    found = Counter(map(counted, record.checks))
    return ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))


def statement(name: str) -> str:
    """What the requirement of that id states."""
    known = requirements.load().get(name)
    return known.text if known else "a requirement unknown to this suite"
