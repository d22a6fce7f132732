"""One process that times cells: what a row holds, and why it may hold nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import adapters
from benchmarks.timing import audit, clock, devices, worker
from benchmarks.timing.cells import Cell
from benchmarks.timing.inputs import Inputs, inputs
from benchmarks.timing.worker import Bench, Row
from conformance.truth import cache
from tests import fakes
from tests.fakes import Clock, still

CELL = Cell("softmax", "forward", "eager", "float32", "cifar", "1")
COMPILED = replace(CELL, mode="compiled")
PEAKED = replace(COMPILED, data="peaked")


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody disturbs, ceilings are not measured, and no truths are kept."""
    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    monkeypatch.setattr(clock, "stolen", lambda: 0)
    monkeypatch.setattr(clock, "cores", lambda: [0, 1])
    monkeypatch.setattr(worker, "Ceilings", lambda *_: SimpleNamespace(roof=lambda cell: 1e-3))


Load = Callable[[Any], None]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Have an adapter loaded, whatever the name."""
    return lambda adapter: monkeypatch.setattr(adapters, "load", lambda *_: adapter)


def row(cell: Cell, framework: str = "numpy", device: str = "cpu", audited: bool = False) -> Row:
    return Bench(framework, device, 1, "full", audited).row(cell)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return still(monkeypatch, clock, worker, audit)


def test_compilation_is_in_no_time(time: Clock, load: Load) -> None:
    load(fakes.Slow(time, first=10.0, later=1e-3))
    found = row(CELL)
    assert [found[key] for key in ("latency", "steady", "cold")] == pytest.approx([1e-3] * 3)
    assert found["number"] == 2


def test_a_brief_look_leaves_out_steady_state_and_cold_caches(time: Clock, load: Load) -> None:
    load(fakes.Slow(time, first=10.0, later=1e-3))
    found = worker.Bench("torch", "cpu", 1, "core", audited=False, brief=True).row(CELL)
    assert found["latency"] == pytest.approx(1e-3)
    assert not {"steady", "cold"} & found.keys()


def test_compilation_is_the_first_call_less_a_later_one(time: Clock, load: Load) -> None:
    load(fakes.Slow(time, first=10.0, later=1e-3))
    assert row(COMPILED, "jax", audited=True)["compile"] == pytest.approx(10.0 - 1e-3)
    load(fakes.Slow(time, first=10.0, later=1e-3))
    assert "compile" not in row(CELL, audited=True)


def test_what_the_same_process_compiled_before_is_not_told_as_quickly_compiled(time: Clock, load: Load) -> None:
    load(fakes.Slow(time, first=10.0, later=1e-3))
    bench = Bench("jax", "cpu", 1, "full", audited=True)
    assert [cell.data for cell in (COMPILED, PEAKED) if "compile" in bench.row(cell)] == ["normal"]
    load(fakes.Slow(time, first=10.0, later=1e-3))
    assert row(PEAKED, "jax", audited=True)["compile"] == pytest.approx(10.0 - 1e-3)


class SetUp(fakes.Slow):
    """Has a compiler that takes a while to begin with, whatever it is given."""

    def call(self, function: Callable[..., Any], *arrays: Any) -> Any:
        self.clock.work(0.0 if self.given else 60.0)
        return super().call(function, *arrays)


def test_what_a_compiler_sets_up_once_is_no_part_of_a_cell(time: Clock, load: Load) -> None:
    load(SetUp(time, first=10.0, later=1e-3))
    began = time.now
    assert row(COMPILED, "jax", audited=True)["compile"] == pytest.approx(10.0 - 1e-3)
    assert time.now - began > 70


def test_a_brief_audit_leaves_out_compilation_and_memory(load: Load) -> None:
    load(fakes.Small())
    large = replace(COMPILED, shape="bert")
    assert Bench("jax", "cpu", 1, "full", audited=True, brief=True).row(large).keys() == {"error", "spent"}


def test_each_call_is_given_other_logits_than_the_one_before(time: Clock, load: Load) -> None:
    adapter = fakes.Slow(time, first=1e-3, later=1e-3)
    load(adapter)
    row(CELL)
    several = [x.tobytes() for x in adapter.given]
    assert len(several) > 8
    assert all(a != b for a, b in pairwise(several))
    assert len(set(several)) == 4
    assert several[:4] == several[4:8]


def test_times_stand_beside_the_roofline_and_what_was_discarded(time: Clock, load: Load) -> None:
    load(fakes.Slow(time, first=1e-3, later=2e-3))
    found = row(CELL)
    assert found["latency"] / found["roof"] == pytest.approx(2)
    assert [found[key] for key in ("taken", "disturbed", "discarded")] == [clock.SAMPLES, 0, 0]


def test_a_constant_is_refused(load: Load) -> None:
    load(fakes.Constant())
    assert row(CELL, audited=True)["refused"].endswith("a constant was timed")
    load(fakes.Small())
    assert row(CELL, audited=True)["error"] < 1


def test_a_constant_that_a_function_closes_over_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    jax = pytest.importorskip("jax")
    adapter = adapters.load("jax", mode="jit")
    kept = adapter.asarray(np.random.default_rng(0).standard_normal((128, 10)).astype(np.float32))
    folded = jax.jit(lambda: jax.nn.softmax(kept))
    monkeypatch.setattr(adapter, "softmax", lambda x, axis: folded())
    monkeypatch.setattr(adapters, "load", lambda *_: adapter)
    assert row(COMPILED, "jax", audited=True)["refused"].endswith("a constant was timed")


@pytest.mark.parametrize("patient", [True, False])
def test_a_call_is_refused_unless_it_is_waited_for(
    patient: bool, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "error", lambda *_: 0.0)
    monkeypatch.setattr(clock, "warm", clock.once)  # a loop would hand in thousands of calls
    adapter = fakes.Late()
    adapter.patient = patient
    load(adapter)
    refused = row(CELL, audited=True).get("refused", "")
    assert ("the result of several came" in refused) is not patient


@pytest.fixture
def switch() -> Iterator[Callable[[bool], None]]:
    """JAX's switch for 64 bits, put back as it was."""
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    yield lambda on: jax.config.update("jax_enable_x64", on)
    jax.config.update("jax_enable_x64", before)


def test_float64_that_became_float32_is_refused(
    switch: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = replace(CELL, format="float64")
    adapter = adapters.load("jax")
    assert row(cell, "jax", audited=True)["error"] < 1
    monkeypatch.setattr(adapters, "load", lambda *_: adapter)
    switch(False)
    assert row(cell, "jax", audited=True)["refused"] == "the result is float32 for logits in float64"


@pytest.mark.parametrize(("data", "refused"), [("normal", True), ("peaked", False)])
def test_subnormals_are_refused_in_plain_data_alone(
    data: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_subnormal(*arguments: Any) -> Inputs:
        logits = inputs(*arguments).logits.copy()
        logits[0, 0] = 1e-40
        return Inputs(logits)

    monkeypatch.setattr(worker, "inputs", with_subnormal)
    found = row(replace(CELL, data=data), audited=True)
    assert found.get("refused") == ("subnormal numbers in float32 slow the core" if refused else None)


@pytest.mark.parametrize(
    ("cell", "framework", "device", "why"),
    [
        (COMPILED, "numpy", "cpu", "NotProvided: numpy does not compile"),
        (replace(CELL, threads="all"), "numpy", "cpu", "NotProvided: numpy computes in one thread"),
        (CELL, "numpy", "cuda", "DeviceUnavailable: NumPy computes on the CPU"),
        (replace(CELL, format="bfloat16"), "scipy", "cpu", "does not hold bfloat16"),
        (replace(CELL, operation="cross_entropy_index"), "scipy", "cpu", "no softmax cr"),
        (replace(CELL, direction="forward+backward"), "scipy", "cpu", "differentiation"),
    ],
)
def test_what_a_framework_lacks_is_absent_and_says_why(cell: Cell, framework: str, device: str, why: str) -> None:
    pytest.importorskip(framework)
    found = row(cell, framework, device)
    assert why in found["absent"]
    assert found.keys() == {"absent", "spent"}


def test_one_thread_of_a_device_is_absent(load: Load) -> None:
    load(fakes.Small())
    assert row(CELL, device="cuda")["absent"].startswith("NotProvided: a device is used whole")


def test_what_the_core_tier_leaves_out_is_absent(load: Load) -> None:
    load(fakes.Small())
    found = Bench("torch", "cpu", 1, "core", True).row(COMPILED)
    assert found["absent"].endswith("torch compiled on cifar is left to the full tier")


def test_a_framework_that_is_not_here_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "adapters.scipy", raising=False)
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert row(CELL, "scipy")["absent"].startswith("ModuleNotFoundError: ")


class Failing(fakes.Small):
    """Finds no kernel."""

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no kernel\nand much more")


def test_a_call_that_fails_says_so_in_a_line(load: Load) -> None:
    load(Failing())
    assert row(CELL)["failed"] == "RuntimeError: no kernel"


class Device(fakes.Small):
    """As if on a GPU."""

    features = fakes.Small.features | {"threads"}

    def __init__(self) -> None:
        super().__init__()
        self.device = "cuda"


class SlowDevice(fakes.Slow):
    """A device that takes its time, and notes what is negated: to fill its caches."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, first=10.0, later=1e-3)
        self.device = "cuda"
        self.negated: list[int] = []

    def call(self, function: Callable[..., Any], *arrays: Any) -> Any:
        self.negated.append(arrays[0].nbytes)
        return super().call(function, *arrays)


@pytest.fixture
def slowed(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """For how many seconds heat slowed the device, each time that it was timed; its power limit did for 1e-3."""
    seconds: list[float | None] = []

    class Counted:
        @classmethod
        def now(cls) -> Counted:
            return cls()

        def since(self, before: Counted, reasons: Sequence[str]) -> float | None:
            return seconds.pop(0) if reasons == devices.SLOWED else 1e-3

    monkeypatch.setattr(devices, "Slowdowns", Counted)
    monkeypatch.setattr(devices, "kernel_seconds", lambda framework, start, wait, expected: expected / 4)
    monkeypatch.setattr(worker, "SWEPT_ON_DEVICE", 1 << 16)
    return seconds


def on_device(audited: bool = False, brief: bool = False) -> Row:
    return Bench("torch", "cuda", 2, "full", audited, brief).row(replace(CELL, threads="all"))


def test_a_device_has_its_own_clock_and_no_page_faults(
    time: Clock, load: Load, slowed: list[float | None]
) -> None:
    adapter = SlowDevice(time)
    load(adapter)
    slowed.append(0.0)
    found = on_device()
    assert [found[key] for key in ("latency", "steady", "cold")] == pytest.approx([1e-3] * 3)
    assert found["device"] == pytest.approx(1e-3 / 4)
    assert found["slowed"] == 0
    assert "faults" not in found
    assert adapter.negated == [1 << 16] * 5  # before each cold call
    slowed.append(0.0)
    assert not {"device", "steady", "cold"} & on_device(brief=True).keys()


def test_slowdowns_are_set_beside_the_time_in_samples_and_nothing_else(
    time: Clock, load: Load, slowed: list[float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def roof(cell: Cell) -> float:
        time.work(5.0)
        return 1.0

    load(SlowDevice(time))
    monkeypatch.setattr(worker, "Ceilings", lambda *_: SimpleNamespace(roof=roof))
    slowed.append(1e-3)
    found = on_device()
    sampled = (7 * 2 + 7 * 5 * 2 + 5) * 1e-3  # latency, steady state, cold caches
    assert found["slowed"] == found["capped"] == pytest.approx(1e-3 / sampled)
    slowed += [100.0, 0.11 * sampled, 0.09 * sampled]
    assert on_device()["slowed"] == pytest.approx(0.09)


def test_what_was_timed_on_a_slowed_device_is_thrown_away_with_its_ceilings(
    time: Clock, load: Load, slowed: list[float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(SlowDevice(time))
    roofs: list[float] = []

    def ceilings(*_: Any) -> Any:
        roofs.append(time.now)
        return SimpleNamespace(roof=lambda cell: float(len(roofs)))

    monkeypatch.setattr(worker, "Ceilings", ceilings)
    slowed += [100.0, 0.0]
    assert on_device()["roof"] == 2.0
    assert roofs[1] - roofs[0] > worker.COOLING
    slowed += [100.0, 0.02, 100.0]
    found = on_device()
    assert found["throttled"] == "heat or a power brake slowed the device 3 times"
    assert "latency" not in found


def test_where_nobody_counts_whether_a_device_was_slowed_is_unknown(
    time: Clock, load: Load, slowed: list[float | None]
) -> None:
    load(SlowDevice(time))
    slowed.append(None)
    assert on_device().items() >= {"slowed": None, "number": 2}.items()


def test_a_device_s_inputs_are_on_it(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    load(Device())
    monkeypatch.setattr(devices, "holds", lambda framework, array: False)
    found = row(replace(CELL, threads="all"), device="cuda", audited=True)
    assert found["refused"].startswith("an input is in the host's memory")
    monkeypatch.setattr(devices, "holds", lambda framework, array: True)
    assert row(replace(CELL, threads="all"), device="cuda", audited=True)["error"] < 1


def test_a_device_has_one_ceiling_for_all_modes_by_its_eager_copies_and_its_compiler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[str] = []
    asked: list[Any] = []

    def ceilings(*given: Any) -> Any:
        asked.append(given)
        return SimpleNamespace()

    def loads(framework: str, device: str, mode: str) -> fakes.Small:
        loaded.append(mode)
        return Device()

    monkeypatch.setattr(adapters, "load", loads)
    monkeypatch.setattr(worker, "Ceilings", ceilings)
    bench = Bench("torch", "cuda", 2, "full", audited=False)
    assert bench.ceilings("compiled") is bench.ceilings("eager")
    assert loaded == ["eager"]
    ((_, threads, fused),) = asked
    assert threads == 2
    fused()
    assert loaded == ["eager", "compiled"]


def test_the_process_is_bound_before_its_framework_is_loaded_and_names_a_cell_before_it_begins(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, result = tmp_path / "job.json", tmp_path / "rows.jsonl"
    happened: list[Any] = []

    def loaded(*arguments: Any) -> Any:
        happened.append([json.loads(line).keys() for line in result.read_text().splitlines()])
        return fakes.Small()

    monkeypatch.setattr(os, "sched_setaffinity", lambda process, cores: happened.append(cores), raising=False)
    monkeypatch.setattr(adapters, "load", loaded)
    order = {"framework": "numpy", "device": "cpu", "tier": "full", "threads": 1, "cores": [1]}
    order |= {"audit": True, "brief": False}
    job.write_text(json.dumps(order | {"cells": [CELL.as_dict(), COMPILED.as_dict()]}))
    monkeypatch.setattr(sys, "argv", ["worker", str(job), str(result)])
    worker.main()
    assert happened == [[1], [{"begin"}]]
    rows = [json.loads(line) for line in result.read_text().splitlines()]
    assert [next(iter(line)) for line in rows] == ["begin", "cell", "begin", "cell"]
    assert Cell(**rows[1]["cell"]) == Cell(**rows[0]["begin"]) == CELL
    assert "absent" in rows[3]
