"""Compares the cost of two targets in the same cells: latency and logit copies, where they certainly differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adapters.frameworks import FRAMEWORKS
from adapters.releases import order
from benchmarks.timing.cells import Cell
from reports.checks import split_target
from reports.differences.values import four
from reports.timing.wording import number, quantity

if TYPE_CHECKING:
    from benchmarks.asv.results import Result, Results

LEAST = 1.1  # the smallest factor that counts as a difference
COPIES = 0.1  # the smallest difference of memory, in copies of the logits
DECIMALS = ((100, 0), (10, 1), (0, 2))  # from a value on, so many decimals are written


@dataclass(frozen=True)
class Cost:
    """One cell of one target: seconds with their 99 % interval, times the roofline, copies of the logits."""

    latency: float
    low: float
    high: float
    roofline: float | None
    copies: float | None


@dataclass(frozen=True)
class TargetCosts:
    """The costs of one target by machine and cell, whose mode is left out, and the release that was timed."""

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


def target_costs(results: Results | None, target: str, version: str) -> TargetCosts | None:
    """Return the costs of a target in its version, or else in the newest timed one; None if none is timed."""
    if results is None:
        return None
    adapter, device, mode = split_target(target)
    wanted = FRAMEWORKS[adapter].timed_as(mode) if adapter in FRAMEWORKS else ""
    machines = {name for name, machine in results.machines.items() if machine.device == device}
    rows = [
        row
        for row in results.rows
        if row.release.framework == adapter and row.cell.mode == wanted and row.machine in machines
    ]
    versions = {row.release.version: row.release for row in rows if row.metric == "latency"}
    if not versions:
        return None
    plain = version.partition("+")[0]
    release = versions.get(plain) or max(versions.values(), key=order)
    return TargetCosts(release.tag, device, _costs(row for row in rows if row.release == release))


def _costs(rows: Iterable[Result]) -> dict[tuple[str, Cell], Cost]:
    values: dict[tuple[str, Cell], dict[str, Result]] = {}
    for row in rows:
        values.setdefault((row.machine, replace(row.cell, mode="")), {})[row.metric] = row
    costs = {}
    for (machine, cell), metrics in values.items():
        latency = metrics.get("latency")
        if latency is None or latency.interval is None:
            continue
        memory, roofline = metrics.get("memory"), metrics.get("roofline")
        costs[machine, cell] = Cost(
            four(latency.value),
            four(latency.interval[0]),
            four(latency.interval[1]),
            four(roofline.value) if roofline else None,
            four(memory.value) if memory else None,
        )
    return costs


def pairs(first: TargetCosts | None, second: TargetCosts | None) -> tuple[list[CostPair], int]:
    """Return the cells in which two targets differ, the largest factor first, and the number of common cells."""
    if first is None or second is None:
        return [], 0
    both = [key for key in first.costs if key in second.costs]
    differing = []
    for machine, cell in both:
        a, b = first.costs[machine, cell], second.costs[machine, cell]
        times = b.latency / a.latency if slower(a, b) or slower(b, a) else None
        if times is not None or copies_differ(a, b):
            differing.append(CostPair(machine, cell, a, b, times))
    return sorted(differing, key=_order), len(both)


def slower(first: Cost, other: Cost) -> bool:
    """Tell whether `other` takes a tenth longer or more, and the two intervals do not overlap."""
    return other.latency >= LEAST * first.latency and other.low > first.high


def copies_differ(first: Cost, other: Cost) -> bool:
    """Tell whether the memory differs by a tenth of the smaller one, and by a tenth of the logits."""
    if first.copies is None or other.copies is None:
        return False
    low, high = sorted((first.copies, other.copies))
    return high - low >= max(COPIES, (LEAST - 1) * low)


def _order(pair: CostPair) -> tuple[float, str]:
    times = pair.times or 1.0
    return -max(times, 1 / times), pair.cell.name


def described(cost: Cost) -> str:
    """Return the latency, followed by times the roofline and copies of the logits where they were measured."""
    return "".join(pieces(cost))


def pieces(cost: Cost) -> Iterator[str]:
    """Yield the pieces of the text of a cost; many costs share one, so that the page holds each of them once."""
    roofline = "" if cost.roofline is None else f"{number(cost.roofline)}× roofline"
    copies = "" if cost.copies is None else f"{cost.copies:.1f} copies"
    yield quantity(cost.latency, "latency")
    if roofline:
        yield f" ({roofline}" + ("" if copies else ")")
    if copies:
        yield (", " if roofline else " (") + f"{copies})"


def figure(value: float) -> str:
    """Return a number with two or three significant digits."""
    decimals = next(decimals for least, decimals in DECIMALS if value >= least)
    return f"{value:.{decimals}f}"
