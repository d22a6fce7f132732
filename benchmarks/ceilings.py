"""The machine's limit for a cell, measured beside it: a copy of the same bytes, and the exponential.

    t_roof = max(bytes / bandwidth of a copy that moves as many bytes, exponentials / rate of the exponential)

Both are the best of what NumPy does in as many threads as the cell may use and of what the framework itself
does, so that 1.0 is a wall for everyone. See Williams, Waterman and Patterson, *Roofline* (CACM 52, 2009).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.protocol import Adapter, NotProvided
from benchmarks.cells import Cell

BLOCK = 1 << 16  # elements of an exponential's array: within a core's own cache
SPLIT = 1 << 18  # bytes below which handing a part to another thread costs more than it saves
SPAN = 5e-3  # seconds over which a ceiling is measured
REPEATS = 3
CHAIN = 64  # exponentials of one another in a fused kernel: so many that its memory traffic vanishes


class Ceilings:
    """Of one process: `threads` cores, and a device through `adapter`. What was measured is kept."""

    def __init__(self, adapter: Adapter, threads: int) -> None:
        self.adapter = adapter
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads)
        self._copies: dict[int, float] = {}
        self._rates: dict[str, float] = {}

    def roof(self, cell: Cell) -> float:
        """Seconds that `cell` takes at least."""
        device = self.adapter.device
        return max(self.copy(cell.traffic(device)), cell.elements(device) / self.exponentials(cell.format))

    def copy(self, moved: int) -> float:
        """Seconds of a copy that moves `moved` bytes, half of them read and half written."""
        if moved not in self._copies:
            size = max(1, moved // 8)  # float32 elements
            found = [self._copy_on_device(size)]
            if self.adapter.device == "cpu":
                found.append(self._copy_on_cores(size))
            self._copies[moved] = min(found)
        return self._copies[moved]

    def exponentials(self, dtype: str) -> float:
        """Exponentials a second, in float64 for float64 and in float32 for every other format."""
        kind = "float64" if dtype == "float64" else "float32"
        if kind not in self._rates:
            found = [self._rate_on_device(kind)]
            if self.adapter.device == "cpu":
                found.append(self._rate_on_cores(kind))
            self._rates[kind] = max(found)
        return self._rates[kind]

    def _copy_on_cores(self, size: int) -> float:
        source, target = np.ones(size, np.float32), np.empty(size, np.float32)
        parts = [(slice(i * size // self.threads, (i + 1) * size // self.threads)) for i in range(self.threads)]

        def whole() -> None:
            np.copyto(target, source)

        def split() -> None:
            list(self.pool.map(lambda part: np.copyto(target[part], source[part]), parts))

        alone = best(whole)
        return min(alone, best(split)) if self.threads > 1 and source.nbytes >= SPLIT else alone

    def _copy_on_device(self, size: int) -> float:
        """The framework's own negation: it reads once and writes once."""
        adapter = self.adapter
        if adapter.device == "cpu" and size * 4 < SPLIT:
            return np.inf  # the framework's dispatch would be most of it, and NumPy's is less
        array = adapter.asarray(np.ones(size, np.float32))
        try:
            return best(lambda: adapter.synchronize(adapter.call(negated, array)))
        except NotProvided:
            return np.inf

    def _rate_on_cores(self, kind: str) -> float:
        """np.exp on every core at once."""
        blocks = [(ramp(BLOCK, kind), np.empty(BLOCK, kind)) for _ in range(self.threads)]
        repeats = 50

        def several(block: tuple[NDArray[Any], NDArray[Any]]) -> None:
            for _ in range(repeats):
                np.exp(block[0], out=block[1])

        return self.threads * repeats * BLOCK / best(lambda: list(self.pool.map(several, blocks)))

    def _rate_on_device(self, kind: str) -> float:
        """A chain of the framework's own exponentials, which a compiler fuses into one kernel."""
        adapter = self.adapter
        if "elementary" not in adapter.features:
            return 0.0
        size = BLOCK if adapter.device == "cpu" else 1 << 24
        array = adapter.asarray(ramp(size, kind))

        def chain(x: Any) -> Any:
            for _ in range(CHAIN):
                x = adapter.exp(-x)  # stays within (0, 1]: neither overflow nor subnormals
            return x

        return CHAIN * size / best(lambda: adapter.synchronize(adapter.call(chain, array)))


def negated(x: Any) -> Any:
    """−x."""
    return -x


def ramp(size: int, kind: str) -> NDArray[Any]:
    """Numbers in (0, 1]."""
    return (np.arange(1, size + 1) / size).astype(kind)


def best(run: Callable[[], Any]) -> float:
    """The fewest seconds that `run` takes: a ceiling is what the machine can do."""
    run()
    return min(repeats(run))


def repeats(run: Callable[[], Any]) -> Iterator[float]:
    """Seconds a call: at least `REPEATS` samples, and `SPAN` seconds of them."""
    began = time.perf_counter()
    count = 0
    while count < REPEATS or time.perf_counter() - began < SPAN:
        before = time.perf_counter()
        run()
        yield time.perf_counter() - before
        count += 1
