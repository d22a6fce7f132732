"""Where releases made a cell slower or faster, on series whose steps are known."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from asv_runner.statistics import compute_stats

from benchmarks.asv import changes
from benchmarks.asv.changes import Step
from benchmarks.asv.results import Result
from tests.asv_results import SMALL, line, samples

CELL, OTHER = list(SMALL)[:2]
SEEDS = range(40)

# name → levels of consecutive releases
SERIES = {
    "a step in the middle": [1.0] * 4 + [1.5] * 4,
    "an excursion of one release": [1.0] * 3 + [1.5] + [1.0] * 4,
    "a large one": [1.0] * 3 + [5.0] + [1.0] * 4,
    "a step at the last release": [1.0] * 7 + [1.5],
    "many steps in twelve": [21.0, 101, 114, 62, 62, 62, 345, 345, 345, 35, 32, 32],
}


def series(
    levels: Sequence[float], noise: float, seed: int, metric: str = "latency", count: int = 4
) -> list[Result]:
    """Releases whose medians move by `noise` between runs, and whose samples do within."""
    random_ = random.Random(seed)
    rows = []
    for release, level in zip(line("jax", *(f"0.{i}.0" for i in range(len(levels)))), levels, strict=True):
        drawn = samples(level * (1 + random_.gauss(0, noise)), noise, random_, count)
        value, stats = compute_stats(drawn, 1)
        rows.append(
            Result("box", release, metric, CELL, value, (stats["ci_99_a"], stats["ci_99_b"]), tuple(drawn))
        )
    return rows


def exact(*values: float, metric: str = "memory") -> list[Result]:
    releases = line("jax", *(f"0.{i}.0" for i in range(len(values))))
    return [Result("box", release, metric, CELL, value) for release, value in zip(releases, values, strict=True)]


def true(levels: Sequence[float]) -> set[int]:
    return {
        i for i in range(1, len(levels)) if abs(math.log(levels[i] / levels[i - 1])) > math.log(changes.THRESHOLD)
    }


def places(found: Sequence[Step]) -> set[int]:
    return {int(step.after.release.version.split(".")[1]) for step in found}


def share(levels: Sequence[float], noise: float) -> tuple[float, float]:
    """How often all steps are found, by asv's step detection alone and by ours."""
    drawn = [series(levels, noise, seed) for seed in SEEDS]
    alone = sum(changes.detected(rows) >= true(levels) for rows in drawn)
    ours = sum(places(changes.find(rows, "latency")) == true(levels) for rows in drawn)
    return alone / len(drawn), ours / len(drawn)


@pytest.mark.parametrize("name", SERIES)
def test_every_step_is_found_and_no_other_at_one_per_cent_of_noise(name: str) -> None:
    assert share(SERIES[name], 0.01)[1] == 1


def test_step_detection_alone_finds_a_step_in_the_middle_and_loses_an_excursion() -> None:
    assert share(SERIES["a step in the middle"], 0.01)[0] == 1
    assert share(SERIES["a step at the last release"], 0.01)[0] > 0.8
    assert share(SERIES["an excursion of one release"], 0.01)[0] < 0.5
    assert share(SERIES["a large one"], 0.01)[0] < 0.8


@pytest.mark.parametrize(("length", "noise"), [(8, 0.01), (13, 0.01), (8, 0.03), (13, 0.03)])
def test_nothing_is_found_in_noise(length: int, noise: float) -> None:
    assert [step for seed in SEEDS for step in changes.find(series([1.0] * length, noise, seed), "latency")] == []


def test_in_ten_per_cent_of_noise_few_pairs_of_releases_are_taken_for_a_step() -> None:
    found = [step for seed in SEEDS for step in changes.find(series([1.0] * 8, 0.1, seed), "latency")]
    assert 0 < len(found) < 0.05 * 7 * len(SEEDS)  # some are, so this is a measurement


def test_what_changes_with_every_release_is_no_step() -> None:
    assert changes.find(series([1.0, 1.5] * 4, 0.01, 0), "latency") == []


def test_a_step_says_how_much_how_sure_and_that_it_lasts() -> None:
    (step,) = changes.find(series(SERIES["a step in the middle"], 0.01, 0), "latency")
    assert step.factor == pytest.approx(1.5, rel=0.05)
    assert (step.worse, step.ended, step.confidence) == (True, None, "high")
    assert step.detected
    assert step.different
    assert (step.before.release.version, step.after.release.version) == ("0.3.0", "0.4.0")
    assert step.newest.release.version == "0.7.0"


def test_an_excursion_is_two_steps_of_which_the_first_has_ended() -> None:
    found = changes.find(series(SERIES["a large one"], 0.01, 0), "latency")
    up, down = sorted(found, key=lambda step: not step.worse)
    assert up.ended is not None
    assert (up.ended.release.version, up.worse) == ("0.4.0", True)
    assert (down.ended, down.worse) == (None, False)
    assert down.size == pytest.approx(5, rel=0.1)


def test_what_only_step_detection_finds_is_of_low_confidence() -> None:
    levels = exact(*SERIES["a step in the middle"], metric="latency")
    wide = [Result(r.machine, r.release, r.metric, CELL, r.value, (r.value / 2, r.value * 2)) for r in levels]
    (step,) = changes.find(wide, "latency")
    assert (step.detected, step.different, step.confidence) == (True, False, "low")


def test_two_releases_are_compared_though_nothing_is_usual_yet() -> None:
    (step,) = changes.find(series([1.0, 1.5], 0.01, 0), "latency")
    assert (step.clearness, step.different) == (None, True)


@pytest.mark.parametrize(("roof", "confidence"), [(1.0, "high"), (1.45, "low"), (0.9, "high"), (2.0, "low")])
def test_what_the_machines_limit_shares_is_of_low_confidence(roof: float, confidence: str) -> None:
    latency = series(SERIES["a step in the middle"], 0.01, 0)
    roofs = [1.0] * 4 + [roof] * 4
    ratios = [
        Result("box", row.release, "roofline", CELL, row.value / limit)
        for row, limit in zip(latency, roofs, strict=True)
    ]
    (step,) = changes.find([*latency, *ratios], "latency")
    assert step.confidence == confidence
    assert step.roofs == (ratios[3], ratios[4])


def test_a_change_of_what_is_counted_is_a_step_and_one_below_its_floor_is_none() -> None:
    (step,) = changes.find(exact(1.0, 1.0, 1.0, 1.0, 2.0), "memory")
    assert (step.factor, step.confidence) == (2.0, "high")
    assert changes.find(exact(0.0, 0.0, 0.01, 0.0, 0.02), "memory") == []
    (freed,) = changes.find(exact(1.0, 1.0, 1.0, 1.0, 0.0), "memory")
    assert (freed.worse, freed.size) == (False, 1.0 / changes.FLOORS["memory"])


def test_a_time_of_zero_is_no_measurement() -> None:
    assert changes.find(exact(0.0, 1.0, 1.0, metric="latency"), "latency") == []


def test_series_of_other_cells_machines_and_frameworks_are_apart() -> None:
    jax = exact(1.0, 1.0)
    elsewhere = [Result("other", row.release, row.metric, row.cell, 9.0) for row in jax]
    torch = [Result("box", release, "memory", CELL, 5.0) for release in line("torch", "2.0.0", "2.1.0")]
    cells = [Result("box", row.release, row.metric, OTHER, 3.0) for row in jax]
    assert changes.find([*jax, *elsewhere, *torch, *cells], "memory") == []


def test_a_release_in_which_a_cell_is_absent_is_passed_over() -> None:
    rows = exact(1.0, 1.0, 2.0, 2.0)
    (step,) = changes.find([rows[0], rows[2], rows[3]], "memory")
    assert (step.before, step.after) == (rows[0], rows[2])


def test_one_sample_tells_nothing_apart() -> None:
    before, after = (replace(row, interval=None) for row in series([1.0, 1.5], 0.01, 0, count=1))
    assert not changes.different(before, after)
    assert changes.different(replace(before, samples=None), replace(after, samples=None))


def test_six_samples_that_lie_apart_are_different() -> None:
    before, after = series([1.0, 5.0], 0.01, 0, count=6)
    assert changes.different(before, after)


def test_many_samples_are_compared_by_their_ranks() -> None:
    before, after = series([1.0, 1.02], 0.01, 3, count=40)
    assert before.interval is not None
    assert after.interval is not None
    wide = [
        Result(r.machine, r.release, r.metric, r.cell, r.value, (0.5, 2.0), r.samples) for r in (before, after)
    ]
    assert changes.different(*wide)


def test_steps_are_grouped_by_pair_of_releases_and_direction() -> None:
    rows = exact(1.0, 1.0, 1.0, 1.0, 2.0)
    others = [Result(r.machine, r.release, r.metric, OTHER, 3.0 / r.value) for r in rows]
    third = [Result(r.machine, r.release, r.metric, list(SMALL)[2], r.value**2) for r in rows]  # grows by four
    every = [*rows, *others, *third]
    worse, better = changes.grouped(changes.find(every, "memory"), every)
    assert [step.factor for step in worse.steps] == [4.0, 2.0]
    assert (worse.cells, worse.worst.worse, better.worst.worse) == (3, True, False)
    assert (worse.before.version, worse.after.version, worse.machine) == ("0.3.0", "0.4.0", "box")


def test_the_step_to_another_python_is_none_of_the_framework() -> None:
    old, new, newer = exact(1.0, 3.0, 6.0)
    rows = [replace(old, python="3.11"), replace(new, python="3.12"), replace(newer, python="3.12")]
    assert [(step.factor, step.before.python) for step in changes.find(rows, "memory")] == [(2.0, "3.12")]
    bridge = replace(old, value=2.5, python="3.12")
    assert [step.factor for step in changes.find([*rows, bridge], "memory")] == [2.0, 1.2]
