"""A device's own time, its memory and what is in it, by stand-ins for the frameworks on one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import adapters
from benchmarks.timing import ceilings, clock, devices, worker
from benchmarks.timing.cells import Cell
from benchmarks.timing.inputs import function, inputs
from benchmarks.timing.worker import Bench
from conformance.truth import cache
from tests.fakes import Clock, Queue, still


class Stream:
    """Stands for torch.cuda: one stream by a `Clock`, and an allocator."""

    def __init__(self, clock: Clock, cycles: float = 1.9e9) -> None:
        self.clock, self.cycles = clock, cycles
        self.due = 0.0
        self.allocated = self.highest = 0

    def _sleep(self, cycles: int) -> None:
        self.run(cycles / self.cycles)

    def run(self, seconds: float) -> None:
        self.due = max(self.due, self.clock.now) + seconds

    def synchronize(self) -> None:
        self.clock.sleep(max(0.0, self.due - self.clock.now))

    def Event(self, enable_timing: bool) -> Event:  # noqa: N802  as in torch.cuda
        assert enable_timing
        return Event(self)

    def reset_peak_memory_stats(self) -> None:
        self.highest = self.allocated

    def memory_allocated(self) -> int:
        return self.allocated

    def max_memory_allocated(self) -> int:
        return self.highest

    def take(self, size: int) -> None:
        self.allocated += size
        self.highest = max(self.highest, self.allocated)


class Event:
    """A point of a stream."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def record(self) -> None:
        self.due = max(self.stream.due, self.stream.clock.now)

    def query(self) -> bool:
        return self.due <= self.stream.clock.now

    def elapsed_time(self, end: Event) -> float:
        return 1e3 * (end.due - self.due)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return still(monkeypatch, clock)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    """The stream of a stand-in for torch."""
    made = Stream(Clock())
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=made))
    return made


def call(stream: Stream, dispatch: float, work: float) -> Callable[[], None]:
    def start() -> None:
        stream.clock.work(dispatch)
        stream.run(work)

    return start


@pytest.mark.parametrize(("dispatch", "work"), [(1e-5, 2e-6), (1e-4, 5e-5), (1e-5, 1e-2), (5e-3, 1e-4)])
def test_the_device_s_time_holds_nothing_of_the_host_s(dispatch: float, work: float, stream: Stream) -> None:
    start = call(stream, dispatch, work)
    assert devices.between_events(start, dispatch + work) == pytest.approx(work)


def test_a_disturbed_time_of_the_device_is_outvoted(stream: Stream, time: Clock) -> None:
    works = chain([2e-6] * 25, [1e-7] * 20, repeat(2e-6))  # the second time is too short by far
    plain = call(stream, 1e-5, 0.0)

    def start() -> None:
        plain()
        stream.run(next(works))

    assert devices.between_events(start, 1e-5) == pytest.approx(2e-6)
    queue = Queue(time, 2e-6, 1e-5)
    longer = chain([1.0], repeat(0.0))

    def begin() -> float:
        time.sleep(next(longer))
        return queue.start()

    assert devices.slope(begin, queue.wait, 1e-3) == pytest.approx(1e-5)


@pytest.mark.parametrize(("work", "calls"), [(5e-2, 2), (1e-3, 5), (1e-5, 20)])
def test_long_calls_are_timed_in_less_of_them(work: float, calls: int, stream: Stream) -> None:
    made: list[float] = []
    plain = call(stream, 1e-5, work)

    def start() -> None:
        made.append(work)
        plain()

    devices.between_events(start, work)
    assert len(made) == calls * devices.TIMES


def test_the_trap_between_events_of_an_idle_stream_the_host_is_timed(stream: Stream) -> None:
    start = call(stream, dispatch=1e-5, work=2e-6)
    begin, end = stream.Event(True), stream.Event(True)
    begin.record()
    for _ in range(20):
        start()
    end.record()
    assert 1e-3 * begin.elapsed_time(end) / 20 == pytest.approx(1e-5, rel=0.1)


def test_a_sleep_that_is_too_short_is_made_longer(stream: Stream) -> None:
    stream.cycles = 1e11  # a device that sleeps a fiftieth of what is asked
    assert devices.between_events(call(stream, 1e-4, 5e-5), 1.5e-4) == pytest.approx(5e-5)


def test_of_a_call_that_waits_for_the_device_itself_the_device_s_time_is_unknown(stream: Stream) -> None:
    plain = call(stream, 1e-5, 2e-6)

    def start() -> None:
        plain()
        stream.synchronize()

    assert devices.between_events(start, 1.2e-5) is None


@pytest.mark.parametrize("work", [3e-5, 1e-3, 5e-2])
def test_where_the_device_is_behind_the_slope_of_a_queue_is_its_own_time(work: float, time: Clock) -> None:
    queue = Queue(time, dispatch=2e-5, work=work, waiting=1e-4)
    assert devices.slope(queue.start, queue.wait, work + 1.2e-4) == pytest.approx(work)


@pytest.mark.parametrize("work", [1e-6, 1.9e-5, 2.1e-5])
def test_where_the_host_is_behind_the_device_s_own_time_is_unknown(work: float, time: Clock) -> None:
    queue = Queue(time, dispatch=2e-5, work=work, waiting=1e-4)
    assert devices.slope(queue.start, queue.wait, work + 1.2e-4) is None


def test_no_more_calls_are_in_flight_than_jax_hands_out(time: Clock) -> None:
    flying: list[float] = []
    waited: list[int] = []

    def start() -> None:
        time.work(1e-6)
        flying.append(time.now)

    def wait(_: None) -> None:
        time.sleep(1e-5 * len(flying))
        waited.append(len(flying))
        flying.clear()

    assert devices.slope(start, wait, 1e-5) == pytest.approx(1.1e-5)
    assert max(waited) == devices.IN_FLIGHT


def test_pytorch_is_asked_for_events_and_others_for_a_slope(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "slope", lambda *_: 7.0)
    assert devices.kernel_seconds("torch", call(stream, 1e-5, 2e-6), lambda _: None, 1e-5) == pytest.approx(2e-6)
    assert devices.kernel_seconds("jax", lambda: None, lambda _: None, 1e-5) == 7.0


def on(name: str, mode: str = "eager") -> Any:
    """An adapter of that name that waits for nothing."""
    return SimpleNamespace(name=name, mode=mode, synchronize=lambda x: None)


def test_pytorch_s_peak_is_that_of_the_call_and_not_of_an_earlier_one(stream: Stream) -> None:
    stream.take(1000)  # the inputs
    stream.take(9000)
    stream.allocated = 1000

    def run(size: int) -> None:
        stream.take(3 * size)
        stream.allocated -= 2 * size

    assert devices.peak(on("torch"), run, [10]) == 30


def test_tensorflow_s_peak_is_that_of_the_call_and_not_of_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    allocator = Stream(Clock())
    allocator.take(9000)
    allocator.allocated = 1000
    experimental = SimpleNamespace(
        reset_memory_stats=lambda device: allocator.reset_peak_memory_stats(),
        get_memory_info=lambda device: {"current": allocator.allocated, "peak": allocator.highest},
    )
    tensorflow = SimpleNamespace(config=SimpleNamespace(experimental=experimental))
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    assert devices.peak(on("tensorflow"), allocator.take, [30]) == 30


@pytest.mark.parametrize(("direction", "copies"), [("forward", 1.0), ("forward+backward", 2.0)])
def test_what_a_program_of_jax_allocates_its_compiler_tells_whatever_was_before(
    direction: str, copies: float
) -> None:
    pytest.importorskip("jax")
    adapter = adapters.load("jax", mode="jit")
    cell = Cell("softmax", direction, "compiled", "float32", "imagenet", "1")
    arrays = [adapter.asarray(array) for array in inputs(cell, "cpu", "jax").arrays]
    several = [devices.peak(adapter, function(cell, adapter), arrays) for _ in range(2)]
    assert several[0] == several[1]
    assert several[0] is not None
    assert copies <= several[0] / cell.bytes("cpu") < copies + 1.1


def test_what_a_program_of_jax_takes_for_itself_is_part_of_its_memory() -> None:
    jax = pytest.importorskip("jax")
    adapter = adapters.load("jax", mode="jit")
    x = adapter.asarray(np.random.default_rng(0).standard_normal(1 << 16).astype(np.float32))

    def total(x: Any) -> Any:
        return jax.numpy.sort(x)[::7].sum()  # four bytes of a sorted copy

    found = devices.peak(adapter, total, [x])
    assert found is not None
    assert found >= x.nbytes


def test_of_jax_s_calls_that_are_not_compiled_no_memory_is_known() -> None:
    assert devices.peak(on("jax"), lambda: None, []) is None
    assert devices.peak(on("numpy"), lambda: None, []) is None


@pytest.mark.parametrize(
    ("framework", "array"),
    [
        ("torch", SimpleNamespace(device=SimpleNamespace(type="cuda"))),
        ("jax", SimpleNamespace(devices=lambda: [SimpleNamespace(platform="gpu")])),
        ("tensorflow", SimpleNamespace(backing_device="/job:localhost/replica:0/task:0/device:GPU:0")),
    ],
)
def test_an_array_is_in_the_memory_of_a_device_or_of_the_host(framework: str, array: Any) -> None:
    assert devices.holds(framework, array)
    pytest.importorskip(framework)
    assert not devices.holds(framework, adapters.load(framework).asarray(np.ones(3, np.int32)))


@pytest.mark.parametrize("mode", ["eager", "compiled"])
def test_a_cell_is_measured_from_end_to_end_where_jax_s_cpu_stands_for_a_device(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("jax")
    load = adapters.load

    def on_device(framework: str, device: str, mode: str) -> Any:
        adapter: Any = load(framework, "cpu", mode)
        adapter.device = device
        return adapter

    monkeypatch.setattr(adapters, "load", on_device)
    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    monkeypatch.setattr(devices, "holds", lambda framework, array: True)
    monkeypatch.setenv("PATH", str(tmp_path))  # where there is no nvidia-smi
    monkeypatch.setattr(ceilings, "LADDER", [1 << 12])
    monkeypatch.setattr(ceilings, "FUSED", 1 << 12)
    monkeypatch.setattr(worker, "SWEPT_ON_DEVICE", 1 << 16)
    cell = Cell("softmax", "forward+backward", mode, "float32", "bert", "all")
    audited = Bench("jax", "cuda", 2, "full", audited=True).row(cell)
    assert audited.keys() == {"error", "memory", "spent"} | ({"compile"} if mode == "compiled" else set())
    assert audited["error"] < 1
    assert (audited["memory"] is None) is (mode == "eager")
    timed = Bench("jax", "cuda", 2, "full", audited=False).row(cell)
    assert {"latency", "roof", "steady", "cold", "device", "slowed", "capped"} <= timed.keys()
    assert (timed["slowed"], timed["capped"]) == (None, None)
    assert min(timed[key] for key in ("latency", "roof", "cold")) > 0
