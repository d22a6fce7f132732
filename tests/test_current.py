"""What is installed is timed and filed; what cannot be is said in a line, before anything is measured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from benchmarks.asv import filing, measure_releases, results
from benchmarks.timing.rounds import Measured, Run
from reports.timing import current
from tests.asv_results import release

CIFAR = "^softmax forward eager float32 cifar 1$"
ABSENT = Measured(why="absent: DeviceUnavailable: no CUDA device")


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    current.add_arguments(parser)
    return current.run(parser.parse_args(arguments))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """By framework, what stands for its measurement: an entry for each cell, or what is raised."""
    given: dict[str, Any] = {}

    def measure(
        jobs: Sequence[Run], found: dict[str, current.MeasuredCells], tell: Callable[[str], None]
    ) -> Iterator[str]:
        for job in jobs:
            answer = given[job.framework]
            if isinstance(answer, BaseException):
                raise answer
            found[job.framework] = dict.fromkeys(job.cells, answer)
            yield job.framework

    monkeypatch.setattr(current, "measure", measure)
    return given


@pytest.fixture
def shelved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tags of the releases that are filed; every version is tracked."""
    tags: list[str] = []

    def file(found: filing.MeasuredCells, release: Any, *rest: Any) -> Path:
        tags.append(release.tag)
        return Path(f"{release.tag}.json")

    monkeypatch.setattr(filing, "tracked", release)
    monkeypatch.setattr(filing, "ready", lambda releases, shelf: None)
    monkeypatch.setattr(filing, "file", file)
    return tags


def measured() -> Measured:
    return Measured(
        rows=[{"latency": 2e-5, "roof": 1e-5, "number": 1, "taken": 7, "disturbed": 0, "discarded": 0}]
    )


def test_a_cell_is_timed_shown_and_filed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--rounds", "2", "--save", str(tmp_path), "--machine", "box")
    assert run("numpy", "--cells", CIFAR, *options) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"wrote {tmp_path}/box/" in out
    assert "softmax" in out
    rows = {row.metric: row for row in results.read(tmp_path).rows}
    assert rows.keys() >= {"latency", "roofline", "error", "steady", "cold"}
    assert rows["latency"].release.version == current.version("numpy")
    assert rows["latency"].cell.name == "softmax forward eager float32 cifar 1"
    assert len(rows["latency"].samples or ()) == 2
    noted = json.loads((tmp_path / "box" / filing.FACTS).read_text(encoding="utf-8"))
    assert noted.items() >= {"cells": CIFAR, "rounds": 2, "tier": "core"}.items()


def test_an_absent_device_is_told_once_and_nothing_is_filed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--device", "cuda", "--save", str(tmp_path / "asv"), "--machine", "box", "--cells", "cifar")
    assert run("numpy", *options) == 1
    out, _ = capsys.readouterr()
    assert out.count("DeviceUnavailable") == 1
    assert not (tmp_path / "asv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mxnet",), "unknown framework 'mxnet': choose from numpy"),
        (("--cells", "nothing of that name"), "no cell matches 'nothing of that name'; one is 'softmax forward"),
        (("--cells", "("), "'(' is no regular expression: missing )"),
        (("--rounds", "0"), "--rounds is at least 1"),
        (("--machine", "box"), "--machine names what is filed: give --save too"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], said: str, answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"current: {said}")
    assert (out, err.count("\n")) == ("", 1)


def test_a_framework_that_is_not_here_is_one_line(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jax" else name)
    assert run("jax") == 2
    assert capsys.readouterr().err == "current: jax is not installed in this environment\n"
    assert current.installed(()) == ["numpy", "scipy", "torch", "tensorflow"]


def test_an_untracked_version_is_told_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(current, "version", lambda framework: "0.0.1")
    assert run("numpy", "--save", "somewhere", "--machine", "box") == 2
    out, err = capsys.readouterr()
    assert err.startswith("current: numpy 0.0.1 is not in adapters/releases.toml: `python -m benchmarks.lock")
    assert (out, err.count("\n")) == ("", 1)
    with pytest.raises(KeyError):  # without --save it is measured
        run("numpy")


def test_what_a_builder_adds_to_a_version_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda package: f"{package} 2.13.0+cu130")
    assert current.version("torch") == "torch 2.13.0"


def test_tensorflow_is_found_under_either_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package != "tensorflow":
            raise PackageNotFoundError
        return "2.21.0"

    monkeypatch.setattr("importlib.metadata.version", version)
    assert current.version("tensorflow") == "2.21.0"
    with pytest.raises(current.Unusable, match="torch is here, but not as a package"):
        current.version("torch")


@pytest.mark.parametrize(
    ("named", "jax", "code", "tags"),
    [
        ((), ABSENT, 0, ["numpy"]),
        (("numpy", "jax"), ABSENT, 1, ["numpy"]),
        (("numpy", "jax"), measured(), 0, ["numpy", "jax"]),
        (("jax",), ABSENT, 1, []),
    ],
)
def test_a_framework_that_was_asked_for_and_gave_nothing_is_exit_code_1(
    named: tuple[str, ...],
    jax: Measured,
    code: int,
    tags: list[str],
    answers: dict[str, Any],
    shelved: list[str],
) -> None:
    answers |= {"numpy": measured(), "jax": jax, "scipy": ABSENT, "torch": ABSENT, "tensorflow": ABSENT}
    assert run(*named, "--save", "somewhere", "--machine", "box") == code
    assert [tag.partition("-")[0] for tag in shelved] == tags


def test_an_interrupt_keeps_and_shows_what_is_measured(
    answers: dict[str, Any], shelved: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    answers |= {"numpy": measured(), "scipy": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        run("numpy", "scipy", "--save", "somewhere", "--machine", "box")
    assert [tag.partition("-")[0] for tag in shelved] == ["numpy"]
    assert "20.0  2.00×" in capsys.readouterr().out


@pytest.mark.parametrize(
    "error", [OSError("disk full"), measure_releases.NoSuite("no suite"), KeyError("of any kind")]
)
def test_what_cannot_be_filed_is_shown_all_the_same(
    error: Exception,
    answers: dict[str, Any],
    shelved: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*given: Any) -> Path:
        raise error

    monkeypatch.setattr(filing, "file", fails)
    answers |= {"numpy": measured(), "scipy": measured()}
    assert run("numpy", "scipy", "--save", "somewhere", "--machine", "box") == 1
    out, err = capsys.readouterr()
    assert err.count(f"is not filed: {type(error).__name__}: {error}\n") == 2
    assert out.count("20.0  2.00×") > 2


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("benchmarks.json", "{"),
        ("benchmarks.json", '{"core.Eager.track_latency": {}, "version": 2}'),
        ("box/machine.json", "{"),
        ("box/machine.json", '{"machine": "another", "version": 1}'),
        ("box/{commit}-existing.json", "null"),
        ("box/{commit}-existing.json", '{"results": [], "version": 2}'),
        ("box", "no folder"),
    ],
)
def test_a_folder_that_cannot_be_filed_into_is_told_before_anything_is_measured(
    file: str, text: str, tmp_path: Path, answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    tag = f"numpy-{current.version('numpy')}"
    commit = next(commit for commit, one in results.tracked().items() if one.tag == tag)
    path = tmp_path / file.format(commit=commit[:8])
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    assert run("numpy", "--save", str(tmp_path), "--machine", "box") == 2
    err = capsys.readouterr().err
    assert str(tmp_path) in err
    assert err.count("\n") == 1


def test_a_line_of_notes_that_was_cut_off_costs_that_line_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    measure_releases.rewrite(file, [{"tag": "numpy-1.0"}, {"tag": "numpy-2.0"}])
    file.write_text(file.read_text(encoding="utf-8") + '[]\n{}\n{"tag": "jax-', encoding="utf-8")
    assert measure_releases.noted(file) == [{"tag": "numpy-1.0"}, {"tag": "numpy-2.0"}]
    assert [path.name for path in tmp_path.iterdir()] == ["notes.jsonl"]


def test_an_interrupt_within_a_framework_loses_no_round_that_is_finished(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def add_rounds(run: Run, found: current.MeasuredCells, *rest: Any) -> None:
        for entry in found.values():
            entry.rows += measured().rows
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "benchmarks.timing.rounds.audited", lambda run, *rest: {cell: Measured() for cell in run.cells}
    )
    monkeypatch.setattr("benchmarks.timing.rounds.add_rounds", add_rounds)
    with pytest.raises(KeyboardInterrupt):
        run("numpy", "--cells", CIFAR)
    assert "20.0  2.00×" in capsys.readouterr().out
