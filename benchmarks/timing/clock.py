"""Time by the clock on the wall, and what disturbs it: samples of batches of calls, disturbed ones thrown away.

Everything here takes a function without arguments that starts one call and returns its result, and one
that waits for a result.
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

BATCH = 2e-3  # seconds that a sample lasts at least, so that the clock's resolution does not show
WARM = 2e-2  # seconds of calls after the first
SAMPLES = 7
LONG = 5e-2  # seconds a call from which three samples a process are enough, after two calls to warm up
GROWING = 16  # calls after which the heap has grown as far as it will
GROWN = 16  # page faults of a call below which it grows no more
CALM = 2  # such calls in a row: inputs rotate
AGAIN = 2  # times the samples wanted that are taken beside them while others disturb
IDLE = 0.1  # share of the time in which a process on its only core may not have run

Start = Callable[[], Any]
Wait = Callable[[Any], None]


@dataclass
class Timing:
    """Seconds a call, one number a sample; the calls in each; how many samples were taken, and thrown away.

    `disturbed` are those that something else ran in: thrown away, or kept where nearly all are.
    """

    samples: list[float] = field(default_factory=list)
    number: int = 1
    taken: int = 0
    disturbed: int = 0
    discarded: int = 0
    spent: float = 0.0  # seconds in all samples
    faults: float = 0.0  # minor page faults a call, where they are asked for

    @property
    def median(self) -> float:
        """The sample in the middle."""
        return statistics.median(self.samples)


def once(start: Start, wait: Wait) -> float:
    """Seconds of one call until its result is there."""
    began = time.perf_counter()
    wait(start())
    return time.perf_counter() - began


def warm(start: Start, wait: Wait) -> float:
    """Call until compilers are done, clocks and caches are those of a loop, and memory is at hand.

    Returns seconds of the last call. The first, which may compile, is not counted; the heap grows over several
    calls, since blocks are aligned and others lie between them.
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
    """Each call waited for: what a caller sees who needs the result."""
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
    """The slope between k and 4k calls, only the last waited for: what a call costs in a long queue.

    `expected` is about the seconds of a call. What waiting itself costs cancels.
    """
    timing = Timing(number=max(1, round(BATCH / expected)))

    def slope() -> float:
        few, _ = queue(start, wait, timing.number)
        many, _ = queue(start, wait, 4 * timing.number)
        return (many - few) / (3 * timing.number)

    timing = undisturbed(slope, timing, samples)
    timing.samples = [sample for sample in timing.samples if sample > 0]  # a disturbed few: the slope of noise
    return timing


def queue(start: Start, wait: Wait, count: int) -> tuple[float, float]:
    """Seconds until the last of several calls is there, and until the host had handed all of them out."""
    began = time.perf_counter()
    for _ in range(count):
        last = start()
    handed = time.perf_counter()
    wait(last)
    return time.perf_counter() - began, handed - began


def cold(start: Start, wait: Wait, flush: Callable[[], None], samples: int = 5) -> Timing:
    """Single calls, the caches filled with something else before each."""
    return undisturbed(lambda: once(start, wait), Timing(), samples, flush)


def fresh(start: Start, wait: Wait, samples: int = 3) -> Timing:
    """Single calls, and the page faults of each: for where memory goes back at once."""
    before = page_faults()
    timing = undisturbed(lambda: once(start, wait), Timing(), samples)
    timing.faults = (page_faults() - before) / timing.taken
    return timing


def undisturbed(
    measure: Callable[[], float], timing: Timing, wanted: int, ready: Callable[[], None] = lambda: None
) -> Timing:
    """`wanted` samples during which nothing was taken from this process; where that fails, all of them.

    `ready` goes before each, and whatever disturbs it is no matter.
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
    """What the machine and this process have used so far."""

    stolen: int  # ticks that the hypervisor took
    wall: float
    cpu: float
    pinned: bool  # whether this process has one core

    @classmethod
    def now(cls) -> Usage:
        """As of this moment."""
        return cls(stolen(), time.perf_counter(), time.process_time(), len(cores()) == 1)

    def alone_since(self, before: Usage) -> bool:
        """Whether nothing was stolen since, and a process with one core had it for nearly all of the time."""
        wall, cpu = self.wall - before.wall, self.cpu - before.cpu
        return self.stolen == before.stolen and (not self.pinned or wall - cpu <= IDLE * wall)


def stolen(source: Path = Path("/proc/stat")) -> int:
    """Ticks that the hypervisor took from this machine; 0 where the kernel does not say."""
    try:
        with source.open(encoding="ascii") as file:
            fields = file.readline().split()
    except OSError:
        return 0
    return int(fields[8]) if len(fields) > 8 else 0


def page_faults() -> int:
    """Minor page faults of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def cores() -> list[int]:
    """The cores this process may use."""
    return (
        sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    )
