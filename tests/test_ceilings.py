"""The machine's limit for a cell: the slower of a copy of its bytes and of its exponentials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain, repeat
from typing import Any

import numpy as np
import pytest

from adapters.protocol import NotProvided
from benchmarks.timing import ceilings, clock
from benchmarks.timing.ceilings import BLOCK, CHAIN, SPLIT, Ceilings
from benchmarks.timing.cells import Cell
from tests.fakes import Clock, Gpu, Small, still


def on_cpu(adapter: Small, threads: int) -> Ceilings:
    """Those of a CPU, which asks nothing of a compiler."""

    def compiled() -> Small:
        raise AssertionError("a CPU was asked for its compiler")

    return Ceilings(adapter, threads, compiled)


CELL = Cell("softmax", "forward", "eager", "float32", "imagenet", "1")


class Counting(Small):
    """Counts the bytes that it is handed, and the exponentials that it takes; it calls what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.exponentials = 0

    def asarray(self, x: Any) -> Any:
        self.bytes += x.nbytes
        return x

    def exp(self, x: Any) -> Any:
        self.exponentials += x.size
        return x


class Uncalled(Small):
    """Computes nothing but softmax."""

    features = frozenset()

    def call(self, function: Callable[..., Any], *arrays: Any) -> Any:
        raise NotProvided("no such thing")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that every ceiling's runs take, in turn, and then one; each is run once."""
    seconds: list[float] = []

    def best(run: Callable[[], Any]) -> float:
        run()
        return seconds.pop(0) if seconds else 1.0

    monkeypatch.setattr(ceilings, "best", best)
    return seconds


@pytest.mark.parametrize(("copy", "exponentials", "roof"), [(3.0, 2.0, 3.0), (3.0, 5.0, 5.0)])
def test_the_roof_is_the_slower_of_both_terms(
    copy: float, exponentials: float, roof: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def copied(self: Ceilings, moved: int) -> float:
        asked.append(moved)
        return copy

    def rate(self: Ceilings, dtype: str) -> float:
        asked.append(dtype)
        return CELL.elements("cpu") / exponentials

    monkeypatch.setattr(Ceilings, "copy", copied)
    monkeypatch.setattr(Ceilings, "exponentials", rate)
    assert on_cpu(Small(), 1).roof(CELL) == roof
    assert asked == [CELL.traffic("cpu"), "float32"]


def test_a_copy_moves_as_many_bytes_as_the_cell(runs: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[int] = []
    monkeypatch.setattr(np, "copyto", lambda target, source: moved.append(target.nbytes + source.nbytes))
    adapter = Counting()
    on_cpu(adapter, 1).copy(8 * SPLIT)
    assert moved == [8 * SPLIT]
    assert 2 * adapter.bytes == 8 * SPLIT
    on_cpu(adapter, 4).copy(8 * SPLIT)
    assert moved[1] == sum(moved[2:]) == 8 * SPLIT
    assert len(moved[2:]) == 4


@pytest.mark.parametrize("times", [[1.0, 3.0, 2.0], [3.0, 1.0, 2.0], [3.0, 2.0, 1.0]])
def test_the_ceiling_is_the_best_of_framework_one_core_and_all(runs: list[float], times: list[float]) -> None:
    runs += times
    assert on_cpu(Small(), 2).copy(8 * SPLIT) == 1.0


def test_dispatch_is_no_part_of_a_small_copy(runs: list[float]) -> None:
    adapter = Counting()
    runs += [7.0]
    assert on_cpu(adapter, 2).copy(SPLIT) == 7.0
    assert adapter.bytes == 0


def test_exponentials_are_counted(runs: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(np, "exp", lambda x, out: taken.append(x.size))
    adapter = Counting()
    runs += [1.0, 1e9]
    assert on_cpu(adapter, 2).exponentials("float32") == adapter.exponentials == CHAIN * BLOCK
    runs += [1e9, 1.0]
    taken.clear()
    assert on_cpu(Counting(), 2).exponentials("float32") == sum(taken)


def test_what_was_measured_is_kept_for_the_same_bytes_and_format(runs: list[float]) -> None:
    adapter = Counting()
    kept = on_cpu(adapter, 1)
    first = kept.roof(CELL)
    before = adapter.bytes
    assert kept.roof(CELL) == first
    kept.exponentials("bfloat16")  # computed in float32
    assert adapter.bytes == before
    kept.exponentials("float64")
    assert adapter.bytes > before


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Ceilings:
    """Those of a simulated GPU, eager and by a compiler; what NumPy does on the host is not asked."""
    monkeypatch.setattr(np, "copyto", None)
    monkeypatch.setattr(clock, "stolen", lambda: 0)
    monkeypatch.setattr(clock, "cores", lambda: [0, 1])
    time = still(monkeypatch, clock, ceilings)
    return Ceilings(Gpu(time), 2, lambda: Gpu(time, fused=True))


def handed(adapter: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The arrays that an adapter is handed from now on."""
    arrays: list[Any] = []
    plain = adapter.asarray

    def asarray(x: Any) -> Any:
        arrays.append(x)
        return plain(x)

    monkeypatch.setattr(adapter, "asarray", asarray)
    return arrays


@pytest.mark.parametrize("moved", [1 << 14, 1 << 20, 1 << 26, 1 << 30])
def test_a_copy_on_a_device_holds_neither_dispatch_nor_waiting(moved: int, device: Ceilings) -> None:
    assert moved / device.copy(moved) == pytest.approx(Gpu.BANDWIDTH, rel=1e-3)


def test_a_copy_on_a_device_takes_no_more_memory_than_shows_its_bandwidth(
    device: Ceilings, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = handed(device.adapter, monkeypatch)
    device.copy(1 << 36)
    assert [x.nbytes for x in taken] == [4 * ceilings.LADDER[-1]]


def test_the_trap_a_copy_that_is_waited_for_is_mostly_dispatch_where_it_is_small(device: Ceilings) -> None:
    one = device.adapter.asarray(np.ones(1 << 11, np.float32))
    waited = ceilings.best(lambda: device.adapter.synchronize(-one))
    assert waited > 1000 * device.copy(1 << 14)


def test_no_cache_of_a_device_holds_the_largest_copy() -> None:
    assert 4 * ceilings.LADDER[-1] > 2 * (50 << 20)  # of an H100 and an H200


def test_each_copy_on_a_device_is_measured_once(device: Ceilings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = handed(device.adapter, monkeypatch)
    for moved in (1 << 14, 1 << 20, 3 << 20, 1 << 14):
        device.copy(moved)
    sizes = [x.nbytes for x in asked]
    assert len(sizes) == len(set(sizes))


@pytest.mark.parametrize(("asked", "computed"), [("float64", "float64"), ("bfloat16", "float32")])
def test_exponentials_of_a_device_are_computed_in_their_format(
    asked: str, computed: str, device: Ceilings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused = device.fused()
    given = handed(fused, monkeypatch)
    Ceilings(device.adapter, 2, lambda: fused).exponentials(asked)
    assert [x.dtype.name for x in given] == [computed]


def test_exponentials_of_a_device_are_those_of_one_kernel(device: Ceilings) -> None:
    assert device.exponentials("float32") == pytest.approx(Gpu.RATE, rel=1e-3)


def test_the_trap_a_kernel_for_each_exponential_is_bounded_by_memory(device: Ceilings) -> None:
    eager = Ceilings(device.adapter, 2, lambda: device.adapter)
    assert eager.exponentials("float32") < Gpu.RATE / 5


def test_where_a_compiler_fails_the_roof_of_a_device_is_the_copy(device: Ceilings) -> None:
    def fails() -> Gpu:
        raise RuntimeError("no compiler")

    alone = Ceilings(device.adapter, 2, fails)
    cell = replace(CELL, threads="all")
    assert alone.roof(cell) == alone.copy(cell.traffic("cuda"))


def test_a_slope_of_noise_is_no_rate(device: Ceilings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "steady", lambda *_: clock.Timing())
    assert device.exponentials("float32") == np.inf


def test_a_framework_without_elementwise_functions_is_set_beside_numpy(runs: list[float]) -> None:
    kept = on_cpu(Uncalled(), 1)
    assert kept.copy(8 * SPLIT) == 1.0
    assert kept.exponentials("float32") > 0


def test_a_chain_of_exponentials_stays_where_numbers_are_ordinary() -> None:
    x = ceilings.ramp(1000, "float32")
    assert (x > 0).all()
    for _ in range(CHAIN):
        x = np.exp(-x)
        assert ((x >= 1 / np.e - 1e-6) & (x <= 1)).all()


def test_the_best_of_several_runs_leaves_out_the_first_which_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    time: Clock = still(monkeypatch, ceilings)
    lasting = chain([1e-9, 4e-3, 2e-3], repeat(3e-3))  # the first is cheapest, to show that it is not taken
    assert ceilings.best(lambda: time.work(next(lasting))) == pytest.approx(2e-3)


@pytest.mark.parametrize(("seconds", "count"), [(1.0, ceilings.REPEATS), (1e-4, round(ceilings.SPAN / 1e-4))])
def test_runs_are_repeated_for_a_while_and_some_times_at_least(
    seconds: float, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = still(monkeypatch, ceilings)
    assert len(list(ceilings.repeats(lambda: time.work(seconds)))) in (count, count + 1)
