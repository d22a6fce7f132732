"""Time calls by the wall clock, in batches, and discard samples during which something else ran.

The functions take `start`, which starts one call and returns its result, and `wait`, which waits for a result.
"""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

BATCH = 2e-3  # least seconds of a sample, far above the clock's resolution
WARM = 2e-2  # seconds of warm-up calls after the first
SAMPLES = 7
LONG = 5e-2  # seconds of a call from which three samples and two warm-up calls are enough
GROWING = 16  # warm-up calls after which the heap has stopped growing
GROWN = 16  # page faults of a call below which the heap has stopped growing
CALM = 2  # such calls that must follow each other, since inputs rotate
AGAIN = 2  # extra samples for each one wanted, while samples are disturbed
IDLE = 0.1  # share of the time in which a process may wait for its only core

Start = Callable[[], Any]
Wait = Callable[[Any], None]


@dataclass
class Timing:
    """Seconds of a call in each sample, the calls in a sample, and how many samples were taken and discarded.

    `disturbed` counts samples during which something else ran; they are discarded, unless nearly all are.
    """

    samples: list[float] = field(default_factory=list)
    number: int = 1
    taken: int = 0
    disturbed: int = 0
    discarded: int = 0
    spent: float = 0.0  # seconds in all samples
    faults: float = 0.0  # minor page faults of a call, where they are counted

    @property
    def median(self) -> float:
        """Return the median sample."""
        return statistics.median(self.samples)


def once(start: Start, wait: Wait) -> float:
    """Return the seconds of one call until its result is ready."""
    began = time.perf_counter()
    wait(start())
    return time.perf_counter() - began


def warm(start: Start, wait: Wait) -> float:
    """Call until code is compiled, clocks and caches are in a steady state, and the heap has stopped growing.

    Return the seconds of the last call. The first call, which may compile, does not count as warm-up. The heap
    grows over several calls, since blocks are aligned and other blocks lie between them.
    """
    spent, calm = 0.0, 0
    for call in count():
        before = page_faults()
        last = once(start, wait)
        calm = calm + 1 if page_faults() - before < GROWN else 0
        spent += last if call else 0.0
        if spent >= WARM and (calm >= CALM or call >= GROWING):
            break
    return last


def latency(start: Start, wait: Wait, samples: int = SAMPLES) -> Timing:
    """Time calls whose results are waited for, one after the other."""
    expected = warm(start, wait)
    timing = Timing(number=max(1, round(BATCH / expected)))
    wanted = samples if expected < LONG else min(samples, 3)

    def batch() -> float:
        began = time.perf_counter()
        for _ in range(timing.number):
            wait(start())
        return (time.perf_counter() - began) / timing.number

    return undisturbed(batch, timing, wanted)


def steady(start: Start, wait: Wait, expected: float, samples: int = SAMPLES) -> Timing:
    """Time a call in a long queue: the slope between k and 4k calls, of which only the last is waited for.

    `expected` is roughly the seconds of a call. The cost of waiting cancels in the difference.
    """
    timing = Timing(number=max(1, round(BATCH / expected)))

    def slope() -> float:
        few, _ = queue(start, wait, timing.number)
        many, _ = queue(start, wait, 4 * timing.number)
        return (many - few) / (3 * timing.number)

    timing = undisturbed(slope, timing, samples)
    timing.samples = [sample for sample in timing.samples if sample > 0]  # noise can make a slope negative
    return timing


def queue(start: Start, wait: Wait, count: int) -> tuple[float, float]:
    """Return the seconds until the last of `count` calls is ready, and until the host had started all of them."""
    began = time.perf_counter()
    for _ in range(count):
        last = start()
    handed = time.perf_counter()
    wait(last)
    return time.perf_counter() - began, handed - began


def cold(start: Start, wait: Wait, flush: Callable[[], None], samples: int = 5) -> Timing:
    """Time single calls; `flush` fills the caches with other data before each."""
    return undisturbed(lambda: once(start, wait), Timing(), samples, flush)


def fresh(start: Start, wait: Wait, samples: int = 3) -> Timing:
    """Time single calls and count their page faults, in a process that returns freed memory at once."""
    before = page_faults()
    timing = undisturbed(lambda: once(start, wait), Timing(), samples)
    timing.faults = (page_faults() - before) / timing.taken
    return timing


def undisturbed(
    measure: Callable[[], float], timing: Timing, wanted: int, ready: Callable[[], None] = lambda: None
) -> Timing:
    """Return `wanted` samples during which nothing else took time from this process; all samples if that fails.

    `ready` runs before each sample and is not timed.
    """
    alone: list[float] = []
    every: list[float] = []
    while len(alone) < wanted and len(every) < wanted * (1 + AGAIN):
        ready()
        before = Usage.now()
        every.append(measure())
        after = Usage.now()
        timing.spent += after.wall - before.wall
        if after.alone_since(before):
            alone.append(every[-1])
    timing.samples = alone if len(alone) >= min(wanted, 3) else every
    timing.taken = len(every)
    timing.disturbed = len(every) - len(alone)
    timing.discarded = len(every) - len(timing.samples)
    return timing


@dataclass(frozen=True)
class Usage:
    """The time that this machine and this process have used so far."""

    stolen: int  # ticks that the hypervisor gave to other machines
    wall: float
    cpu: float
    pinned: bool  # this process has one core

    @classmethod
    def now(cls) -> Usage:
        """Read the counters now."""
        return cls(stolen(), time.perf_counter(), time.process_time(), len(cores()) == 1)

    def alone_since(self, before: Usage) -> bool:
        """Return True if no tick was stolen since, and a process with one core had it nearly all of the time."""
        wall, cpu = self.wall - before.wall, self.cpu - before.cpu
        return self.stolen == before.stolen and (not self.pinned or wall - cpu <= IDLE * wall)


def stolen(source: Path = Path("/proc/stat")) -> int:
    """Return the ticks that the hypervisor took from this machine; 0 where the kernel does not count them."""
    try:
        with source.open(encoding="ascii") as file:
            fields = file.readline().split()
    except OSError:
        return 0
    return int(fields[8]) if len(fields) > 8 else 0


def page_faults() -> int:
    """Return the minor page faults of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def cores() -> list[int]:
    """Return the cores that this process may use."""
    return (
        sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    )
