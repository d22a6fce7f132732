"""Two sides in turn: an interval holds what it says, a verdict is what it allows, a bad cell costs one cell."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

import benchmarks.timing.rounds
from adapters.releases import Release
from benchmarks.timing.cells import Cell
from benchmarks.timing.rounds import Row, Run
from conformance.run.processes import environments
from reports.timing import compare
from reports.timing.compare import ERROR, MARGIN, ROUNDS, Contestant, Ratio, outside, ratio
from tests.asv_results import release

CELL = Cell("softmax", "forward", "", "float32", "cifar", "1")
A, B = Contestant("a", "numpy", "eager", "python-a"), Contestant("b", "jax", "compiled", "python-b")
TRIALS = 20_000


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    return compare.run(parser.parse_args(arguments))


def noisy(factor: float, rounds: int, trials: int, seed: int) -> Iterator[list[tuple[float, float]]]:
    """Times of A, and of B that takes `factor` as long, on a bad machine.

    The noise has no variance, the machine drifts from round to round, and whoever comes second in a round,
    which is each in turn, takes 2 % more.
    """
    random = np.random.default_rng(seed)
    noise: NDArray[Any] = np.exp(0.1 * random.standard_t(1.5, (trials, rounds, 2)))
    drift = np.exp(np.cumsum(random.normal(0, 0.2, (trials, rounds)), axis=1))
    second = np.where((np.arange(rounds)[:, None] + np.arange(2)) % 2 == 0, 1.0, 1.02)
    times = 1e-5 * noise * drift[:, :, None] * second * np.array([1.0, factor])
    return ([(first, other) for first, other in trial] for trial in times.tolist())


def verdicts(trials: Iterator[list[tuple[float, float]]], margin: float = MARGIN) -> list[str]:
    return [ratio(CELL, pairs).verdict(margin) for pairs in trials]


@pytest.mark.parametrize("rounds", [ROUNDS, 9, 15])
def test_an_interval_misses_the_true_ratio_as_rarely_as_it_says(rounds: int) -> None:
    found = [ratio(CELL, pairs) for pairs in noisy(1.3, rounds, TRIALS, seed=1)]
    missed = sum(not one.low <= 1.3 <= one.high for one in found) / TRIALS
    assert 0 < missed <= ERROR


def test_an_interval_one_ratio_narrower_misses_more_often_than_it_says() -> None:
    trials = (sorted(second / first for first, second in pairs) for pairs in noisy(1.3, 8, TRIALS, seed=1))
    assert sum(not ratios[1] <= 1.3 <= ratios[-2] for ratios in trials) / TRIALS > ERROR


@pytest.mark.parametrize("rounds", range(ROUNDS, 80))
def test_an_interval_is_the_narrowest_of_its_coverage(rounds: int) -> None:
    out = outside(rounds)
    assert 2 * binom.cdf(out, rounds, 0.5) <= ERROR < 2 * binom.cdf(out + 1, rounds, 0.5)


def test_with_fewer_rounds_there_is_no_interval() -> None:
    assert 2 * binom.cdf(0, ROUNDS - 1, 0.5) > ERROR


@pytest.mark.parametrize("margin", [0.0, MARGIN])
def test_a_side_beside_itself_is_called_faster_or_slower_in_under_1_percent(margin: float) -> None:
    found = verdicts(noisy(1.0, ROUNDS, TRIALS, seed=2), margin)
    assert sum(verdict in ("faster", "slower") for verdict in found) < 0.01 * TRIALS


@pytest.mark.parametrize(
    ("factor", "verdict", "opposite"), [(2.0, "slower", "faster"), (0.5, "faster", "slower")]
)
def test_a_step_of_two_is_found_on_a_bad_machine(factor: float, verdict: str, opposite: str) -> None:
    found = verdicts(noisy(factor, 16, 2000, seed=3))
    assert found.count(verdict) > 0.9 * len(found)
    assert opposite not in found


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([2.0, 2.1, 1.9, 2.0, 2.0, 2.2, 1.8, 2.0], "slower"),
        ([0.5, 0.5, 0.6, 0.5, 0.4, 0.5, 0.5, 0.5], "faster"),
        ([1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.04], "same"),
        ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.06], "ambiguous"),
        ([2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0], "ambiguous"),
        ([0.5, 2.0, 0.5, 2.0, 0.5, 2.0, 0.5, 2.0], "ambiguous"),
        ([1.04, 1.08, 1.06, 1.05, 1.07, 1.06, 1.06, 1.05], "ambiguous"),
        ([1 / value for value in (1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.04)], "same"),
    ],
)
def test_a_verdict_is_what_the_whole_interval_allows(ratios: Sequence[float], verdict: str) -> None:
    found = ratio(CELL, [(3.0, 3.0 * value) for value in ratios])
    assert found.verdict() == verdict
    assert [found.low, found.high] == pytest.approx([min(ratios), max(ratios)])


def test_a_margin_moves_the_verdict() -> None:
    one = Ratio(CELL, 1.0, 1.1, 1.1, 1.08, 1.12)
    assert [one.verdict(margin) for margin in (0.0, 0.05, 0.1, 0.2)] == ["slower", "slower", "ambiguous", "same"]


@pytest.mark.parametrize(("high", "told"), [(1.04, False), (1.2, True)])
def test_what_is_ambiguous_is_told_with_its_remedy(high: float, told: bool) -> None:
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    summary = compare.summary([Ratio(CELL, 1.0, 1.0, 1.0, 0.98, high)], parser.parse_args(["numpy", "jax"]))
    assert ("more --rounds narrow" in summary) == told


class Rounds:
    """Stands for the processes: notes them, and answers by `does` of the side's Python and the cell.

    In the audits that go before, by `passes`.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, tuple[Cell, ...]]] = []
        self.caches: set[tuple[str, ...]] = set()
        self.devices: set[str] = set()
        self.audited: list[tuple[str, int]] = []  # and how many processes had timed before
        self.does: Callable[[str, Cell], Row] = lambda python, _: {"latency": 1.0 + (python == "python-b")}
        self.passes: Callable[[str, Cell], Row] = lambda python, _: {"error": 0.25 + (python == "python-b")}

    def __call__(
        self, job: Run, cells: Sequence[Cell], audit: bool, caches: dict[str, str], *given: Any
    ) -> list[tuple[Cell, Row]]:
        assert job.brief
        self.caches.add((job.python, *caches.values()))
        self.devices.add(job.device)
        if audit:
            self.audited.append((job.python, len(self.asked)))
            return [(cell, self.passes(job.python, cell)) for cell in cells]
        self.asked.append((job.python, job.framework, tuple(cells)))
        return [(cell, self.does(job.python, cell)) for cell in cells]


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Rounds:
    found = Rounds()
    monkeypatch.setattr(compare, "each", found)
    monkeypatch.setattr(benchmarks.timing.rounds, "each", found)
    return found


def test_sides_take_turns_and_each_begins_as_often(rounds: Rounds) -> None:
    found, known = compare.compare((A, B), [CELL], "cuda", 8)
    first, second = sorted(rounds.caches)  # of compilers: a side keeps its own
    assert not set(first) & set(second)
    assert rounds.devices == {"cuda"}
    order = [python for python, *_ in rounds.asked]
    assert order == ["python-a", "python-b", "python-b", "python-a"] * 4
    assert {(framework, cells[0].mode) for _, framework, cells in rounds.asked} == {
        ("numpy", "eager"),
        ("jax", "compiled"),
    }
    assert [(one.cell, one.first, one.second, one.low, one.high) for one in found] == [(CELL, 1.0, 2.0, 2.0, 2.0)]
    assert [(of.lacking, of.worst) for of in known] == [([], 0.25), ([], 1.25)]
    assert rounds.audited == [("python-a", 0), ("python-b", 0)]


@pytest.mark.parametrize("python", ["python-a", "python-b"])
def test_what_is_not_the_call_that_it_claims_to_be_is_not_timed(rounds: Rounds, python: str) -> None:
    bert = replace(CELL, shape="bert")
    refused: Row = {"refused": "a constant"}
    rounds.passes = lambda asked, cell: refused if (asked, cell.shape) == (python, "bert") else {"error": None}
    found, known = compare.compare((A, B), [bert, CELL], "cpu", 8)
    assert [one.cell for one in found] == [CELL]
    assert {cell.shape for *_, cells in rounds.asked for cell in cells} == {"cifar"}
    which = python == "python-b"
    assert [why for _, why in known[which].lacking] == ["refused: a constant"]
    assert known[not which].lacking == []
    assert compare.exactness(known) == "Worst error over its bound: A unknown, B unknown."


@pytest.mark.parametrize("python", ["python-a", "python-b"])
def test_a_cell_that_one_side_crashes_in_is_left_out_and_the_others_stay(rounds: Rounds, python: str) -> None:
    bert = replace(CELL, shape="bert")
    met: list[str] = []

    def does(asked: str, cell: Cell) -> Row:
        if cell.shape == "bert":
            met.append(asked)
            if asked == python and met.count(python) == 3:
                return {"crash": "exit status -6"}
        return {"latency": 1.0}

    rounds.does = does
    found, known = compare.compare((A, B), [bert, CELL], "cpu", 8)
    assert [one.cell for one in found] == [CELL]
    which = python == "python-b"
    assert [(cell.shape, why) for cell, why in known[which].lacking] == [("bert", "crash: exit status -6")]
    assert known[not which].lacking == []
    assert len(rounds.asked) == 16
    assert sum("bert" in [cell.shape for cell in cells] for *_, cells in rounds.asked) == 6


def test_a_round_on_a_slowed_device_costs_no_cell_but_one_more_round(rounds: Rounds) -> None:
    met: list[str] = []

    def does(python: str, cell: Cell) -> Row:
        met.append(python)
        return {"throttled": "heat"} if met.count("python-b") in (3, 5) else {"latency": 1.0}

    rounds.does = lambda python, cell: does(python, cell) if python == "python-b" else {"latency": 1.0}
    found, known = compare.compare((A, B), [CELL], "cuda", 8)
    assert [one.cell for one in found] == [CELL]
    assert len(met) == 10
    assert [of.lacking for of in known] == [[], []]


def test_a_device_that_stays_slowed_is_said(rounds: Rounds) -> None:
    slowed: Row = {"throttled": "heat"}
    rounds.does = lambda python, cell: (
        slowed if (python, cell.shape) == ("python-b", "bert") else {"latency": 1.0}
    )
    found, known = compare.compare((A, B), [CELL, replace(CELL, shape="bert")], "cuda", 8)
    assert [one.cell for one in found] == [CELL]
    assert [[why for _, why in of.lacking] for of in known] == [[], ["throttled: heat"]]
    assert len(rounds.asked) == 2 * 16


def test_the_worst_error_of_all_cells_is_told(rounds: Rounds) -> None:
    rounds.passes = lambda _, cell: {"error": 0.5 if cell.shape == "bert" else 0.1}
    _, known = compare.compare((A, B), [CELL, replace(CELL, shape="bert"), replace(CELL, shape="seg")], "cpu", 8)
    assert [of.worst for of in known] == [0.5, 0.5]


def test_what_one_side_lacks_is_told_once_beneath_the_table(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking: Row = {"absent": "no labels"}
    rounds.does = lambda _, cell: lacking if "cross" in cell.operation else {"latency": 2e-3}
    monkeypatch.setenv("COLUMNS", "300")
    assert run("numpy", "scipy", "--shapes", "cifar,bert") == 0
    out = capsys.readouterr().out
    assert out.count("same") > 8
    assert "of 24 cells: same in 24." in out
    assert "Worst error over its bound: A 0.25, B 0.25." in " ".join(out.split())
    assert "2.00 ms" in out
    names = [compare.contestant(name).name for name in ("numpy", "scipy")]
    for name in names:
        assert f"{name}: absent: no labels (cross_entropy_index forward eager float32 cifar 1 and 15 more)" in out
    assert max(len(line) for line in out.splitlines() if "same" in line[60:] and "B beside" not in line) <= 100


def test_a_comparison_without_a_cell_is_exit_code_1(rounds: Rounds, capsys: pytest.CaptureFixture[str]) -> None:
    rounds.passes = lambda *_: {"absent": "DeviceUnavailable: no CUDA device"}
    assert run("numpy", "numpy", "--device", "cuda") == 1
    assert capsys.readouterr().out.strip().count("\n") == 0


def test_a_framework_is_compared_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("numpy", "numpy", "--shapes", "cifar", "--cells", "^softmax forward float32 cifar 1$") == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "cifar" in line)
    assert row.split()[:3] == ["softmax", "cifar", "1"]
    assert row.split()[-1] in compare.STYLES
    assert "B beside A, of 1 cells: " in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mxnet", "numpy"), "unknown framework 'mxnet': choose one of numpy"),
        (("numpy", "jax-0.0.1"), "jax 0.0.1 is not tracked, but 0."),
        (("numpy", "torch:fast"), "unknown mode 'fast': choose one of eager, compiled"),
        (("numpy", "scipy:compiled"), "scipy does not compile: say scipy alone"),
        (("numpy", "scipy", "--rounds", "7"), "fewer than 8 rounds give no interval"),
        (("numpy", "scipy", "--shapes", "cifar,what"), "unknown shape 'what': choose from cifar"),
        (
            ("numpy", "scipy", "--cells", "what"),
            "no cell matches 'what'; one is 'softmax forward float32 cifar 1'",
        ),
        (("numpy", "scipy", "--cells", "("), "'(' is no regular expression: missing )"),
        (("numpy", "scipy", "--margin", "-1"), "--margin is at least 0"),
        (("numpy", "scipy", "--margin", "nan"), "--margin is at least 0"),
        (("numpy", "scipy", "--margin", "inf"), "--margin is at least 0, and finite"),
        (("numpy-", "numpy"), "numpy is not tracked, but "),
        (("numpy:", "numpy"), "unknown mode '': choose one of eager, compiled"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], said: str, rounds: Rounds, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"compare: {said}")
    assert (out, err.count("\n"), rounds.asked) == ("", 1, [])


def test_a_framework_that_is_not_installed_is_one_line(
    monkeypatch: pytest.MonkeyPatch, rounds: Rounds, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jax" else name)
    assert run("numpy", "jax") == 2
    assert capsys.readouterr().err == "compare: jax is not installed in this environment\n"
    assert rounds.asked == []


def test_a_side_takes_its_usual_mode_unless_one_is_named() -> None:
    sides = [compare.contestant(name) for name in ("torch", "jax", "torch:compiled", "jax:eager")]
    assert [one.mode for one in sides] == ["eager", "compiled", "compiled", "eager"]


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Release:
    """A tracked release that no Python of today can hold."""
    made = release("numpy", "1.0.0")
    found = Release(made.framework, made.version, made.day, ">=3.0,<3.1", made.constraints)
    monkeypatch.setattr(compare, "releases", lambda framework: [found])
    monkeypatch.setattr(compare, "ENVIRONMENTS", tmp_path / "compare")
    return found


def test_a_release_that_cannot_be_installed_is_one_line(
    old: Release, rounds: Rounds, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("numpy", old.tag) == 2
    err = capsys.readouterr().err
    assert err.startswith("compare: numpy-1.0.0: needs Python >=3.0,<3.1")
    assert (err.count("\n"), rounds.asked) == (1, [])
    assert not (compare.ENVIRONMENTS / old.tag).exists()  # so it is tried again


def test_a_release_is_installed_once_and_measured_by_its_own_python(
    old: Release, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[tuple[Release, Path]] = []

    def make(made: Release, folder: Path, stop: Event) -> None:
        installed.append((made, folder))
        folder.mkdir()

    monkeypatch.setattr(environments, "make", make)
    assert run(old.tag, "numpy") == 0
    assert run(old.tag, "numpy") == 0
    folder = compare.ENVIRONMENTS / old.tag
    assert installed == [(old, folder)]
    assert rounds.asked[0][0] == str(folder / "bin" / "python")
