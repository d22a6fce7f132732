"""Latency over releases by day, at a few cells: small charts with the steps ringed, and the same as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from adapters import releases
from adapters.releases import Release
from benchmarks.asv.changes import Transition
from benchmarks.asv.results import Machine, Result
from benchmarks.timing.cells import DIRECTIONS, MODES, OPERATIONS, THREADS, Cell
from reports.site import charts
from reports.site.charts import ChartPoint, Panel, Series
from reports.site.roofline import series
from reports.timing import wording
from reports.timing.performance import Column, ordered

SHAPES = ("imagenet", "llama2")
FORMAT = "float32"

Where = tuple[str, str]  # operation, shape


def over(rows: Iterable[Result], groups: Iterable[Transition], machine: Machine) -> list[dict[str, object]]:
    """Return the latency at `SHAPES`, on the fewest threads timed: a chart and a table for each direction."""
    here = [row for row in rows if row.metric == "latency" and row.value > 0 and _shown(row.cell)]
    threads = next((count for count in THREADS if any(row.cell.threads == count for row in here)), None)
    steps = {(step.after.release, step.after.cell) for group in groups for step in group.steps}
    return [
        _over(direction, own, steps, machine)
        for direction in DIRECTIONS
        if (own := [row for row in here if (row.cell.direction, row.cell.threads) == (direction, threads)])
    ]


def _shown(cell: Cell) -> bool:
    return cell.shape in SHAPES and (cell.format, cell.data) == (FORMAT, "normal")


def _over(
    direction: str, rows: Sequence[Result], steps: set[tuple[Release, Cell]], machine: Machine
) -> dict[str, object]:
    by_place: dict[Where, list[Result]] = defaultdict(list)
    for row in rows:
        by_place[row.cell.operation, row.cell.shape].append(row)
    order = [where for operation in OPERATIONS for shape in SHAPES if (where := (operation, shape)) in by_place]
    titles = [
        f"{wording.OPERATIONS[where[0]]}, {wording.size(by_place[where][0].cell, machine.device)}"
        for where in order
    ]
    on = "the GPU" if machine.device == "cuda" else wording.threads(rows[0].cell)
    title = f"{wording.DIRECTIONS[direction]}, {FORMAT} on {on}"
    panels = [Panel(text, _lines(by_place[where], steps)) for where, text in zip(order, titles, strict=True)]
    return {
        "title": title,
        "chart": charts.trends(f"Latency over releases: {title}", panels, seconds),
        "heads": titles,
        "lines": list(_table(rows, order)),
    }


def seconds(value: float) -> str:
    """Return a round time with its unit, for an axis."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale * 0.999:
            return f"{value / scale:g} {unit}"
    return f"{value / 1e-9:g} ns"


def _lines(
    rows: Iterable[Result], steps: set[tuple[Release, Cell]]
) -> tuple[tuple[Series, tuple[ChartPoint, ...]], ...]:
    by_column: dict[Column, list[Result]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: releases.order(row.release)):
        by_column[row.release.framework, row.cell.mode].append(row)
    return tuple(
        (series(column), tuple(_point(row, steps) for row in by_column[column])) for column in ordered(by_column)
    )


def _point(row: Result, steps: set[tuple[Release, Cell]]) -> ChartPoint:
    tip = f"{wording.version(row)}, {row.cell.mode}: {wording.quantity(row.value, row.metric)}"
    return ChartPoint(row.release.day, row.value, tip, (row.release, row.cell) in steps)


def _table(rows: Iterable[Result], order: Sequence[Where]) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    """Yield a line for each release: eager and compiled latency at each place."""
    values: dict[Release, dict[tuple[Where, str], str]] = defaultdict(dict)
    for row in rows:
        where = (row.cell.operation, row.cell.shape)
        values[row.release][where, row.cell.mode] = wording.quantity(row.value, row.metric)
    for release in sorted(
        values, key=lambda release: (list(wording.NAMES).index(release.framework), releases.order(release))
    ):
        texts = values[release]
        cells = (" / ".join(texts.get((where, mode), "–") for mode in MODES) for where in order)
        yield f"{wording.NAMES[release.framework]} {release.version}", release.day.isoformat(), tuple(cells)
