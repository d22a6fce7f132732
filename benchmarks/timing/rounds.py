"""Cells of one framework, timed in several processes in turn, and what they gave put together.

A sample is the median of one process, since what differs from process to process (addresses, clocks, what a
compiler chose) is most of the noise: see Kalibera and Jones, *Rigorous benchmarking in reasonable time* (ISMM
2013). Each round runs every cell once for each thread setting, so that a disturbance meets all cells alike. An
audit comes first: error, memory, compilation, and whether the calls are what they claim to be.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

from adapters import ROOT
from benchmarks.timing import clock
from benchmarks.timing.cells import Cell
from conformance.run.processes import child

ROUNDS = 3  # of more, the interval is narrower; of fewer, there is none
PATIENCE = 600.0  # seconds without a finished cell after which a process is given up
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
# A device's allocator gives what is asked and no more; no compiler keeps results from process to process; devices
# have the numbers that nvidia-smi gives them.
PLAIN = {
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
# glibc takes a large block from its heap or maps it anew, by its size and by what was freed before, and a mapped
# one costs a page fault for each 4 KiB: a softmax of 512×32000 is four times slower for it, in one process and
# not in the next. So calls are timed with memory at hand, as a process has it that keeps what is freed; in the
# audit all of it goes back at once, so that what a call takes is seen, and what its page faults cost. mallopt(3).
AT_HAND = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 32),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_ARENA_MAX": "1",
}
RETURNED = {"MALLOC_MMAP_THRESHOLD_": str(1 << 16), "MALLOC_TRIM_THRESHOLD_": "0"}

WITHOUT = ("absent", "refused", "failed", "crash", "hang", "throttled")  # why a row holds no numbers

Row = dict[str, Any]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """Cells to time, and the way to time them.

    A brief one leaves out steady state, cold caches, a device's own time, compilation and memory. `stop` ends it
    before its next process, and the one that runs.
    """

    framework: str
    cells: tuple[Cell, ...]
    tier: str = "core"
    device: str = "cpu"
    rounds: int = ROUNDS
    python: str = sys.executable
    brief: bool = False
    stop: Event = field(default_factory=Event, compare=False)


@dataclass
class Measured:
    """The audit of a cell, the rows of its rounds, and the reason if there are no more."""

    audit: Row = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    why: str = ""

    def samples(self, key: str) -> list[float]:
        """Return one number for each round."""
        return [row[key] for row in self.rows if row.get(key) is not None]

    def median(self, key: str) -> float:
        """Return the median over the rounds."""
        return statistics.median(self.samples(key))

    def ratios(self) -> list[float]:
        """Return the latency over the roofline, each round by its own roofline."""
        return [row["latency"] / row["roof"] for row in self.rows]


def measure(run: Run, tell: Tell = lambda _: None) -> dict[Cell, Measured]:
    """Audit and time every cell. A failure in one cell does not affect the others."""
    with scratch(1) as (caches,):
        measured = audited(run, caches, tell)
        add_rounds(run, measured, caches, tell)
    return measured


def audited(run: Run, caches: dict[str, str], tell: Tell, lane: int = 0) -> dict[Cell, Measured]:
    """Audit every cell. Audits that run side by side have a `lane` each, and with it a core."""
    measured = {cell: Measured() for cell in run.cells}
    wanted = [cell for cell in run.cells if representative(cell, run) == cell]
    for cell, row in each(run, wanted, True, caches, prefixed(tell, f"{run.framework}: audit"), lane):
        for other in run.cells:
            if representative(other, run) == cell:
                # what was refused is refused in all threads; the numbers are of those that it ran in
                measured[other] = Measured(audit=row if other == cell else {}, why=reason(row))
    return measured


def add_rounds(run: Run, measured: dict[Cell, Measured], caches: dict[str, str], tell: Tell) -> None:
    """Time every cell that passed its audit. A round in which the device was slowed down costs no other round."""
    for number in range(run.rounds):
        going = [cell for cell in run.cells if not measured[cell].why]
        last = number + 1 == run.rounds
        tell_round = prefixed(tell, f"{run.framework}: round {number + 1} of {run.rounds}")
        for cell, row in each(run, going, False, caches, tell_round):
            entry, why = measured[cell], reason(row)
            if not why:
                entry.rows.append(row)
            elif "throttled" not in row or (last and not entry.rows):
                entry.why = why


@contextmanager
def scratch(count: int) -> Iterator[list[dict[str, str]]]:
    """Yield variables that give each of `count` runs its own folders for compiler caches."""
    names = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
    with tempfile.TemporaryDirectory(prefix="softmark-") as folder:
        yield [{name: f"{folder}/{i}/{kind}" for name, kind in names.items()} for i in range(count)]


def representative(cell: Cell, run: Run) -> Cell:
    """Return the cell whose audit decides on `cell`: a valid call in one thread is valid in all threads."""
    wanted = replace(cell, threads="1" if run.device == "cpu" else "all")
    return wanted if wanted in run.cells else cell


def reason(row: Row) -> str:
    """Return why a row holds no numbers; "" if it does."""
    return next((f"{kind}: {row[kind]}" for kind in WITHOUT if kind in row), "")


def prefixed(tell: Tell, prefix: str) -> Tell:
    """Return `tell` with a prefix before each line."""
    return lambda line: tell(f"{prefix}, {line}")


def each(
    run: Run, cells: Sequence[Cell], audit: bool, caches: dict[str, str], tell: Tell, lane: int = 0
) -> list[tuple[Cell, Row]]:
    """Run one pass over `cells`, one thread setting after the other, each in its own process; return the rows."""
    pairs = []
    for threads in dict.fromkeys(cell.threads for cell in cells):
        remaining = [cell for cell in cells if cell.threads == threads]
        while remaining and not run.stop.is_set():
            rows = process(run, remaining, audit, caches, tell, lane)
            pairs += rows
            remaining = remaining[len(rows) :]  # shorter by the one that crashed or hung, which has a row too
    return pairs


def process(
    run: Run, cells: Sequence[Cell], audit: bool, caches: dict[str, str], tell: Tell, lane: int
) -> list[tuple[Cell, Row]]:
    """Run one process over `cells` of one thread setting, and return their rows.

    It ends early at a cell that crashes or hangs it, which has a row too.
    """
    threads, allowed = cells[0].threads, clock.cores()
    pinned = [allowed[-1 - lane]] if threads == "1" else allowed
    job = {
        "framework": run.framework,
        "device": run.device,
        "tier": run.tier,
        "threads": len(pinned),
        "cores": pinned,
        "audit": audit,
        "brief": run.brief,
        "cells": [cell.as_dict() for cell in cells],
    }
    # What Inductor keeps is not named by the number of threads: PyTorch 2.11 ran one thread's code in two.
    kept = {name: f"{folder}/{threads}" for name, folder in caches.items()}
    memory = RETURNED if audit and not run.brief else AT_HAND
    # what the shell says of threads would be timed as "all" of them
    plain = {name: value for name, value in os.environ.items() if name not in ONE_THREAD}
    environment = plain | PLAIN | memory | kept | (ONE_THREAD if threads == "1" else {})
    with tempfile.TemporaryDirectory(prefix="softmark-") as folder:
        asked, answered, errors = (Path(folder, name) for name in ("job.json", "rows.jsonl", "stderr"))
        asked.write_text(json.dumps(job), encoding="utf-8")
        answered.touch()
        command = [run.python, "-m", "benchmarks.timing.worker", str(asked), str(answered)]
        with errors.open("w", encoding="utf-8") as stderr:
            ended = child.run(
                command, stop=run.stop, limit=PATIENCE, progress=advanced(answered, len(cells), tell),
                tied=True, cwd=ROOT, env=environment, stdout=stderr, stderr=stderr,
            )  # fmt: skip
        lines = [json.loads(line) for line in answered.read_text(encoding="utf-8").splitlines() if line]
        rows = [(Cell(**line.pop("cell")), line) for line in lines if "cell" in line]
        if len(rows) < len(cells):
            last = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            why = str(ended) + (f", {last[0][:200]}" if last else "")
            rows.append((cells[len(rows)], {"hang": f"{PATIENCE:.0f} s"} if ended.late else {"crash": why}))
    return rows


def advanced(answered: Path, count: int, tell: Tell) -> Callable[[], float | None]:
    """Return what `child.run` asks: each line that a process has written gives it `PATIENCE` seconds more."""
    size = 0

    def more() -> float | None:
        nonlocal size
        if answered.stat().st_size == size:
            return None
        size = answered.stat().st_size
        done = answered.read_text(encoding="utf-8").count('{"cell"')
        tell(f"{done} of {count} cells")
        return PATIENCE

    return more
