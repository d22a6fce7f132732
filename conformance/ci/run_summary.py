"""Summarise a run in the words that the terminal and continuous integration share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from conformance import requirements
from conformance.record.causes import Group
from conformance.record.records import Record
from conformance.record.verdict import counted

GROUPS = 8  # that are shown


def counts(record: Record) -> str:
    """Count the checks of each kind: "2 fail, 31 measured, 1355 pass"."""
    kinds = Counter(map(counted, record.checks))
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def statement(name: str) -> str:
    """Return the text of the requirement with that id."""
    known = requirements.load().get(name)
    return known.text if known else "a requirement unknown to this suite"


def stated(line: str) -> str:
    """Return a line that begins with the id of a requirement with its text, and any other as it is."""
    known = requirements.load().get(line.partition(":")[0])
    return f"{line}. {known.text}" if known else line


def named(group: Group) -> str:
    """Return the likely cause of a group, and the requirements that it fails."""
    more = ", …" if len(group.requirements) > 3 else ""
    return f"{group.cause} ({', '.join(group.requirements[:3])}{more})"


def by_cause(groups: Sequence[Group], texts: bool = False) -> Iterator[str]:
    """Yield a line for each of the largest groups, with `texts` its first requirement; then count the rest."""
    for group in groups[:GROUPS]:
        yield f"{len(group.checks):6} {named(group)}"
        if texts:
            yield f"       {group.requirements[0]}: {statement(group.requirements[0])}"
    if len(groups) > GROUPS:
        yield f"       and {len(groups) - GROUPS} smaller groups"
