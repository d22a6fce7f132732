"""However a process dies or hangs, it is charged to the check that it was at, or said of the whole target."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapters import ROOT
from conformance.record import reading
from conformance.record.records import Record
from conformance.record.verdict import problems
from conformance.run.processes import supervisor
from tests.dying import ends

IN_A_CHECK = {  # outcome and end of the message of that check
    "ExitsWith0": ("crash", "exit code 0"),
    "ExitsWith1": ("crash", "exit code 1"),
    "ExitsWith2": ("crash", "exit code 2"),
    "Segfaults": ("crash", "signal SIGSEGV"),
    "DiesOfRealTimeSignal": ("crash", "signal 37"),
    "Interrupts": ("crash", "exit code 2, KeyboardInterrupt"),
    "RaisesSystemExit": ("fail", "got: SystemExit: 2\n  expected: a result"),
    "StopsItself": ("timeout", "no answer within 5 s"),
}
AT_THE_BEGINNING = {  # in what the footer says
    "BeginsWithExit0": "the process ended (exit code 0) before its first check",
    "BeginsWithExit2": "the process ended (exit code 2) before its first check",
    "BeginsWithAbort": "the process ended (signal SIGABRT) before its first check",
    "BeginsWithError": ":cpu:eager: RuntimeError: CUDA driver is too old",
    "BeginsWithInterrupt": ":cpu:eager: KeyboardInterrupt:",
    "BeginsWithSystemExit": ":cpu:eager: SystemExit: no licence",
    "BeginsWithSleep": "no check began within 5 s",
}
AT_THE_END = {
    "EndsWithExit3": "the process ended (exit code 3) after its last check",
    "EndsWithAbort": "the process ended (signal SIGABRT) after its last check",
    "EndsWithThread": "the process still ran 20 s after its last check",
}


def order(name: str, output: Path, limit: float = 60.0) -> supervisor.Order:
    return supervisor.Order(f"tests.dying:{name}", "cpu", "eager", "quick", output, limit)


def judged(names: list[str], output: Path, limit: float = 60.0) -> dict[str, Record]:
    orders = [order(name, output, limit) for name in names]
    for each in orders:
        each.record.write_text("of an earlier run\n")  # which is nothing of theirs
    return dict(zip(names, supervisor.run_all(orders, 2, lambda progress: None), strict=True))


def ids(record: Record) -> list[str]:
    return sorted(check.id for check in record.checks)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """The records of all; those that hang with limits of seconds."""
    output = tmp_path_factory.mktemp("dying")
    hanging = {"StopsItself", "BeginsWithSleep", "EndsWithThread"}
    others = ["Tiny", *(name for name in (*IN_A_CHECK, *AT_THE_BEGINNING, *AT_THE_END) if name not in hanging)]
    records = judged(others, output)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervisor, "EXIT", 20.0)
        records |= judged(["StopsItself", "EndsWithThread"], output, 5.0)
        patch.setattr(supervisor, "START", 5.0)
        return records | judged(["BeginsWithSleep"], output, 5.0)


@pytest.mark.parametrize("name", IN_A_CHECK)
def test_death_in_a_check_costs_that_check_alone(name: str, found: dict[str, Record]) -> None:
    outcome, message = IN_A_CHECK[name]
    (lost,) = [check for check in found[name].checks if check.outcome != "pass"]
    assert (lost.id, lost.outcome) == ("ACC-03/softmax/float8_e4m3fn/equal-n257", outcome)
    assert str(lost.message).endswith(message)
    assert ids(found[name]) == ids(found["Tiny"])
    assert problems(found[name]) == [f"ACC-03: 1 {outcome}"]


@pytest.mark.parametrize("name", AT_THE_BEGINNING)
def test_death_before_the_first_check_is_said_of_the_target(name: str, found: dict[str, Record]) -> None:
    (problem,) = problems(found[name])
    assert AT_THE_BEGINNING[name] in problem
    assert "\n" not in problem
    assert found[name].checks == []


@pytest.mark.parametrize("name", AT_THE_END)
def test_death_after_the_last_check_fails_the_target_and_loses_nothing(
    name: str, found: dict[str, Record]
) -> None:
    assert problems(found[name]) == [AT_THE_END[name]]
    footer = found[name].footer
    assert footer is not None
    assert footer.rows == len(found[name].checks)
    assert ids(found[name]) == ids(found["Tiny"])
    assert footer.oracle_seconds > 0


def test_a_process_that_the_framework_left_behind_ends_with_its_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIDFILE", str(tmp_path / "pid"))
    record = supervisor.run(order("LeavesProcess", tmp_path), lambda progress: None)
    assert problems(record) == []
    assert ends(int((tmp_path / "pid").read_text()))


def test_death_while_the_adapter_is_checked_costs_no_check(found: dict[str, Record], tmp_path: Path) -> None:
    record = supervisor.run(order("DiesInSoftmax", tmp_path), lambda progress: None)
    assert ids(record) == ids(found["Tiny"])
    assert {check.operation for check in record.checks if check.outcome == "crash"} == {"softmax", "log_softmax"}
    assert "pass" in {check.outcome for check in record.checks}


def test_a_target_is_given_up_after_five_deaths_in_a_row(tmp_path: Path) -> None:
    record = supervisor.run(order("DiesFromThenOn", tmp_path), lambda progress: None)
    assert [check.outcome for check in record.checks] == ["pass", *["crash"] * 5]
    (problem,) = problems(record)
    assert problem.startswith(
        "given up after 5 deaths in a row: tests.dying:DiesFromThenOn:cpu:eager: signal SIG"
    )
    assert record.partial == "6 of the 30 checks asked were judged"


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


def test_options_of_pytest_in_the_shell_leave_no_check_out(
    found: dict[str, Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k ACC-03")
    record = supervisor.run(order("Tiny", tmp_path), lambda progress: None)
    assert ids(record) == ids(found["Tiny"])


def test_a_record_that_vanishes_is_an_error_with_its_reason(tmp_path: Path) -> None:
    asked = order("Tiny", tmp_path)
    supervisor._write_error(asked, "it vanished")
    assert problems(reading.read(asked.record)) == ["it vanished"]
