"""Latency over releases by day, at a few cells: small charts with the steps ringed, and the same as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from reports.site import charts
from reports.site.charts import Panel, Point, Series

if TYPE_CHECKING:
    from adapters.releases import Release
    from benchmarks.asv.changes import Transition
    from benchmarks.asv.results import Machine, Result
    from benchmarks.timing.cells import Cell
    from reports.site.performance import Over
    from reports.timing.performance import Column

SHAPES = ("imagenet", "llama2")
FORMAT = "float32"
COLUMNS = 2

Where = tuple[str, str]  # operation, shape


def over(rows: Iterable[Result], groups: Iterable[Transition], machine: Machine, suffix: str) -> tuple[Over, ...]:
    """The latency at `SHAPES` for each direction that was measured there, on as few threads as there are."""
    from benchmarks.timing.cells import DIRECTIONS, THREADS

    here = [row for row in rows if row.metric == "latency" and row.value > 0 and _shown(row.cell)]
    threads = next((one for one in THREADS if any(row.cell.threads == one for row in here)), None)
    steps = {(step.after.release, step.after.cell) for group in groups for step in group.steps}
    return tuple(
        _over(direction, found, steps, machine, f"latency-{direction}{suffix}")
        for direction in DIRECTIONS
        if (found := [row for row in here if (row.cell.direction, row.cell.threads) == (direction, threads)])
    )


def _shown(cell: Cell) -> bool:
    return cell.shape in SHAPES and (cell.format, cell.data) == (FORMAT, "normal")


def _over(
    direction: str, rows: Sequence[Result], steps: set[tuple[Release, Cell]], machine: Machine, name: str
) -> Over:
    from benchmarks.timing.cells import OPERATIONS
    from reports.site.performance import Over
    from reports.timing import wording

    found: dict[Where, list[Result]] = defaultdict(list)
    for row in rows:
        found[row.cell.operation, row.cell.shape].append(row)
    order = [where for operation in OPERATIONS for shape in SHAPES if (where := (operation, shape)) in found]
    titles = [
        f"{wording.OPERATIONS[where[0]]}, {wording.size(found[where][0].cell, machine.device)}" for where in order
    ]
    on = "the GPU" if machine.device == "cuda" else wording.threads(rows[0].cell)
    title = f"{wording.DIRECTIONS[direction]}, {FORMAT} on {on}"
    panels = [Panel(text, _lines(found[where], steps)) for where, text in zip(order, titles, strict=True)]
    return Over(
        title=title,
        chart=charts.trends(name, f"Latency over releases: {title}", panels, COLUMNS, _seconds)
        if charts.available()
        else None,
        heads=tuple(titles),
        lines=tuple(_table(rows, order)),
    )


def _seconds(value: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale * 0.999:
            return f"{value / scale:g} {unit}"
    return f"{value / 1e-9:g} ns"


def _lines(
    rows: Iterable[Result], steps: set[tuple[Release, Cell]]
) -> tuple[tuple[Series, tuple[Point, ...]], ...]:
    from adapters import releases
    from adapters.releases import PACKAGES
    from benchmarks.timing.cells import MODES
    from reports.site.performance import series

    found: dict[Column, list[Result]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: releases.order(row.release)):
        found[row.release.framework, row.cell.mode].append(row)
    columns = [(name, mode) for name in PACKAGES for mode in MODES if (name, mode) in found]
    return tuple((series(column), tuple(_point(row, steps) for row in found[column])) for column in columns)


def _point(row: Result, steps: set[tuple[Release, Cell]]) -> Point:
    from reports.timing import wording

    told = f"{wording.version(row)}, {row.cell.mode}: {wording.quantity(row.value, row.metric)}"
    return Point(row.release.day, row.value, told, (row.release, row.cell) in steps)


def _table(rows: Iterable[Result], order: Sequence[Where]) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    """A line a release: eager and compiled latency at each place."""
    from adapters import releases
    from benchmarks.timing.cells import MODES
    from reports.timing import wording

    values: dict[Release, dict[tuple[Where, str], str]] = defaultdict(dict)
    for row in rows:
        where = (row.cell.operation, row.cell.shape)
        values[row.release][where, row.cell.mode] = wording.quantity(row.value, row.metric)
    for release in sorted(
        values, key=lambda one: (list(wording.NAMES).index(one.framework), releases.order(one))
    ):
        told = values[release]
        cells = (" / ".join(told.get((where, mode), "–") for mode in MODES) for where in order)
        yield f"{wording.NAMES[release.framework]} {release.version}", release.day.isoformat(), tuple(cells)
