"""The suite as asv sees it, and what its methods say of cells that were measured, are absent or failed."""

from __future__ import annotations

import inspect
import json
import pickle
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from asv_runner.benchmarks.mark import SkipNotImplemented

from benchmarks.asv import measure_releases, metrics
from benchmarks.suite import core, full, gpu
from benchmarks.timing.cells import PARAMS, TIERS, Block, Cell, cells
from benchmarks.timing.rounds import ROUNDS, Measured, Run

ROOT = Path(__file__).parent.parent
SUITE = ROOT / "benchmarks" / "suite"
TIMES = ("latency", "roofline")
CHECKS = ("error", "compile")
METRICS = {
    "core.Eager": TIMES,
    "core.Compiled": TIMES,
    "core.Half": TIMES,
    "core.Dispatch": ("steady", "cold"),
    "core.Memory": ("memory", "faults"),
    "core.Fresh": ("fresh",),
    "core.Checks": CHECKS,
    "core.HalfChecks": CHECKS,
    "full.Shapes": TIMES + CHECKS,
    "full.Formats": TIMES + CHECKS,
    "full.Peaked": TIMES + CHECKS,
    "full.Ignored": TIMES + CHECKS,
    "full.Further": TIMES + CHECKS,
    "gpu.Device": ("device",),
    "gpu.HalfDevice": ("device",),
}
NAMES = {f"{block}.track_{metric}" for block, metrics in METRICS.items() for metric in metrics}
UNITS = {
    "latency": ("seconds", "time"),
    "steady": ("seconds", "time"),
    "cold": ("seconds", "time"),
    "device": ("seconds", "time"),
    "roofline": ("times the roofline", "time"),
    "compile": ("seconds", "track"),
    "memory": ("logit copies", "track"),
    "faults": ("minor page faults a call", "track"),
    "fresh": ("seconds", "track"),
    "error": ("worst error over bound", "track"),
}

# With the suite's parent in front, as asv has it, and nothing but what the environment of every release holds.
BARE = """
import json, sys
OURS = {"suite", "benchmarks", "conformance", "adapters"}
HELD = sys.stdlib_module_names | OURS | {"asv_runner", "flint", "ml_dtypes", "numpy"}

class Bare:
    def find_spec(name, *_):
        if name.partition(".")[0] not in HELD:
            raise ModuleNotFoundError(name, name=name)

sys.path.insert(0, sys.argv[1])
import numpy, ml_dtypes, flint
sys.meta_path.insert(0, Bare)
from suite import core, full, gpu
found = [one for module in (core, full, gpu) for one in vars(module).values() if hasattr(one, "block")]
print(json.dumps({f"{one.__module__}.{one.__name__}": one.params for one in found}))
"""

CELL = Cell("softmax", "forward", "eager", "float32", "bert", "all")
ONE = Cell.of((*CELL.params[:-1], "1"), "normal")
ROWS: list[dict[str, Any]] = [
    {"latency": 4e-3, "roof": 1e-3, "number": 5, "steady": 3e-3, "cold": 6e-3, "device": 2e-3},
    {"latency": 6e-3, "roof": 2e-3, "number": 4, "steady": None, "cold": 7e-3, "device": 5e-3},
]
MEASURED = Measured({"error": 0.25, "compile": 1.5, "memory": 3.0, "faults": 4.0, "fresh": 8e-3}, ROWS)


def classes(module: Any) -> list[Any]:
    return [one for name, one in inspect.getmembers(module, inspect.isclass) if hasattr(one, "block")]


@pytest.fixture(scope="module")
def discovered() -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in measure_releases.discovered(SUITE, "")}


def test_asv_finds_each_metric_of_each_block_and_nothing_else(discovered: dict[str, dict[str, Any]]) -> None:
    assert set(discovered) == NAMES


def test_asv_is_told_parameters_unit_kind_and_version(discovered: dict[str, dict[str, Any]]) -> None:
    for name, one in discovered.items():
        module, block, method = name.split(".")
        known = getattr({"core": core, "full": full, "gpu": gpu}[module], block)
        assert tuple(one["param_names"]) == PARAMS
        assert one["params"] == [[repr(value) for value in values] for values in known.params]
        assert (one["unit"], one["type"]) == UNITS[method.removeprefix("track_")]
        assert one["version"] == metrics.VERSION


def test_asv_measures_each_tier_once_and_is_given_the_time(discovered: dict[str, dict[str, Any]]) -> None:
    told = {(name[:4], one["setup_cache_key"], one["setup_cache_timeout"]) for name, one in discovered.items()}
    hours = {module: seconds for module, _, seconds in told}
    assert len(told) == len(hours)
    assert hours == {"core": metrics.LONGEST, "full": 5 * metrics.LONGEST, "gpu.": metrics.LONGEST}


def test_the_suite_and_its_parameters_need_no_framework_and_no_tool() -> None:
    done = subprocess.run(
        (sys.executable, "-I", "-c", BARE, str(SUITE.parent)), capture_output=True, text=True, check=True
    )
    blocks = json.loads(done.stdout)
    assert {f"suite.{name}" for name in METRICS} == set(blocks)
    for module in (core, full, gpu):
        for one in classes(module):
            assert blocks[f"suite.{module.__name__.rpartition('.')[2]}.{one.__name__}"] == list(one.params)


@pytest.mark.parametrize(("tier", "module"), [("core", core), ("full", full)])
def test_every_cell_of_a_block_is_measured_and_every_cell_measured_is_in_a_block(tier: str, module: Any) -> None:
    assert {cell for one in classes(module) for cell in one.block} == set(cells(tier))
    for one in classes(module):
        assert {Cell.of(params, one.block.data) for params in product(*one.params)} == set(one.block)


def test_what_a_device_tells_of_a_cell_is_measured() -> None:
    assert {*gpu.Device.block, *gpu.HalfDevice.block} <= set(cells("core"))


class Everything(
    metrics.TimeMetrics,
    metrics.DispatchMetrics,
    metrics.DeviceMetrics,
    metrics.MemoryMetrics,
    metrics.FreshMetrics,
    metrics.CheckMetrics,
):
    """Every metric of one block."""

    block = Block(("eager",), ("float32",), ("bert",))


METHODS = sorted(name for name in dir(Everything) if name.startswith("track_"))


def told(metric: str, entry: Measured | None, cell: Cell = CELL) -> Any:
    """What a metric says of `CELL` where `entry` is known of `cell`."""
    return getattr(Everything(), metric)({} if entry is None else {cell: entry}, *CELL.params)


@pytest.mark.parametrize(
    ("metric", "samples"),
    [
        ("track_latency", [4e-3, 6e-3]),
        ("track_steady", [3e-3]),
        ("track_cold", [6e-3, 7e-3]),
        ("track_roofline", [4.0, 3.0]),
        ("track_device", [2e-3, 5e-3]),
    ],
)
def test_a_time_is_a_sample_a_round(metric: str, samples: list[float]) -> None:
    found = told(metric, MEASURED)
    assert found["samples"] == samples
    assert found["number"] == (1 if metric == "track_roofline" else 5)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("track_error", 0.25),
        ("track_compile", 1.5),
        ("track_memory", 3.0),
        ("track_faults", 4.0),
        ("track_fresh", 8e-3),
    ],
)
def test_a_number_of_the_audit_is_that_number(metric: str, value: float) -> None:
    assert told(metric, MEASURED) == value


@pytest.mark.parametrize("metric", ["track_error", "track_compile", "track_memory", "track_faults"])
def test_what_one_thread_says_is_not_told_of_all(metric: str) -> None:
    cache = {ONE: MEASURED, CELL: Measured({}, ROWS)}
    assert getattr(Everything(), metric)(cache, *ONE.params) == told(metric, MEASURED)
    with pytest.raises(SkipNotImplemented, match="is not measured here"):
        getattr(Everything(), metric)(cache, *CELL.params)


@pytest.mark.parametrize("metric", METHODS)
def test_what_is_absent_or_not_selected_is_skipped(metric: str) -> None:
    with pytest.raises(SkipNotImplemented, match="no such thing"):
        getattr(Everything(), metric)(
            dict.fromkeys((CELL, ONE), Measured(why="absent: NotProvided: no such thing")), *CELL.params
        )
    with pytest.raises(SkipNotImplemented, match="not selected"):
        told(metric, None)


@pytest.mark.parametrize("metric", METHODS)
@pytest.mark.parametrize("why", ["refused: a constant", "failed: x", "crash: exit status 3", "hang: 180 s"])
def test_what_failed_is_an_error(metric: str, why: str) -> None:
    with pytest.raises(RuntimeError, match=f"softmax forward eager float32 bert all: {why}"):
        told(metric, Measured(MEASURED.audit, ROWS, why))


@pytest.mark.parametrize("metric", [name for name in METHODS if name not in ("track_latency", "track_roofline")])
def test_what_is_not_measured_of_a_cell_is_skipped(metric: str) -> None:
    bare = Measured({}, [{"latency": 1e-3, "roof": 1e-3, "number": 5}])
    with pytest.raises(SkipNotImplemented):
        told(metric, bare)


def test_what_is_measured_reaches_asv_s_other_processes() -> None:
    assert pickle.loads(pickle.dumps({CELL: MEASURED})) == {CELL: MEASURED}


def test_the_full_tier_is_measured_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(metrics, "measured", asked.append)
    monkeypatch.delenv("SOFTMARK_TIER", raising=False)
    assert full.Shapes().setup_cache() == {}
    monkeypatch.setenv("SOFTMARK_TIER", "core")
    assert full.Shapes().setup_cache() == {}
    core.Eager().setup_cache()
    assert asked == ["core"]
    monkeypatch.setenv("SOFTMARK_TIER", "full")
    full.Shapes().setup_cache()
    assert asked == ["core", "full"]


def test_what_a_device_tells_is_measured_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(metrics, "measured", asked.append)
    monkeypatch.delenv("SOFTMARK_DEVICE", raising=False)
    assert gpu.Device().setup_cache() == {}
    monkeypatch.setenv("SOFTMARK_DEVICE", "cuda")
    gpu.Device().setup_cache()
    assert asked == ["core"]


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """What the rounds are asked for; nothing is told to them."""
    for name in ("CELLS", "DEVICE", "ROUNDS", "PROGRESS"):
        monkeypatch.delenv(f"SOFTMARK_{name}", raising=False)
    monkeypatch.setenv("SOFTMARK_FRAMEWORK", "jax")
    orders: list[Run] = []

    def measure(run: Run, tell: Any) -> dict[Cell, Measured]:
        orders.append(run)
        tell("half of it")
        return {}

    monkeypatch.setattr(metrics, "measure", measure)
    return orders


@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_is_measured_whole_on_the_cpu(tier: str, ordered: list[Run]) -> None:
    metrics.measured(tier)
    assert ordered == [Run("jax", tuple(cells(tier)), tier, "cpu", ROUNDS)]


def test_variables_choose_device_rounds_and_cells(
    ordered: list[Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chosen = {"DEVICE": "cuda", "ROUNDS": "7", "CELLS": "^softmax forward eager.*bert", "PROGRESS": "said"}
    for name, value in chosen.items():
        monkeypatch.setenv(f"SOFTMARK_{name}", value)
    monkeypatch.chdir(tmp_path)
    metrics.measured("core")
    (order,) = ordered
    assert (order.device, order.rounds) == ("cuda", 7)
    assert order.cells == (ONE, CELL)
    assert (tmp_path / "said").read_text() == "half of it\n"


def test_the_framework_is_that_of_the_environment_unless_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.delenv("SOFTMARK_FRAMEWORK", raising=False)
    with pytest.raises(SystemExit, match="no framework: set SOFTMARK_FRAMEWORK"):
        metrics.framework()
    (tmp_path / "release.json").write_text('{"framework": "scipy"}')
    assert metrics.framework() == "scipy"
    monkeypatch.setenv("SOFTMARK_FRAMEWORK", "torch")
    assert metrics.framework() == "torch"
