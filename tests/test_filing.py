"""What is filed is what asv would have written, names nothing of the machine, and loses nothing filed before."""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any

import pytest
from asv.machine import Machine, MachineCollection
from asv.results import iter_results

from adapters import ROOT
from adapters.releases import BadReleases
from benchmarks.asv import filing, release_repository, results
from benchmarks.asv.filing import Asked, MeasuredCells, Shelf
from benchmarks.timing import cells, devices
from benchmarks.timing.cells import Cell
from benchmarks.timing.rounds import Measured
from reports.timing import publish
from tests.asv_results import line

RELEASES = (*line("numpy", "2.1.0", "2.2.0"), *line("jax", "0.7.0"))
NUMPY, _, JAX = RELEASES
ASKED = Asked("core", "", 3)
# of the four cells one is measured, one absent, one crashes, and one has a single sample
SUITE = f"""
    import sys
    sys.path.insert(0, {str(ROOT)!r})

    from benchmarks.asv import metrics
    from benchmarks.timing.cells import Block
    from benchmarks.timing.rounds import Measured

    class Eager(metrics.TimeMetrics, metrics.CheckMetrics):
        operations = ("softmax", "log_softmax")
        block = Block(("eager",), ("float32",), ("cifar", "bert"), ("1",), operations, ("forward",))
        params = block.params

        def setup_cache(self):
            return found()

    def found():
        rows = [{{"latency": latency, "roof": 1e-6, "number": 7}} for latency in (3e-5, 1e-5, 2e-5)]
        softmax, other, crashed, once = Eager.block
        return {{
            softmax: Measured({{"error": 0.5}}, rows),
            other: Measured(why="absent: NotProvided: no"),
            crashed: Measured(why="crash: exit status 6"),
            once: Measured({{"error": 0.25, "compile": 2.0}}, rows[:1]),
        }}
"""
FULL = """
    from scratch import core

    class Shapes(core.Eager):
        pass
"""
CONFIG: dict[str, Any] = {
    "version": 1,
    "project": "scratch",
    "repo": "releases",
    "dvcs": "git",
    "branches": ["numpy", "jax"],
    "environment_type": "existing",
    "pythons": [sys.executable],
    "benchmark_dir": "scratch",
    "results_dir": "theirs",
    "html_dir": "html",
}


@pytest.fixture
def commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Tag → commit of the releases, for which a scratch suite in two tiers is there."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    for name, text in {"__init__": "", "core": SUITE, "full": FULL}.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
    release_repository.build(RELEASES, tmp_path / "releases")
    found = release_repository.hashes(tmp_path / "releases")
    monkeypatch.setattr(results, "tracked", lambda: {found[one.tag]: one for one in RELEASES})
    monkeypatch.setattr(filing, "SUITE", "scratch")
    monkeypatch.syspath_prepend(tmp_path)
    invalidate_caches()
    yield found
    for name in ("scratch", "scratch.core", "scratch.full"):
        sys.modules.pop(name, None)


@pytest.fixture
def shelf(tmp_path: Path, commits: dict[str, str]) -> Shelf:
    return Shelf(tmp_path / "ours", "box", "cpu")


def measured() -> dict[Cell, Measured]:
    found: dict[Cell, Measured] = import_module("scratch.core").found()
    return found


def filed(found: MeasuredCells, shelf: Shelf, asked: Asked = ASKED) -> dict[str, Any]:
    """File the first release and read the file."""
    return loaded(filing.file(found, NUMPY, shelf, asked))


def loaded(path: Path) -> dict[str, Any]:
    """A file of asv's, its results by benchmark and column."""
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    columns = read["result_columns"]
    by_name = {name: dict(zip(columns, row, strict=False)) for name, row in read["results"].items()}
    return {**read, "results": by_name}


def asv(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HOME": str(folder)}  # where asv keeps the names of machines
    command = [sys.executable, "-m", "asv", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def comparable(file: dict[str, Any]) -> str:
    """What does not depend on when and where asv ran, nor on the path that it gives as the name of a Python."""
    times = ("started_at", "duration")
    rows = {
        name: {key: value for key, value in row.items() if key not in times and value is not None}
        for name, row in file["results"].items()
    }
    head = {key: file[key] for key in ("commit_hash", "date", "requirements", "env_vars", "version")}
    machine = {key: value for key, value in file["params"].items() if key not in ("os", "python")}
    return json.dumps([head, machine, rows], sort_keys=True)  # as text, since NaN is not itself


def test_what_is_filed_is_what_asv_writes_of_the_same_cells(
    tmp_path: Path, shelf: Shelf, commits: dict[str, str]
) -> None:
    (tmp_path / "asv.conf.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    facts = {**Machine.get_defaults(), "machine": "box"}
    MachineCollection.save("box", facts, _path=str(tmp_path / ".asv-machine.json"))
    commit = commits[NUMPY.tag]
    given = ("--environment", f"existing:{sys.executable}", "--set-commit-hash", commit, "--machine", "box")
    options = ("--record-samples", "--bench", r"^core\.", "--launch-method", "forkserver")
    done = asv(tmp_path, "run", *given, *options)
    (theirs,) = (tmp_path / "theirs" / "box").glob(f"{commit[:8]}-*.json")

    path = filing.file(measured(), NUMPY, shelf, ASKED)
    assert path == shelf.folder / "box" / f"{commit[:8]}-existing.json"
    assert comparable(loaded(path)) == comparable(loaded(theirs)), done.stdout
    latency = loaded(path)["results"]["core.Eager.track_latency"]
    assert latency["result"] == pytest.approx([2e-5, math.nan, None, 3e-5], nan_ok=True)
    assert latency["samples"][0] == [3e-5, 1e-5, 2e-5]

    told = json.loads((tmp_path / "theirs" / "benchmarks.json").read_text(encoding="utf-8"))
    ours = json.loads((shelf.folder / "benchmarks.json").read_text(encoding="utf-8"))
    assert ours == {name: one for name, one in told.items() if not name.startswith("full.")}


def test_what_is_filed_is_read_back(shelf: Shelf, commits: dict[str, str]) -> None:
    filed(measured(), shelf)
    found = results.read(shelf.folder)
    assert found.problems == ()
    assert {(row.machine, row.release.tag) for row in found.rows} == {("box", NUMPY.tag)}
    assert {(row.metric, row.cell.operation, row.cell.shape): row.value for row in found.rows} == {
        ("latency", "softmax", "cifar"): 2e-5,
        ("latency", "log_softmax", "bert"): 3e-5,
        ("roofline", "softmax", "cifar"): pytest.approx(20),
        ("roofline", "log_softmax", "bert"): pytest.approx(30),
        ("error", "softmax", "cifar"): 0.5,
        ("error", "log_softmax", "bert"): 0.25,
        ("compile", "log_softmax", "bert"): 2.0,
    }
    assert [one.commit_hash for one in iter_results(str(shelf.folder))] == [commits[NUMPY.tag]]


def test_no_path_of_the_machine_is_filed(shelf: Shelf) -> None:
    filed(measured(), shelf)
    files = [path for path in shelf.folder.rglob("*") if path.is_file()]
    assert len(files) == 4
    paths = (sys.prefix, sys.executable, str(ROOT), f"{Path.home()}/")
    for file in files:
        text = f"{file.relative_to(shelf.folder)}\n{file.read_text(encoding='utf-8')}"
        assert [path for path in paths if path in text] == []


def test_a_second_release_and_a_second_tier_lose_nothing(shelf: Shelf) -> None:
    first = filed(measured(), shelf)["results"]
    filing.file(measured(), JAX, shelf, ASKED)
    both = filed(measured(), shelf, Asked("full", "", 3))["results"]
    assert json.dumps({name: both[name] for name in first}) == json.dumps(first)  # NaN is not itself
    assert {name.partition(".")[0] for name in both} == {"core", "full"}
    assert {row.release.tag for row in results.read(shelf.folder).rows} == {NUMPY.tag, JAX.tag}


def test_a_cell_measured_again_leaves_the_others(shelf: Shelf) -> None:
    before = measured()
    filed(before, shelf)
    cell = next(iter(before))
    again = {cell: Measured({"error": 0.125}, [{"latency": 5e-5, "roof": 1e-6, "number": 7}])}
    found = filed(again, shelf)["results"]
    assert found["core.Eager.track_latency"]["result"] == pytest.approx([5e-5, math.nan, None, 3e-5], nan_ok=True)
    assert found["core.Eager.track_latency"]["samples"] == [[5e-5], None, None, [3e-5]]
    assert found["core.Eager.track_error"]["result"] == pytest.approx([0.125, math.nan, None, 0.25], nan_ok=True)


def test_asv_publishes_what_is_filed(tmp_path: Path, shelf: Shelf) -> None:
    for release in RELEASES:
        filing.file(measured(), release, shelf, ASKED)
    config = {**CONFIG, "results_dir": "ours"}
    (tmp_path / "asv.conf.json").write_text(json.dumps(config), encoding="utf-8")
    index = publish.publish(tmp_path / "asv.conf.json")
    drawn = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in index.parent.glob("graphs/**/branch-numpy/**/core.Eager.track_latency.json")
    ]
    assert drawn
    assert [point[1][0] for point in drawn[0]] == [2e-5, 2e-5]


@pytest.mark.parametrize(("shares", "slowed"), [([0.01, 0.02, 0.0], 0.02), ([0.0, None, 0.0], "unknown")])
def test_a_gpu_is_a_machine_of_its_own_and_its_driver_is_noted(
    shares: list[float | None], slowed: float | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "describe", lambda: {"name": "A GPU", "driver_version": "1.2"})
    release = next(one for one in results.tracked().values() if one.framework == "torch")
    cell = Cell("softmax", "forward", "eager", "float32", "imagenet", "all")
    row: dict[str, Any] = {"latency": 2e-5, "roof": 1e-5, "number": 9, "device": 1e-5}
    rows = [row | {"slowed": share, "capped": 0.5} for share in shares]
    shelf = Shelf(tmp_path, "h200", "cuda")
    path = filing.file({cell: Measured({"error": 0.5}, rows)}, release, shelf, ASKED)
    assert path.parent.name == "h200-cuda"
    noted = json.loads(shelf.facts.read_text(encoding="utf-8"))
    assert noted["tag"] == release.tag
    assert {key: noted[key] for key in ("device", "name", "driver_version", "slowed", "capped")} == {
        "device": "cuda",
        "name": "A GPU",
        "driver_version": "1.2",
        "slowed": slowed,
        "capped": 0.5,
    }
    found = results.read(tmp_path)
    assert found.machines["h200-cuda"].device == "cuda"
    assert {(row.metric, row.value) for row in found.rows} == {
        ("latency", 2e-5),
        ("roofline", 2.0),
        ("error", 0.5),
        ("device", 1e-5),
    }


def test_every_cell_of_the_core_tier_has_a_place(tmp_path: Path) -> None:
    release = next(one for one in results.tracked().values() if one.framework == "jax")
    row = {"latency": 2e-5, "roof": 1e-5, "number": 9}
    every = {cell: Measured(rows=[row]) for cell in cells.cells("core")}
    filing.file(every, release, Shelf(tmp_path, "box", "cpu"), ASKED)
    assert {row.cell for row in results.read(tmp_path).rows if row.metric == "latency"} == set(every)


def test_what_is_known_of_a_machine_stays(shelf: Shelf) -> None:
    filed({}, shelf)
    path = shelf.folder / "box" / "machine.json"
    known = {**json.loads(path.read_text(encoding="utf-8")), "cpu": "told by hand"}
    path.write_text(json.dumps(known), encoding="utf-8")
    assert filed({}, shelf)["params"]["cpu"] == "told by hand"
    assert json.loads(path.read_text(encoding="utf-8")) == known


def test_just_what_was_asked_counts_as_filed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not filing.filed(NUMPY, shelf, ASKED)
    shelf.facts.parent.mkdir(parents=True)
    filing.note({}, NUMPY, shelf, ASKED)
    assert filing.filed(NUMPY, shelf, ASKED)
    assert not filing.filed(JAX, shelf, ASKED)
    for other in (Asked("full", "", 3), Asked("core", "softmax", 3), Asked("core", "", 4)):
        assert not filing.filed(NUMPY, shelf, other)
    filing.note({}, NUMPY, shelf, Asked("full", "", 3))
    filing.note({}, NUMPY, shelf, ASKED)
    assert len(shelf.facts.read_text(encoding="utf-8").splitlines()) == 2
    monkeypatch.setattr("benchmarks.asv.metrics.VERSION", "of another suite")
    assert not filing.filed(NUMPY, shelf, ASKED)


def test_an_untracked_version_is_told_with_what_adds_it() -> None:
    with pytest.raises(BadReleases, match=r"jax 0\.0\.1 .*`python -m benchmarks\.lock jax 0\.0\.1 --write`"):
        filing.tracked("jax", "0.0.1")


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b"])
def test_a_machine_s_name_is_that_of_a_folder(name: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no name"):
        filing.machine(name)
    assert filing.machine("epyc-2.core") == "epyc-2.core"
