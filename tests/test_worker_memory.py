"""What a process of cells sees of memory, and how it fills the caches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import adapters
from benchmarks.timing import audit, devices, worker
from benchmarks.timing.cells import Cell
from benchmarks.timing.worker import Bench
from tests import fakes


def seen(monkeypatch: pytest.MonkeyPatch, peak: int | None) -> None:
    monkeypatch.setattr(audit, "resident_peak", lambda run: peak)


LARGE = Cell("softmax", "forward", "eager", "float32", "bert", "1")


def nothing() -> None:
    pass


def test_memory_is_in_copies_of_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    size = LARGE.bytes("cpu")
    bench = Bench("numpy", "cpu", 1, "full", True)
    seen(monkeypatch, 3 * size)
    assert bench.memory(LARGE, nothing, [], size) == 3
    seen(monkeypatch, None)
    assert bench.memory(LARGE, nothing, [], size) is None


def test_memory_that_a_framework_keeps_for_itself_is_not_told_as_none_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = LARGE.bytes("cpu")
    bench = Bench("numpy", "cpu", 1, "full", True)
    seen(monkeypatch, 0)
    assert bench.memory(LARGE, nothing, [], size) is None
    seen(monkeypatch, 3 * size)
    assert bench.memory(LARGE, nothing, [], size) is None
    assert bench.memory(LARGE, nothing, [], 0) is None


def test_memory_on_a_device_is_what_the_device_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = fakes.Small()
    monkeypatch.setattr(adapters, "load", lambda *_: adapter)
    seen(monkeypatch, 0)  # of the host
    asked: list[Any] = []

    def peak(*given: Any) -> int:
        asked.append(given)
        return 2 * LARGE.bytes("cuda")

    monkeypatch.setattr(devices, "peak", peak)
    bench = Bench("torch", "cuda", 2, "full", True)
    assert bench.memory(LARGE, nothing, [1, 2], LARGE.bytes("cuda")) == 2
    assert asked == [(adapter, nothing, [1, 2])]


def test_a_small_result_that_is_not_seen_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    size, losses = LARGE.bytes("cpu"), 2048
    bench = Bench("numpy", "cpu", 1, "full", True)
    seen(monkeypatch, 0)
    assert bench.memory(LARGE, nothing, [], losses) is None  # by a framework that may keep what it frees
    seen(monkeypatch, size)
    assert bench.memory(LARGE, nothing, [], size) == 1
    seen(monkeypatch, 0)
    assert bench.memory(LARGE, nothing, [], losses) == 0
    seen(monkeypatch, size)
    assert bench.memory(LARGE, nothing, [], size) == 1


@pytest.mark.parametrize(("text", "size"), [("1024K\n", 1 << 20), ("9999999K", worker.SWEPT_AT_MOST)])
def test_twice_the_last_level_cache_is_written_over_before_a_cold_call(
    text: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "CACHE", tmp_path / "size")
    worker.CACHE.write_text(text)
    assert worker.last_level_cache() == size
    worker.CACHE.write_text("64K")
    bench = Bench("numpy", "cpu", 1, "full", True)
    bench.flush()
    bench.flush()
    assert bench._sweep is not None
    assert bench._sweep.nbytes == 2 << 16
    assert (bench._sweep == 2).all()


@pytest.mark.parametrize("text", [None, "unknown"])
def test_a_cache_of_unknown_size_is_taken_for_a_large_one(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "CACHE", tmp_path / "size")
    if text:
        worker.CACHE.write_text(text)
    assert worker.last_level_cache() == worker.SWEEP
