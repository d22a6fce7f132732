"""The page of history: the releases in which a requirement held, was a deviation, failed or was absent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from adapters.releases import releases
from conformance.record.timeline import (
    STATES,
    RequirementChange,
    RequirementHistory,
    Span,
    Standing,
    Timeline,
    timelines,
)
from conformance.requirements import FAMILIES
from reports.checks import plural, split_target
from reports.evidence import Evidence
from reports.site.page import Page

# how each state looks: a class, which gives the colour, and a sign, which says it without one
LOOKS = {
    "holds": ("good", "✓"),
    "should": ("warn", "▽"),
    "deviation": ("known", "≠"),
    "fails": ("bad", "✕"),
    "absent": ("mute", "–"),
    "unknown": ("mute", "?"),
}


@dataclass(frozen=True)
class News:
    """The changes of one release: deviations that came and went, and other changes of requirements."""

    framework: str
    version: str
    day: date | None
    came: tuple[Span, ...]
    went: tuple[Span, ...]
    changes: tuple[RequirementChange, ...]

    @property
    def count(self) -> int:
        """The number of changes."""
        return len(self.came) + len(self.went) + len(self.changes)


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page, also if there are no records of releases."""
    days = {release.tag: release.day for release in releases()}
    histories = timelines(evidence.history, evidence.specification, evidence.deviations, days)
    values = {"tables": list(map(table, histories)), "news": news(histories), "history_looks": LOOKS}
    values |= {"meanings": STATES, "steady": _steady, "counted": counted}
    yield Page("history.html", "History", "history.html.j2", "history.html", values)


def table(timeline: Timeline) -> dict[str, object]:
    """Return the table of a framework: its families in their usual order, then unknown families."""
    families = dict.fromkeys((*FAMILIES, *(row.requirement.family for row in timeline.rows)))
    groups = []
    for family in families:
        rows = [row for row in timeline.rows if row.requirement.family == family]
        steady = [row for row in rows if not row.changes]
        states = Counter(_steady(row).state for row in steady)
        if rows:
            groups.append(
                {
                    "name": f"{family}: {FAMILIES.get(family, 'unknown')}",
                    "changing": [row for row in rows if row.changes],
                    "steady": steady,
                    "counts": ", ".join(f"{states[state]} {state}" for state in LOOKS if states[state]),
                }
            )
    tiers = dict.fromkeys(release.tier for release in timeline.releases)
    return {
        "framework": split_target(timeline.target)[0],
        "timeline": timeline,
        "tiers": ", ".join(tiers),
        "groups": groups,
    }


def news(histories: Sequence[Timeline]) -> list[News]:
    """Return the changes of each release, the newest first; releases without changes are left out."""
    made = []
    for timeline in histories:
        for at, release in enumerate(timeline.releases):
            came, went = timeline.moves(at)
            moved = {span.entry.id for span in (*came, *went)}
            rest = tuple(change for change in timeline.changes(at) if not explained(change, moved))
            item = News(
                split_target(timeline.target)[0], release.version, release.day, tuple(came), tuple(went), rest
            )
            made += [item] if item.count else []
    return sorted(made, key=lambda item: item.day or date.min, reverse=True)


def explained(change: RequirementChange, moved: set[str]) -> bool:
    """Tell whether a requirement changed only by deviations that came or went."""
    states = {change.before.state, change.after.state}
    entries = {*change.before.entries} ^ {*change.after.entries}
    return states <= {"holds", "deviation"} and "deviation" in states and bool(entries) and entries <= moved


def counted(cell: Standing) -> str:
    """Return a cell's counts in words: "in 8 of 10 checks"; "" if nothing fails."""
    return f"in {cell.failed} of {plural(cell.checks)}" if cell.failed else ""


def _steady(row: RequirementHistory) -> Standing:
    """Return the last known cell of a row that never changes."""
    known = [cell for cell in row.cells if cell.state != "unknown"]
    return known[-1] if known else Standing("unknown")
