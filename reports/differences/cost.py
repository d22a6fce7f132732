"""What two targets cost in the same cells: latency and logit copies, told where they differ for sure.

asv is needed for results only, so nothing here imports it where the module is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adapters.frameworks import FRAMEWORKS
from adapters.releases import order
from benchmarks.timing.cells import SHAPES, Cell
from reports.checks import split_target
from reports.differences.values import four

if TYPE_CHECKING:
    from benchmarks.asv.results import Result, Results

LEAST = 1.1  # times: below it a difference is not told
COPIES = 0.1  # of the logits: the same for memory


@dataclass(frozen=True)
class Cost:
    """One cell of one target: seconds with their 99 % interval, times the roofline, copies of the logits."""

    latency: float
    low: float
    high: float
    roofline: float | None
    copies: float | None


@dataclass(frozen=True)
class Column:
    """What is timed of one target: the release, and its costs by machine and cell, whose mode is left out."""

    release: str
    device: str
    costs: Mapping[tuple[str, Cell], Cost]


@dataclass(frozen=True)
class CostPair:
    """A cell in which two targets differ; `times` is the second latency over the first, None where they agree."""

    machine: str
    cell: Cell
    first: Cost
    second: Cost
    times: float | None


def column(found: Results | None, target: str, version: str) -> Column | None:
    """The costs of a target in its version, or in the newest one that is timed; None where nothing is."""
    if found is None:
        return None
    adapter, device, mode = split_target(target)
    wanted = FRAMEWORKS[adapter].timed_as(mode) if adapter in FRAMEWORKS else ""
    machines = {name for name, machine in found.machines.items() if machine.device == device}
    rows = [
        row
        for row in found.rows
        if row.release.framework == adapter and row.cell.mode == wanted and row.machine in machines
    ]
    versions = {row.release.version: row.release for row in rows if row.metric == "latency"}
    if not versions:
        return None
    plain = version.partition("+")[0]
    release = versions.get(plain) or max(versions.values(), key=order)
    return Column(release.tag, device, _costs(row for row in rows if row.release == release))


def _costs(rows: Iterable[Result]) -> dict[tuple[str, Cell], Cost]:
    values: dict[tuple[str, Cell], dict[str, Result]] = {}
    for row in rows:
        values.setdefault((row.machine, replace(row.cell, mode="")), {})[row.metric] = row
    found = {}
    for (machine, cell), metrics in values.items():
        latency = metrics.get("latency")
        if latency is None or latency.interval is None:
            continue
        memory, roofline = metrics.get("memory"), metrics.get("roofline")
        found[machine, cell] = Cost(
            four(latency.value),
            four(latency.interval[0]),
            four(latency.interval[1]),
            four(roofline.value) if roofline else None,
            four(memory.value) if memory else None,
        )
    return found


def pairs(first: Column | None, second: Column | None) -> tuple[list[CostPair], int]:
    """The cells in which two targets differ, the largest factor first, and how many both are timed in."""
    if first is None or second is None:
        return [], 0
    both = [key for key in first.costs if key in second.costs]
    found = []
    for machine, cell in both:
        a, b = first.costs[machine, cell], second.costs[machine, cell]
        times = b.latency / a.latency if slower(a, b) or slower(b, a) else None
        if times is not None or copies_differ(a, b):
            found.append(CostPair(machine, cell, a, b, times))
    return sorted(found, key=_order), len(both)


def slower(one: Cost, other: Cost) -> bool:
    """Whether `other` takes longer for sure: a tenth more, and their intervals do not meet."""
    return other.latency >= LEAST * one.latency and other.low > one.high


def copies_differ(one: Cost, other: Cost) -> bool:
    """Whether the memory differs by a tenth of the smaller and of the logits."""
    if one.copies is None or other.copies is None:
        return False
    low, high = sorted((one.copies, other.copies))
    return high - low >= max(COPIES, (LEAST - 1) * low)


def _order(pair: CostPair) -> tuple[float, str]:
    times = pair.times or 1.0
    return -max(times, 1 / times), pair.cell.name


def where(cell: Cell, device: str = "cpu") -> str:
    """The cell in words: "softmax forward 256×1000 float32, all threads"."""
    shape = SHAPES[cell.shape]
    size = "×".join(map(str, shape.on(device))) + ("" if shape.axis == -1 else f" along axis {shape.axis}")
    threads = "one thread" if cell.threads == "1" else f"{cell.threads} threads"
    data = "" if cell.data == "normal" else f", {cell.data} logits"
    return f"{size} {cell.format}, {threads}{data}"


def told(cost: Cost) -> str:
    """The latency, beside it times the roofline and copies where measured."""
    more = [f"{figure(cost.roofline)}× roofline"] if cost.roofline is not None else []
    more += [f"{cost.copies:.1f} copies"] if cost.copies is not None else []
    return time(cost.latency) + (f" ({', '.join(more)})" if more else "")


def time(seconds: float) -> str:
    """Seconds in a unit that needs no exponent."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{figure(seconds / scale)} {unit}"
    return f"{figure(seconds / 1e-9)} ns"


def figure(value: float) -> str:
    """Two or three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
