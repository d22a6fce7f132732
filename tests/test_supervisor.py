"""The runner outlives crashes and hangs, goes on where it stopped, and says in one line what is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from adapters import CACHE, MODES
from conformance import __main__ as command
from conformance import files
from conformance.record import reading, records
from conformance.record.verdict import problems
from conformance.run.processes import supervisor

ROOT = Path(__file__).parent.parent
UNIFORM = """
[uniform]
adapter = "small"
versions = ">=1"
device = "cpu"
modes = ["eager"]
title = "A row of -inf alone is uniform"
reason = "1/33 in place of NaN"
link = "unreported"
reproduction = "print(1)"
prints = "1"
expected = "NaN"
checks = [{ requirement = "SPV-03", operations = ["softmax"], cases = ["CASES"] }]
"""


def order(name: str, output: Path, **options: object) -> supervisor.Order:
    """An order for a fake adapter."""
    defaults: dict[str, object] = {"tier": "quick", "check_timeout": 60.0}
    return supervisor.Order(f"tests.fakes:{name}", "cpu", "eager", output=output, **(defaults | options))  # type: ignore[arg-type]  # as given


def judge(name: str, output: Path, **options: object) -> records.Record:
    """The record of a fake adapter."""
    return supervisor.run(order(name, output, **options), lambda progress: None)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m …` as a user runs it."""
    line = [sys.executable, "-m", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> records.Record:
    """A run that nothing happened to; what the shell asks of pytest is not asked of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_ADDOPTS", "--collect-only -k RNG -x")
        return judge("Small", tmp_path_factory.mktemp("whole"))


def test_a_run_is_whole_whatever_the_shell_asks_of_pytest(whole: records.Record) -> None:
    assert whole.complete
    assert problems(whole) == []


def ids(record: records.Record) -> set[str]:
    """The ids of a record's checks, but for the rows that compare the answers of several."""
    return {check.id for check in record.checks if check.case != records.ONE_ANSWER}


def test_crash_costs_one_check(whole: records.Record, tmp_path: Path) -> None:
    record = judge("Crashing", tmp_path)
    crashed = [check for check in record.checks if check.outcome == "crash"]
    assert [(check.requirement, check.operation) for check in crashed] == [("IFC-10", "softmax")]
    assert "SIGABRT" in str(crashed[0].message)
    assert record.complete
    assert ids(record) == ids(whole)
    assert problems(record) == ["IFC-10: 1 crash"]


def test_crash_after_the_judgement_of_a_check_replaces_it(whole: records.Record, tmp_path: Path) -> None:
    judged = order("Small", tmp_path)
    lines = whole.path.read_text().splitlines(keepends=True)
    judged.record.write_text("".join(lines[:3]))
    judged.running.write_text(f"{whole.checks[1].id}\n1\n9")
    supervisor._append(judged, supervisor._row(judged, "crash", "signal SIGSEGV"))
    first, second = reading.read(judged.record).checks
    assert first == whole.checks[0]
    assert (second.id, second.outcome) == (whole.checks[1].id, "crash")


def test_hang_costs_one_check_and_its_limit(whole: records.Record, tmp_path: Path) -> None:
    record = judge("Hanging", tmp_path, check_timeout=4.0)
    late = [check for check in record.checks if check.outcome == "timeout"]
    assert [(check.requirement, check.operation) for check in late] == [("IFC-10", "log_softmax")]
    assert record.complete
    assert ids(record) == ids(whole)


def test_target_that_cannot_begin_has_a_record_that_says_why(tmp_path: Path) -> None:
    record = judge("Stopping", tmp_path)
    assert record.footer is not None
    assert "libframework.so.1" in str(record.footer.error)
    assert problems(record) == [record.footer.error]


def test_interrupted_run_goes_on_where_it_stopped(whole: records.Record, tmp_path: Path) -> None:
    path = tmp_path / records.file_name("tests.fakes:Small:cpu:eager")
    lines = whole.path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:100]) + lines[100][:40])
    assert reading.read(path).footer is None
    resumed = judge("Small", tmp_path, resume=True)
    assert resumed.complete
    assert [check.id for check in resumed.checks] == [check.id for check in whole.checks]
    assert path.read_text().splitlines(keepends=True)[:100] == lines[:100]


# SIGINT is taken again first: a shell has its background jobs ignore it
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from conformance.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_is_one_line_and_keeps_what_is_recorded(tmp_path: Path, number: signal.Signals) -> None:
    line = [sys.executable, "-c", INTERRUPTIBLE, "--targets", "tests.fakes:Hanging", "--output", str(tmp_path)]
    started = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    running = supervisor.running_file(tmp_path / records.file_name("tests.fakes:Hanging:cpu:eager"))
    for _ in range(600):
        if running.exists() and running.read_text().startswith("IFC-10/log_softmax"):
            break
        time.sleep(0.1)
    started.send_signal(number)
    _, said = started.communicate(timeout=30)
    assert started.returncode == 130
    assert said.count("\n") == 1
    assert "--resume" in said
    record = reading.read(tmp_path / records.file_name("tests.fakes:Hanging:cpu:eager"))
    assert record.checks
    assert not record.complete


def test_two_runs_have_the_same_outcomes(whole: records.Record, tmp_path: Path) -> None:
    again = judge("Small", tmp_path)
    assert [(c.id, c.outcome, c.observed, c.measured) for c in again.checks] == [
        (c.id, c.outcome, c.observed, c.measured) for c in whole.checks
    ]


def uniform_rows(record: records.Record) -> list[records.Check]:
    """The checks of what `Uniform` does."""
    return [check for check in record.checks if (check.requirement, check.operation) == ("SPV-03", "softmax")]


@pytest.mark.parametrize(
    ("cases", "outcomes", "line"),
    [
        ("all-masked-*", {"deviation"}, None),
        ("all-masked-n33", {"deviation", "fail"}, "SPV-03: 1 fail"),
        ("no-such-case", {"fail"}, "deviation uniform shows in no check of this target"),
    ],
)
def test_deviation_is_exact_or_the_run_fails(
    tmp_path: Path, cases: str, outcomes: set[str], line: str | None
) -> None:
    known = tmp_path / "known.toml"
    known.write_text(UNIFORM.replace("CASES", cases))
    record = judge("Uniform", tmp_path, deviations=known)
    found = {check.outcome for check in uniform_rows(record) if check.case.startswith("all-masked-")}
    assert found == outcomes
    assert any(text.startswith(line) for text in problems(record)) if line else problems(record) == []


def test_deviation_that_passes_is_fixed_and_fails_the_run(tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(UNIFORM.replace("CASES", "*"))
    record = judge("Small", tmp_path, deviations=known)
    rows = uniform_rows(record)
    assert {check.outcome for check in rows} == {"fixed"}
    assert problems(record) == [f"SPV-03: {len(rows)} fixed"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("torch", ("torch", "cpu", "eager")),
        ("jax", ("jax", "cpu", "jit")),
        ("torch:cuda", ("torch", "cuda", "eager")),
        ("tensorflow:cpu:xla", ("tensorflow", "cpu", "xla")),
        ("onnxruntime", ("onnxruntime", "cpu", "eager")),
        ("keras", ("keras", "cpu", "tensorflow")),
        ("keras:cpu:torch", ("keras", "cpu", "torch")),
        ("package.module:Class", ("package.module:Class", "cpu", "eager")),
        ("package.module:Class:cuda:graph", ("package.module:Class", "cuda", "graph")),
    ],
)
def test_target_is_parsed(text: str, expected: tuple[str, str, str]) -> None:
    assert supervisor.parse(text) == expected


@pytest.mark.parametrize("arguments", [[], ["--targets", "all"]])
def test_a_run_judges_the_others_only_where_they_are_named(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[supervisor.Order] = []

    def taken(orders: list[supervisor.Order], jobs: int, report: object) -> list[records.Record]:
        asked.extend(orders)
        return []

    monkeypatch.setattr(supervisor, "run_all", taken)
    assert command.main([*arguments, "--output", str(tmp_path)]) == 0
    assert {order.adapter for order in asked} == set(MODES)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--targets", "numppy"], "unknown adapter 'numppy': choose one of numpy, scipy"),
        (["--targets", "torch:cpu:jit"], "torch has the modes eager, compiled"),
        (["--targets", "keras:cpu:eager"], "keras has the modes tensorflow, jax, torch"),
        (["--deviations", "nowhere.toml"], "there is no deviations file nowhere.toml"),
        (["--jobs", "0"], "--jobs is at least 1"),
        (["--output", "/dev/null/results"], "/dev/null/results"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(arguments) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1


def test_a_second_run_in_one_folder_names_the_first_and_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--targets", "tests.fakes:Small", "--output", str(tmp_path)]
    with files.reserved(tmp_path):
        assert command.main(arguments) == 2
        assert command.main(["releases", "--output", str(tmp_path)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"conformance: another run writes to {tmp_path}: process {os.getpid()}, ")
    assert second.startswith(f"releases: another run writes to {tmp_path}: process {os.getpid()}, ")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_absent_device_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    ended = run("conformance", "--targets", "numpy:cuda:eager,tests.fakes:Small", "--output", str(tmp_path))
    assert ended.returncode == 2
    assert "NumPy computes on the CPU; it has no device 'cuda'" in ended.stdout
    assert "holds  tests.fakes:Small:cpu:eager" in ended.stdout


def test_module_that_is_not_there_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    ended = run("conformance", "--targets", "no_such.module:Class", "--output", str(tmp_path))
    assert ended.returncode == 2
    assert "unknown adapter 'no_such.module:Class': no module 'no_such.module'" in ended.stdout


def test_pytest_says_an_unknown_adapter_in_one_line_and_exits_2() -> None:
    ended = run("pytest", "conformance", "--adapter", "numppy", "-q")
    assert ended.returncode == 2
    assert "cannot judge numppy:cpu:eager: unknown adapter 'numppy'" in ended.stdout + ended.stderr


def test_pytest_says_an_unwritable_record_in_one_line_and_exits_2() -> None:
    ended = run("pytest", "conformance", "--record", "/dev/null/x.jsonl", "-q")
    assert ended.returncode == 2
    assert "cannot write the record /dev/null/x.jsonl" in ended.stdout + ended.stderr


def test_a_compiler_keeps_its_work_in_a_folder_for_each_target(tmp_path: Path) -> None:
    asked = replace(order("Sound", tmp_path), adapter="jax")
    given, eager = (supervisor.compiler_cache(replace(asked, mode=mode)) for mode in ("jit", "eager"))
    assert Path(given["JAX_COMPILATION_CACHE_DIR"]).parent == CACHE / "compilers"
    assert given["JAX_COMPILATION_CACHE_DIR"] != eager["JAX_COMPILATION_CACHE_DIR"]


@pytest.mark.parametrize(
    ("adapter", "python"), [("tests.fakes:Hanging", sys.executable), ("jax", "other/python")]
)
def test_an_adapter_of_others_and_a_release_have_no_such_folder(
    adapter: str, python: str, tmp_path: Path
) -> None:
    assert supervisor.compiler_cache(order(adapter, tmp_path, python=python)) == {}
