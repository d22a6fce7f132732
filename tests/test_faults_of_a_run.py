"""Whatever happens while a target is judged, no command says "holds" of what was not judged and did not hold.

Each row of the tables is a fault, the words that are seen and the exit code. `tests/dying.py` has the adapters;
faults of the reader are in test_records.py, of the kept truths in test_cache.py.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from adapters import ROOT
from conformance import __main__ as command
from conformance.ci import baseline
from conformance.ci.baseline import BadBaseline
from conformance.foreign import ACTING
from conformance.record import reading
from conformance.record.records import Record, file_name
from conformance.record.verdict import problems
from conformance.run.processes import supervisor
from reports.targets import summary
from tests import dying
from tests.dying import ends

CHECKS = 48  # that the quick tier asks of one 8-bit format
FAULTY = "ACC-03/softmax/float8_e4m3fn/equal-n257"


@dataclass(frozen=True)
class Seen:
    """What a command left: its exit code, what it said, and the record."""

    code: int
    out: str
    err: str
    record: Record | None


@pytest.fixture
def judge(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Seen]:
    """Judges an adapter as the command does, and asserts what is true of every fault."""

    def run(name: str, *options: str) -> Seen:
        target = f"tests.dying:{name}:cpu:eager"
        output, junit, text = tmp_path / "out", tmp_path / "junit.xml", tmp_path / "summary.md"
        path = output / file_name(target)
        output.mkdir()
        path.write_text("of an earlier run\n")  # which is nothing of this one
        files = ["--output", str(output), "--junit", str(junit), "--summary", str(text), "--annotations"]
        code = command.main(["--targets", target, *files, *options])
        out, err = capfd.readouterr()
        written = [out, err, *(path.read_text() for path in (junit, text) if path.exists())]
        assert not [part for part in written if "Traceback" in part]
        written += [path.read_text() for path in output.glob("*.log")]
        assert not [part for part in written if ACTING.search(part)]
        if code != 2 or junit.exists():
            failed = [case for case in ElementTree.parse(junit).iter() if case.tag in ("failure", "error")]
            assert bool(failed) is bool(code)
            assert ("✅ holds" in text.read_text()) is (code == 0)
            assert ("::error " in out) is bool(code)
        said = [line for line in out.splitlines() if line.startswith(("holds", "FAILS"))]
        assert [line[:5] for line in said] in ([], ["holds" if code == 0 else "FAILS"])
        assert all("tests.dying:" in line for line in said)
        return Seen(code, out, err, reading.read(path) if path.is_file() else None)

    return run


def unlike_pass(record: Record | None) -> list[tuple[str, str]]:
    """The checks that did not pass, of a record that has all."""
    assert record is not None
    assert record.partial is None
    assert len(record.checks) == CHECKS
    return [(check.id, check.outcome) for check in record.checks if check.outcome != "pass"]


@pytest.mark.parametrize("name", dying.IN_A_CHECK)
def test_a_fault_in_a_check_costs_that_check_alone(name: str, judge: Callable[..., Seen]) -> None:
    _, outcome, words = dying.IN_A_CHECK[name]
    seen = judge(name)
    assert seen.code == 1
    assert unlike_pass(seen.record) == [(FAULTY, outcome)]
    assert seen.record is not None
    assert problems(seen.record) == [f"ACC-03: 1 {outcome}"]
    (lost,) = [check for check in seen.record.checks if check.id == FAULTY]
    end = f"\n  got: {words}\n  expected: a result" if outcome == "fail" else words
    assert str(lost.message).endswith(end)


@pytest.mark.parametrize("name", dying.HANGING)
def test_a_check_that_hangs_costs_that_check_and_its_limit(name: str, judge: Callable[..., Seen]) -> None:
    seen = judge(name, "--check-timeout", "3")
    assert seen.code == 1
    assert unlike_pass(seen.record) == [(FAULTY, "timeout")]
    assert seen.record is not None
    (late,) = [check for check in seen.record.checks if check.id == FAULTY]
    assert str(late.message).endswith("no answer within 3 s")


@pytest.mark.parametrize("name", ["Tiny", *dying.HARMLESS, "Markup", "MarkupOfTorch"])
def test_harm_that_changes_no_answer_costs_nothing(name: str, judge: Callable[..., Seen]) -> None:
    seen = judge(name)
    assert seen.code == 0
    assert unlike_pass(seen.record) == []


@pytest.mark.parametrize("name", dying.AT_THE_BEGINNING)
def test_death_before_the_first_check_is_said_of_the_target(name: str, judge: Callable[..., Seen]) -> None:
    seen = judge(name)
    assert seen.code == 2
    assert dying.AT_THE_BEGINNING[name][1] in seen.out
    assert seen.record is not None
    assert seen.record.checks == []


@pytest.mark.parametrize("name", [*dying.AT_THE_END, *dying.DESTRUCTIVE])
def test_death_after_the_last_check_and_a_destroyed_record_are_said_of_the_target(
    name: str, judge: Callable[..., Seen]
) -> None:
    _, words = {**dying.AT_THE_END, **dying.DESTRUCTIVE}[name]
    seen = judge(name)
    assert words in seen.out
    kept = words.startswith("the process")
    assert seen.code == (1 if kept else 2)
    if kept:
        assert unlike_pass(seen.record) == []
        assert seen.record is not None
        assert seen.record.footer is not None
        assert seen.record.footer.rows == CHECKS
        assert seen.record.footer.oracle_seconds > 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("BeginsWithSleep", "no check began within 1 s"),
        ("EndsWithThread", "the process still ran 1 s after its last check"),
        ("EndsWithSleep", "the process still ran 1 s after its last check"),
    ],
)
def test_a_hang_outside_a_check_is_said_of_the_target(
    name: str, words: str, judge: Callable[..., Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "EXIT", 1.0)
    begins = name.startswith("Begins")
    monkeypatch.setattr(supervisor, "START", 1.0 if begins else 60.0)
    seen = judge(name, "--check-timeout", "1" if begins else "60")
    assert words in seen.out
    assert seen.code == (2 if begins else 1)


NO_ADAPTERS = {
    "NoVersion": "a mistake of the adapter: version is None, not a text",
    "NumberForVersion": "a mistake of the adapter: version is 2, not a text",
    "NoName": "a mistake of the adapter: name is None, not a text",
    "NoFormats": "a mistake of the adapter: dtypes is None, not a set of names",
    "EmptyFormats": "a mistake of the adapter: dtypes is empty: there is nothing to judge",
    "Nobody": "Nobody",
}


@pytest.mark.parametrize("name", NO_ADAPTERS)
def test_an_adapter_that_is_none_is_said_of_the_target(name: str, judge: Callable[..., Seen]) -> None:
    seen = judge(name)
    assert seen.code == 2
    assert f"tests.dying:{name}:cpu:eager: " in seen.out
    assert NO_ADAPTERS[name] in seen.out


MODULES = {
    "exits": ("import os; os._exit(0)", "the process ended (exit code 0) before its first check"),
    "raises": ("raise RuntimeError('no\\nGPU')", "RuntimeError: no GPU"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "aborts": ("import os; os.abort()", "signal SIGABRT"),
    "is no Python": ("class Adapter(", "SyntaxError"),
    "has no such class": ("", "Adapter"),
    "has no class": ("Adapter = 3", "TypeError"),
    "sleeps": ("import time; time.sleep(600)", "no check began within 1 s"),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_cannot_be_imported_is_said_of_the_target(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source, words = MODULES[name]
    (tmp_path / "faulty_module.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    limit = 1.0 if name == "sleeps" else 60.0
    monkeypatch.setattr(supervisor, "START", limit)
    line = ["--targets", "faulty_module:Adapter", "--output", str(tmp_path / "out")]
    line += ["--check-timeout", str(limit)]
    assert command.main(line) == 2
    out, err = capfd.readouterr()
    assert words in out
    assert len(list(filter(None, out.splitlines()))) == 2
    assert "Traceback" not in out + err


def test_a_process_that_the_framework_left_behind_ends_with_its_target(
    tmp_path: Path, judge: Callable[..., Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIDFILE", str(tmp_path / "pid"))
    assert judge("LeavesProcess").code == 0
    assert ends(int((tmp_path / "pid").read_text()))


FAILING = """
import pytest

@pytest.fixture(autouse=True)
def fails(request):
    if "ACC-03" in request.node.name:
        raise RuntimeError("the setup fails")
"""
# What is asked of pytest itself, in the line or in the shell, of which adapter, and the exit code.
PARTS: dict[str, tuple[str, str, str, int]] = {
    "selected": ("Tiny", "-k ACC-03", "", 0),
    "selected in the shell": ("Tiny", "", "-k ACC-03", 0),
    "deselected": ("Tiny", "--deselect conformance/test_accuracy.py", "", 0),
    "collected only": ("Tiny", "", "--collect-only", 0),
    "planned only": ("Tiny", "--setup-plan", "", 0),
    "stopped at the first failure": ("RaisesMemoryError", "-x", "", 1),
    "stopped at the first failure in the shell": ("RaisesMemoryError", "", "--maxfail 1", 1),
    "with a setup that fails": ("Tiny", "-p failing_setup", "", 1),
    "killed with a worker": ("Segfaults", "-p xdist -n 2", "", 1),
    "ended with a worker": ("ExitsWith0", "-p xdist -n 2", "", 1),
    "interrupted": ("Interrupts", "", "", 2),
    "killed": ("IsKilled", "", "", -9),
    "without assertions": ("Tiny", "", "", 1),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_run_of_pytest_that_did_not_judge_all_holds_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    adapter, options, addopts, code = PARTS[name]
    (tmp_path / "failing_setup.py").write_text(FAILING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTEST_ADDOPTS", addopts)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # Hypothesis alone takes a second to import
    path = tmp_path / "part.jsonl"
    line = [sys.executable, *["-O"] * (name == "without assertions"), "-m", "pytest", "-q", "conformance"]
    line += ["--adapter", f"tests.dying:{adapter}", "--record", str(path), "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*line, *options.split()], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    # pytest-xdist may give up behind a dead worker
    assert done.returncode in ((code, 3) if "-n" in options else (code,)), done.stdout
    if name == "without assertions":
        assert "assert statements are not executed" in done.stdout + done.stderr
        assert not path.exists()
        return
    record = reading.read(path)
    assert record.partial
    assert record.footer is None or f"{path} is partial: {record.partial}\n" in done.stdout
    assert problems(record)[0].startswith("incomplete: ")
    assert summary(record, []).state == "incomplete"
    with pytest.raises(BadBaseline, match="is incomplete"):
        baseline.load(path, [])


def test_options_of_pytest_in_the_shell_leave_no_check_out(
    judge: Callable[..., Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k ACC-03")
    seen = judge("Tiny")
    assert seen.code == 0
    assert unlike_pass(seen.record) == []


def test_death_while_the_adapter_is_checked_costs_no_check(judge: Callable[..., Seen]) -> None:
    record = judge("DiesInSoftmax").record
    assert record is not None
    assert record.complete
    assert {check.operation for check in record.checks if check.outcome == "crash"} == {"softmax", "log_softmax"}
    assert "pass" in {check.outcome for check in record.checks}


def test_a_target_is_given_up_after_five_deaths_in_a_row(judge: Callable[..., Seen]) -> None:
    record = judge("DiesFromThenOn").record
    assert record is not None
    assert [check.outcome for check in record.checks] == ["pass", *["crash"] * 5]
    (problem,) = problems(record)
    assert problem.startswith(
        "given up after 5 deaths in a row: tests.dying:DiesFromThenOn:cpu:eager: signal SIG"
    )
    assert record.partial == f"6 of the {CHECKS} checks asked were judged"


@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that ends one process with another")
def test_a_process_ends_with_its_supervisor_whatever_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pid"
    monkeypatch.setenv("PIDFILE", str(file))
    line = [sys.executable, "-m", "conformance", "--targets", "tests.dying:Waits", "--output", str(tmp_path)]
    started = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (file.exists() and file.read_text()):
        assert started.poll() is None
        time.sleep(0.1)
    started.kill()
    started.wait()
    assert ends(int(file.read_text()))
