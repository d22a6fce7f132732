"""`python -m benchmarks overhead [adapter ...]`: measure the cost of a call through an adapter, or of our timing.

The bare calls are those that `adapters/frameworks.toml` spells, made of the framework's own functions alone.
Both sides are timed in turn (A B A B …) on a tiny array; the minimum of the repeats is the cost. Each target is
measured in a process of its own. With --paired it is the reported latency that is set beside a loop written by
hand: `benchmarks.timing.paired`. No framework is imported at module level, since asv imports this module in every
environment.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from timeit import Timer

import numpy as np
from rich import box
from rich.table import Table

import adapters
from adapters.frameworks import FRAMEWORKS, TIMED_FRAMEWORKS
from benchmarks.timing import paired
from benchmarks.timing.bare import CALLS, Call, bare
from conformance import terminal

SPELLED = {name: spelling for name in TIMED_FRAMEWORKS if (spelling := FRAMEWORKS[name].spelling)}
NAMES = [name for name, spelling in SPELLED.items() if not spelling.written_out]
SHAPE = (8, 16)
REPEATS = 300
BATCH = 5e-4  # calls are timed in batches of about so many seconds: far above the clock's resolution

Overhead = tuple[str, str, float, float]  # target, operation, nanoseconds bare and through the adapter


def interleaved(bare: Call, through: Call) -> tuple[float, float]:
    """Nanoseconds a call of each, timed in turn; the minimum over the repeats."""
    first, second = Timer(bare), Timer(through)
    first.timeit(20), second.timeit(20)  # compile, fill caches
    count = max(1, int(BATCH / (first.timeit(20) / 20)))
    times = [(first.timeit(count), second.timeit(count)) for _ in range(REPEATS)]
    return 1e9 * min(time for time, _ in times) / count, 1e9 * min(time for _, time in times) / count


def measure(name: str, mode: str) -> list[Overhead]:
    """Every operation of one target."""
    adapter = adapters.load(name, mode=mode)
    random = np.random.default_rng(0)
    x = adapter.asarray(random.standard_normal(SHAPE, dtype=np.float32))
    labels = adapter.asarray(random.integers(0, SHAPE[1], SHAPE[0]))
    calls = bare(SPELLED[name], FRAMEWORKS[name].modes[mode].decorator, x, labels)
    names = {"adapter": adapter, "x": x, "labels": labels}
    through = {
        operation: eval(f"lambda: adapter.{operation}({'x, labels' if form else 'x'})", names)
        for operation, form in CALLS
    }
    return [
        (f"{name}:cpu:{mode}", operation, *interleaved(call, through[operation]))
        for operation, call in calls.items()
    ]


def measured(names: list[str]) -> Iterator[Overhead]:
    """Every target of `names`, each in a fresh process, one after the other."""
    # one thread: what is timed is the call, and waking a thread for 128 numbers costs ten times as much
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[variable] = "1"
    context = multiprocessing.get_context("spawn")
    for name in names:
        for mode in FRAMEWORKS[name].modes:
            with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
                yield from pool.submit(measure, name, mode).result()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `python -m benchmarks overhead`."""
    parser.add_argument("adapter", nargs="*", help=f"{', '.join(NAMES)}; all of them by default")
    parser.add_argument("--paired", action="store_true", help="set reported latencies beside a loop by hand")


def run(options: argparse.Namespace) -> int:
    """Print one table; exit code 2: an unknown adapter."""
    names = options.adapter or NAMES
    for name in names:
        if name not in NAMES:
            terminal.complain(f"overhead: unknown adapter {name!r}: choose from {', '.join(NAMES)}")
            return 2
    terminal.console().print(paired.table(names) if options.paired else _table(names))
    return 0


def _table(names: list[str]) -> Table:
    table = Table(title=f"nanoseconds a call, float32 {SHAPE[0]}×{SHAPE[1]}", box=box.SIMPLE_HEAD)
    for column in ("target", "operation"):
        table.add_column(column, min_width=21)
    for column in ("bare", "adapter", "difference"):
        table.add_column(column, justify="right")
    for target, operation, alone, through in measured(names):
        table.add_row(target, operation, *(f"{figure:,.0f}" for figure in (alone, through, through - alone)))
    return table
