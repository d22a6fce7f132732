"""A command is bounded in time, ends with all that it has started, and says how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pytest

from conformance.run.processes import child
from conformance.run.processes.child import Ended
from tests.dying import ends


def python(script: str) -> list[str]:
    return [sys.executable, "-IS", "-c", script]


SLEEP = python("import time; time.sleep(600)")


@pytest.mark.parametrize(
    ("script", "code", "text"),
    [
        ("", 0, "exit code 0"),
        ("raise SystemExit(3)", 3, "exit code 3"),
        ("import os; os.abort()", -6, "signal SIGABRT"),
        ("import os; os.kill(os.getpid(), 37)", -37, "signal 37"),
    ],
)
def test_the_end_is_told_by_code_or_signal(script: str, code: int, text: str) -> None:
    ended = child.run(python(script), stderr=subprocess.DEVNULL)
    assert ended == Ended(code)
    assert str(ended) == text


def test_a_command_is_killed_at_its_deadline() -> None:
    began = time.monotonic()
    assert child.run(SLEEP, limit=0.5) == Ended(-signal.SIGKILL, late=True)
    assert time.monotonic() - began < 20


def test_progress_renews_the_deadline() -> None:
    renewed = iter([1.0] * 20)
    began = time.monotonic()
    assert child.run(SLEEP, limit=0.5, progress=lambda: next(renewed, None)).late
    assert time.monotonic() - began > 2.5


def test_a_clock_that_is_set_moves_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert child.run(python("import time; time.sleep(1)"), limit=60.0) == Ended(0)


def test_a_stop_ends_the_command() -> None:
    stop = Event()
    stop.set()
    assert child.run(SLEEP, stop=stop) == Ended(-signal.SIGKILL, stopped=True)


def test_an_exception_here_ends_the_command_and_what_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"""
import os, subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(600)"])
open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{inner.pid}}.")
time.sleep(600)
"""

    def interrupt() -> None:
        if pids.exists() and pids.read_text().endswith("."):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        child.run(python(script), progress=interrupt)
    outer, inner = map(int, pids.read_text().rstrip(".").split())
    with pytest.raises(ProcessLookupError):
        os.kill(outer, 0)
    assert ends(inner)


@pytest.mark.parametrize(("handler", "code"), [("default_int_handler", 7), ("SIG_IGN", -signal.SIGKILL)])
def test_a_command_with_grace_is_interrupted_first(handler: str, code: int, tmp_path: Path) -> None:
    ready, stop = tmp_path / "ready", Event()
    script = f"""
import signal, sys, time
signal.signal(signal.SIGINT, signal.{handler})
try:
    open({str(ready)!r}, "w").close()
    time.sleep(600)
except KeyboardInterrupt:
    sys.exit(7)
"""

    def progress() -> None:
        if ready.exists():
            stop.set()

    assert child.run(python(script), stop=stop, grace=2.0, progress=progress) == Ended(code, stopped=True)


def test_a_tied_command_reads_to_the_end_of_its_input() -> None:
    assert child.run(python("import sys; sys.stdin.read()"), limit=60.0) == Ended(0)
    assert child.run(python("import sys; sys.stdin.read()"), limit=0.5, tied=True).late


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_that_end_a_job_are_taken_for_an_interrupt(number: signal.Signals) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup may be around the tests
    try:
        with pytest.raises(KeyboardInterrupt), child.interruptible():
            child.run(SLEEP, progress=lambda: os.kill(os.getpid(), number))
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_command_under_nohup_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with child.interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
