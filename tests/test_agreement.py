"""Two runs agree where their intervals overlap, and what does not is told."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.asv import results
from benchmarks.asv.results import Result
from reports.timing import agreement
from tests.asv_results import SMALL, Folder, commits, release

JAX, TORCH = release("jax", "0.8.0"), release("torch", "2.13.0")
CELLS = tuple(SMALL)


def row(low: float, high: float, cell: int = 0, metric: str = "latency") -> Result:
    return Result("box", JAX, metric, CELLS[cell], (low + high) / 2, (low, high))


@pytest.mark.parametrize(
    ("other", "agrees"), [((1.5, 3.0), True), ((0.5, 1.0), True), ((2.0, 2.1), True), ((2.1, 3.0), False)]
)
def test_runs_agree_where_intervals_have_a_point_in_common(other: tuple[float, float], agrees: bool) -> None:
    (found,) = agreement.compare([row(1.0, 2.0)], [row(*other)])
    assert (found.agree, len(found.apart)) == (int(agrees), int(not agrees))
    (found,) = agreement.compare([row(*other)], [row(1.0, 2.0)])
    assert found.agree == agrees


def test_only_latencies_of_the_same_cell_release_and_machine_are_compared() -> None:
    first = [row(1, 2), row(1, 2, metric="memory"), row(5, 6, cell=1)]
    others = [
        replace(row(9, 10), release=TORCH),
        replace(row(9, 10), machine="other"),
        row(9, 10, metric="memory"),
    ]
    assert list(agreement.compare(first, others)) == []
    (found,) = agreement.compare(first, [*others, row(1, 2)])
    assert found.cells == 1


def test_a_cell_without_an_interval_is_counted_in_neither() -> None:
    (found,) = agreement.compare([row(1, 2), row(1, 2, 1)], [row(1, 2), replace(row(3, 4, 1), interval=None)])
    assert (found.cells, found.without) == (1, 1)
    assert "1 cell without an interval" in agreement.line(found)


def folder(path: Path, factors: list[float]) -> Path:
    samples = [[factor * time for time in (1e-3, 1.01e-3, 1.02e-3)] for factor in factors]
    Folder(path).add(JAX, {("latency", cell): given for cell, given in zip(CELLS, samples, strict=True)})
    return path


@pytest.mark.parametrize(("moved", "code", "share"), [(1.0, 0, "4 of 4 cells agree, 100.0%"), (9.0, 1, "3 of 4")])
def test_the_share_is_printed_and_decides(
    moved: float,
    code: int,
    share: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(results, "tracked", lambda: commits(JAX))
    a, b = folder(tmp_path / "a", [1.0] * 4), folder(tmp_path / "b", [1.0, 1.0, 1.0, moved])
    assert agreement.run(argparse.Namespace(a=a, b=b)) == code
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith(share)
    assert (CELLS[-1].name in out) == (moved != 1)


def test_what_of_a_run_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "tracked", lambda: commits(JAX))
    a, b = (folder(tmp_path / name, [0.0, 1.0, 1.0, 1.0]) for name in "ab")
    cut = next(b.iterdir()).parent / "box" / "00000000-cut.json"
    cut.write_text("{", encoding="utf-8")
    assert agreement.run(argparse.Namespace(a=a, b=b)) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("3 of 3 cells agree")  # a latency of 0 is none
    assert err.startswith(f"note: {cut}: ")


def test_nothing_in_common_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert agreement.run(argparse.Namespace(a=tmp_path, b=tmp_path)) == 2
    assert capsys.readouterr().err.count("\n") == 1
