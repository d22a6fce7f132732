"""Writes measurements for people: names, sizes, numbers, and a table in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from adapters.frameworks import FRAMEWORKS
from benchmarks.timing.cells import FORMATS, SHAPES, THREADS, TIMED, Cell

if TYPE_CHECKING:  # asv would be imported with them, which a site without results does not need
    from benchmarks.asv.results import Machine, Result

NAMES = {name: framework.title for name, framework in FRAMEWORKS.items() if framework.tracked}
OPERATIONS = {name: form.title for name, (_, form) in TIMED.items()}
DIRECTIONS = {"forward": "forward", "forward+backward": "forward + backward"}
DATA = {"normal": "", "peaked": ", peaked logits", "ignored": ", 30 % of labels ignored"}
# metric → what a larger and a smaller value is called
WORDS = {
    "memory": ("times the memory of", "times less memory than"),
    "faults": ("times the page faults of", "times fewer page faults than"),
    "error": ("times the error of", "times less error than"),
    "compile": ("times the compile time of", "times less compile time than"),
}


def order(cell: Cell) -> tuple[int, ...]:
    """Return the sort key of a cell, its mode aside."""
    tables: tuple[Iterable[str], ...] = (OPERATIONS, DIRECTIONS, FORMATS, SHAPES, THREADS, DATA)
    values = (cell.operation, cell.direction, cell.format, cell.shape, cell.threads, cell.data)
    return tuple(list(names).index(value) for names, value in zip(tables, values, strict=True))


def version(row: Result) -> str:
    """Return the name and version of the framework."""
    return f"{NAMES[row.release.framework]} {row.release.version}"


def size(cell: Cell, device: str) -> str:
    """Return the dimensions, and the class axis if it is not the last."""
    shape = SHAPES[cell.shape]
    dims = "×".join(map(str, shape.on(device)))
    return dims if shape.axis == -1 else f"{dims} along axis {shape.axis}"


def threads(cell: Cell) -> str:
    """Return the number of threads of a cell in words."""
    return "one thread" if cell.threads == "1" else f"{cell.threads} threads"


def call(cell: Cell) -> str:
    """Return the operation, the direction, and "compiled" if it is."""
    compiled = ", compiled" if cell.mode == "compiled" else ""
    return f"{OPERATIONS[cell.operation]} {DIRECTIONS[cell.direction]}{compiled}"


def where(cell: Cell, device: str) -> str:
    """Return the size, format and threads of a cell."""
    on = "the GPU" if device == "cuda" else threads(cell)
    return f"{size(cell, device)} {cell.format} on {on}{DATA[cell.data]}"


def worse(metric: str, higher: bool) -> str:
    """Return the words between a factor and the release before: "times slower than"."""
    return WORDS.get(metric, ("times slower than", "times faster than"))[not higher]


def change(metric: str, higher: bool) -> str:
    """Return one word for a change: "slower"."""
    return (("more", "less") if metric in WORDS else ("slower", "faster"))[not higher]


def number(value: float) -> str:
    """Return a number with two or three significant digits, without an exponent if possible."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def factor(value: float) -> str:
    """Return a ratio; only below 2 it has hundredths."""
    return f"{value:.2f}" if value < 2 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def quantity(value: float, metric: str) -> str:
    """Return a value with its unit."""
    units = {"roofline": "× roofline", "memory": "copies", "faults": "faults", "error": "× bound"}
    if metric in units:
        return f"{number(value)} {units[metric]}"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{number(value / scale)} {unit}"
    return f"{number(value / 1e-9)} ns"


def measured(row: Result) -> str:
    """Return a value with its interval."""
    text = quantity(row.value, row.metric)
    if row.interval is None:
        return text
    low, high = (quantity(end, row.metric) for end in row.interval)
    return f"{text} ({low} to {high})"


def machine(of: Machine) -> str:
    """Describe a machine in one line."""
    ram = f"{round(int(of.ram) / 2**30)} GiB" if of.ram.isdigit() else of.ram  # asv tells bytes
    cores = f"{of.cores} cores" if of.cores else ""
    return plain(", ".join(part for part in (of.cpu, cores, ram, of.arch) if part))


def anchor(machine: str) -> str:
    """Return a machine's name as part of an anchor."""
    return re.sub(r"[^\w-]+", "-", machine)


def plain(text: str) -> str:
    """Return `text` without what means something in Markdown or HTML, for names from a machine's file."""
    return " ".join(re.sub(r"[^\w\s().,:+/@-]", "", text).split())


def listed(parts: Sequence[str]) -> str:
    """Join texts: "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
