"""Puts the records of a framework's releases side by side, oldest first, to tell what held in which.

Nothing is judged anew. A failure that a known deviation describes is that deviation in any release, whatever
`versions` the entry was written for; a *fixed* row is one that passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter

from packaging.version import InvalidVersion, Version

from conformance.deviations import Deviation
from conformance.record.records import Check, Record
from conformance.record.verdict import FAILED, LENIENT
from conformance.requirements import Requirement

STATES = {
    "holds": "every check of it passes",
    "should": "good practice that is not followed",
    "deviation": "fails as a known deviation says",
    "fails": "fails, and no known deviation says so",
    "absent": "the framework does not provide it",
    "unknown": "not judged in this release",
}
OTHER = "another answer"


@dataclass(frozen=True)
class JudgedRelease:
    """One release; `problem` says why it could not be judged, and `day` is None where it is unknown."""

    version: str
    day: date | None
    tier: str
    problem: str | None


@dataclass(frozen=True)
class Standing:
    """A requirement in a release: of `checks` that were judged `failed` fail; `entries` are the deviations shown.

    `answers` are those found of a choice, in its own order, `OTHER` for those that are not legal.
    """

    state: str
    checks: int = 0
    failed: int = 0
    entries: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class RequirementHistory:
    """A requirement through all releases."""

    requirement: Requirement
    cells: tuple[Standing, ...]

    @property
    def changes(self) -> bool:
        """Return whether it is not the same in all releases in which it was judged."""
        return len({(cell.state, cell.answers) for cell in self.cells if cell.state != "unknown"}) > 1


@dataclass(frozen=True)
class Span:
    """A known deviation through all releases: True where it shows, False where not, None where nothing tells."""

    entry: Deviation
    shows: tuple[bool | None, ...]
    sentence: str


@dataclass(frozen=True)
class RequirementChange:
    """A requirement that a release changed: its standing in the release before, and in this one."""

    requirement: Requirement
    before: Standing
    after: Standing


@dataclass(frozen=True)
class Timeline:
    """One target in all of its releases, oldest first; cells and spans are in the order of `releases`."""

    target: str
    releases: tuple[JudgedRelease, ...]
    rows: tuple[RequirementHistory, ...]
    spans: tuple[Span, ...]

    def changes(self, at: int) -> tuple[RequirementChange, ...]:
        """Return what the release at this place changed since the last one before it that was judged."""
        changes = []
        for row in self.rows:
            after = row.cells[at]
            earlier = [cell for cell in row.cells[:at] if cell.state != "unknown"]
            if not earlier or after.state == "unknown":
                continue
            before = earlier[-1]
            if (before.state, before.answers) != (after.state, after.answers):
                changes.append(RequirementChange(row.requirement, before, after))
        return tuple(changes)

    def moves(self, at: int) -> tuple[list[Span], list[Span]]:
        """Return the deviations that came with the release at this place, and those that went."""
        came: list[Span] = []
        went: list[Span] = []
        for span in self.spans:
            earlier = [there for there in span.shows[:at] if there is not None]
            if earlier and span.shows[at] is not None and earlier[-1] != span.shows[at]:
                (came if span.shows[at] else went).append(span)
        return came, went

    def failures(self) -> tuple[tuple[RequirementHistory, str], ...]:
        """Return the requirements that a release fails otherwise than by a known deviation, and since when."""
        versions = [release.version for release in self.releases]
        fails = {"fails": True, "unknown": None, "absent": None}
        return tuple(
            (row, sentence(versions, [fails.get(cell.state, False) for cell in row.cells]))
            for row in self.rows
            if any(cell.state == "fails" for cell in row.cells)
        )


def timelines(
    records: Iterable[Record],
    specification: Mapping[str, Requirement],
    entries: Sequence[Deviation],
    days: Mapping[str, date] | None = None,
) -> tuple[Timeline, ...]:
    """Return a timeline for each target, in the order of their names; `days` are by tag, "jax-0.7.2".

    Of two records of one release and target the one that started last is taken.
    """
    target_of = attrgetter("header.target")
    by_target = groupby(sorted(records, key=target_of), key=target_of)
    return tuple(
        _timeline(target, list(found), specification, entries, days or {}) for target, found in by_target
    )


def _timeline(
    target: str,
    records: Sequence[Record],
    specification: Mapping[str, Requirement],
    entries: Sequence[Deviation],
    days: Mapping[str, date],
) -> Timeline:
    name, device, mode = [*target.rsplit(":", 2), "", ""][:3]
    latest = {_version(record): record for record in sorted(records, key=lambda record: record.header.start)}
    ordered = {version: latest[version] for version in sorted(latest, key=version_order)}
    releases = tuple(
        JudgedRelease(version, days.get(f"{name}-{version}"), record.header.tier, record.unfinished)
        for version, record in ordered.items()
    )
    judged = [_by_requirement(record) if record.unfinished is None else {} for record in ordered.values()]
    concerned = [entry for entry in entries if entry.adapter == name and entry.device == device]
    concerned = [entry for entry in concerned if mode in entry.modes]
    rows = tuple(
        RequirementHistory(
            needed, tuple(standing(needed, checks.get(needed.id, ()), concerned) for checks in judged)
        )
        for needed in specification.values()
    )
    spans = []
    for entry in concerned:
        shown = tuple(shows(entry, checks) for checks in judged)
        spans.append(Span(entry, shown, sentence([release.version for release in releases], shown)))
    return Timeline(target, releases, rows, tuple(spans))


def standing(requirement: Requirement, checks: Sequence[Check], entries: Sequence[Deviation]) -> Standing:
    """Return the standing of a requirement in a release, from its checks there."""
    asked = [check for check in checks if check.outcome != "absent"]
    if not asked:
        return Standing("absent" if checks else "unknown")
    failed = [check for check in asked if check.outcome in FAILED]
    known = {check.id: entry.id for check in failed for entry in entries if covers(entry, check)}
    uncovered = [check for check in failed if check.id not in known]
    state = "deviation" if failed else "holds"
    if uncovered:
        crashed = any(check.outcome in ("crash", "timeout") for check in uncovered)
        state = "should" if requirement.level in LENIENT and not crashed else "fails"
    answers = {answer for check in asked for answer in (check.observed or "").split(" / ") if answer}
    legal = [answer for answer in requirement.choices if answer in answers]
    others = [OTHER] * (requirement.level == "choice" and not answers <= set(legal))
    entries_shown = tuple(sorted(set(known.values())))
    return Standing(state, len(asked), len(failed), entries_shown, (*legal, *others))


def covers(entry: Deviation, check: Check) -> bool:
    """Return whether a check is one of those that an entry speaks of."""
    return entry.covers(check.requirement, check.operation, check.dtype, check.case)


def shows(entry: Deviation, checks: Mapping[str, Sequence[Check]]) -> bool | None:
    """Return whether a deviation shows in a release; None where no check there tells."""
    fails = [
        check.outcome in FAILED
        for name in dict.fromkeys(scope.requirement for scope in entry.scopes)
        for check in checks.get(name, ())
        if check.outcome != "absent" and covers(entry, check)
    ]
    return any(fails) if fails else None


def sentence(versions: Sequence[str], shown: Sequence[bool | None]) -> str:
    """Say when a deviation came and went: "since 0.4.30; 0.4.26 does not have it"."""
    known = [(version, there) for version, there in zip(versions, shown, strict=True) if there is not None]
    if not known:
        return "not asked in any release that is judged here"
    runs = [(there, [version for version, _ in run]) for there, run in groupby(known, key=lambda pair: pair[1])]
    if not any(there for _, there in known):
        ends = dict.fromkeys((known[0][0], known[-1][0]))
        return f"in no release judged, {' to '.join(ends)}"
    parts: list[str] = []
    for number, (there, run) in enumerate(runs):
        if not there:
            continue
        after = runs[number + 1][1][0] if number + 1 < len(runs) else None
        first = f" (not yet in {runs[number - 1][1][-1]})" if number else ", the oldest judged"
        came = f"since {run[0]}" + ("" if parts else first)
        parts.append(f"{came}; gone in {after}" if after else came)
    return "; again ".join(parts)


def _by_requirement(record: Record) -> dict[str, list[Check]]:
    grouped: dict[str, list[Check]] = {}
    for check in record.checks:
        grouped.setdefault(check.requirement, []).append(check)
    return grouped


def _version(record: Record) -> str:
    """Return the release's version, without what a build adds to it: "2.13.0" of "2.13.0+cpu"."""
    return record.header.framework.get("version", "").partition("+")[0]


def version_order(version: str) -> tuple[bool, Version, str]:
    """Return the sort key of versions, those that no order is known of first."""
    try:
        return True, Version(version), version
    except InvalidVersion:
        return False, Version("0"), version
