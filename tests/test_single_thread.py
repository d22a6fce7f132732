"""A call in one thread: in a process of its own, bound to one core; or absent with its reason."""

from __future__ import annotations

import os

import numpy as np
import pytest

from adapters.numpy import Adapter
from adapters.protocol import NotProvided
from conformance.run import single_thread
from conformance.run.measure import Call

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
