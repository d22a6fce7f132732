"""Reads what comparisons and the site are made of: records of today and of the releases, and asv's results.

asv is imported only to read results: without asv, the records alone make a site.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.releases import releases
from conformance import deviations as known
from conformance import requirements as specification
from conformance.deviations import Deviation
from conformance.record import reading, storage
from conformance.record.records import BrokenRecord, Record
from conformance.record.timeline import Timeline, timelines
from conformance.requirements import Requirement
from reports import model
from reports.checks import Judged, all_checks, framework_order
from reports.differences.cost import TargetCosts, target_costs
from reports.differences.operands import Operand
from reports.findings import finding_id

if TYPE_CHECKING:
    from benchmarks.asv.changes import Transition
    from benchmarks.asv.results import Results
    from benchmarks.timing.cells import Cell

RECORDS = Path(__file__).resolve().parent / "records"
RELEASES = RECORDS / "releases"


class NoEvidence(ValueError):
    """There is nothing to make a site of; the message says what to do, on one line."""


@dataclass(frozen=True)
class Evidence:
    """The records, results and rules that every page is made of.

    `records` holds the newest record of each target in the order of `report.targets`, `history` the records of
    the releases, `results` the benchmarks' results or None, `problems` a line for each file that was left out,
    and `asv` the address of asv's site or "".
    """

    records: tuple[Record, ...]
    report: model.Report
    history: tuple[Record, ...]
    results: Results | None
    specification: Mapping[str, Requirement]
    deviations: tuple[Deviation, ...]
    problems: tuple[str, ...]
    asv: str = ""

    @cached_property
    def today(self) -> tuple[Operand, ...]:
        """The targets of today, in the order of their frameworks."""
        names = sorted((record.header.target for record in self.records), key=framework_order)
        by_name = {record.header.target: record for record in self.records}
        return tuple(Operand(name, by_name[name]) for name in names)

    @cached_property
    def checks(self) -> list[Judged]:
        """Every check of the records of today."""
        return all_checks(self.records, self.specification)

    @cached_property
    def by_finding(self) -> Mapping[str, Sequence[Judged]]:
        """The id of each finding → its checks."""
        found: dict[str, list[Judged]] = {}
        for judged in self.checks:
            found.setdefault(finding_id(judged), []).append(judged)
        return found

    @cached_property
    def timelines(self) -> tuple[Timeline, ...]:
        """The releases of each framework side by side."""
        days = {release.tag: release.day for release in releases()}
        return timelines(self.history, self.specification, self.deviations, days)

    @cached_property
    def steps(self) -> Mapping[str, Sequence[Transition]]:
        """Machine → the sure changes of the latency between releases, the largest first."""
        if not self.results:
            return {}
        from reports.timing.performance import latency_changes

        every = (*self.results.rows, *self.results.again)
        return {
            name: latency_changes([row for row in every if row.machine == name]) for name in self.results.machines
        }

    def costs(self, target: str, version: str) -> TargetCosts | None:
        """Return the costs of a target in its version, or else in the newest timed one; None if none is timed."""
        if (target, version) not in self._costs:
            self._costs[target, version] = target_costs(self.results, target, version)
        return self._costs[target, version]

    @cached_property
    def _costs(self) -> dict[tuple[str, str], TargetCosts | None]:
        return {}

    def since(self, target: str, entry: str) -> str:
        """Say in which releases a deviation shows in the mode of `target`; "" if no release was judged in it."""
        spans = (span for timeline in self.timelines if timeline.target == target for span in timeline.spans)
        return next((span.sentence for span in spans if span.entry.id == entry and True in span.shows), "")

    def step(self, framework: str, machine: str, cell: Cell) -> str:
        """Say by which release the latency of a cell last changed; "" if by none."""
        from reports.timing import wording

        own = [
            step
            for group in self.steps.get(machine, ())
            for step in group.steps
            if step.after.release.framework == framework and step.after.cell == cell
        ]
        last = max(own, key=lambda step: step.after.release.day, default=None)
        if last is None:
            return ""
        change = wording.change("latency", last.worse)
        return f"{wording.factor(last.size)} times {change} since {last.after.release.version}"


def gather(places: Sequence[Path], releases: Path = RELEASES, timings: Path | None = None) -> Evidence:
    """Read the records at `places` and of the `releases`, and asv's results in `timings` (reports/asv).

    Raises:
        NoEvidence: there is no record at `places`, or a place does not exist.
    """
    today, problems = read(places)
    history, broken = _records([releases]) if releases.is_dir() else ([], [])
    problems += broken
    return assemble(today, history, _results(timings, problems), problems=problems)


def read(places: Sequence[Path]) -> tuple[list[Record], list[str]]:
    """Return the records at `places`, and a line for each file that is not a record.

    Raises:
        NoEvidence: there is no record at `places`, or a place does not exist.
    """
    missing = [str(place) for place in places if not place.exists()]
    if missing:
        raise NoEvidence(f"{', '.join(missing)}: no such file or folder")
    found, problems = _records(places)
    if not found:
        named = ", ".join(map(str, places))
        empty = f"{named}: no records (*.jsonl, *.jsonl.xz) here; make some with python -m conformance"
        raise NoEvidence("; ".join(problems) or empty)
    return found, problems


def assemble(
    today: Iterable[Record],
    history: Iterable[Record] = (),
    results: Results | None = None,
    requirements: Mapping[str, Requirement] | None = None,
    entries: Sequence[Deviation] | None = None,
    problems: Iterable[str] = (),
) -> Evidence:
    """Return the evidence of these records, by this suite's specification and deviations unless given."""
    today = list(today)
    requirements = specification.load() if requirements is None else requirements
    entries = known.load() if entries is None else entries
    return Evidence(
        records=tuple(model.latest(today)),
        report=model.assemble(today, requirements, entries),
        history=tuple(history),
        results=results,
        specification=requirements,
        deviations=tuple(entries),
        problems=tuple(problems),
    )


def _results(timings: Path | None, problems: list[str]) -> Results | None:
    try:
        from benchmarks.asv import results
    except ImportError as error:
        problems.append(
            f"the benchmarks' results are not read: {error}; the group `bench` of pyproject.toml has it"
        )
        return None
    try:
        timed = results.read(timings)
    except (ValueError, OSError) as error:  # NoResults and BadReleases are such
        problems.append(" ".join(str(error).split()))
        return None
    problems += timed.problems
    return timed


def _records(places: Sequence[Path]) -> tuple[list[Record], list[str]]:
    found, problems = [], []
    for path in dict.fromkeys(storage.find(list(places))):
        try:
            found.append(reading.read(path))
        except BrokenRecord as error:
            problems.append(" ".join(str(error).split()))
    return found, problems
