"""A call in one thread: in a process of its own, bound to one core; or absent with its reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adapters.numpy import Adapter
from adapters.protocol import Died, NotProvided
from conformance.record import reading
from conformance.record.verdict import problems
from conformance.run import single_thread
from conformance.run.measure import Call

ROOT = Path(__file__).parent.parent
CALL = Call("softmax", np.zeros((1, 2), np.float32))


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@pytest.mark.skipif(cores() < 2, reason="one core: nothing to compare")
def test_call_has_one_core_and_is_told_of_one_thread() -> None:
    before = os.environ.get("OMP_NUM_THREADS")
    assert single_thread.run("tests.fakes:Cores:cpu:eager", CALL).tolist() == [1, 1]
    assert cores() > 1
    assert os.environ.get("OMP_NUM_THREADS") == before


@pytest.mark.skipif(cores() < 2, reason="one core: nothing to compare")
def test_call_of_the_reference_has_its_bits() -> None:
    x = np.random.default_rng(0).standard_normal((64, 1000)).astype(np.float32)
    assert single_thread.run("numpy:cpu:eager", Call("softmax", x)).tobytes() == Adapter().softmax(x).tobytes()


def test_another_device_is_absent() -> None:
    with pytest.raises(NotProvided, match="the device is cuda"):
        single_thread.run("torch:cuda:eager", CALL)


def test_one_core_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    with pytest.raises(NotProvided, match="one core"):
        single_thread.run("numpy:cpu:eager", CALL)


@pytest.mark.skipif(cores() < 2, reason="one core: nothing to compare")
def test_death_is_an_error_of_its_own_and_the_next_call_has_a_new_process() -> None:
    target = "tests.dying:DiesInOneThread:cpu:eager"
    with pytest.raises(Died, match=r"^in one thread: signal SIGABRT$"):
        single_thread.run(target, CALL)
    three = Call("softmax", np.zeros((1, 3), np.float32))
    assert single_thread.run(target, three).shape == (1, 3)


@pytest.mark.skipif(cores() < 2, reason="one core: nothing to compare")
def test_error_that_no_other_process_knows_is_told_by_its_name() -> None:
    with pytest.raises(RuntimeError, match=r"^in one thread: Inner: out of registers$"):
        single_thread.run("tests.dying:RaisesInOneThread:cpu:eager", CALL)


@pytest.mark.skipif(cores() < 2, reason="one core: nothing to compare")
def test_death_in_one_thread_is_a_crash_of_the_check_that_called(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    line = [sys.executable, "-m", "pytest", "conformance/test_determinism.py", "-q", "-k", "DET-06"]
    adapter = ["--adapter", "tests.dying:DiesInOneThread", "--record", str(record)]
    ended = subprocess.run([*line, *adapter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    found = reading.read(record)
    died = {check.operation: check.outcome for check in found.checks if check.outcome != "measured"}
    assert died == {"softmax": "crash"}
    assert problems(found)[1:] == ["DET-06: 1 crash"]
