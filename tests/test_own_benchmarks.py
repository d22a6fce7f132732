"""The benchmarks of the suite itself run, and the interval of a ratio is that of its median."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from benchmarks.own import speed
from benchmarks.timing import paired
from benchmarks.timing.paired import Pair

ROOT = Path(__file__).parent.parent


def test_asv_is_pointed_at_them() -> None:
    config = json.loads((ROOT / "asv-own.json").read_text(encoding="utf-8"))
    assert (ROOT / config["benchmark_dir"] / "speed.py").is_file()


def test_an_element_takes_some_time_by_either_oracle() -> None:
    assert all(speed.Oracle().track_microseconds(name, 33) > 0 for name in speed.Oracle.params[0])


def test_pairs_are_judged_at_some_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed.Sweep, "rows", 2000)
    assert speed.Sweep().track_pairs_a_second("numpy", "float16-pairs", "softmax") > 0


@pytest.mark.parametrize(("count", "outside"), [(1, 0), (5, 0), (6, 0), (9, 1), (15, 3), (20, 5)])
def test_the_interval_leaves_out_what_the_sign_test_does(count: int, outside: int) -> None:
    assert paired.left_out(count) == outside


def test_the_interval_of_a_median_covers_it_so_often() -> None:
    sides = list(itertools.product((False, True), repeat=9))  # of the median, each number's
    outside = paired.left_out(9)
    covered = sum(outside < sum(side) < 9 - outside for side in sides)
    assert covered / len(sides) >= 0.95


def test_ten_cells_are_paired_and_a_ratio_is_of_one_round() -> None:
    assert len(set(paired.CELLS)) == 10
    pair = Pair("cell", "hot", (2.0, 3.0, 8.0), (1.0, 2.0, 2.0))
    assert pair.ratios == [1.5, 2.0, 4.0]
    assert pair.interval == (1.5, 4.0)
