"""The memory of linear cross-entropy is that of a second call, in a process of its own."""

from __future__ import annotations

import re

import pytest

from benchmarks import linear_memory
from benchmarks.timing import audit


def test_a_child_tells_the_copies_of_the_logits(capfd: pytest.CaptureFixture[str]) -> None:
    code = linear_memory.main(["numpy", "--size", "64", "32", "16384"])
    told = capfd.readouterr().out
    if code == 1 and not told:
        pytest.skip("this kernel forgets no peak")
    found = re.fullmatch(r"numpy \S+: (\d+\.\d\d) copies of the logits\n", told)
    assert found
    assert 3 < float(found[1]) < 8


def test_a_peak_that_is_not_seen_is_told_by_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(linear_memory.CHILD, "1")
    monkeypatch.setattr(audit, "resident_peak", lambda run: None)
    assert linear_memory.main(["numpy", "--size", "2", "2", "4"]) == 1
