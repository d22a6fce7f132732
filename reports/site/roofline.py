"""Times over the roofline today: a table and a chart for each operation and direction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from adapters.frameworks import FRAMEWORKS
from adapters.releases import PACKAGES
from benchmarks.asv.results import Machine
from benchmarks.timing.cells import PARAMS, TIERS, Cell
from reports.site import charts
from reports.site.charts import Dot, Series
from reports.timing import performance, wording
from reports.timing.asv_site import Plot
from reports.timing.performance import Column, PerformanceTable

MARKERS = "vDos^PX<>"  # of the frameworks in their order, as the five colours are
AXIS = "times the roofline: 1 is the limit of the machine, lower is better"
HEAD = "llama2"  # the shape whose order a table's first sentence tells


@dataclass(frozen=True)
class GridValue:
    """Times the roofline, and logit copies or ""; `least` marks the smallest value of a line."""

    text: str
    copies: str
    least: bool


@dataclass(frozen=True)
class GridLine:
    """One shape: a value for each column, and the addresses of its plots in asv's site by mode."""

    label: str
    values: tuple[GridValue | None, ...]
    plots: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Grid:
    """One operation and direction: a line for each shape, a column for each framework and mode."""

    anchor: str
    title: str
    summary: str
    heads: tuple[str, ...]
    lines: tuple[GridLine, ...]
    errors: str
    chart: Markup | None


def grid(table: PerformanceTable, machine: Machine, suffix: str, asv: str) -> Grid:
    """Return the table and the chart of one operation and direction."""
    columns, lines = table.columns, table.lines
    labels = [wording.where(line, machine.device) for line in lines]
    anchor = f"{table.operation}-{table.direction}{suffix}"
    return Grid(
        anchor=anchor,
        title=table.title,
        summary=_sentence(table, labels),
        heads=tuple(map(performance.head, columns)),
        lines=tuple(
            GridLine(label, tuple(_values(table, line)), tuple(_plots(table, line, machine, asv)))
            for label, line in zip(labels, lines, strict=True)
        ),
        errors=performance.errors(table),
        chart=_chart(anchor, table, labels) if charts.available() else None,
    )


def _values(table: PerformanceTable, line: Cell) -> Iterator[GridValue | None]:
    entries = [table.entry(line, column) for column in table.columns]
    least = min(entry.roofline.value for entry in entries if entry)
    for entry in entries:
        yield (
            None
            if entry is None
            else GridValue(
                text=wording.number(entry.roofline.value),
                copies=wording.number(entry.memory.value) if entry.memory else "",
                least=entry.roofline.value == least,
            )
        )


def _plots(table: PerformanceTable, line: Cell, machine: Machine, asv: str) -> Iterator[tuple[str, str]]:
    timed = [entry.roofline.cell for column in table.columns if (entry := table.entry(line, column))]
    for cell in dict.fromkeys(timed):
        if url := plot(asv, machine, cell, "roofline"):
            yield cell.mode, url


def _sentence(table: PerformanceTable, labels: Sequence[str]) -> str:
    """Return the order at one shape, and the two extremes of the whole table."""
    entries: list[tuple[float, Column, Cell, str]] = [
        (entry.roofline.value, column, line, label)
        for line, label in zip(table.lines, labels, strict=True)
        for column in table.columns
        if (entry := table.entry(line, column))
    ]
    lines = [line for line in table.lines if line.shape == HEAD] or table.lines
    order = sorted((value, performance.head(column)) for value, column, line, _ in entries if line == lines[0])
    (low, near, _, here), (high, far, _, there) = min(entries), max(entries)
    return (
        f"At {labels[table.lines.index(lines[0])]}, nearest to the roofline first: "
        f"{'; '.join(f'{name} {wording.number(value)}' for value, name in order)}. "
        f"Of all shapes, nearest is {performance.head(near)} with {wording.number(low)} at {here}, "
        f"farthest {performance.head(far)} with {wording.number(high)} at {there}."
    )


def series(column: Column) -> Series:
    """Return the look of a framework and mode, the same in every chart; a compiled mode is hollow."""
    framework, mode = column
    at = list(FRAMEWORKS).index(framework)
    look = 1 + at % charts.SERIES, MARKERS[at % len(MARKERS)]
    return Series(performance.head(column), *look, hollow=mode == "compiled")


def _chart(name: str, table: PerformanceTable, labels: Sequence[str]) -> Markup:
    marks = []
    for column in table.columns:
        for at, (line, label) in enumerate(zip(table.lines, labels, strict=True)):
            entry = table.entry(line, column)
            if entry and entry.roofline.value > 0:  # the axis is a logarithm
                value = entry.roofline.value
                tip = f"{performance.head(column)}, {label}: {wording.number(value)}"
                marks.append(Dot(series(column), at, value, tip))
    return charts.dots(name, f"{table.title}: {AXIS}", labels, marks, AXIS)


def plot(asv: str, machine: Machine, cell: Cell, metric: str, *frameworks: str) -> str:
    """Return the address of a plot in asv's site, of these frameworks or all; "" if there is no such site."""
    if not asv:
        return ""
    setting = tuple((name, repr(value)) for name, value in zip(PARAMS, cell.params, strict=True))
    for tier, blocks in TIERS.items():
        for name, block in blocks.items():
            if cell in tuple(block):
                drawn = Plot(f"{tier}.{name}.track_{metric}", "", setting, {})
                return f"{asv}/{drawn.url(machine.name, *(frameworks or PACKAGES))}"
    return ""
