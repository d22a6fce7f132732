"""The page for who upgrades: what each release changed, and where a requirement held, failed or was absent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from conformance.record.timeline import (
    STATES,
    RequirementChange,
    RequirementHistory,
    Span,
    Standing,
    Timeline,
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
    """The changes of one release: deviations that came and went, other changes of requirements, steps of speed.

    `at` is the release's place among those of its framework, in the order of versions.
    """

    framework: str
    version: str
    day: date | None
    at: int
    came: tuple[Span, ...]
    went: tuple[Span, ...]
    changes: tuple[RequirementChange, ...]
    steps: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """The number of changes."""
        return len(self.came) + len(self.went) + len(self.changes) + len(self.steps)


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page, also if there are no records of releases."""
    histories = evidence.timelines
    values = {
        "tables": list(map(table, histories)),
        "news": news(histories, steps(evidence)),
        "history_looks": LOOKS,
    }
    values |= {"meanings": STATES, "steady": _steady, "counted": counted}
    yield Page("history.html", "Upgrade: what each release changed", "history.html.j2", "history.html", values)


def steps(evidence: Evidence) -> dict[tuple[str, str], list[str]]:
    """Return framework and version → a sentence for each sure change of its latency, the largest first."""
    found: dict[tuple[str, str], list[str]] = {}
    if evidence.results:
        from reports.timing.performance import change

        several = len(evidence.steps) > 1
        for name, groups in evidence.steps.items():
            device = evidence.results.machines[name].device
            for group in groups:
                text = change(group, device) + (f" On {name}." if several else "")
                found.setdefault((group.after.framework, group.after.version), []).append(text)
    return found


def table(timeline: Timeline) -> dict[str, object]:
    """Return the table of a framework: its families in their usual order, then unknown families."""
    families = dict.fromkeys((*FAMILIES, *(row.requirement.family for row in timeline.rows)))
    groups = []
    for family in families:
        rows = [row for row in timeline.rows if row.requirement.family == family]
        steady = [row for row in rows if not row.changes]
        states = Counter(_steady(row).state for row in steady)
        plain: dict[str, list[str]] = {}
        for row in steady:
            if not _tells(_steady(row)):
                plain.setdefault(_steady(row).state, []).append(row.requirement.id)
        if rows:
            groups.append(
                {
                    "name": f"{family}: {FAMILIES.get(family, 'unknown')}",
                    "changing": [row for row in rows if row.changes],
                    "steady": len(steady),
                    "plain": plain,
                    "telling": [row for row in steady if _tells(_steady(row))],
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


def news(
    histories: Sequence[Timeline], speed: Mapping[tuple[str, str], Sequence[str]] = MappingProxyType({})
) -> list[News]:
    """Return the changes of each release, frameworks in their order and the newest version first.

    Releases without changes are left out.
    """
    made = []
    for timeline in histories:
        for at, release in reversed(list(enumerate(timeline.releases))):
            came, went = timeline.moves(at)
            moved = {span.entry.id for span in (*came, *went)}
            rest = tuple(change for change in timeline.changes(at) if not explained(change, moved))
            name, version = split_target(timeline.target)[0], release.version
            own = tuple(speed.get((name, version), ()))
            item = News(name, version, release.day, at, tuple(came), tuple(went), rest, own)
            made += [item] if item.count else []
    return made


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


def _tells(cell: Standing) -> bool:
    """Return True if a cell says more than its state."""
    return bool(cell.failed or cell.answers)
