"""Sweeps: their counts are those of the measuring suite, their parts add up, and a single wrong pair is found."""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.faulty import pairs
from adapters.faulty.pairs import OnePair
from conformance import __main__ as conformance
from conformance.run.measure import Call, judge
from conformance.run.processes import supervisor
from conformance.run.sweep import cluster, judging, specials
from conformance.run.sweep.allowed import DOUBT, Allowed
from conformance.run.sweep.command import Sweep
from conformance.run.sweep.judging import Task, tallies
from conformance.run.sweep.spaces import DOMAINS, Chunk, Space, chunks, values
from conformance.run.sweep.tally import COUNTS, Tally, Worst, merged
from conformance.run.sweep.truths import PARTS, Part, sums
from conformance.truth.certified import ulps
from conformance.truth.formats import exact, format_of, round_to

FAULTY = "adapters.faulty.pairs:"
SINGLE = ("OnePairOff", "OnePairOfFirstAxis", "OneNaNAsMasked")
PAIRS = {"float16": Space("float16", 2), "bfloat16": Space("bfloat16", 2)}


def task(target: str = "numpy", operation: str = "softmax", domain: str = "float16-pairs", **fields: Any) -> Task:
    return Task(target, domain, operation, 0, **fields)


# Counts


@pytest.mark.parametrize(
    ("domain", "operation"),
    [
        ("float16-pairs", "softmax"),
        ("bfloat16-pairs", "log_softmax"),
        ("bfloat16-pairs", "logsumexp"),
        ("float16-pairs", "softmax_cross_entropy"),
        ("float16-rows-of-3", "softmax"),
    ],
)
def test_counts_and_worst_errors_are_those_of_the_measuring_suite(domain: str, operation: str) -> None:
    target = judging._target("numpy")
    (chunk,) = chunks(domain, 600)
    space = chunk.space
    found = tallies(task(operation=operation, domain=domain, sample=600, axes=("last",)), chunk)
    rows = space.bits(np.concatenate(list(chunk.blocks(1000)))).view(format_of(space.dtype).dtype)
    x = np.ascontiguousarray(rows[np.isfinite(exact(rows)).all(axis=1)])
    labels = np.zeros(len(x), int) if operation == "softmax_cross_entropy" else None
    for part in PARTS[operation]:
        cotangent = np.ones(len(x), x.dtype) if part.derivative else None
        call = Call(operation, x, -1, part.derivative, cotangent, labels=labels)
        measured = judge(target.adapter, call, target.traits(space.dtype))
        tally = found[f"{part.name} {space.dtype} n={space.n} last"]
        left, counts = np.ones(measured.error.shape, bool), Counter[str]()
        for name, grade in zip(COUNTS, "ABCD", strict=False):
            inside = measured.ratios(grade) <= 1
            if grade == "A":  # a tie and e^−2049, which 106 bits lose: it goes away from zero
                tie = (measured.ratios("A") == 1) & (measured.truth.residual == 0)
                inside &= ~tie | (np.abs(measured.got) > np.abs(measured.truth.value))
            counts[name] = int(np.count_nonzero(left & inside))
            left &= ~inside
        assert tally.counts + Counter() == counts + Counter()
        assert tally.ulps.value == pytest.approx(np.max(np.abs(measured.ulps)), rel=1e-9)
        assert tally.bound.value == pytest.approx(measured.worst("D"), rel=1e-9)


def test_a_sample_is_the_same_every_time_and_in_every_chunking_has_its_rows() -> None:
    whole = [list(map(len, chunk.blocks(100))) for chunk in chunks("float16-pairs", 250, 100)]
    assert whole == [[100], [100], [50]]
    one, again = (chunks("float16-pairs", 250)[0] for _ in range(2))
    assert [b.tolist() for b in one.blocks(99)] == [b.tolist() for b in again.blocks(99)]


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_chunks_of_a_domain_hold_each_of_its_rows_once(domain: str) -> None:
    for space in DOMAINS[domain]:
        parts = [chunk for chunk in chunks(domain) if chunk.space == space]
        ends = [0, *(chunk.stop for chunk in parts)]
        assert [chunk.start for chunk in parts] == ends[:-1]
        assert ends[-1] == space.rows == 2 ** (space.width * space.free)


def test_a_row_has_the_bits_of_its_number() -> None:
    assert PAIRS["float16"].bits(np.array([0x3C00_C500])).tolist() == [[0x3C00, 0xC500]]
    assert Space("float16", 2, (0.0,)).bits(np.array([0x3C00_C500])).tolist() == [[0x3C00, 0xC500, 0]]


# Bounds


@pytest.mark.parametrize("dtype", PAIRS)
@pytest.mark.parametrize("part", [part for parts in PARTS.values() for part in parts], ids=lambda part: part.name)
def test_the_table_gives_the_bounds_to_a_tenth_of_what_is_looked_at_again(dtype: str, part: Part) -> None:
    fmt = format_of(dtype)
    allowed = Allowed(part, dtype, 2, judging._target("numpy").traits(dtype))
    random = np.random.default_rng(0)
    drawn = values(dtype)[random.integers(0, 2**16, (2, 3000))]
    near = round_to(random.standard_normal((2, 3000)) * 2.0 ** random.uniform(-8, 6, 3000), dtype)
    for x in (drawn, exact(near)):
        truth = part.truth(sums(x, fmt))
        quick, true = allowed.quick(x, truth), allowed.exact(x)
        assert np.max(np.abs(quick - true) / true) <= DOUBT / 10
        assert np.min(true[-1] / ulps(truth.value, fmt)) >= allowed.least


# Merging


def test_parts_merged_in_any_order_are_the_same() -> None:
    parts = [
        {"p": tally.told()}
        for tally in (
            Tally(Counter(correct=5, B=1), Counter({"NaN": 2}), 1, 0, ulps=Worst(0.5, 9, {"got": "a"})),
            Tally(Counter(correct=2), Counter(), 0, 1, ulps=Worst(0.5, 3, {"got": "b"}), first_wrong=Worst(0, 4)),
            Tally(Counter(beyond=2), Counter({"NaN": 1}), 0, 1, first_wrong=Worst(0, 2)),
        )
    ]
    whole = {json.dumps(merged(order)) for order in permutations(parts)}
    assert len(whole) == 1
    told = json.loads(whole.pop())["p"]
    assert told["counts"] == {"correct": 7, "B": 1, "C": 0, "D": 0, "beyond": 2}
    assert (told["ulps"]["row"], told["first_wrong"]["row"], told["special"]["NaN"]) == (3, 2, 3)


# A single wrong pair


def around(fault: type[OnePair], space: Space, rows: int = 4096) -> Chunk:
    """Rows that hold the wrong pair."""
    number = fault.bits[0] << 16 | fault.bits[1]
    start = number - number % rows
    return Chunk(0, space, start, start + rows)


@pytest.mark.parametrize("name", SINGLE)
def test_a_single_wrong_pair_is_found_and_its_neighbours_are_right(name: str) -> None:
    fault = getattr(pairs, name)
    space = PAIRS[fault.format]
    chunk = around(fault, space)
    asked = task(f"{FAULTY}{name}", fault.operation, f"{space.dtype}-pairs")
    found = tallies(asked, chunk)
    beside = tallies(asked, replace(chunk, start=chunk.stop, stop=chunk.stop + 4096))
    hits = {part: tally.counts["beyond"] // 2 + tally.wrong for part, tally in found.items()}
    axes = ["last"] if -1 in fault.axes else []
    axes += ["first"] if 0 in fault.axes else []
    assert hits == {part: int(part.split()[-1] in axes) for part in found}
    assert all(tally.counts["beyond"] == tally.wrong == 0 for tally in beside.values())
    worst = found[f"{fault.operation} {space.dtype} n=2 {axes[0]}"]
    witness = (worst.first_wrong if worst.wrong else worst.bound).witness
    assert [int(bits, 16) for bits in witness["bits"]] == list(fault.bits)


def test_no_requirement_finds_a_single_wrong_pair(tmp_path: Path) -> None:
    orders = [supervisor.Order(f"{FAULTY}{name}", "cpu", "eager", "quick", tmp_path, 60.0) for name in SINGLE]
    for record in supervisor.run_all(orders, 2, report=lambda progress: None):
        assert record.unfinished is None
        assert not {check.id for check in record.checks if check.outcome in ("fail", "crash", "timeout")}


# Special values


@pytest.mark.parametrize(
    ("part", "held", "answers", "right"),
    [
        ("softmax", ("NaN", "number"), ("NaN", "NaN"), True),
        ("softmax", ("NaN", "number"), ("0", "1"), False),
        ("softmax", ("-inf", "number"), ("0", "1"), True),
        ("softmax", ("-inf", "number"), ("1", "0"), False),
        ("softmax", ("+inf", "number"), ("NaN", "0"), True),
        ("softmax", ("+inf", "number"), ("0", "1"), False),
        ("softmax", ("+inf", "+inf"), ("1", "1"), False),
        ("log_softmax", ("-inf", "-inf"), ("-inf", "-inf"), True),
        ("log_softmax", ("-inf", "-inf"), ("0", "0"), False),
        ("logsumexp", ("-inf", "number"), ("itself",), True),
        ("logsumexp", ("-inf", "-inf"), ("NaN",), False),
        ("softmax_cross_entropy", ("-inf", "number"), ("+inf",), True),
        ("softmax_cross_entropy", ("number", "-inf"), ("number",), False),
        ("softmax_cross_entropy vjp", ("NaN", "number"), ("0", "0"), True),  # of which no requirement speaks
    ],
)
def test_special_rows_have_the_answers_that_the_requirements_allow(
    part: str, held: tuple[str, ...], answers: tuple[str, ...], right: bool
) -> None:
    assert specials.legal(part, held, answers) == right


# The command


def run(tmp_path: Path, *more: str) -> int:
    line = ["sweep", "--targets", "numpy", "--domain", "float16-pairs", "--operations", "softmax", "--jobs", "1"]
    return conformance.main([*line, "--sample", "3e3", "--chunk", "1e3", "--output", str(tmp_path), *more])


def test_a_full_disk_ends_a_sweep_and_costs_no_chunk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "client", lambda *_: nullcontext())
    monkeypatch.setattr(cluster, "answers", lambda _, ask, tasks: ((one, judging.run(one)) for one in tasks))
    assert run(tmp_path / "whole") == 0
    keep = Sweep.keep
    kept: list[None] = []

    def keeps_two(self: Sweep, *chunk: Any) -> None:
        if len(kept) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        keep(self, *chunk)
        kept.append(None)

    monkeypatch.setattr(Sweep, "keep", keeps_two)
    assert run(tmp_path / "full") == 2
    assert "No space left on device; --resume goes on" in capsys.readouterr().err
    monkeypatch.setattr(Sweep, "keep", keep)
    assert run(tmp_path / "full", "--resume") == 0
    whole, full = (json.loads(next((tmp_path / name).glob("*.json")).read_text()) for name in ("whole", "full"))
    assert full | {"seconds": 0} == whole | {"seconds": 0}


def test_a_sweep_that_lost_a_chunk_goes_on_to_the_same_record(tmp_path: Path) -> None:
    pytest.importorskip("dask")
    assert run(tmp_path) == 0
    (record,) = tmp_path.glob("*.json")
    before = json.loads(record.read_text())
    kept = sorted(tmp_path.glob("*/*.json"))
    assert len(kept) == 3
    kept[1].write_text(kept[1].read_text()[:100])  # of a disk that was full
    kept[2].unlink()
    stamp = kept[0].stat().st_mtime_ns
    assert run(tmp_path, "--resume") == 0
    again = json.loads(record.read_text())
    assert again | {"seconds": 0} == before | {"seconds": 0}
    assert kept[0].stat().st_mtime_ns == stamp


def test_a_chunk_of_another_question_is_not_taken(tmp_path: Path) -> None:
    sweep = Sweep(task(sample=10), tmp_path)
    sweep.keep(sweep.task, {"parts": {}})
    assert sweep.kept(sweep.task) == {"parts": {}}
    assert sweep.kept(replace(sweep.task, sample=11)) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--operations", "softplus"], "'softplus' is none of softmax"),
        (["--axes", "middle"], "'middle' is none of last"),
        (["--jobs", "0"], "--jobs is at least 1"),
        (["--targets", "nothing"], "unknown adapter 'nothing'"),
        (["--scheduler", "tcp://127.0.0.1:9"], "Timed out"),
    ],
)
def test_a_wrong_option_is_one_line(
    options: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("dask")
    monkeypatch.setattr("conformance.run.sweep.cluster.PATIENCE", "1s")
    assert run(tmp_path, *options) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
