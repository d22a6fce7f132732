"""The machine's limit for a cell: the slower of a copy of its bytes and of its exponentials."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

import numpy as np
import pytest

from adapters.protocol import NotProvided
from benchmarks import ceilings
from benchmarks.ceilings import BLOCK, CHAIN, SPLIT, Ceilings
from benchmarks.cells import Cell
from tests.fakes import Clock, Small, still

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


class Device(Counting):
    """Not the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.device = "cuda"


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
    assert Ceilings(Small(), 1).roof(CELL) == roof
    assert asked == [CELL.traffic("cpu"), "float32"]


def test_a_copy_moves_as_many_bytes_as_the_cell(runs: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[int] = []
    monkeypatch.setattr(np, "copyto", lambda target, source: moved.append(target.nbytes + source.nbytes))
    adapter = Counting()
    Ceilings(adapter, 1).copy(8 * SPLIT)
    assert moved == [8 * SPLIT]
    assert 2 * adapter.bytes == 8 * SPLIT
    Ceilings(adapter, 4).copy(8 * SPLIT)
    assert moved[1] == sum(moved[2:]) == 8 * SPLIT
    assert len(moved[2:]) == 4


@pytest.mark.parametrize("times", [[1.0, 3.0, 2.0], [3.0, 1.0, 2.0], [3.0, 2.0, 1.0]])
def test_the_ceiling_is_the_best_of_framework_one_core_and_all(runs: list[float], times: list[float]) -> None:
    runs += times
    assert Ceilings(Small(), 2).copy(8 * SPLIT) == 1.0


def test_dispatch_is_no_part_of_a_small_copy(runs: list[float]) -> None:
    adapter = Counting()
    runs += [7.0]
    assert Ceilings(adapter, 2).copy(SPLIT) == 7.0
    assert adapter.bytes == 0


def test_exponentials_are_counted(runs: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(np, "exp", lambda x, out: taken.append(x.size))
    adapter = Counting()
    runs += [1.0, 1e9]
    assert Ceilings(adapter, 2).exponentials("float32") == adapter.exponentials == CHAIN * BLOCK
    runs += [1e9, 1.0]
    taken.clear()
    assert Ceilings(Counting(), 2).exponentials("float32") == sum(taken)


def test_what_was_measured_is_kept_for_the_same_bytes_and_format(runs: list[float]) -> None:
    adapter = Counting()
    kept = Ceilings(adapter, 1)
    first = kept.roof(CELL)
    before = adapter.bytes
    assert kept.roof(CELL) == first
    kept.exponentials("bfloat16")  # computed in float32
    assert adapter.bytes == before
    kept.exponentials("float64")
    assert adapter.bytes > before


def test_a_device_is_its_own_ceiling(runs: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "copyto", None)  # what NumPy does on the host is not asked
    runs += [3.0]
    assert Ceilings(Device(), 2).copy(1024) == 3.0


def test_a_framework_without_elementwise_functions_is_set_beside_numpy(runs: list[float]) -> None:
    kept = Ceilings(Uncalled(), 1)
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
