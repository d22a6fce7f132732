"""A run goes on only in the record of the very same run; any other record is kept under another name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters import ROOT
from conformance.record import reading
from conformance.record.records import ONE_ANSWER, Check, CheckSet, Footer, Header
from conformance.record.resuming import NotResumed, resume
from conformance.record.writing import Writer
from conformance.run.processes import machine
from tests import samples
from tests.samples import check

CHECKS = [check(case="a"), check(case="b")]
NOW = replace(samples.header(), suite_digest="0123", asked=CheckSet.of(check.id for check in CHECKS))


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A record of the same run, which was cut off."""
    writer = Writer(tmp_path / "torch-cpu-eager.jsonl", NOW)
    writer.write(CHECKS[0])
    writer.write(check("SPV-03", "choice", case=ONE_ANSWER))
    writer.close()
    return writer.path


def test_the_same_run_goes_on_without_what_it_writes_anew(cut: Path) -> None:
    writer = resume(cut, replace(NOW, start="later", threads=7))
    assert writer is not None
    assert writer.checks == CHECKS[:1]
    writer.write(CHECKS[1])
    writer.write(Footer(2, ""))
    record = reading.read(cut)
    assert record.header == NOW
    assert record.complete


def test_a_run_that_judged_all_is_left_as_it_is(cut: Path) -> None:
    writer = Writer(cut, NOW)
    for row in CHECKS:
        writer.write(row)
    writer.write(Footer(2, ""))
    whole = cut.read_bytes()
    assert resume(cut, NOW) is None
    assert cut.read_bytes() == whole


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"target": "jax:cpu:jit"}, "target torch:cpu:eager, now jax:cpu:jit"),
        ({"tier": "full"}, "tier quick, now full"),
        ({"suite_commit": "abd"}, "suite commit abc, now abd"),
        ({"suite_digest": "4567"}, "the judging files have changed"),
        ({"asked": CheckSet.of(["c"])}, "other checks are asked"),
        (
            {"framework": {"name": "torch", "version": "2.1", "build": "wheel"}},
            "framework version 2.0, now 2.1",
        ),
    ],
)
def test_another_run_is_kept_under_another_name(cut: Path, changed: dict[str, Any], said: str) -> None:
    before = cut.read_bytes()
    with pytest.raises(NotResumed) as raised:
        resume(cut, replace(NOW, **changed))
    kept = cut.with_name(f"{cut.name}.old")
    assert (
        str(raised.value) == f"it is of another run: {said}; it is kept as {kept}, and the next run starts anew"
    )
    assert kept.read_bytes() == before
    assert not cut.exists()


def test_a_record_with_one_bad_byte_is_kept_beside_those_kept_before(cut: Path) -> None:
    data = bytearray(cut.read_bytes())
    data[-2] ^= 1
    cut.with_name(f"{cut.name}.old").write_text("kept before")
    cut.write_bytes(data)
    with pytest.raises(NotResumed, match=r", line 3: no JSON at column .*; it is kept as .*\.jsonl\.old2, and"):
        resume(cut, NOW)
    assert cut.with_name(f"{cut.name}.old2").read_bytes() == data


def test_a_record_in_which_nothing_was_judged_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    Writer(path, replace(NOW, framework={"name": "torch", "version": "", "build": ""}, asked=None)).close()
    writer = resume(path, NOW)
    assert writer is not None
    writer.close()
    assert (writer.header, reading.read(path).header) == (NOW, NOW)


def changed_tier(header: Header) -> Header:
    return replace(header, tier="full")


def changed_version(header: Header) -> Header:
    return replace(header, framework={**header.framework, "version": "1.0"})


@pytest.mark.parametrize("change", [changed_tier, changed_version])
def test_the_command_says_in_one_line_what_differs_and_exits_2(
    tmp_path: Path, change: Callable[[Header], Header]
) -> None:
    path = tmp_path / "scipy-cpu-eager.jsonl"
    header = change(replace(samples.header("scipy:cpu:eager"), suite_commit=machine.commit()))
    writer = Writer(path, header)
    writer.write(Check("ACC-01", "softmax", "float32", "a", "pass"))
    writer.close()
    command = [sys.executable, "-m", "conformance", "--targets", "scipy", "--output", str(tmp_path), "--resume"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "FAILS  scipy:cpu:eager: cannot go on in the record: it is of another run: " in done.stdout
    assert reading.read(path.rename(path.with_name("error.jsonl"))).unfinished
    assert path.with_name(f"{path.name}.old").exists()


def test_no_variable_of_git_changes_the_commit_of_the_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = machine.commit()
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert machine.commit() == commit


def test_the_digest_of_the_suite_tells_changed_files_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    (tmp_path / "conformance").mkdir()
    digests = set()
    for text in ("1", "2", "12"):
        (tmp_path / "conformance" / "bounds.py").write_text(text)
        (tmp_path / "conformance" / "a.jsonl").write_text(text)
        digests |= {machine.suite_digest(), machine.suite_digest()}
    assert len(digests) == 3
