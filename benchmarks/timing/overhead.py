"""`python -m benchmarks.timing.overhead [adapter ...]`: measure the cost of a call through an adapter.

The bare calls are those that `adapters/frameworks.toml` spells, made of the framework's own functions alone.
Both sides are timed in turn (A B A B …) on a tiny array; the minimum of the repeats is the cost. Each target is
measured in a process of its own. No framework is imported at module level, since asv imports this module in
every environment.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from timeit import Timer
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

import adapters
from adapters.frameworks import FRAMEWORKS, TIMED_FRAMEWORKS, Spelling
from benchmarks.timing.cells import TIMED
from conformance import terminal

CALLS = [(operation.name, form.name) for operation, form in TIMED.values() if form.name != "probability"]
SPELLED = {name: spelling for name in TIMED_FRAMEWORKS if (spelling := FRAMEWORKS[name].spelling)}
NAMES = [name for name, spelling in SPELLED.items() if not spelling.written_out]
SHAPE = (8, 16)
REPEATS = 300
BATCH = 5e-4  # calls are timed in batches of about so many seconds: far above the clock's resolution

Call = Callable[[], Any]


Overhead = tuple[str, str, float, float]  # target, operation, nanoseconds bare and through the adapter


def bare(spelling: Spelling, decorator: str, x: Any, labels: Any) -> dict[str, Call]:
    """Return the framework's own calls as its users write them, compiled where there is a decorator."""
    found: dict[str, Call] = {}
    names: dict[str, Any] = {"x": x, "labels": labels}
    exec("\n".join(f"import {module}" for module in spelling.imports), names)
    for operation, form in CALLS:
        if (operation, form) in spelling.calls:
            arguments = "x, labels" if form else "x"
            call = spelling.call(operation, form)
            if decorator:
                names[operation] = eval(f"{decorator}(lambda {arguments}: {call})", names)
                call = f"{operation}({arguments})"
            found[operation] = eval(f"lambda: {call}", names)
    return found


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


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timing.overhead", description=__doc__)
    parser.add_argument("adapter", nargs="*", help=f"{', '.join(NAMES)}; all of them by default")
    names = parser.parse_args().adapter or NAMES
    for name in names:
        if name not in NAMES:
            parser.error(f"unknown adapter {name!r}: choose from {', '.join(NAMES)}")
    title = f"nanoseconds a call, float32 {SHAPE[0]}×{SHAPE[1]}"
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for column in ("target", "operation"):
        table.add_column(column, min_width=21)
    for column in ("bare", "adapter", "difference"):
        table.add_column(column, justify="right")
    for target, operation, bare, through in measured(names):
        table.add_row(target, operation, *(f"{figure:,.0f}" for figure in (bare, through, through - bare)))
    terminal.console().print(table)


if __name__ == "__main__":
    main()
