"""The sections of the page of performance: what was measured on each machine, and what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters import releases
from benchmarks.asv.results import Machine, Result, Results
from reports.site import latency, roofline
from reports.site.latency import LatencyHistory
from reports.site.roofline import Grid, plot
from reports.timing import performance, wording
from reports.timing.performance import FreshMemory


@dataclass(frozen=True)
class FrameworkStatus:
    """The measurements of one framework; `newest` is "" if there are none."""

    name: str
    newest: str
    day: str
    releases: int
    tracked: int
    command: str


@dataclass(frozen=True)
class LatencyChange:
    """A change between two releases in one sentence, with the address of its plot or ""."""

    release: str
    text: str
    url: str


@dataclass(frozen=True)
class MachineSection:
    """The tables, charts and changes of one machine."""

    anchor: str
    name: str
    summary: str
    measured: tuple[FrameworkStatus, ...]
    grids: tuple[Grid, ...]
    fresh: FreshMemory | None
    over: tuple[LatencyHistory, ...]
    changes: tuple[LatencyChange, ...]


def sections(results: Results, asv: str) -> tuple[MachineSection, ...]:
    """Return a section for each machine that has results."""
    rows = {name: [row for row in results.rows if row.machine == name] for name in results.machines}
    there = [name for name in results.machines if rows[name]]
    return tuple(_place(results.machines[name], rows[name], asv, first=name == there[0]) for name in there)


def _place(machine: Machine, rows: Sequence[Result], asv: str, first: bool) -> MachineSection:
    suffix = "" if first else "-" + re.sub(r"[^\w-]+", "-", machine.name)
    newest = performance.newest_releases(rows)
    today = [row for row in rows if newest[row.release.framework] == row.release]
    groups = performance.latency_changes(rows)
    return MachineSection(
        anchor=f"machine{suffix}",
        name=machine.name,
        summary=wording.machine(machine),
        measured=tuple(_measured(rows)),
        grids=tuple(roofline.grid(table, machine, suffix, asv) for table in performance.tables(today)),
        fresh=performance.fresh(today, machine.device),
        over=latency.over(rows, groups, machine, suffix),
        changes=tuple(
            LatencyChange(
                wording.version(group.worst.after),
                performance.change(group, machine.device),
                plot(asv, machine, group.worst.after.cell, group.worst.after.metric, group.after.framework),
            )
            for group in groups
        ),
    )


def _measured(rows: Sequence[Result]) -> Iterator[FrameworkStatus]:
    newest = performance.newest_releases(rows)
    for framework, name in wording.NAMES.items():
        here = {row.release for row in rows if row.release.framework == framework}
        last = newest.get(framework)
        yield FrameworkStatus(
            name=name,
            newest=last.version if last else "",
            day=last.day.isoformat() if last else "",
            releases=len(here),
            tracked=len({*here, *releases.releases(framework)}),
            command=f"tox run -e bench-history -- {framework}",
        )
