"""Summarise a run in the words that the terminal and continuous integration share."""

from __future__ import annotations

from collections import Counter

from conformance import requirements
from conformance.record.records import Record
from conformance.record.verdict import counted


def counts(record: Record) -> str:
    """Count the checks of each kind: "2 fail, 31 measured, 1355 pass"."""
    kinds = Counter(map(counted, record.checks))
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def statement(name: str) -> str:
    """Return the text of the requirement with that id."""
    known = requirements.load().get(name)
    return known.text if known else "a requirement unknown to this suite"
