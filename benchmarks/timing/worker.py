"""One process that times cells of one framework: `python -m benchmarks.timing.worker JOB.json RESULT.jsonl`.

The parent (`benchmarks.timing.rounds`) sets threads and allocators in the environment before this process begins,
since frameworks read them while they are imported. Each cell is one line, written as soon as it is known, and
named on a line of its own before it is begun: what crashes or hangs is told by the last line.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain, cycle
from pathlib import Path
from threading import Thread
from typing import Any, TextIO

import numpy as np

import adapters
from adapters.frameworks import FRAMEWORKS
from adapters.protocol import Adapter, DeviceUnavailable, NotProvided
from benchmarks.timing import audit, clock, devices
from benchmarks.timing.ceilings import Ceilings, negated
from benchmarks.timing.cells import SHAPES, Cell, kept
from benchmarks.timing.inputs import function, inputs, variants

CACHE = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")
SWEEP = 64 << 20  # bytes, where the size of the last-level cache is not known
SWEPT_AT_MOST = 256 << 20
SWEPT_ON_DEVICE = 256 << 20  # bytes that are read, and as many that are written: H100 and H200 cache 50 MB
KEPT = 0.9  # of a result's bytes: pages that were there already are few
COOLING = 2.0  # seconds of rest for a device that was slowed
TOLD = 4 << 20  # bytes of a result that shows in a resident set, which the kernel counts in batches of pages

Row = dict[str, Any]


def main() -> None:
    """Do the job; a framework that is missing is one row for all of its cells."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if job["cores"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, job["cores"])  # before a framework that counts them is imported
    with Path(sys.argv[2]).open("a", encoding="utf-8") as file:
        bench = Bench(job["framework"], job["device"], job["threads"], job["tier"], job["audit"], job["brief"])
        for fields in job["cells"]:
            cell = Cell(**fields)
            say(file, {"begin": cell.as_dict()})
            say(file, {"cell": cell.as_dict(), **bench.row(cell)})


def end_with_parent() -> None:
    """From now on, end when the standard input does, which the parent holds: nobody asks for the rest."""

    def wait() -> None:
        os.read(0, 1)
        os._exit(1)

    Thread(target=wait, daemon=True).start()


def say(file: TextIO, row: Row) -> None:
    """One line, at once."""
    file.write(json.dumps(row) + "\n")
    file.flush()


class Bench:
    """The adapters of one framework, one a mode, with the ceilings beside them."""

    def __init__(
        self, framework: str, device: str, threads: int, tier: str, audited: bool, brief: bool = False
    ) -> None:
        self.framework = framework
        self.device = device
        self.threads = threads
        self.tier = tier
        self.audited = audited
        self.brief = brief
        self._hidden: bool | None = None if device == "cpu" else False  # until a large result is seen, or is not
        self._loaded: dict[str, Adapter] = {}
        self._compiled: set[Cell] = set()
        self._ceilings: Ceilings | None = None
        self._sweep: Any = None

    def adapter(self, mode: str) -> Adapter:
        """The adapter in a mode, loaded once; NotProvided where the framework has no such mode."""
        native = FRAMEWORKS[self.framework].compiled if mode == "compiled" else mode
        if not native:
            raise NotProvided(f"{self.framework} does not compile")
        if mode not in self._loaded:
            loaded = adapters.load(self.framework, self.device, native)
            if mode == "compiled":  # what a compiler sets up once a process is no part of a cell
                with suppress(NotProvided):
                    loaded.synchronize(loaded.call(negated, loaded.asarray(np.ones(1, np.float32))))
            self._loaded[mode] = loaded
        return self._loaded[mode]

    def row(self, cell: Cell) -> Row:
        """Return the measurements of a cell, or the reason that there are none."""
        began = time.perf_counter()
        try:
            adapter = self.adapter(cell.mode)
            if not kept(self.tier, self.framework, cell):
                raise NotProvided(f"{self.framework} {cell.mode} on {cell.shape} is left to the full tier")
            if cell.threads == "1" and self.device != "cpu":
                raise NotProvided("a device is used whole: see all threads")
            if cell.format not in adapter.dtypes:
                raise NotProvided(f"{self.framework} does not hold {cell.format}")
            if cell.threads != "1" and self.device == "cpu" and "threads" not in adapter.features:
                raise NotProvided(f"{self.framework} computes in one thread")
            found = self.audit(cell, adapter) if self.audited else self.unthrottled(cell, adapter)
        except (NotProvided, DeviceUnavailable, ImportError) as error:
            found = {"absent": f"{type(error).__name__}: {error}".partition("\n")[0]}
        except audit.Rejected as error:
            found = {"refused": str(error)}
        except Exception as error:
            found = {"failed": f"{type(error).__name__}: {error}".partition("\n")[0][:300]}
        return {**found, "spent": time.perf_counter() - began}

    def unthrottled(self, cell: Cell, adapter: Adapter) -> Row:
        """The times, measured again where heat or a power brake slowed the device; why not, if it stays so.

        Compilation and ceilings go before and are not watched.
        """
        start = self.rotating(cell, adapter)
        if self.device == "cpu":
            return self.times(cell, adapter, start)
        for trial in range(1 + clock.AGAIN):
            time.sleep(COOLING if trial else 0.0)
            clock.warm(start, adapter.synchronize)
            self.ceilings(cell.mode).roof(cell)
            before = devices.Slowdowns.now()
            found = self.times(cell, adapter, start)
            after, sampled = devices.Slowdowns.now(), found.pop("sampled")
            slowed, capped = (after.since(before, which) for which in (devices.SLOWED, devices.CAPPED))
            if slowed is None or slowed <= devices.MOST * sampled:
                shares = {"slowed": slowed, "capped": capped}
                return {**found, **{key: part and min(1.0, part / sampled) for key, part in shares.items()}}
            self._ceilings = None  # they were slowed too
        return {"throttled": f"heat or a power brake slowed the device {1 + clock.AGAIN} times"}

    def times(self, cell: Cell, adapter: Adapter, start: clock.Start) -> Row:
        """Seconds of every kind, and the roofline; of a device, how long the samples took together."""
        wait = adapter.synchronize
        latency = clock.latency(start, wait)
        sampled = latency.spent
        roof = self.ceilings(cell.mode).roof(cell)
        row: Row = {
            "latency": latency.median,
            "number": latency.number,
            "taken": latency.taken,
            "disturbed": latency.disturbed,
            "discarded": latency.discarded,
            "roof": roof,
        }
        if not self.brief and (SHAPES[cell.shape].small or self.device != "cpu"):
            steady = clock.steady(start, wait, latency.median)
            cold = clock.cold(start, wait, self.flush)
            row |= {"steady": steady.median if steady.samples else None, "cold": cold.median}
            sampled += steady.spent + cold.spent
        if self.device != "cpu":
            row["sampled"] = sampled
            if not self.brief:
                row["device"] = devices.kernel_seconds(self.framework, start, wait, latency.median)
        return row

    def audit(self, cell: Cell, adapter: Adapter) -> Row:
        """Error and memory; Rejected where the call is not what it claims to be."""
        call, wait = function(cell, adapter), adapter.synchronize
        given = inputs(cell, self.device, self.framework)
        # twice the logits: moved ones may give the same losses, rounded to 16 bits
        other = replace(given, logits=given.logits * given.logits.dtype.type(2))
        native = [[adapter.asarray(array) for array in one.arrays] for one in (given, other)]
        if self.device == "cuda":
            audit.refuse_host(chain(*native), self.framework)
        began = time.perf_counter()
        result = call(*native[0])
        wait(result)
        first = time.perf_counter() - began
        found = audit.outputs(result, adapter)
        second = audit.refuse_unsynchronised(
            lambda: call(*native[1]), wait, lambda result: audit.glance(result, adapter)
        )
        changed = audit.outputs(second, adapter)
        audit.refuse_format(found, cell.format)
        audit.refuse_constant(found, changed)
        if cell.data == "normal":
            audit.refuse_subnormal(given.logits, found)
        row: Row = {"error": audit.finite(audit.error(cell, given, found))}
        program = replace(cell, data="normal")  # other numbers are no reason to compile again
        if cell.mode == "compiled" and not self.brief and program not in self._compiled:
            row["compile"] = max(0.0, first - min(clock.once(lambda: call(*native[0]), wait) for _ in range(2)))
        least = sum(array.nbytes for array in found)
        self._compiled.add(program)
        del result, second, found, changed
        if not self.brief and not SHAPES[cell.shape].small:
            row["memory"] = self.memory(cell, call, native[0], least)
            if self.device == "cpu":
                fresh = clock.fresh(lambda: call(*native[0]), wait)
                row |= {"fresh": fresh.median, "faults": fresh.faults}
        return row

    def memory(self, cell: Cell, call: Callable[..., Any], arrays: list[Any], least: int) -> float | None:
        """The peak of a call's memory beside its inputs, in copies of the logits; None where it is not seen.

        A result takes `least` bytes. Where less is seen of a large one, the framework keeps what is freed for
        itself, as TensorFlow does on a CPU, and nothing is said of any later cell of this process either; nor
        is it of a small one before a large one was seen.
        """
        adapter = self.adapter(cell.mode)

        def run() -> Any:
            result = call(*arrays)
            adapter.synchronize(result)
            return result

        on_cpu = self.device == "cpu"
        peak = audit.resident_peak(run) if on_cpu else devices.peak(adapter, call, arrays)
        if peak is not None and least >= TOLD:
            self._hidden = bool(self._hidden) or peak < KEPT * least
        return None if peak is None or self._hidden is not False else peak / cell.bytes(self.device)

    def ceilings(self, mode: str) -> Ceilings:
        """Return the ceilings of this process: every mode has the same machine below it."""
        if self._ceilings is None:
            plain = mode if self.device == "cpu" else "eager"  # which compiles nothing for the sizes of a copy
            self._ceilings = Ceilings(self.adapter(plain), self.threads, partial(self.adapter, "compiled"))
        return self._ceilings

    def rotating(self, cell: Cell, adapter: Adapter) -> clock.Start:
        """One call with the next variant of the inputs."""
        call = function(cell, adapter)
        calls = [
            partial(call, *map(adapter.asarray, inputs(cell, self.device, self.framework, i).arrays))
            for i in range(variants(cell, self.device))
        ]
        following = cycle(calls).__next__
        return lambda: following()()

    def flush(self) -> None:
        """Fill the caches with something else: of a CPU twice the size of the last is written."""
        if self.device == "cuda":
            adapter = next(iter(self._loaded.values()))
            if self._sweep is None:
                self._sweep = adapter.asarray(np.zeros(SWEPT_ON_DEVICE // 4, np.float32))
            adapter.synchronize(adapter.call(negated, self._sweep))
            return
        if self._sweep is None:
            self._sweep = np.zeros(2 * last_level_cache() // 8)
        self._sweep += 1.0


def last_level_cache() -> int:
    """Bytes, as the kernel tells them."""
    try:
        text = CACHE.read_text(encoding="ascii").strip()
        return min(int(text.removesuffix("K")) << 10, SWEPT_AT_MOST)
    except (OSError, ValueError):
        return SWEEP


if __name__ == "__main__":
    end_with_parent()
    main()
