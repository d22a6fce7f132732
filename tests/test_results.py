"""asv's result files as rows; what is broken or foreign costs one line."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters import ROOT, releases
from benchmarks.asv import release_repository, results
from benchmarks.asv.results import Machine, NoResults, Results
from benchmarks.timing.cells import CORE, Block, Cell
from tests.asv_results import SMALL, STARTED, Folder, commits, line, release

CELL, OTHER = list(SMALL)[:2]
OLD, NEW = line("jax", "0.7.2", "0.8.0")
COMMITS = commits(OLD, NEW)


def read(place: Path) -> Results:
    return results.read(place, COMMITS)


def test_a_row_has_machine_release_metric_cell_value_interval_and_samples(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add(OLD, {("latency", CELL): [3.0, 1.0, 2.0, 2.5], ("memory", CELL): 1.5})
    found = {row.metric: row for row in read(tmp_path).rows}
    timed = found["latency"]
    assert (timed.machine, timed.release, timed.cell, timed.value) == ("box", OLD, CELL, 2.25)
    assert timed.interval is not None
    assert timed.interval[0] <= 1.0 < 3.0 <= timed.interval[1]
    assert timed.samples == (3.0, 1.0, 2.0, 2.5)
    assert (found["memory"].value, found["memory"].interval, found["memory"].samples) == (1.5, None, None)


def test_what_is_absent_or_failed_is_no_row(tmp_path: Path) -> None:
    Folder(tmp_path).add(OLD, {("memory", CELL): float("nan"), ("error", OTHER): 0.5})
    assert [(row.metric, row.cell) for row in read(tmp_path).rows] == [("error", OTHER)]


@pytest.mark.parametrize("value", [-1.0, float("inf"), True, "1"])
def test_what_is_no_measurement_is_told_and_left_out(value: Any, tmp_path: Path) -> None:
    Folder(tmp_path).add(OLD, {("memory", CELL): value, ("error", OTHER): 0.5})
    found = read(tmp_path)
    assert [(row.metric, row.cell) for row in found.rows] == [("error", OTHER)]
    assert [f"{value!r} is no measurement" in problem for problem in found.problems] == [True]


def test_one_sample_gives_no_interval(tmp_path: Path) -> None:
    Folder(tmp_path).add(OLD, {("latency", CELL): [1.0]})
    assert read(tmp_path).rows[0].interval is None


def test_samples_that_were_not_kept_leave_the_interval(tmp_path: Path) -> None:
    Folder(tmp_path).add(OLD, {("latency", CELL): [1.0, 1.1, 1.2]}, keep=False)
    row = read(tmp_path).rows[0]
    assert (row.samples, row.interval is None) == (None, False)


def test_the_block_says_what_the_logits_hold(tmp_path: Path) -> None:
    peaked = Block(("eager",), ("float32",), ("imagenet",), ("1",), ("softmax",), ("forward",), "peaked")
    folder = Folder(tmp_path, blocks={"Eager": SMALL, "PeakedLarge": peaked})
    (hard,) = peaked
    folder.add(OLD, {("memory", CELL): 1.0, ("memory", hard): 2.0})
    assert {row.cell.data: row.value for row in read(tmp_path).rows} == {"normal": 1.0, "peaked": 2.0}


def test_every_core_cell_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path, blocks=CORE)
    written = {
        cell: float(place) for place, cell in enumerate(dict.fromkeys(c for b in CORE.values() for c in b))
    }
    folder.add(OLD, {("memory", cell): value for cell, value in written.items()})
    found = read(tmp_path)
    assert {row.cell: row.value for row in found.rows} == written
    assert found.problems == ()


def test_of_two_environments_the_one_measured_last_counts(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add(OLD, {("memory", CELL): 2.0}, env="a-later-one", started=STARTED + timedelta(1))
    folder.add(OLD, {("memory", CELL): 1.0, ("memory", OTHER): 3.0}, env="virtualenv-py3.11")
    assert {row.cell: row.value for row in read(tmp_path).rows} == {CELL: 2.0, OTHER: 3.0}


def test_a_release_on_two_pythons_counts_on_the_older_and_is_kept_on_both(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add(
        OLD, {("memory", CELL): 2.0}, env="virtualenv-py3.11", python="3.11", started=STARTED + timedelta(1)
    )
    folder.add(OLD, {("memory", CELL): 3.0}, env="virtualenv-py3.9", python="3.9")
    folder.add(NEW, {("memory", CELL): 4.0}, env="virtualenv-py3.11", python="3.11")
    found = read(tmp_path)
    assert sorted((row.release.tag, row.value) for row in found.rows) == [("jax-0.7.2", 3.0), ("jax-0.8.0", 4.0)]
    assert [(row.python, row.value) for row in found.again] == [("3.11", 2.0)]
    assert len(results.of(found, again=True)) == len(results.of(found)) + 1


def test_the_machine_is_that_of_its_file_and_named_after_its_gpu(tmp_path: Path) -> None:
    Folder(tmp_path).add(OLD, {})
    Folder(tmp_path, machine="box-cuda").add(OLD, {})
    found = read(tmp_path).machines
    assert found["box"] == Machine("box", "A CPU", "2", "17179869184", "x86_64")
    assert (found["box"].device, found["box-cuda"].device) == ("cpu", "cuda")


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{", '{"version": 2}', '{"version": 2, "results": []}', "\x00", "[" * 99999]
)
def test_a_broken_file_is_one_line_and_the_rest_is_read(tmp_path: Path, text: str) -> None:
    folder = Folder(tmp_path)
    folder.add(NEW, {("memory", CELL): 1.0})
    broken = tmp_path / "box" / "00000000-broken.json"
    broken.write_text(text, encoding="utf-8")
    found = read(tmp_path)
    assert [row.release for row in found.rows] == [NEW]
    (problem,) = found.problems
    assert problem.startswith(str(broken))
    assert "\n" not in problem


def test_a_result_cut_short_is_one_line(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    path = folder.add(NEW, {("memory", CELL): 1.0})
    told = json.loads(path.read_text(encoding="utf-8"))
    told["results"] = {name: [3, [["'softmax'"]]] for name in told["results"]}
    path.write_text(json.dumps(told), encoding="utf-8")
    found = read(tmp_path)
    assert (found.rows, len(found.problems)) == ((), 1)


def test_a_file_of_another_machine_or_commit_is_named_and_left_out(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    moved = tmp_path / folder.add(NEW, {("memory", CELL): 1.0}, machine="elsewhere", env="moved")
    moved.rename(tmp_path / "box" / moved.name)
    (tmp_path / "elsewhere").rmdir()
    folder.add(release("jax", "0.0.1"), {("memory", CELL): 1.0}, env="old")
    found = read(tmp_path)
    assert found.rows == ()
    assert {"machine name" in problem for problem in found.problems} == {True, False}
    assert any("of no release in adapters/releases.toml" in problem for problem in found.problems)


def test_results_of_another_version_of_a_benchmark_are_left_out(tmp_path: Path) -> None:
    Folder(tmp_path).add(NEW, {("memory", CELL): 1.0}, version="0")
    found = read(tmp_path)
    assert found.rows == ()
    assert "4 benchmarks are of another version" in found.problems[0]


def test_a_cell_that_we_do_not_know_is_named_and_left_out(tmp_path: Path) -> None:
    folder = Folder(tmp_path, blocks={"Eager": Block(("eager",), ("float32",), ("<b>", "imagenet"), ("1",))})
    strange = Cell("softmax", "forward", "eager", "float32", "<b>", "1")
    folder.add(NEW, {("memory", strange): 1.0, ("memory", CELL): 2.0})
    found = read(tmp_path)
    assert [row.cell for row in found.rows] == [CELL]
    assert "'<b>' is in no cell" in found.problems[0]


def test_a_folder_without_machine_json_is_one_line(tmp_path: Path) -> None:
    Folder(tmp_path).add(NEW, {("memory", CELL): 1.0})
    (tmp_path / "stray").mkdir()
    (tmp_path / "stray" / "00000000-x.json").write_text("{}", encoding="utf-8")
    found = read(tmp_path)
    assert len(found.rows) == 1
    assert "stray: machine.json" in found.problems[0]


def test_no_results_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NoResults, match="tox run -e bench-history"):
        read(tmp_path)
    with pytest.raises(NoResults, match="tox run -e bench-history"):
        read(tmp_path / "nowhere")
    Folder(tmp_path)
    with pytest.raises(NoResults, match="nothing is measured on any machine"):
        results.of(read(tmp_path))
    (tmp_path / "benchmarks.json").write_text("{", encoding="utf-8")
    with pytest.raises(NoResults, match=r"benchmarks\.json"):
        read(tmp_path)


def test_an_unknown_machine_or_framework_names_what_there_is(tmp_path: Path) -> None:
    Folder(tmp_path).add(NEW, {("memory", CELL): 1.0})
    found = read(tmp_path)
    with pytest.raises(NoResults, match="unknown machine 'x': choose one of box"):
        results.of(found, machine="x")
    with pytest.raises(NoResults, match="nothing is measured of torch, only of jax"):
        results.of(found, framework="torch")
    assert len(results.of(found, machine="box", framework="jax")) == 1


def test_what_was_left_out_is_told_where_nothing_remains(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add(NEW, {("memory", CELL): 1.0})
    found = results.read(tmp_path, commits(OLD))
    with pytest.raises(
        NoResults, match=r"nothing is measured on any machine: .* \(1 left out, first .* is of no release"
    ):
        results.of(found)


def test_the_commits_are_those_that_asv_walks(tmp_path: Path) -> None:
    every = releases.releases()
    release_repository.build(every, tmp_path / "releases")
    assert {release.tag: commit for commit, release in results.tracked().items()} == release_repository.hashes(
        tmp_path / "releases"
    )
    assert set(results.tracked().values()) == set(every) != set()


def test_results_are_looked_for_where_asv_files_them() -> None:
    assert results.folder() == ROOT / "reports" / "asv"
