"""`python -m benchmarks regressions`: the table, the issue texts, and what each reproduction calls."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import adapters
from adapters.releases import Release
from benchmarks.asv import changes, results
from benchmarks.timing.cells import Block, Cell
from reports.timing import issues, regressions, reproductions, wording
from tests.asv_results import SMALL, Folder, commits, line, release, samples
from tests.samples import markup

JAX = line("jax", "0.6.0", "0.6.1", "0.7.0", "0.7.2", "0.8.0", "0.9.0", "0.9.2", "0.10.0")
TORCH = line("torch", "2.1.0", "2.2.0")
CELL, OTHER = list(SMALL)[:2]
LEVELS = {CELL: [6, 6, 6, 6, 30, 30, 6, 6], OTHER: [2, 2, 2, 2, 3, 3, 3, 3]}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two frameworks: JAX with an excursion, a step that stays and, at once, a third cell that became faster."""
    monkeypatch.setattr(results, "tracked", lambda: commits(*JAX, *TORCH))
    monkeypatch.setenv("COLUMNS", "160")
    folder = Folder(tmp_path / "asv", cpu="A <b>CPU</b> | 2")
    random_ = random.Random(0)
    faster = list(SMALL)[2]
    for i, of in enumerate(JAX):
        levels = {**{cell: values[i] for cell, values in LEVELS.items()}, faster: 9 if i < 4 else 3}
        drawn = {cell: samples(1e-5 * level, 0.01, random_) for cell, level in levels.items()}
        ratios = {("roofline", cell): [value / 1e-5 for value in values] for cell, values in drawn.items()}
        folder.add(of, {("latency", cell): values for cell, values in drawn.items()} | ratios)
    for of in TORCH:
        folder.add(of, {("latency", CELL): samples(1e-5, 0.01, random_), ("memory", CELL): 1.0})
    return folder.path


def command(place: Path, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    regressions.add_arguments(parser)
    return regressions.run(parser.parse_args(["--results", str(place), *arguments]))


def test_the_table_has_a_row_for_each_pair_of_releases(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(place) == 0
    lines = [row for row in capsys.readouterr().out.splitlines() if row.strip()]
    (row,) = [row for row in lines if "JAX" in row]
    assert "JAX 0.8.0" in row
    assert "0.7.2" in row
    assert "2 of 3" in row
    assert "slower" in row
    assert "ends in 0.9.2" in row
    assert "high" in row
    assert not any("faster" in row for row in lines)


def test_improvements_are_listed_when_asked_for(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(place, "--improvements") == 0
    rows = [row for row in capsys.readouterr().out.splitlines() if "JAX" in row]
    assert sorted("faster" if "faster" in row else "slower" for row in rows) == ["faster", "faster", "slower"]


def test_a_higher_threshold_leaves_fewer_cells(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(place, "--threshold", "2") == 0
    assert "1 of 3" in capsys.readouterr().out
    assert command(place, "--threshold", "9") == 0
    assert "No step of latency by 9 or more." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--framework", "scipy"), "nothing is measured of scipy, only of jax, torch"),
        (("--machine", "x"), "unknown machine 'x': choose one of box"),
        (("--metric", "x"), "no 'x' is measured: choose one of latency, memory, roofline"),
        (("--results", "nowhere"), "no results in nowhere: measure first: tox run -e bench-history"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    place: Path, arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(place, *arguments) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert told in said.err


@pytest.mark.parametrize("arguments", [("--threshold", "1"), ("--threshold", "x"), ("--framework", "x")])
def test_what_no_run_could_mean_is_refused(place: Path, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        command(place, *arguments)
    assert ended.value.code == 2


def test_a_broken_file_is_told_and_the_rest_is_listed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "box" / "00000000-[red]\x1b[31m.json").write_text("{", encoding="utf-8")
    assert command(place) == 0
    said = "".join(capsys.readouterr().out.splitlines())
    assert "00000000-[red]\ufffd[31m.json" in said
    assert "JAX 0.8.0" in said


def test_each_regression_becomes_an_issue(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(place, "--improvements", "--issues", str(tmp_path / "issues")) == 0
    (path,) = (tmp_path / "issues").iterdir()
    assert f"wrote {path}" in capsys.readouterr().out
    text = path.read_text(encoding="utf-8")
    title, *rest = text.splitlines()
    assert title.startswith("# JAX 0.8.0: softmax forward up to ")
    assert title.endswith("times slower than 0.7.2 on CPU")
    assert "2 of 3 cells measured in both releases" in text
    assert "A bCPU/b 2, 2 cores, 16 GiB, x86_64" in text
    assert "jax==0.7.2 jaxlib==0.7.2" in text
    assert "jax==0.8.0 jaxlib==0.8.0" in text
    assert "256×1000 float32 on one thread" in text
    assert "No longer so in 0.9.2" in text
    assert "jax.block_until_ready" in text
    assert [heading for heading in rest if heading.startswith("## ")] == [
        "## Measured",
        "## Reproduction",
        "## Is it still so?",
        "## How it was measured",
    ]
    assert markup(text) == []


def test_an_issue_shows_each_cell_before_and_after_with_intervals(place: Path) -> None:
    found = results.read(place)
    rows = results.of(found)
    group = changes.grouped([step for step in changes.find(rows, "latency") if step.worse], rows)[0]
    text = issues.text(group, found.machines["box"])
    for step in group.steps:
        assert f"| {wording.measured(step.before)} | {wording.measured(step.after)} |" in text
        assert step.roofs is not None
        assert f"{wording.number(step.roofs[0].value)} → {wording.number(step.roofs[1].value)}" in text


def test_a_step_that_lasts_is_said_to_be_still_so(place: Path) -> None:
    found = results.read(place)
    lasting = [step for step in changes.find(found.rows, "latency") if step.worse and not step.ended]
    assert [issues.lasting(step, "cpu").startswith("Still so in 0.10.0") for step in lasting] == [True]


def test_two_metrics_of_one_pair_go_into_two_files() -> None:
    row = results.Result("box", JAX[0], "latency", CELL, 1.0)
    step = changes.Step(row, replace(row, release=JAX[1]), row, None, True, True, None, None)
    other = replace(step, after=replace(step.after, metric="steady"))
    assert issues.file_name(changes.Transition((step,), 1)) != issues.file_name(changes.Transition((other,), 1))


# What a reproduction calls


EVERY = list(Block(("eager",), ("float32",), ("cifar",), ("1",)))


def executed(framework: str, cell: Cell) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(reproductions.code(framework, cell), names)
    return names


@pytest.mark.parametrize("data", wording.DATA)
@pytest.mark.parametrize("form", ["bfloat16", "float16", "float64"])
def test_a_reproduction_has_the_format_and_labels_of_its_cell(form: str, data: str) -> None:
    pytest.importorskip("torch")
    cell = Cell("cross_entropy_index", "forward+backward", "eager", form, "cifar", "1", data)
    names = executed("torch", cell)
    assert str(names["x"].dtype) == f"torch.{form}"
    assert bool((names["labels"] == -100).any()) == (data == "ignored")
    assert (float(names["x"].double().std()) > 5) == (data == "peaked")
    assert [str(part.dtype) for part in names["call"]()] == [f"torch.{form}"] * 2


def test_a_reproduction_runs_by_itself_and_prints_one_time() -> None:
    cell = Cell("softmax", "forward", "eager", "float32", "cifar", "1")
    text = reproductions.script(release("numpy", "2.4.6"), cell)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert float(done.stdout.removesuffix(" µs\n")) > 0


def test_an_axis_that_is_not_the_last_is_named() -> None:
    for framework, name in (("torch", "dim"), ("tensorflow", "axis"), ("jax", "axis")):
        cell = Cell("softmax", "forward", "eager", "float32", "seg", "1")
        assert f"{name}=1)" in reproductions.code(framework, cell)


def test_a_gpu_is_waited_for_and_no_core_is_chosen() -> None:
    cell = Cell("softmax", "forward", "compiled", "bfloat16", "imagenet", "1")
    of: Release = release("torch", "2.1.0")
    text = reproductions.script(of, cell, "cuda")
    assert "torch.cuda.synchronize()" in text
    assert ".cuda()" in text
    assert "sched_setaffinity" not in text
    assert "sched_setaffinity" in reproductions.script(of, cell)


@pytest.mark.parametrize("cell", [cell for cell in EVERY if cell.direction != "forward"])
def test_what_a_framework_lacks_has_no_reproduction(cell: Cell) -> None:
    assert "vjp" not in adapters.load("scipy").features
    assert reproductions.script(release("scipy", "1.17.1"), cell) == ""
