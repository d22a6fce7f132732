"""reports/performance.md: what it says of made-up results, and that the committed one is up to date."""

from __future__ import annotations

import argparse
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from adapters import ROOT
from adapters.releases import Release
from benchmarks.asv import changes, results
from benchmarks.asv.results import Result, Results
from benchmarks.timing.cells import Block
from reports.timing import performance
from tests.asv_results import SMALL, Folder, commits, line, samples
from tests.samples import markup

JAX = line("jax", "0.7.0", "0.7.1", "0.7.2", "0.8.0", "0.9.0", "0.9.2", "0.10.0")
NUMPY = line("numpy", "2.3.0", "2.4.0")
CELL = next(iter(SMALL))
COMPILED = replace(CELL, mode="compiled")
LARGE = Block(("eager",), ("float32",), ("seg",), ("all",), ("cross_entropy_index",), ("forward+backward",))


def written(place: Path, *, machine: str = "box", cpu: str = "A <b>CPU</b> | 2") -> Folder:
    """JAX eager with an excursion from 0.8.0 on, compiled without; NumPy as it is; one large cell of JAX."""
    folder = Folder(place, machine=machine, cpu=cpu, blocks={"Eager": SMALL, "Large": LARGE})
    random_ = random.Random(0)
    (large,) = LARGE
    for i, of in enumerate(JAX):
        level = (30 if of.version in ("0.8.0", "0.9.0") else 6) * 1e-6
        values = {CELL: level, COMPILED: 5e-6 + i * 1e-9, large: 1e-3}
        drawn = {cell: samples(value, 0.005, random_) for cell, value in values.items()}
        folder.add(
            of,
            {("latency", cell): found for cell, found in drawn.items()}
            | {("roofline", cell): [value / 4e-6 for value in found] for cell, found in drawn.items()}
            | {("error", CELL): 0.25, ("error", COMPILED): 0.5, ("memory", large): 2.0},
        )
    for of in NUMPY:
        folder.add(of, {("latency", CELL): [2e-5, 2.1e-5], ("roofline", CELL): [5.0, 5.0], ("memory", CELL): 3.0})
    return folder


def read(place: Path) -> Results:
    return results.read(place, commits(*JAX, *NUMPY))


def rows_of(text: str, heading: str) -> list[list[str]]:
    section = text.partition(f"### {heading}\n")[2].partition("\n#")[0]
    return [
        [cell.strip() for cell in row.strip("|").split("|")]
        for row in section.splitlines()
        if row.startswith("|")
    ]


def test_each_framework_and_mode_has_a_column_of_its_newest_release(tmp_path: Path) -> None:
    written(tmp_path)
    text = performance.page(read(tmp_path))
    head, _, row = rows_of(text, "softmax, forward")
    assert head == ["", "NumPy", "JAX", "JAX, compiled"]
    assert row[:2] == ["256×1000 float32 on one thread", "5.00 (3.00)"]
    assert [float(value) for value in row[2:]] == pytest.approx([1.5, 1.25], rel=0.02)
    assert "NumPy 2.4.0 and JAX 0.10.0" in text


def test_errors_stand_beside_the_times(tmp_path: Path) -> None:
    written(tmp_path)
    text = performance.page(read(tmp_path))
    assert "Worst error over bound: JAX 0.50." in text
    assert "Errors were not measured." in text


def freshly(found: Results) -> Results:
    """And a call of two frameworks whose memory comes from the system, in one of them compiled."""
    cell = replace(CELL, shape="llama2")
    compiled = replace(cell, mode="compiled")
    jax, numpy = JAX[-1], NUMPY[-1]
    values = [
        (jax, "latency", compiled, 8e-3), (jax, "fresh", compiled, 36e-3), (jax, "fresh", cell, 1.0),
        (jax, "faults", compiled, 16001.0),
        (numpy, "latency", cell, 2e-2), (numpy, "fresh", cell, 2.2e-2),
    ]  # fmt: skip
    return replace(
        found,
        rows=(*found.rows, *(Result("box", of, metric, at, value) for of, metric, at, value in values)),
    )


def test_what_fresh_memory_costs_is_told_with_its_page_faults(tmp_path: Path) -> None:
    written(tmp_path)
    found = read(tmp_path)
    assert "Fresh memory" not in performance.page(found)
    head, _, row = rows_of(performance.page(freshly(found)), "Fresh memory")
    assert head == ["", "NumPy", "JAX, compiled"]
    assert row == ["softmax forward, 512×32000 float32 on one thread", "1.10 (0)", "4.5 (16,001)"]


def test_axis_threads_and_copies_are_told(tmp_path: Path) -> None:
    written(tmp_path)
    _, _, (name, value) = rows_of(
        performance.page(read(tmp_path)), "cross-entropy with index labels, forward + backward"
    )
    assert name == "1×19×512×1024 along axis 1 float32 on all threads"
    assert value.endswith("(2.00)")


def test_a_step_is_one_sentence_with_its_size_and_what_became_of_it(tmp_path: Path) -> None:
    written(tmp_path)
    text = performance.page(read(tmp_path))
    sentences = [row for row in text.splitlines() if row.startswith("- **")]
    up, down = sorted(sentences)
    told = r"- \*\*JAX 0\.8\.0\*\*: softmax forward (\S+) times slower than 0\.7\.2 at 256×1000 float32 on one "
    found = re.fullmatch(told + r"thread; back to (\S+) in 0\.9\.2\.", up)
    assert found
    assert [float(value) for value in found.groups()] == pytest.approx([5, 1], rel=0.05)
    assert "JAX 0.9.2" in down
    assert "times faster than 0.9.0" in down
    assert down.endswith("still 5.0 times faster in 0.10.0.")


def test_steps_beyond_twenty_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path)
    monkeypatch.setattr(performance, "STEPS", 1)
    text = performance.page(read(tmp_path))
    assert text.count("- **") == 1
    assert "And 1 smaller one." in text


def test_other_cells_of_a_step_are_counted_with_their_sizes() -> None:
    found = line("jax", "0.1.0", "0.2.0")
    cells = list(SMALL)[:3]
    rows = [
        Result("box", of, "latency", cell, 1.0 if of == found[0] else 5.0 - place)
        for of in found
        for place, cell in enumerate(cells)
    ]
    (group,) = changes.grouped(changes.find(rows, "latency"), rows)
    assert "(3.0 to 4.0 in 2 other cells)" in performance.sentence(group, "cpu")
    assert performance.sentence(group, "cpu").endswith("; the newest release measured.")


def test_steps_of_low_confidence_stay_off_the_page() -> None:
    found = line("jax", *(f"0.{i}.0" for i in range(8)))
    levels = [1.0] * 4 + [1.5] * 4
    rows = tuple(
        Result("box", of, "latency", CELL, level, (level / 2, level * 2))
        for of, level in zip(found, levels, strict=True)
    )
    assert [step.confidence for step in changes.find(rows, "latency")] == ["low"]
    machine = results.Machine("box", "", "", "", "")
    assert "None." in performance.page(Results({"box": machine}, rows, ()))


def test_several_machines_have_a_part_each(tmp_path: Path) -> None:
    written(tmp_path)
    written(tmp_path, machine="box-cuda", cpu="A GPU")
    text = performance.page(read(tmp_path))
    assert [row for row in text.splitlines() if row.startswith("## ")] == [
        "## Today on box",
        "## Steps between releases on box",
        "## Today on box-cuda",
        "## Steps between releases on box-cuda",
        "## How to read",
    ]
    assert "8×19×512×1024 along axis 1 float32 on the GPU" in text


def test_the_page_is_markdown_with_nothing_that_acts(tmp_path: Path) -> None:
    written(tmp_path)
    text = performance.page(read(tmp_path))
    assert markup(text) == []
    assert "A bCPU/b 2" in text
    assert max(len(row) for row in text.splitlines()) < 600


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    written(tmp_path / "a")
    written(tmp_path / "b")
    assert performance.page(read(tmp_path / "a")) == performance.page(read(tmp_path / "b"))


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> list[Release]:
    monkeypatch.setattr(results, "tracked", lambda: commits(*JAX, *NUMPY))
    return [*JAX, *NUMPY]


def command(place: Path, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    performance.add_arguments(parser)
    return performance.run(parser.parse_args(["--results", str(place), *arguments]))


def test_the_page_is_printed_or_written(
    tmp_path: Path,
    tracked: list[Release],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written(tmp_path / "asv")
    page = tmp_path / "performance.md"
    monkeypatch.setattr(performance, "PAGE", page)
    assert command(tmp_path / "asv") == 0
    printed = capsys.readouterr().out
    assert not page.exists()
    assert command(tmp_path / "asv", "--write") == 0
    assert page.read_text(encoding="utf-8") == printed
    assert capsys.readouterr().out == f"wrote {page}\n"


def test_without_results_it_says_what_to_run(
    tmp_path: Path, tracked: list[Release], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(tmp_path) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "tox run -e bench-history" in said.err


def test_the_committed_page_is_that_of_the_committed_results() -> None:
    if not (ROOT / "reports" / "asv" / "benchmarks.json").exists():
        assert not performance.PAGE.exists()
        return
    found = results.read()
    assert found.problems == ()
    assert performance.PAGE.read_text(encoding="utf-8") == performance.page(found), f"run {performance.COMMAND}"
