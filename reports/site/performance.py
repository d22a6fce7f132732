"""The page of performance: times the roofline and memory today, latency over releases, and the steps in it.

All of it is read and told by `reports.timing.performance`, which needs asv: imported where there are results.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from adapters.frameworks import FRAMEWORKS
from reports.site import charts
from reports.site.charts import Dot, Series
from reports.site.evidence import Evidence
from reports.site.page import Page

if TYPE_CHECKING:
    from benchmarks.asv.results import Machine, Result, Results
    from benchmarks.timing.cells import Cell
    from reports.timing.performance import Column, Fresh, Table

MARKERS = "vDos^PX<>"  # of the frameworks in their order, as the five colours are
AXIS = "times the roofline: 1 is the wall, lower is better"
HEAD = "llama2"  # the shape whose order a table's first sentence tells


@dataclass(frozen=True)
class Value:
    """Times the roofline, and logit copies or ""; `least` is the least of its line."""

    text: str
    copies: str
    least: bool


@dataclass(frozen=True)
class Line:
    """One shape: a value for each column, and the addresses of its plots in asv's site by mode."""

    label: str
    values: tuple[Value | None, ...]
    plots: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Grid:
    """One operation and direction: a line a shape, a column for each framework and mode."""

    anchor: str
    title: str
    told: str
    heads: tuple[str, ...]
    lines: tuple[Line, ...]
    errors: str
    chart: Markup | None


@dataclass(frozen=True)
class Measured:
    """What was measured of one framework; no `newest` where nothing was."""

    name: str
    newest: str
    day: str
    releases: int
    tracked: int
    command: str


@dataclass(frozen=True)
class Change:
    """A step between two releases in one sentence, with the address of its plot or ""."""

    release: str
    text: str
    url: str


@dataclass(frozen=True)
class Over:
    """The latency of one direction over releases: a chart and the same as a table."""

    title: str
    chart: Markup | None
    heads: tuple[str, ...]
    lines: tuple[tuple[str, str, tuple[str, ...]], ...]  # release, day, values


@dataclass(frozen=True)
class Place:
    """One machine: what was measured there, and what it says."""

    anchor: str
    name: str
    told: str
    measured: tuple[Measured, ...]
    grids: tuple[Grid, ...]
    fresh: Fresh | None
    over: tuple[Over, ...]
    changes: tuple[Change, ...]


def pages(evidence: Evidence) -> Iterator[Page]:
    """The page."""
    places = _places(evidence.results, evidence.asv) if evidence.results else ()
    values: dict[str, object] = {
        "places": places,
        "asv": evidence.asv,
        "missing": "" if charts.available() else charts.MISSING,
        **(_texts() if places else {}),
    }
    yield Page("performance.html", "Performance", "performance.html.j2", "performance.html", values)


def _texts() -> dict[str, str]:
    from reports.timing.performance import CHANGES, FRESH

    return {"rule": CHANGES, "fresh": FRESH}


def _places(found: Results, asv: str) -> tuple[Place, ...]:
    rows = {name: [row for row in found.rows if row.machine == name] for name in found.machines}
    there = [name for name in found.machines if rows[name]]
    return tuple(_place(found.machines[name], rows[name], asv, first=name == there[0]) for name in there)


def _place(machine: Machine, rows: Sequence[Result], asv: str, first: bool) -> Place:
    from reports.site import latency
    from reports.timing import performance, wording

    suffix = "" if first else "-" + re.sub(r"[^\w-]+", "-", machine.name)
    newest = performance.newest_releases(rows)
    today = [row for row in rows if newest[row.release.framework] == row.release]
    groups = performance.latency_changes(rows)
    return Place(
        anchor=f"machine{suffix}",
        name=machine.name,
        told=wording.machine(machine),
        measured=tuple(_measured(rows)),
        grids=tuple(_grid(table, machine, suffix, asv) for table in performance.tables(today)),
        fresh=performance.fresh(today, machine.device),
        over=latency.over(rows, groups, machine, suffix),
        changes=tuple(
            Change(
                wording.version(group.worst.after),
                performance.change(group, machine.device),
                plot(asv, machine, group.worst.after.cell, group.worst.after.metric, group.after.framework),
            )
            for group in groups
        ),
    )


def _measured(rows: Sequence[Result]) -> Iterator[Measured]:
    from adapters import releases
    from reports.timing import performance, wording

    newest = performance.newest_releases(rows)
    for framework, name in wording.NAMES.items():
        here = {row.release for row in rows if row.release.framework == framework}
        last = newest.get(framework)
        yield Measured(
            name=name,
            newest=last.version if last else "",
            day=last.day.isoformat() if last else "",
            releases=len(here),
            tracked=len({*here, *releases.releases(framework)}),
            command=f"tox run -e bench-history -- {framework}",
        )


def _grid(table: Table, machine: Machine, suffix: str, asv: str) -> Grid:
    from reports.timing import performance, wording

    columns, lines = table.columns, table.lines
    labels = [wording.where(line, machine.device) for line in lines]
    anchor = f"{table.operation}-{table.direction}{suffix}"
    return Grid(
        anchor=anchor,
        title=table.title,
        told=_told(table, labels),
        heads=tuple(map(performance.head, columns)),
        lines=tuple(
            Line(label, tuple(_values(table, line)), tuple(_plots(table, line, machine, asv)))
            for label, line in zip(labels, lines, strict=True)
        ),
        errors=performance.errors(table),
        chart=_chart(anchor, table, labels) if charts.available() else None,
    )


def _values(table: Table, line: Cell) -> Iterator[Value | None]:
    from reports.timing import wording

    entries = [table.entry(line, column) for column in table.columns]
    least = min(entry.roofline.value for entry in entries if entry)
    for entry in entries:
        yield (
            None
            if entry is None
            else Value(
                text=wording.number(entry.roofline.value),
                copies=wording.number(entry.memory.value) if entry.memory else "",
                least=entry.roofline.value == least,
            )
        )


def _plots(table: Table, line: Cell, machine: Machine, asv: str) -> Iterator[tuple[str, str]]:
    timed = [entry.roofline.cell for column in table.columns if (entry := table.entry(line, column))]
    for cell in dict.fromkeys(timed):
        if url := plot(asv, machine, cell, "roofline"):
            yield cell.mode, url


def _told(table: Table, labels: Sequence[str]) -> str:
    """The order at one shape, and the ends of the whole table."""
    from reports.timing import performance, wording

    found: list[tuple[float, Column, Cell, str]] = [
        (entry.roofline.value, column, line, label)
        for line, label in zip(table.lines, labels, strict=True)
        for column in table.columns
        if (entry := table.entry(line, column))
    ]
    lines = [line for line in table.lines if line.shape == HEAD] or table.lines
    order = sorted((value, performance.head(column)) for value, column, line, _ in found if line == lines[0])
    (low, near, _, here), (high, far, _, there) = min(found), max(found)
    return (
        f"At {labels[table.lines.index(lines[0])]}, nearest to the roofline first: "
        f"{'; '.join(f'{name} {wording.number(value)}' for value, name in order)}. "
        f"Of all shapes, nearest is {performance.head(near)} with {wording.number(low)} at {here}, "
        f"farthest {performance.head(far)} with {wording.number(high)} at {there}."
    )


def series(column: Column) -> Series:
    """How a framework and mode is drawn everywhere: a mode that is compiled is hollow."""
    from reports.timing import performance

    framework, mode = column
    at = list(FRAMEWORKS).index(framework)
    look = 1 + at % charts.SERIES, MARKERS[at % len(MARKERS)]
    return Series(performance.head(column), *look, hollow=mode == "compiled")


def _chart(name: str, table: Table, labels: Sequence[str]) -> Markup:
    from reports.timing import performance, wording

    found = []
    for column in table.columns:
        for at, (line, label) in enumerate(zip(table.lines, labels, strict=True)):
            entry = table.entry(line, column)
            if entry and entry.roofline.value > 0:  # the axis is a logarithm
                value = entry.roofline.value
                tip = f"{performance.head(column)}, {label}: {wording.number(value)}"
                found.append(Dot(series(column), at, value, tip))
    return charts.dots(name, f"{table.title}: {AXIS}", labels, found, AXIS)


def plot(asv: str, machine: Machine, cell: Cell, metric: str, *frameworks: str) -> str:
    """The address of a plot in asv's site, of the frameworks or all; "" where there is no such site."""
    from adapters.releases import PACKAGES
    from benchmarks.timing.cells import PARAMS, TIERS
    from reports.timing.asv_site import Plot

    if not asv:
        return ""
    setting = tuple((name, repr(value)) for name, value in zip(PARAMS, cell.params, strict=True))
    for tier, blocks in TIERS.items():
        for name, block in blocks.items():
            if cell in tuple(block):
                one = Plot(f"{tier}.{name}.track_{metric}", "", setting, {})
                return f"{asv}/{one.url(machine.name, *(frameworks or PACKAGES))}"
    return ""
