"""What was measured, for people at a terminal: tables of cells, what their numbers mean, and what is lacking."""

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
from benchmarks.timing.cells import DIRECTIONS, FORMATS, MODES, OPERATIONS, SHAPES, Cell
from benchmarks.timing.rounds import Measured
from conformance.run.processes import machine
from reports.timing.wording import number, plural

LEGEND = (
    "×: times the roofline, the time over the least that this machine takes to move the bytes of a call and to "
    "compute its exponentials, both measured beside it; 1 is the wall. p: the labels are probabilities."
)
KEPT = "~"  # before a time that is too long, since something else ran

Found = Mapping[str, Mapping[Cell, Measured]]  # by framework


def timed(found: Mapping[Cell, Measured]) -> bool:
    """Whether there is a number in it."""
    return any(entry.rows for entry in found.values())


def show(console: Console, found: Found, versions: Mapping[str, str], device: str) -> None:
    """The tables, what the numbers mean and are of, and what was not measured."""
    first = {name: FRAMEWORKS[name].usually_timed for name in found}
    second = {name: next(mode for mode in MODES if mode != usual) for name, usual in first.items()}
    for title, modes in (("in its usual mode", first), ("in its other mode", second)):
        rows = figures(found, modes)
        if rows:
            console.print(f"Microseconds a call, and times the roofline; each framework {title}:")
            console.print(table(rows, modes, versions))
    if any(map(timed, found.values())):
        console.print(LEGEND, highlight=False)
        asked = [cell for cells_of in found.values() for cell in cells_of]
        console.print(f"Shapes: {shapes(asked, device)}.", highlight=False)
        console.print(where(device), highlight=False)
        console.print(disturbance(found), highlight=False)
        if device != "cpu":
            console.print(watched(found), highlight=False)
    for line in troubles(found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def figures(found: Found, modes: Mapping[str, str]) -> dict[Cell, dict[str, str]]:
    """What stands in a table: by cell, mode aside, and framework."""
    rows: dict[Cell, dict[str, str]] = {}
    for name, mode in modes.items():
        for cell, entry in found[name].items():
            if cell.mode == mode and entry.rows:
                micro, times = 1e6 * entry.median("latency"), statistics.median(entry.ratios())
                mark = KEPT if doubtful(entry) else ""
                told = f"{mark}{number(micro)} {number(times):>5}×"
                rows.setdefault(replace(cell, mode=""), {})[name] = told
    return rows


def table(rows: Mapping[Cell, Mapping[str, str]], modes: Mapping[str, str], versions: Mapping[str, str]) -> Table:
    """A row a cell under the name of what is called, a column a framework."""
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
    """An empty table that takes no more room than its words."""
    return Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))


def order(cell: Cell) -> tuple[int | str, ...]:
    """The key that rows are sorted by."""
    places = zip((OPERATIONS, DIRECTIONS, tuple(FORMATS), tuple(SHAPES)), _fields(cell), strict=True)
    return (*(names.index(value) for names, value in places), cell.data, cell.threads)


def _fields(cell: Cell) -> tuple[str, str, str, str]:
    return cell.operation, cell.direction, cell.format, cell.shape


def call(cell: Cell) -> str:
    """What is called, shortly."""
    return cell.form.column + (" + backward" if cell.direction == "forward+backward" else "")


def on(cell: Cell) -> str:
    """On what, where it is not float32 and normal."""
    rest = (cell.format if cell.format != "float32" else "", cell.data if cell.data != "normal" else "")
    return " ".join(filter(None, (cell.shape, *rest)))


def shapes(cells: Iterable[Cell], device: str) -> str:
    """The shapes of cells with their dimensions."""
    names = {cell.shape for cell in cells}
    return ", ".join(f"{name} {'×'.join(map(str, SHAPES[name].on(device)))}" for name in SHAPES if name in names)


def where(device: str) -> str:
    """The machine in a line."""
    if device == "cuda":
        return "Device: " + ", ".join(f"{name} {value}" for name, value in devices.describe().items())
    return f"Machine: {machine.cpu('model name') or 'a CPU'}, {plural(len(clock.cores()), 'core')}."


def disturbance(found: Found) -> str:
    """In how many samples something else ran, and what became of them."""
    rows = [row for cells_of in found.values() for entry in cells_of.values() for row in entry.rows]
    taken, disturbed, discarded = (sum(row[key] for row in rows) for key in ("taken", "disturbed", "discarded"))
    told = f"Something else ran during {disturbed} of {plural(taken, 'sample')}: "
    if disturbed == discarded:
        return told + "thrown away."
    return (
        told + f"{discarded} thrown away, {disturbed - discarded} kept where there were too few others ({KEPT})."
    )


def watched(found: Found) -> str:
    """For how long the device was slowed, if anybody knows."""
    rows = [row for of in found.values() for entry in of.values() for row in entry.rows]
    if any(row.get("slowed") is None for row in rows):
        return "Whether heat slowed the device is unknown: its driver does not count it for nvidia-smi."
    told = (
        f"Heat or a power brake slowed the device for at most {max(row['slowed'] for row in rows):.0%} of a time"
    )
    capped = [row["capped"] for row in rows if row.get("capped") is not None]
    return told + (f", its power limit held it for up to {max(capped):.0%}." if capped else ".")


def doubtful(entry: Measured) -> bool:
    """Whether a time stands on samples that something else ran in."""
    return any(row["disturbed"] > row["discarded"] for row in entry.rows)


def troubles(found: Found) -> list[str]:
    """What was not measured though it was asked for; of absent cells where a framework has no others."""
    lines = []
    for name, cells_of in found.items():
        without = [(cell, entry.why) for cell, entry in cells_of.items() if entry.why]
        failed = [(cell, why) for cell, why in without if not why.startswith("absent")]
        if not failed and not timed(cells_of):
            usual = FRAMEWORKS[name].usually_timed
            failed = [(cell, why) for cell, why in without if cell.mode == usual] or without
        lines += reasons(name, failed)
    return lines


def reasons(name: str, without: Iterable[tuple[Cell, str]]) -> list[str]:
    """Why cells have no numbers, each reason once."""
    cells_of: dict[str, list[Cell]] = {}
    for cell, why in without:
        cells_of.setdefault(why, []).append(cell)
    return [
        f"{name}: {why} ({found[0].name}{f' and {len(found) - 1} more' if found[1:] else ''})"
        for why, found in cells_of.items()
    ]
