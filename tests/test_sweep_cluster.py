"""A sweep on a real scheduler and workers in processes of their own: what is killed costs nothing but time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters import ROOT
from conformance import __main__ as conformance
from conformance.record import reading
from conformance.run.sweep import cluster
from conformance.run.sweep.judging import AXES, Task, run
from conformance.run.sweep.tally import merged

pytest.importorskip("distributed")
TARGET = "tests.fakes:Unhurried"
CHUNKS = 8
PATIENCE = 60.0

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command of Dask on the loopback interface; each is ended with the test."""
    started = []

    def begin(command: str, *options: str) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", f"distributed.cli.dask_{command}", "--scheduler-file", str(tmp_path / "at")]
        with (tmp_path / f"{command}.log").open("ab") as log:
            process = subprocess.Popen([*line, *options], cwd=ROOT, env=environment(), stdout=log, stderr=log)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def scheduler(start: Start, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A scheduler and its address."""
    (folder / "at").unlink(missing_ok=True)
    process = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    until((folder / "at").exists)
    return process, json.loads((folder / "at").read_text())["address"]


def worker(start: Start) -> subprocess.Popen[bytes]:
    return start("worker", "--no-nanny", "--nthreads", "1", "--no-dashboard")


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sweep(folder: Path, address: str, *more: str) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "conformance", "sweep", "--targets", TARGET, "--domain", "float16-pairs"]
    line += ["--operations", "softmax", "--sample", str(500 * CHUNKS), "--chunk", "500", "--output", str(folder)]
    line += ["--scheduler", address, *more]
    return subprocess.Popen(line, cwd=ROOT, env=environment(), stderr=subprocess.PIPE)


def ended(running: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """The exit code, and what was said on standard error."""
    _, said = running.communicate(timeout=PATIENCE)
    return running.returncode, said


def kept(folder: Path) -> int:
    return len(list(folder.glob("*/*.json")))


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """The counts of the same chunks one after the other in this process."""
    asked = (Task(TARGET, "float16-pairs", "softmax", i, 500 * CHUNKS, AXES, 500) for i in range(CHUNKS))
    return merged(run(one)["parts"] for one in asked)


def counted(folder: Path) -> dict[str, Any]:
    (record,) = folder.glob("*.json")
    return json.loads(record.read_text())["parts"]  # type: ignore[no-any-return]


def test_a_worker_that_is_killed_loses_nothing(start: Start, tmp_path: Path, expected: dict[str, Any]) -> None:
    _, address = scheduler(start, tmp_path)
    first, _ = worker(start), worker(start)
    running = sweep(tmp_path / "out", address)
    until(lambda: kept(tmp_path / "out") >= 2)
    first.send_signal(signal.SIGKILL)
    assert ended(running) == (0, b"")
    assert kept(tmp_path / "out") == CHUNKS
    assert counted(tmp_path / "out") == expected


def test_a_scheduler_that_is_killed_ends_the_sweep_and_another_one_goes_on(
    start: Start, tmp_path: Path, expected: dict[str, Any]
) -> None:
    process, address = scheduler(start, tmp_path)
    worker(start)
    running = sweep(tmp_path / "out", address)
    until(lambda: kept(tmp_path / "out") >= 2)
    process.kill()
    code, said = ended(running)
    assert code == 2
    assert b"--resume goes on" in said
    before = kept(tmp_path / "out")
    assert 2 <= before < CHUNKS
    _, address = scheduler(start, tmp_path)
    worker(start)
    assert ended(sweep(tmp_path / "out", address, "--resume")) == (0, b"")
    assert counted(tmp_path / "out") == expected


def test_a_run_on_a_cluster_leaves_the_record_of_a_run_here(start: Start, tmp_path: Path) -> None:
    _, address = scheduler(start, tmp_path)
    worker(start)
    line = [
        sys.executable,
        "-m",
        "conformance",
        "--targets",
        "tests.fakes:Small",
        "--output",
        str(tmp_path / "out"),
    ]
    for more in ((), ("--resume",)):
        asked = [*line, "--scheduler", address, *more]
        done = subprocess.run(
            asked, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "holds  tests.fakes:Small:cpu:eager" in done.stdout
    (record,) = (tmp_path / "out").glob("*.jsonl")
    assert reading.read(record).unfinished is None


def test_a_run_without_its_scheduler_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", "1s")
    line = ["--targets", "numpy", "--output", str(tmp_path), "--scheduler", "tcp://127.0.0.1:9"]
    assert conformance.main(line) == 2
    assert "Timed out" in capsys.readouterr().err.strip()
