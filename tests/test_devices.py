"""What a device tells of itself, by stand-ins for nvidia-smi and for the frameworks on one."""

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
from benchmarks import devices, rounds
from benchmarks.cells import Cell
from benchmarks.devices import Slowdowns
from benchmarks.inputs import function, inputs
from tests.fakes import Clock, Queue, still

# answers as one of NVIDIA's does, and fails on a field that is none
SMI = """#!/bin/sh
echo "$1" >> "$0.asked"
case "$2" in
    --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,power.limit,memory.total)
        echo "A GPU, 550.54, 1980 MHz, 2619 MHz, 700.00 W, 81559 MiB";;
    --query-gpu=clocks_event_reasons_counters.sw_power_cap,\
clocks_event_reasons_counters.sw_thermal_slowdown,\
clocks_event_reasons_counters.hw_thermal_slowdown,\
clocks_event_reasons_counters.hw_power_brake_slowdown)
        cat "$0.counted" || exit 2;;
    -q) test "$3" = -x && cat "$0.page" || exit 2;;
    *) echo "Field \\"$2\\" is not a valid field to query."; exit 2;;
esac
"""
PAGE = """<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log><gpu id="00000000:01:00.0"><clocks_event_reasons_counters>
<clocks_event_reasons_counters_sw_power_cap>91403239 us</clocks_event_reasons_counters_sw_power_cap>
<clocks_event_reasons_counters_sync_boost>5 us</clocks_event_reasons_counters_sync_boost>
<clocks_event_reasons_counters_sw_therm_slowdown>7 us</clocks_event_reasons_counters_sw_therm_slowdown>
<clocks_event_reasons_counters_hw_therm_slowdown>N/A</clocks_event_reasons_counters_hw_therm_slowdown>
<clocks_event_reasons_counters_hw_power_brake>9 us</clocks_event_reasons_counters_hw_power_brake>
</clocks_event_reasons_counters></gpu></nvidia_smi_log>
"""


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for nvidia-smi, which notes the device it is asked about."""
    path = tmp_path / "nvidia-smi"
    path.write_text(SMI)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return path


def counted(smi: Path, *microseconds: int) -> Slowdowns:
    """What is read where the driver answers that."""
    smi.with_suffix(".counted").write_text(", ".join(f"{count} us" for count in microseconds) + "\n")
    return Slowdowns.now()


def test_a_device_is_described_by_name_driver_clocks_and_memory(smi: Path) -> None:
    assert devices.describe() == {
        "name": "A GPU",
        "driver_version": "550.54",
        "clocks.max.sm": "1980 MHz",
        "clocks.max.mem": "2619 MHz",
        "power.limit": "700.00 W",
        "memory.total": "81559 MiB",
    }


@pytest.mark.parametrize(
    ("visible", "device"), [(None, "0"), ("", "0"), ("2,1", "2"), ("GPU-8932f937,GPU-1", "GPU-8932f937")]
)
def test_the_device_that_frameworks_use_is_asked_about(
    visible: str | None, device: str, smi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    devices.describe()
    assert smi.with_suffix(".asked").read_text() == f"--id={device}\n"
    assert rounds.PLAIN["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"  # in which nvidia-smi counts


@pytest.mark.parametrize("script", [None, "#!/bin/sh\nexit 9\n", "#!/bin/sh\necho No devices\n", "#!/bin/sh\n"])
def test_without_an_answer_nothing_is_said_and_nothing_is_known(script: str | None, smi: Path) -> None:
    if script:
        smi.write_text(script)
    else:
        smi.unlink()
    assert devices.describe() == {}
    assert Slowdowns.now().lasted == {}
    assert Slowdowns.now().since(Slowdowns.now(), devices.SLOWED) is None


@pytest.mark.parametrize(
    ("reason", "slowed", "capped"), [(0, 0.0, 2.5), (1, 2.5, 0.0), (2, 2.5, 0.0), (3, 2.5, 0.0)]
)
def test_a_device_was_slowed_for_as_long_as_its_driver_counted(
    reason: int, slowed: float, capped: float, smi: Path
) -> None:
    numbers = [5_000_000] * 4
    before = counted(smi, *numbers)
    numbers[reason] += 2_500_000
    after = counted(smi, *numbers)
    assert after.since(before, devices.SLOWED) == pytest.approx(slowed)
    assert after.since(before, devices.CAPPED) == pytest.approx(capped)


def test_reasons_at_the_same_time_are_not_added(smi: Path) -> None:
    assert counted(smi, 0, 30, 20, 0).since(counted(smi, 0, 0, 0, 0), devices.SLOWED) == pytest.approx(30e-6)


def test_a_driver_that_cannot_be_queried_is_asked_for_its_page(smi: Path) -> None:
    smi.with_suffix(".page").write_text(PAGE)
    assert Slowdowns.now().lasted == pytest.approx(
        {"sw_power_cap": 91.403239, "sw_thermal_slowdown": 7e-6, "hw_power_brake_slowdown": 9e-6}
    )
    assert counted(smi, 1, 2, 3, 4).lasted["hw_thermal_slowdown"] == pytest.approx(3e-6)


def test_a_reason_that_is_not_counted_is_left_out(smi: Path) -> None:
    before = Slowdowns({"sw_thermal_slowdown": 1.0})
    after = Slowdowns({"sw_thermal_slowdown": 3.0, "hw_thermal_slowdown": 9.0})
    assert after.since(before, devices.SLOWED) == 2.0
    assert after.since(before, devices.CAPPED) is None
    smi.with_suffix(".counted").write_text("[N/A], 7 us, , [Not Supported]\n")
    assert Slowdowns.now().lasted == pytest.approx({"sw_thermal_slowdown": 7e-6})


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
    return still(monkeypatch, devices)


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
