"""Joins a recorded check with its target and its requirement.

Nothing here judges anew; an outcome only gets the name under which it is shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from adapters.frameworks import FRAMEWORKS
from conformance.record.records import Check, Record
from conformance.record.verdict import kind
from conformance.requirements import Requirement

# The names under which outcomes are counted, worst first: a cell takes its mark and colour from the worst.
KINDS = (
    "crash",
    "timeout",
    "fail",
    "fixed",
    "fail (should)",
    "fail (report)",
    "deviation",
    "pass",
    "choice",
    "measured",
    "absent",
)
THREAD = re.compile(r"\b([A-Za-z0-9][\w.-]*/[\w.-]+)#(\d+)\b")
PAGE = re.compile(r"https://[^\s<>\"()\[\]|`]*[^\s<>\"()\[\]|`.,;:]")


@dataclass(frozen=True)
class Judged:
    """One check of one target; `requirement` is None if this suite has none with that id."""

    target: str
    check: Check
    requirement: Requirement | None

    @property
    def level(self) -> str:
        """The requirement's level, "unknown" if there is no such requirement."""
        return self.requirement.level if self.requirement else "unknown"

    @cached_property
    def kind(self) -> str:
        """The name under which the outcome is counted; "fail (should)" is not "fail"."""
        return kind(self.check.outcome, self.level)

    @property
    def fails(self) -> bool:
        """True if the check is a failure that fails the run."""
        return self.kind == "fail"


@dataclass(frozen=True)
class Counts:
    """The number of checks of each kind, the worst kind first; kinds without checks are left out."""

    items: tuple[tuple[str, int], ...]

    @property
    def worst(self) -> str:
        """The worst kind present, "none" if there are no checks."""
        return self.items[0][0] if self.items else "none"


@dataclass(frozen=True)
class Part:
    """A piece of text, with the address it leads to or none."""

    text: str
    url: str | None = None


def all_checks(records: Iterable[Record], specification: Mapping[str, Requirement]) -> list[Judged]:
    """Return every check of `records`, in their order."""
    return [
        Judged(record.header.target, row, specification.get(row.requirement))
        for record in records
        for row in record.checks
    ]


def count(checks: Iterable[Judged]) -> Counts:
    """Count the checks by kind."""
    numbers = Counter(judged.kind for judged in checks)
    return Counts(tuple((kind, numbers[kind]) for kind in KINDS if numbers[kind]))


def parts(text: str) -> tuple[Part, ...]:
    """Split `text` into parts, with upstream threads ("owner/repo#number") and https addresses as links."""
    pieces: list[Part] = []
    end = 0
    for match in sorted((*THREAD.finditer(text), *PAGE.finditer(text)), key=lambda match: match.start()):
        if match.start() < end:  # a thread's name within an address
            continue
        if match.start() > end:
            pieces.append(Part(text[end : match.start()]))
        thread = match.re is THREAD
        url = f"https://github.com/{match[1]}/issues/{match[2]}" if thread else match[0]
        pieces.append(Part(match[0], url))
        end = match.end()
    if text[end:]:
        pieces.append(Part(text[end:]))
    return tuple(pieces)


def plural(number: int, noun: str = "check") -> str:
    """Return a number with its noun: "1 check", "2 checks", "1,000 checks"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def framework_order(target: str) -> tuple[int, str]:
    """Return the sort key of targets: frameworks in the order of frameworks.toml, then others by name."""
    adapter, names = split_target(target)[0], list(FRAMEWORKS)
    return names.index(adapter) if adapter in names else len(names), target


@cache
def split_target(target: str) -> tuple[str, str, str]:
    """Split "torch:cpu:eager" into adapter, device and mode; an adapter elsewhere has a colon in its name."""
    adapter, device, mode = [*target.rsplit(":", 2), "", ""][:3]
    return adapter, device, mode
