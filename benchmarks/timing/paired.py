"""The reported latency beside a loop written by hand, in turn on one core, with the interval of their ratio.

Each pair is one round of both, so that what changes from round to round meets both sides. Inputs are hot, one
array over and over, or rotate as they do for the reported latency.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from math import comb

from rich import box
from rich.table import Table

from adapters.frameworks import FRAMEWORKS
from benchmarks.timing import clock
from benchmarks.timing.bare import Call, bare
from benchmarks.timing.cells import Cell
from benchmarks.timing.inputs import function, inputs, variants
from benchmarks.timing.rounds import AT_HAND, ONE_THREAD
from benchmarks.timing.worker import Bench

ROUNDS = 15
CONFIDENCE = 0.95
CELLS = [
    *(
        (operation, shape)
        for operation in ("softmax", "log_softmax")
        for shape in ("cifar", "imagenet", "decode")
    ),
    *(("cross_entropy_index", shape) for shape in ("cifar", "imagenet", "bert")),
    ("softmax", "bert"),
]


@dataclass(frozen=True)
class Pair:
    """One cell with hot or rotating inputs: seconds of a call in each round, as reported and by hand."""

    cell: str
    inputs: str
    reported: tuple[float, ...]
    by_hand: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Reported over by hand, ascending."""
        return sorted(a / b for a, b in zip(self.reported, self.by_hand, strict=True))

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the median ratio."""
        ratios = self.ratios
        outside = left_out(len(ratios))
        return ratios[outside], ratios[-1 - outside]


def left_out(count: int) -> int:
    """Return the number of `count` that lie outside the interval of their median, at each end (the sign test)."""
    tail, outside = 0.0, 0
    while (tail := tail + comb(count, outside) / 2**count) <= (1 - CONFIDENCE) / 2:
        outside += 1
    return max(outside - 1, 0)


def loop(call: Call, wait: clock.Wait, number: int) -> float:
    """Seconds of a call in a loop as anyone writes it, the median of as many loops as the clock takes samples."""
    times = []
    for _ in range(clock.SAMPLES):
        began = time.perf_counter()
        for _ in range(number):
            wait(call())
        times.append((time.perf_counter() - began) / number)
    return statistics.median(times)


def rotating(calls: Sequence[Call]) -> Call:
    """One call after the other."""
    following = cycle(calls).__next__
    return lambda: following()()


def measure(name: str) -> list[Pair]:
    """Every cell of one framework in its usual mode, on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    bench, framework = Bench(name, "cpu", 1, "full", False, True), FRAMEWORKS[name]
    mode = framework.usually_timed
    adapter = bench.adapter(mode)
    spelling, decorator = framework.spelling, framework.modes[adapter.mode].decorator
    assert spelling is not None
    found = []
    for operation, shape in CELLS:
        cell = Cell(operation, "forward", mode, "float32", shape, "1")
        given = [inputs(cell, "cpu", name, i) for i in range(variants(cell, "cpu"))]
        native = [[adapter.asarray(array) for array in one.arrays] for one in given]
        call = function(cell, adapter)
        hand = [bare(spelling, decorator, arrays[0], arrays[-1])[cell.judged.name] for arrays in native]
        sides: dict[str, tuple[Call, Call]] = {
            "hot": (partial(call, *native[0]), hand[0]),
            "rotating": (bench.rotating(cell, adapter), rotating(hand)),
        }
        for kind, (ours, theirs) in sides.items():
            found.append(_paired(f"{name} {operation} {shape}", kind, ours, theirs, adapter.synchronize))
    return found


def _paired(cell: str, kind: str, ours: Call, theirs: Call, wait: clock.Wait) -> Pair:
    clock.warm(theirs, wait)
    rounds = []
    for _ in range(ROUNDS):
        reported = clock.latency(ours, wait)
        rounds.append((reported.median, loop(theirs, wait, reported.number)))
    return Pair(cell, kind, tuple(a for a, _ in rounds), tuple(b for _, b in rounds))


def measured(names: Sequence[str]) -> Iterator[Pair]:
    """Every framework of `names`, each in a process of its own with memory at hand, as cells are timed."""
    os.environ.update(ONE_THREAD | AT_HAND)
    for name in names:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            yield from pool.submit(measure, name).result()


def table(names: Sequence[str]) -> Table:
    """One row a cell and kind of inputs."""
    made = Table(title=f"microseconds a call, {ROUNDS} rounds of both in turn", box=box.SIMPLE_HEAD)
    for column in ("cell", "inputs"):
        made.add_column(column)
    for column in ("reported", "by hand", "ratio", f"{CONFIDENCE:.0%} interval"):
        made.add_column(column, justify="right")
    for pair in measured(names):
        low, high = pair.interval
        times = (f"{1e6 * statistics.median(side):.2f}" for side in (pair.reported, pair.by_hand))
        ratio = f"{statistics.median(pair.ratios):.3f}"
        made.add_row(pair.cell, pair.inputs, *times, ratio, f"{low:.3f} to {high:.3f}")
    return made
