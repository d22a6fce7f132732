"""The benchmarks as asv sees them: one class a block of cells, one `track_*` method a metric.

asv runs every method of every cell in a process of its own; the framework is not imported there. All cells of a
tier are measured before, in `setup_cache`, by `timing.rounds`, and a method looks its number up. A method that
returns samples is a timing to asv, with its median, interval and tests.

What asv is told by environment variables: SOFTMARK_FRAMEWORK (else release.json in the environment),
SOFTMARK_DEVICE (cpu), SOFTMARK_ROUNDS, SOFTMARK_CELLS (a regular expression that a cell's name must match).
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asv_runner.benchmarks.mark import SkipNotImplemented

from benchmarks.timing.cells import PARAMS, Block, Cell, cells
from benchmarks.timing.rounds import ROUNDS, Measured, Run, measure

# Raised by hand when what is measured changes: asv would forget the history with each edit of the source.
VERSION = "2"
LONGEST = 7200.0  # seconds for all cells of a release

Samples = dict[str, Any]
Cache = dict[Cell, Measured]


def framework() -> str:
    """Return the framework of this environment."""
    named = os.environ.get("SOFTMARK_FRAMEWORK")
    if named:
        return named
    release = Path(sys.prefix) / "release.json"
    if not release.exists():
        raise SystemExit(
            "no framework: set SOFTMARK_FRAMEWORK, or let benchmarks/asv/install.py fill the environment"
        )
    return str(json.loads(release.read_text(encoding="utf-8"))["framework"])


def measured(tier: str) -> Cache:
    """Measure every cell of a tier that SOFTMARK_CELLS selects."""
    selected = re.compile(os.environ.get("SOFTMARK_CELLS", ""))
    chosen = tuple(cell for cell in cells(tier) if selected.search(cell.name))
    device, rounds = os.environ.get("SOFTMARK_DEVICE", "cpu"), int(os.environ.get("SOFTMARK_ROUNDS", ROUNDS))
    return measure(Run(framework(), chosen, tier, device, rounds), say)


def say(line: str) -> None:
    """Append to the file that SOFTMARK_PROGRESS names: asv swallows what a benchmark prints."""
    target = os.environ.get("SOFTMARK_PROGRESS")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def metric(unit: str, timed: bool = False) -> Callable[[Any], Any]:
    """Tell asv the unit of a method, and whether its samples are times to be tested as such."""

    def marked(method: Any) -> Any:
        method.unit = unit
        if timed:
            method.type = "time"
        return method

    return marked


class CellMetrics:
    """Base of the metrics of the cells of a block; a subclass adds `setup_cache` and `block`."""

    block: Block
    params: tuple[list[str], ...]
    param_names = PARAMS
    version = VERSION
    timeout = 60.0

    def __init_subclass__(cls) -> None:
        """Give asv the parameters of the block."""
        if hasattr(cls, "block"):
            cls.params = cls.block.params

    def timing(self, cache: Cache, key: str, params: tuple[str, ...]) -> Samples:
        """Return the medians of the rounds."""
        entry = self.entry(cache, params)
        samples = entry.samples(key)
        if not samples:
            raise SkipNotImplemented(f"{key} is not measured here")
        return {"samples": samples, "number": entry.rows[0]["number"]}

    def audited(self, cache: Cache, key: str, params: tuple[str, ...]) -> float:
        """Return a number of the audit, for the threads that it took place in."""
        value = self.entry(cache, params).audit.get(key)
        if value is None:
            raise SkipNotImplemented(f"{key} is not measured here")
        return float(value)

    def entry(self, cache: Cache, params: tuple[str, ...]) -> Measured:
        """Return the measurements of a cell; raise SkipNotImplemented, asv's absent, if there are none."""
        cell = Cell.of(params, self.block.data)
        entry = cache.get(cell)
        if entry is None:
            raise SkipNotImplemented(f"{cell.name}: not selected")
        if entry.why.startswith("absent"):
            raise SkipNotImplemented(entry.why)
        if entry.why:
            raise RuntimeError(f"{cell.name}: {entry.why}")
        return entry


class TimeMetrics(CellMetrics):
    """Times of every cell."""

    @metric("seconds", timed=True)
    def track_latency(self, cache: Cache, *params: str) -> Samples:
        """A call whose result is waited for."""
        return self.timing(cache, "latency", params)

    @metric("times the roofline", timed=True)
    def track_roofline(self, cache: Cache, *params: str) -> Samples:
        """The latency over the machine's limit for that cell; 1 is the wall."""
        entry = self.entry(cache, params)
        return {"samples": entry.ratios(), "number": 1}


class DispatchMetrics(CellMetrics):
    """Times that show where a call costs more than its work."""

    @metric("seconds", timed=True)
    def track_steady(self, cache: Cache, *params: str) -> Samples:
        """A call in a long queue: the slope between k and 4k calls."""
        return self.timing(cache, "steady", params)

    @metric("seconds", timed=True)
    def track_cold(self, cache: Cache, *params: str) -> Samples:
        """A single call, the caches filled with something else before."""
        return self.timing(cache, "cold", params)


class DeviceMetrics(CellMetrics):
    """Times by a device's own clock."""

    @metric("seconds", timed=True)
    def track_device(self, cache: Cache, *params: str) -> Samples:
        """A call without what the host adds: by the device's events, or in a queue that it is behind with."""
        return self.timing(cache, "device", params)


class MemoryMetrics(CellMetrics):
    """Metrics that show where memory is the limit."""

    @metric("logit copies")
    def track_memory(self, cache: Cache, *params: str) -> float:
        """The peak of a call's memory beside its inputs, over the bytes of the logits."""
        return self.audited(cache, "memory", params)

    @metric("minor page faults a call")
    def track_faults(self, cache: Cache, *params: str) -> float:
        """Pages that the system gives to a call which finds no memory at hand."""
        return self.audited(cache, "faults", params)


class FreshMetrics(CellMetrics):
    """The cost of page faults."""

    @metric("seconds")
    def track_fresh(self, cache: Cache, *params: str) -> float:
        """A call that finds no memory at hand and takes it from the system."""
        return self.audited(cache, "fresh", params)


class CheckMetrics(CellMetrics):
    """Metrics that belong beside every time."""

    @metric("worst error over bound")
    def track_error(self, cache: Cache, *params: str) -> float:
        """By the conformance oracle, in the first and last row of the same call; 1 is the bound."""
        return self.audited(cache, "error", params)

    @metric("seconds")
    def track_compile(self, cache: Cache, *params: str) -> float:
        """The first call less a later one, all caches of compilers empty."""
        return self.audited(cache, "compile", params)
