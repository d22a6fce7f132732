"""The plug-in in pytest's own hands: with workers, in a random order, in part; every outcome stays the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.record import reading, records
from conformance.test_interface import device_of

ROOT = Path(__file__).parent.parent
WHOLE = ["conformance", "--adapter", "tests.fakes:Small"]


def run(record: Path, *options: str) -> records.Record:
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "--record", str(record)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    return reading.read(record)


def outcomes(record: records.Record) -> list[tuple[str, str, str | None]]:
    return sorted((check.id, check.outcome, check.observed) for check in record.checks)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> records.Record:
    return run(tmp_path_factory.mktemp("whole") / "small.jsonl", *WHOLE)


@pytest.mark.parametrize(
    "options", [("-n", "2"), ("--random-order",), ("--random-order", "-n", "2")], ids=" ".join
)
def test_workers_and_order_change_no_outcome(
    whole: records.Record, tmp_path: Path, options: tuple[str, ...]
) -> None:
    record = run(tmp_path / "small.jsonl", *WHOLE, *options)
    assert outcomes(record) == outcomes(whole)
    assert record.footer is not None
    assert record.footer.unmatched == []


def test_resumed_run_with_workers_goes_on_where_it_stopped(whole: records.Record, tmp_path: Path) -> None:
    path = tmp_path / "small.jsonl"
    path.write_text("".join(whole.path.read_text().splitlines(keepends=True)[:300]))
    assert outcomes(run(path, *WHOLE, "--resume", "-n", "2")) == outcomes(whole)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=" ".join)
@pytest.mark.parametrize("missing", [1, 2], ids=["footer", "footer and a row"])
def test_resumed_run_that_lacks_but_its_end_is_ended_once(
    whole: records.Record, tmp_path: Path, options: tuple[str, ...], missing: int
) -> None:
    path = tmp_path / "small.jsonl"
    path.write_text("".join(whole.path.read_text().splitlines(keepends=True)[:-missing]))
    record = run(path, *WHOLE, "--resume", *options)
    assert record.complete
    assert outcomes(record) == outcomes(whole)


KNOWN = """
[nowhere]
adapter = "small"
versions = ">=1"
device = "cpu"
modes = ["eager"]
title = "Nothing"
reason = "0"
link = "unreported"
reproduction = "print(0)"
prints = "0"
expected = "1"
checks = [{ requirement = "ACC-01", cases = ["no-such-case"] }]
"""


@pytest.mark.parametrize("options", [("-k", "SPV"), ("-k", "SPV", "-n", "2")], ids=" ".join)
def test_part_of_a_run_says_nothing_of_entries_that_it_does_not_meet(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    known = tmp_path / "known.toml"
    known.write_text(KNOWN, encoding="utf-8")
    record = run(tmp_path / "part.jsonl", *WHOLE, *options, "--deviations", str(known))
    assert record.partial
    assert record.footer is not None
    assert record.footer.unmatched == []


def test_one_file_is_a_part(tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(KNOWN, encoding="utf-8")
    options = ["conformance/test_range.py", *WHOLE[1:], "--deviations", str(known)]
    assert run(tmp_path / "part.jsonl", *options).partial


def test_what_a_framework_warns_of_while_it_is_loaded_is_no_failure(tmp_path: Path) -> None:
    record = run(tmp_path / "warns.jsonl", "conformance", "--adapter", "tests.fakes:Warns", "-k", "IFC-05")
    assert {check.outcome for check in record.checks} == {"pass"}


def test_the_device_of_an_array_is_read_as_an_attribute_and_as_a_method() -> None:
    class Attribute:
        device = "cpu:0"

    class Method:
        def device(self) -> str:
            return "cpu:0"

    assert device_of(Attribute()) == device_of(Method()) == "cpu:0"
    assert device_of(None) == "None"
