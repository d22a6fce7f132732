"""What misbehaves, for the tests of the runner and of the benchmarks: adapters, the reference but for one thing.

And a clock that only moves when someone works, waits or sleeps.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from adapters.numpy import Adapter


class Small(Adapter):
    """The reference in one format, to be quick."""

    name = "small"
    dtypes = frozenset({"float32"})


class Crashing(Small):
    """Takes its process along on a logit without an axis."""

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """Abort, or softmax."""
        if np.ndim(x) == 0:
            os.abort()
        return super().softmax(x, **kwargs)


class Hanging(Small):
    """Never answers on a logit without an axis."""

    def log_softmax(self, x: Any, **kwargs: Any) -> Any:
        """Sleep, or log_softmax."""
        if np.ndim(x) == 0:
            time.sleep(3600)
        return super().log_softmax(x, **kwargs)


class Stopping(Small):
    """Ends its process at once, as a framework does that cannot initialise."""

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        raise ImportError("libframework.so.1: cannot open shared object file")


class Warns(Small):
    """Warns while it is loaded, as a framework does of what it was built on."""

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        warnings.warn("float8_e4m3b11 is deprecated", DeprecationWarning, stacklevel=2)
        super().__init__(device, mode)


class Uniform(Small):
    """A row of −inf alone becomes uniform: one requirement fails, for the tests of deviations."""

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """Softmax, and 1/n in place of NaN in a row of −inf."""
        result = super().softmax(x, **kwargs)
        if np.ndim(x) == 2 and x.shape[1] and kwargs.get("axis", -1) in (-1, 1):
            masked = np.isneginf(x).all(axis=-1)
            result[masked] = 1 / x.shape[1]
        return result


class Cores(Small):
    """Answers with the number of cores that its process may use, and the threads it is told to."""

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """The two numbers, in a row."""
        return np.array([len(os.sched_getaffinity(0)), int(os.environ.get("OMP_NUM_THREADS", "0"))], np.float32)


class Clock:
    """Stands for the module `time`: time passes when someone works or sleeps, and costs nothing to read."""

    def __init__(self) -> None:
        self.now = 100.0
        self.busy = 0.0

    def perf_counter(self) -> float:
        """On the wall."""
        return self.now

    def process_time(self) -> float:
        """Spent by this process."""
        return self.busy

    def sleep(self, seconds: float) -> None:
        """Let time pass, another's work or nobody's."""
        self.now += seconds

    def work(self, seconds: float) -> None:
        """Spend time."""
        self.now += seconds
        self.busy += seconds


def still(monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> Clock:
    """The clock that `modules` see from now on."""
    clock = Clock()
    for module in modules:
        monkeypatch.setattr(module, "time", clock)
    return clock


class Queue:
    """A device that computes one call after the other while its caller goes on; a result is when it is due."""

    def __init__(self, clock: Clock, dispatch: float, work: float, waiting: float = 0.0) -> None:
        self.clock, self.dispatch, self.work, self.waiting = clock, dispatch, work, waiting
        self.due = 0.0

    def start(self) -> float:
        """Hand a call to the device."""
        self.clock.work(self.dispatch)
        self.due = max(self.due, self.clock.now) + self.work
        return self.due

    def read(self, due: float) -> None:
        """Take a result, which has to be there."""
        self.clock.sleep(max(0.0, due - self.clock.now))

    def wait(self, due: float) -> None:
        """Return when a result is there: that itself takes `waiting`."""
        self.read(due)
        self.clock.work(self.waiting)


class Gpu(Small):
    """A device with a queue, by a `Clock`: each kernel takes the longer of its memory traffic and exponentials.

    Its arrays know only their size. In `fused` mode the function that `call` is given becomes one kernel.
    """

    features = frozenset({"elementary"})
    BANDWIDTH = 2e12  # bytes a second
    RATE = 1e12  # exponentials a second
    DISPATCH = 1e-5  # seconds of the host a kernel
    WAITING = 2e-5  # seconds that waiting itself takes

    def __init__(self, clock: Clock, fused: bool = False) -> None:
        super().__init__()
        self.device, self.fused, self.clock = "cuda", fused, clock
        self.queue = Queue(clock, self.DISPATCH, 0.0, self.WAITING)
        self.exponentials: int | None = None  # of the kernel that is put together

    def asarray(self, x: Any) -> Any:
        """Its bytes, there already."""
        return OnGpu(self, x.nbytes, 0.0)

    def call(self, function: Callable[..., Any], *arrays: Any) -> Any:
        """The result of a kernel for each operation, or of one for all."""
        if not self.fused:
            return function(*arrays)
        self.exponentials = 0
        function(*arrays)
        taken, self.exponentials = self.exponentials, None
        return self.kernel(arrays[0], taken)

    def kernel(self, x: OnGpu, exponentials: int) -> OnGpu:
        """Put into the queue what reads `x` once and writes as much."""
        if self.exponentials is not None:
            self.exponentials += exponentials
            return x
        self.queue.work = max(2 * x.bytes / self.BANDWIDTH, exponentials / self.RATE)
        return OnGpu(self, x.bytes, self.queue.start())

    def exp(self, x: Any) -> Any:
        """One exponential an element."""
        return self.kernel(x, x.bytes // 4)

    def synchronize(self, x: Any) -> None:
        """Wait until it is there."""
        self.queue.wait(x.due)


@dataclass
class OnGpu:
    """So many bytes on a device, there when they are due."""

    gpu: Gpu
    bytes: int
    due: float

    def __neg__(self) -> OnGpu:
        return self.gpu.kernel(self, 0)


class Constant(Small):
    """Computes once, as a compiler does with what it takes for a constant."""

    kept: Any = None

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """The first softmax that was asked for."""
        if self.kept is None:
            self.kept = super().softmax(x, **kwargs)
        return self.kept


class Late(Small):
    """Computes in a thread of its own, for long; whether `synchronize` waits for it can be chosen."""

    patient = False
    seconds = 1e-3

    def __init__(self) -> None:
        super().__init__()
        self.thread = ThreadPoolExecutor(1)

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """The promise of a softmax."""

        def compute() -> Any:
            time.sleep(self.seconds)
            return np.asarray(x) * 1

        return Promise(self.thread.submit(compute))

    def synchronize(self, x: Promise) -> None:
        """Wait, or claim to have waited."""
        if self.patient:
            x.future.result()

    def to_numpy(self, x: Promise) -> Any:
        """What was promised."""
        return x.future.result()[x.place]


@dataclass(frozen=True)
class Promise:
    """An array of two dimensions that is yet to come, or a part of it."""

    future: Future[Any]
    place: tuple[int, ...] = ()
    ndim = 2

    def __getitem__(self, place: tuple[int, ...]) -> Promise:
        return Promise(self.future, place)


class Slow(Small):
    """Takes its time by a `Clock`, and more for the first call, as a compiler does."""

    def __init__(self, clock: Clock, first: float, later: float) -> None:
        super().__init__()
        self.clock, self.seconds, self.later = clock, first, later
        self.given: list[Any] = []

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """Softmax, noting what of."""
        self.given.append(x)
        self.clock.work(self.seconds)
        self.seconds = self.later
        return super().softmax(x, **kwargs)


class Unhurried(Adapter):
    """A softmax of it takes a moment."""

    name = "unhurried"

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """Wait, and softmax."""
        time.sleep(0.2)
        return super().softmax(x, **kwargs)
