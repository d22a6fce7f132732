"""History measures what is not measured, survives what fails, and goes on where it was interrupted."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import date
from math import nan
from pathlib import Path

import pytest
from asv.results import Results
from asv.util import UserError, write_json
from rich.console import Console

from adapters.releases import Release
from benchmarks.asv import measure_releases
from benchmarks.asv.measure_releases import Failure, Options, Setup
from conformance.run.processes import child, interpreters

COMMIT = "12345678" + "0" * 32
VERSIONS = {"core.Eager.track_latency": "1", "core.Eager.track_error": "2"}
QUIET = Console(quiet=True)
PYTHONS = ("3.11",)

# stands for asv: says what it is told to say, and writes what it was given
ASV = """
    import json, os, sys, time
    from pathlib import Path
    here = Path(__file__).parent
    given = {name: value for name, value in os.environ.items() if name.startswith("SOFTMARK_")}
    (here / "given.json").write_text(json.dumps([sys.argv[1:], given]))
    Path(given["SOFTMARK_PROGRESS"]).write_text("3 of 9 cells\\n")
    exec((here / "does.py").read_text())
"""


def release(version: str) -> Release:
    return Release("jax", version, date(2026, 1, 1), ">=3.11,<3.14", ())


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    config = {"version": 1, "repo": "repo", "env_dir": ".asv/env", "results_dir": "results"}
    (tmp_path / "asv.conf.json").write_text(json.dumps(config))
    write_json(str(tmp_path / "results" / "box" / "machine.json"), {"machine": "box"}, 1)
    (tmp_path / "asv.py").write_text(textwrap.dedent(ASV))
    return Setup(tmp_path / "asv.conf.json", "box", (sys.executable, str(tmp_path / "asv.py")))


def does(setup: Setup, script: str) -> None:
    (setup.config.parent / "does.py").write_text(textwrap.dedent(script))


def bench(setup: Setup) -> str:
    """What asv was told to run."""
    arguments = json.loads((setup.config.parent / "given.json").read_text())[0]
    return str(arguments[arguments.index("--bench") + 1])


def filed(setup: Setup, python: str = "3.11", **values: float | None) -> None:
    """Results of asv's for `COMMIT`, of the benchmarks given by their last name; "full" is one of that module."""
    results = Results({"machine": "box", "python": python}, {}, COMMIT, 0, python, f"virtualenv-py{python}", {})
    for name, value in values.items():
        key = "full.Shapes.track_latency" if name == "full" else f"core.Eager.track_{name}"
        results._results[key] = [value, value]
        results._benchmark_params[key] = [["'a'", "'b'"]]
        results._benchmark_version[key] = VERSIONS.get(key, "1")
        results._stats[key] = results._samples[key] = None
    results.save(str(setup.folder("results_dir")))


def measure(setup: Setup, options: Options = Options()) -> Failure | None:  # noqa: B008  it is frozen
    return measure_releases.measure(
        setup, release("0.9.0"), COMMIT, options, VERSIONS, lambda line: None, PYTHONS
    )


def test_a_release_is_measured_when_every_benchmark_has_run_in_its_present_version(setup: Setup) -> None:
    assert measure_releases.lacking(setup, COMMIT, VERSIONS, "3.11") == ["core"]
    filed(setup, latency=1.0)
    assert measure_releases.lacking(setup, COMMIT, VERSIONS, "3.11") == ["core"]
    filed(setup, latency=1.0, error=None)
    assert measure_releases.lacking(setup, COMMIT, VERSIONS, "3.11") == []
    assert measure_releases.lacking(setup, COMMIT, {**VERSIONS, "core.Eager.track_error": "3"}, "3.11") == [
        "core"
    ]
    assert measure_releases.lacking(setup, "f" * 40, VERSIONS, "3.11") == ["core"]


@pytest.mark.parametrize(("value", "lacking"), [(1.0, []), (nan, ["full"]), (None, ["full"])])
def test_a_tier_of_which_nothing_was_measured_is_lacking_and_alone_is_run(
    value: float | None, lacking: list[str], setup: Setup
) -> None:
    versions = {**VERSIONS, "full.Shapes.track_latency": "1"}
    filed(setup, latency=1.0, error=None, full=value)
    assert measure_releases.lacking(setup, COMMIT, versions, "3.11") == lacking
    if lacking:
        does(setup, "")
        measure_releases.measure(
            setup, release("0.9.0"), COMMIT, Options("full"), versions, lambda line: None, PYTHONS
        )
        assert bench(setup) == r"^(full)\."


def test_a_release_that_has_nothing_of_all_that_was_asked_is_not_measured(setup: Setup) -> None:
    filed(setup, latency=nan, error=None)
    assert measure_releases.lacking(setup, COMMIT, VERSIONS, "3.11") == ["core"]


def test_a_release_of_which_asv_noted_nulls_alone_is_not_measured(setup: Setup) -> None:
    filed(setup, latency=None, error=None)
    assert measure_releases.lacking(setup, COMMIT, VERSIONS, "3.11") == ["core"]


def test_asv_is_given_the_commit_and_what_was_ordered(setup: Setup) -> None:
    does(setup, "")
    measure(setup, Options("full", 7))
    arguments, variables = json.loads((setup.config.parent / "given.json").read_text())
    assert arguments[:6] == ["--config", str(setup.config), "run", f"{COMMIT}^!", "--machine", "box"]
    assert arguments[-2:] == ["--environment", "virtualenv:3.11"]
    assert bench(setup) == r"^(core)\."
    assert variables.items() >= {"SOFTMARK_ROUNDS": "7", "SOFTMARK_TIER": "full"}.items()


def test_nothing_of_the_shell_s_narrows_what_is_measured(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FRAMEWORK", "DEVICE", "ROUNDS", "CELLS", "TIER"):
        monkeypatch.setenv(f"SOFTMARK_{name}", "of the shell's")
    monkeypatch.setenv("SOFTMARK_CACHE", "kept")
    does(setup, "")
    measure(setup)
    variables = json.loads((setup.config.parent / "given.json").read_text())[1]
    assert variables.pop("SOFTMARK_PROGRESS")
    assert variables == {"SOFTMARK_TIER": "core", "SOFTMARK_CACHE": "kept"}


def test_a_release_is_measured_on_each_python_that_it_lacks(setup: Setup) -> None:
    does(setup, "sys.exit(2)")
    filed(setup, latency=1.0, error=1.0)
    assert measure_releases.lacking(setup, COMMIT, VERSIONS, "3.12") == ["core"]
    told = [
        measure_releases.measure(setup, release("0.9.0"), COMMIT, Options(), VERSIONS, print, of)
        for of in (("3.11",), ("3.11", "3.12"))
    ]
    assert [failure is None for failure in told] == [True, False]
    assert json.loads((setup.config.parent / "given.json").read_text())[0][-1] == "virtualenv:3.12"
    filed(setup, "3.12", latency=1.0, error=1.0)
    assert measure_releases.lacking(setup, COMMIT, VERSIONS, "3.12") == []


def test_the_release_before_a_newer_python_is_measured_on_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "HERE", "3.11")
    monkeypatch.setattr(interpreters, "executable", lambda version: version == "3.12")
    ranges = {"1": ">=3.11,<3.12", "2": ">=3.11,<3.14", "3": ">=3.12,<3.15", "4": ">=3.12,<3.15"}
    tracked = [replace(release(version), python=python) for version, python in ranges.items()]
    numpy = replace(release("5"), framework="numpy")
    assert Options().pythons([*tracked, numpy]) == {
        "jax-1": ("3.11",),
        "jax-2": ("3.11", "3.12"),
        "jax-3": ("3.12",),
        "jax-4": ("3.12",),
        "numpy-5": ("3.11",),
    }
    assert set(Options(python="3.13").pythons(tracked).values()) == {("3.13",)}


def test_asv_finds_another_python_first_on_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "HERE", "3.11")
    monkeypatch.setattr(interpreters, "executable", lambda version: f"/held/{version}/python")
    monkeypatch.setenv("PATH", "/usual")
    assert Options().variables("3.11")["PATH"] == "/usual"
    assert Options().variables("3.12")["PATH"].split(os.pathsep) == ["/held/3.12", "/usual"]


def test_the_suite_s_last_line_of_progress_is_told(setup: Setup) -> None:
    does(setup, "time.sleep(1)")
    told: list[str] = []
    measure_releases.measure(setup, release("0.9.0"), COMMIT, Options(), VERSIONS, told.append, PYTHONS)
    assert "3 of 9 cells" in told


def test_a_failing_installation_is_noted_with_its_reason_until_there_are_results(setup: Setup) -> None:
    said = r"·· Error\ninstall: jax-0.9.0: needs Python >=3.14\ninstall: numpy-2.4.1: no\n·· core.x skipped"
    does(setup, f"print('{said}'); sys.exit(2)")
    failure = measure(setup)
    assert failure is not None
    assert failure.reason == "needs Python >=3.14"
    assert [json.loads(line) for line in setup.failed.read_text().splitlines()] == [vars(failure)]

    again = measure(setup)
    assert len(setup.failed.read_text().splitlines()) == 1
    assert again is not None

    filed(setup, latency=1.0, error=1.0)
    assert measure(setup) is None
    assert not setup.failed.exists()


def test_a_suite_that_does_not_run_is_noted_with_asv_s_last_line(setup: Setup) -> None:
    does(setup, "print('· No executable found for python 3.99'); sys.exit(1)")
    failure = measure(setup)
    assert failure is not None
    assert failure.reason == "No executable found for python 3.99"


def test_a_failure_of_another_release_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "failed.jsonl"
    one, other = (Failure(tag, COMMIT, "2026-01-01", "") for tag in ("jax-1", "jax-2"))
    measure_releases.note(file, one.tag, one)
    measure_releases.note(file, other.tag, other)
    measure_releases.note(file, one.tag, None)
    assert [json.loads(line)["tag"] for line in file.read_text().splitlines()] == ["jax-2"]


def test_the_others_are_measured_where_a_release_fails() -> None:
    seen: list[str] = []

    def one(release: Release, tell: measure_releases.Tell) -> Failure | None:
        seen.append(release.tag)
        return Failure(release.tag, COMMIT, "", "no wheels") if release.version == "1" else None

    failures = measure_releases.measure_all([release("1"), release("2")], one, QUIET)
    assert seen == ["jax-1", "jax-2"]
    assert [failure.tag for failure in failures] == ["jax-1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_asv_and_the_run(setup: Setup, number: signal.Signals) -> None:
    script = """
        try:
            os.kill(os.getppid(), NUMBER)
            time.sleep(60)
        except KeyboardInterrupt:
            (here / "ended").write_text("")
    """
    does(setup, script.replace("NUMBER", str(int(number))))
    with pytest.raises(KeyboardInterrupt), child.interruptible():
        measure(setup)
    assert (setup.config.parent / "ended").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"names": ["mxnet"]}, "history: unknown framework 'mxnet': choose one of numpy"),
        (
            {"names": ["jax-0.0.1"]},
            "history: jax-0.0.1 is not in adapters/releases.toml: of jax there are 0.4.20",
        ),
        ({"rounds": 0}, "history: --rounds is at least 1"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    options: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    measure_releases.add_arguments(parser)
    given = parser.parse_args([])
    vars(given).update(options)
    assert measure_releases.run(given) == 2
    written = capsys.readouterr().err
    assert written.startswith(said)
    assert written.count("\n") == 1


def test_a_machine_is_known_by_the_name_that_it_was_given_or_by_its_own_and_told_of_no_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / ".asv-machine.json"
    name = measure_releases.machine()
    assert json.loads(file.read_text())[name]["os"] == platform.system()
    assert capsys.readouterr().out == f"This machine is called {name} in results; {file} names it otherwise.\n"
    write_json(str(file), {"box": {"machine": "box"}}, 1)
    assert measure_releases.machine() == "box"
    assert capsys.readouterr().out == ""
    file.write_text("{")
    with pytest.raises(UserError, match=r"asv-machine\.json"):
        measure_releases.machine()


def test_the_suite_is_read_with_its_versions_by_tier() -> None:
    setup = Setup(measure_releases.CONFIG, "box")
    core, full = (
        measure_releases.suite(setup.folder("benchmark_dir"), measure_releases.TIERS[tier])
        for tier in ("core", "full")
    )
    assert core
    assert core.items() < full.items()
    assert {name.partition(".")[0] for name in full} == {"core", "full"}


def test_a_suite_that_cannot_be_imported_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "core.py").write_text("import nothing_of_that_name")
    with pytest.raises(measure_releases.NoSuite, match="nothing_of_that_name"):
        measure_releases.suite(tmp_path, "")


def test_the_command_says_what_it_takes() -> None:
    script = (
        "import argparse; from benchmarks.asv import measure_releases; p = argparse.ArgumentParser(); "
        "measure_releases.add_arguments(p)"
    )
    done = subprocess.run(
        (sys.executable, "-c", f"{script}; p.parse_args(['--help'])"),
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert "--tier {core,full}" in done.stdout
