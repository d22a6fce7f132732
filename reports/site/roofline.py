"""Times over the roofline today: a table and a chart for each operation and direction."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.frameworks import FRAMEWORKS
from benchmarks.asv.results import Machine
from benchmarks.timing.cells import Cell
from reports.site import charts
from reports.site.charts import Dot, DotChart, Series
from reports.timing import asv_steps, performance, wording
from reports.timing.performance import Column, PerformanceTable

MARKERS = "".join(charts.MARKS)  # of the frameworks in their order, as the five colours are
AXIS = "times the roofline: 1 is the limit of the machine, lower is better"
HEAD = "llama2"  # the shape whose order a table's first sentence tells


def grid(table: PerformanceTable, machine: Machine, suffix: str, asv: str) -> dict[str, object]:
    """Return the table and the chart of one operation and direction."""
    labels = {line: wording.where(line, machine.device) for line in table.lines}
    anchor = f"{table.operation}-{table.direction}{suffix}"
    return {
        "anchor": anchor,
        "title": table.title,
        "summary": _sentence(table, labels),
        "heads": list(map(performance.head, table.columns)),
        "lines": [
            (label, [table.entry(line, column) for column in table.columns], _plots(table, line, machine, asv))
            for line, label in labels.items()
        ],
        "errors": performance.errors(table),
        "chart": _chart(table, labels),
    }


def _plots(table: PerformanceTable, line: Cell, machine: Machine, asv: str) -> dict[str, str]:
    """Return mode → address of the plot in asv's site; empty without such a site."""
    timed = [entry["roofline"].cell for column in table.columns if (entry := table.entry(line, column))]
    return {cell.mode: url for cell in timed if (url := asv_steps.plot(asv, machine.name, cell, "roofline"))}


def _sentence(table: PerformanceTable, labels: Mapping[Cell, str]) -> str:
    """Return the order at one shape, and the two extremes of the whole table."""
    entries: list[tuple[float, Column, Cell, str]] = [
        (entry["roofline"].value, column, line, label)
        for line, label in labels.items()
        for column in table.columns
        if (entry := table.entry(line, column))
    ]
    line = next((line for line in table.lines if line.shape == HEAD), table.lines[0])
    order = sorted((value, performance.head(column)) for value, column, other, _ in entries if other == line)
    (low, near, _, here), (high, far, _, there) = min(entries), max(entries)
    return (
        f"At {labels[line]}, nearest to the roofline first: "
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


def _chart(table: PerformanceTable, labels: Mapping[Cell, str]) -> DotChart | None:
    marks = []
    for column in table.columns:
        for at, (line, label) in enumerate(labels.items()):
            entry = table.entry(line, column)
            if entry and entry["roofline"].value > 0:  # the axis is a logarithm
                value = entry["roofline"].value
                tip = f"{performance.head(column)}, {label}: {wording.number(value)}"
                marks.append(Dot(series(column), at, value, tip))
    return charts.dots(f"{table.title}: {AXIS}", list(labels.values()), marks, AXIS) if marks else None
