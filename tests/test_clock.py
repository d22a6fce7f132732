"""Samples of batches of calls: what they hold, and what is thrown away."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from benchmarks.timing import clock
from benchmarks.timing.clock import BATCH, LONG, SAMPLES, Timing, Usage
from tests.fakes import Clock, Queue, still

PAGE = mmap.PAGESIZE


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A still clock on a machine of two cores that nobody else uses."""
    monkeypatch.setattr(clock, "stolen", lambda: 0)
    monkeypatch.setattr(clock, "cores", lambda: [0, 1])
    return still(monkeypatch, clock)


def nothing(result: Any = None) -> None:
    pass


def test_a_call_ends_when_its_result_is_there(time: Clock) -> None:
    device = Queue(time, dispatch=1e-5, work=1e-3)
    assert clock.once(device.start, nothing) == pytest.approx(1e-5)  # the trap
    time.sleep(1)
    assert clock.once(device.start, device.wait) == pytest.approx(1.01e-3)


def test_latency_is_seconds_a_call_in_batches_that_the_clock_can_tell(time: Clock) -> None:
    device = Queue(time, dispatch=1e-5, work=9e-5)
    timing = clock.latency(device.start, device.wait)
    assert timing.samples == pytest.approx([1e-4] * SAMPLES)
    assert timing.number * 1e-4 == pytest.approx(BATCH)
    assert timing.median == pytest.approx(1e-4)
    assert timing.discarded == 0


def test_long_calls_are_sampled_three_times_and_one_by_one(time: Clock) -> None:
    timing = clock.latency(lambda: time.work(2 * LONG), nothing)
    assert (timing.number, len(timing.samples)) == (1, 3)


def test_warm_calls_go_before_and_the_last_of_them_is_told(time: Clock) -> None:
    lasting = chain([5e-3, 4e-3], repeat(1e-3))
    assert clock.warm(lambda: time.work(next(lasting)), nothing) == pytest.approx(1e-3)
    assert time.now >= 100 + clock.WARM


def test_the_slope_leaves_out_what_waiting_costs(time: Clock) -> None:
    device = Queue(time, dispatch=1e-5, work=1e-4, waiting=5e-4)
    latency = clock.latency(device.start, device.wait)
    steady = clock.steady(device.start, device.wait, latency.median)
    assert latency.median == pytest.approx(1e-5 + 1e-4 + 5e-4)
    assert steady.samples == pytest.approx([1e-4] * SAMPLES)


def test_the_slope_is_the_dispatch_where_that_takes_longer_than_the_work(time: Clock) -> None:
    device = Queue(time, dispatch=1e-4, work=1e-5, waiting=5e-4)
    assert clock.steady(device.start, device.wait, 1e-3).samples == pytest.approx([1e-4] * SAMPLES)


def test_a_slope_of_noise_is_no_time(time: Clock) -> None:
    lasting = chain([1.0], repeat(1e-3))  # the first of the few takes longer than the many that follow
    steady = clock.steady(lambda: time.work(next(lasting)), nothing, BATCH)
    assert steady.samples == pytest.approx([1e-3] * (SAMPLES - 1))


def test_cold_calls_are_single_and_filling_the_caches_is_not_timed(time: Clock) -> None:
    hot: list[bool] = []

    def flush() -> None:
        time.work(1.0)
        hot.clear()

    def start() -> None:
        time.work(1e-3 if hot else 7e-3)
        hot.append(True)

    assert clock.latency(start, nothing).median == pytest.approx(1e-3)
    cold = clock.cold(start, nothing, flush)
    assert cold.samples == pytest.approx([7e-3] * 5)
    assert cold.number == 1


def test_what_disturbs_the_filling_of_the_caches_disturbs_no_sample(
    time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "cores", lambda: [1])
    cold = clock.cold(lambda: time.work(1e-3), nothing, flush=lambda: time.sleep(1.0))
    assert cold.samples == pytest.approx([1e-3] * 5)
    assert cold.disturbed == 0


def sampled(time: Clock, disturb: Callable[[], None], disturbed: Iterator[bool], wanted: int = 5) -> Timing:
    """Samples of a second, in the disturbed of which another second is lost."""

    def measure() -> float:
        began = time.now
        time.work(1.0)
        if next(disturbed):
            disturb()
            time.sleep(1.0)
        return time.now - began

    return clock.undisturbed(measure, Timing(), wanted)


Disturb = Callable[[], None]


@pytest.fixture(params=["stolen", "preempted"])
def disturb(time: Clock, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Disturb:
    """The hypervisor takes ticks; or the only core of this process goes to another for a second."""
    if request.param == "preempted":
        monkeypatch.setattr(clock, "cores", lambda: [1])
        return lambda: None
    ticks: list[int] = []
    monkeypatch.setattr(clock, "stolen", lambda: len(ticks))
    return lambda: ticks.append(1)


def test_disturbed_samples_are_thrown_away_counted_and_taken_again(time: Clock, disturb: Disturb) -> None:
    timing = sampled(time, disturb, chain([True, False, True], repeat(False)))
    assert timing.samples == pytest.approx([1.0] * 5)
    assert (timing.taken, timing.disturbed, timing.discarded) == (7, 2, 2)


def test_three_undisturbed_samples_are_enough_when_there_are_no_more(time: Clock, disturb: Disturb) -> None:
    timing = sampled(time, disturb, chain([False] * 3, repeat(True)))
    assert timing.samples == pytest.approx([1.0] * 3)
    assert timing.disturbed == timing.discarded == 5 * (1 + clock.AGAIN) - 3


def test_what_was_measured_is_kept_where_everything_is_disturbed(time: Clock, disturb: Disturb) -> None:
    timing = sampled(time, disturb, chain([False] * 2, repeat(True)))
    assert timing.samples == pytest.approx([1.0] * 2 + [2.0] * 13)
    assert (timing.taken, timing.disturbed, timing.discarded) == (15, 13, 0)


def test_a_process_of_several_cores_may_wait_for_a_device(time: Clock) -> None:
    timing = sampled(time, lambda: None, repeat(True))
    assert timing.samples == pytest.approx([2.0] * 5)
    assert timing.discarded == 0


@pytest.mark.parametrize(("idle", "alone"), [(0.05, True), (0.15, False)])
def test_a_pinned_process_has_its_core_for_nearly_all_of_the_time(idle: float, alone: bool) -> None:
    before = Usage(stolen=3, wall=10.0, cpu=1.0, pinned=True)
    assert Usage(3, 11.0, 2.0 - idle, True).alone_since(before) is alone


def test_stolen_ticks_are_the_eighth_number_of_the_kernel_s_first_line(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  1 2 3 4 5 6 7 88 9 10\ncpu0 0 0 0 0 0 0 0 44 0 0\n")
    assert clock.stolen(stat) == 88
    stat.write_text("cpu  1 2 3 4\n")
    assert clock.stolen(stat) == 0
    assert clock.stolen(tmp_path / "absent") == 0


def touch() -> None:
    """Write to 64 pages that the system has yet to give."""
    with mmap.mmap(-1, 64 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as fresh:
        fresh.madvise(mmap.MADV_NOHUGEPAGE)
        for page in range(64):
            fresh[page * PAGE] = 1


def test_page_faults_of_a_call_are_counted(time: Clock) -> None:
    def start() -> None:
        touch()
        time.work(1e-3)

    assert 64 <= clock.fresh(start, nothing).faults < 72
    assert clock.fresh(lambda: time.work(1e-3), nothing).faults < 8


def test_page_faults_of_a_call_are_counted_where_everything_is_disturbed(
    time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "cores", lambda: [1])

    def start() -> None:
        touch()
        time.sleep(1e-3)

    assert clock.fresh(start, nothing).faults >= 64


@pytest.mark.parametrize(("growing", "calls"), [(5, 5 + clock.CALM), (10**6, 1 + clock.GROWING)])
def test_calls_are_warm_when_the_heap_no_longer_grows(time: Clock, growing: int, calls: int) -> None:
    made: list[float] = []

    def start() -> None:
        made.append(time.now)
        time.work(2 * clock.WARM)
        if len(made) <= growing:
            touch()

    clock.warm(start, nothing)
    assert len(made) == calls
