"""Counts what is wrong in a framework or a target today: faults that are known, and new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reports.checks import Judged, plural
from reports.findings import finding_id

NEW = ("fail", "crash", "timeout")  # kinds of a check that fail the run, unless a deviation describes it


@dataclass(frozen=True)
class FaultCount:
    """The ids of the known deviations that show, and of the findings that no known deviation describes."""

    known: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The two numbers in words: "21 known faults, 0 new"."""
        return f"{plural(len(self.known), 'known fault')}, {len(self.new)} new"


def fault_counts(checks: Iterable[Judged], key: Callable[[str], str]) -> dict[str, FaultCount]:
    """Return the count of each `key` of a target, also of one without faults."""
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for judged in checks:
        known, new = found.setdefault(key(judged.target), ({}, {}))
        entry = judged.check.entry
        if judged.kind == "deviation" or (entry and judged.kind in ("crash", "timeout")):
            known[entry or judged.check.requirement] = None
        elif judged.kind in NEW:
            new[finding_id(judged)] = None
    return {name: FaultCount(tuple(known), tuple(new)) for name, (known, new) in found.items()}
