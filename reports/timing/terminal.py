"""Prints measurements on a terminal: tables of cells, the meaning of their numbers, and what is missing."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table

from adapters.frameworks import FRAMEWORKS
from benchmarks.timing import clock, devices
from benchmarks.timing.cells import MODES, SHAPES, Cell
from benchmarks.timing.rounds import Measured
from conformance.run.processes import machine
from reports.checks import plural
from reports.timing.wording import number, order

LEGEND = (
    "×: times the roofline, the time divided by the least that this machine needs to move the bytes of a call "
    "and to compute its exponentials, both measured beside it; 1 is the limit. p: the labels are "
    "probabilities."
)
KEPT = "~"  # marks a time that is too long because something else ran

Timings = Mapping[str, Mapping[Cell, Measured]]  # by framework


def timed(cells: Mapping[Cell, Measured]) -> bool:
    """Tell whether any cell has a number."""
    return any(entry.rows for entry in cells.values())


def show(console: Console, measured: Timings, versions: Mapping[str, str], device: str) -> None:
    """Print the tables, the meaning and conditions of their numbers, and the cells that were not measured."""
    first = {name: FRAMEWORKS[name].usually_timed for name in measured}
    second = {name: next(mode for mode in MODES if mode != usual) for name, usual in first.items()}
    for title, modes in (("in its usual mode", first), ("in its other mode", second)):
        rows = figures(measured, modes)
        if rows:
            console.print(f"Microseconds a call, and times the roofline; each framework {title}:")
            console.print(table(rows, modes, versions))
    if any(map(timed, measured.values())):
        console.print(LEGEND)
        asked = [cell for cells_of in measured.values() for cell in cells_of]
        console.print(f"Shapes: {shapes(asked, device)}.")
        console.print(where(device))
        console.print(disturbance(measured))
        if device != "cpu":
            console.print(watched(measured))
    for line in troubles(measured):
        console.print(line, soft_wrap=True)


def figures(measured: Timings, modes: Mapping[str, str]) -> dict[Cell, dict[str, str]]:
    """Return the texts of a table by cell (without its mode) and framework."""
    rows: dict[Cell, dict[str, str]] = {}
    for name, mode in modes.items():
        for cell, entry in measured[name].items():
            if cell.mode == mode and entry.rows:
                micro, times = 1e6 * entry.median("latency"), statistics.median(entry.ratios())
                mark = KEPT if doubtful(entry) else ""
                text = f"{mark}{number(micro)} {number(times):>5}×"
                rows.setdefault(replace(cell, mode=""), {})[name] = text
    return rows


def table(rows: Mapping[Cell, Mapping[str, str]], modes: Mapping[str, str], versions: Mapping[str, str]) -> Table:
    """Return a table with a row for each cell, grouped by call, and a column for each framework."""
    names = [name for name in modes if any(name in row for row in rows.values())]
    shown = compact("", "threads")
    for name in names:
        shown.add_column(f"{name}\n{versions[name]}\n{modes[name]}", justify="right", no_wrap=True)
    for group, members in groupby(sorted(rows, key=order), key=call):
        shown.add_row(group, style="bold")
        for cell in members:
            shown.add_row(f"  {on(cell)}", cell.threads, *(rows[cell].get(name, "") for name in names))
    return shown


def compact(*columns: str) -> Table:
    """Return an empty table that takes only the room of its words."""
    return Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))


def call(cell: Cell) -> str:
    """Return a short name of the call."""
    return cell.form.column + (" + backward" if cell.direction == "forward+backward" else "")


def on(cell: Cell) -> str:
    """Return the shape, with format and data if they are not float32 and normal."""
    rest = (cell.format if cell.format != "float32" else "", cell.data if cell.data != "normal" else "")
    return " ".join(filter(None, (cell.shape, *rest)))


def shapes(cells: Iterable[Cell], device: str) -> str:
    """Return the shapes of cells with their dimensions."""
    names = {cell.shape for cell in cells}
    return ", ".join(f"{name} {'×'.join(map(str, SHAPES[name].on(device)))}" for name in SHAPES if name in names)


def where(device: str) -> str:
    """Describe the machine in one line."""
    if device == "cuda":
        return "Device: " + ", ".join(f"{name} {value}" for name, value in devices.describe().items())
    return f"Machine: {machine.proc('cpuinfo', 'model name') or 'a CPU'}, {plural(len(clock.cores()), 'core')}."


def disturbance(measured: Timings) -> str:
    """Say in how many samples something else ran, and whether they were kept."""
    rows = [row for cells_of in measured.values() for entry in cells_of.values() for row in entry.rows]
    taken, disturbed, discarded = (sum(row[key] for row in rows) for key in ("taken", "disturbed", "discarded"))
    sentence = f"Something else ran during {disturbed} of {plural(taken, 'sample')}: "
    if disturbed == discarded:
        return sentence + "they were thrown away."
    return (
        sentence
        + f"{discarded} were thrown away, {disturbed - discarded} kept where there were too few others ({KEPT})."
    )


def watched(measured: Timings) -> str:
    """Say for how long heat or power limits slowed the device, if its driver reports it."""
    rows = [row for of in measured.values() for entry in of.values() for row in entry.rows]
    if any(row.get("slowed") is None for row in rows):
        return "It is unknown whether heat slowed the device: its driver does not report it to nvidia-smi."
    sentence = (
        f"Heat or a power brake slowed the device for at most {max(row['slowed'] for row in rows):.0%} of a time"
    )
    capped = [row["capped"] for row in rows if row.get("capped") is not None]
    return sentence + (f", its power limit held it for up to {max(capped):.0%}." if capped else ".")


def doubtful(entry: Measured) -> bool:
    """Tell whether a time includes samples during which something else ran."""
    return any(row["disturbed"] > row["discarded"] for row in entry.rows)


def troubles(measured: Timings) -> list[str]:
    """Say which cells were asked for and not measured; absent ones only if a framework has no others."""
    lines = []
    for name, cells_of in measured.items():
        without = [(cell, entry.why) for cell, entry in cells_of.items() if entry.why]
        failed = [(cell, why) for cell, why in without if not why.startswith("absent")]
        if not failed and not timed(cells_of):
            usual = FRAMEWORKS[name].usually_timed
            failed = [(cell, why) for cell, why in without if cell.mode == usual] or without
        lines += reasons(name, failed)
    return lines


def reasons(name: str, without: Iterable[tuple[Cell, str]]) -> list[str]:
    """Return each reason for which cells have no numbers, once."""
    cells_of: dict[str, list[Cell]] = {}
    for cell, why in without:
        cells_of.setdefault(why, []).append(cell)
    return [
        f"{name}: {why} ({own[0].name}{f' and {len(own) - 1} more' if own[1:] else ''})"
        for why, own in cells_of.items()
    ]
