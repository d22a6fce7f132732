"""What lies around a run does it no harm either: files of others, what the shell asks, the terminal.

Each row of the tables is a fault, what is said of it and the exit code.
"""

from __future__ import annotations

import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters import ROOT
from conformance import __main__ as command
from conformance.foreign import ACTING
from conformance.record.records import Check, Footer, Header, Record
from conformance.record.storage import LARGEST
from conformance.record.writing import whole
from conformance.run.processes import child, supervisor
from reports import __main__ as reports
from tests import samples
from tests.dying import ANSI

TARGET = "tests.dying:Tiny:cpu:eager"
ROW = Check("ACC-01", "softmax", "float32", "a", "pass")
TEXT = whole(samples.header(TARGET), [ROW], Footer(1, "2026-01-01T00:01:00+00:00"))


def flipped(place: int) -> Callable[[Path], object]:
    data = bytearray(TEXT.encode())
    data[place] ^= 1
    return lambda path: path.write_bytes(bytes(data))


def written(old: str, new: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(TEXT.replace(old, new, 1))


def bomb(path: Path) -> None:
    part = lzma.compress(bytes(LARGEST // 16), preset=0)
    path.with_suffix(".jsonl.xz").write_bytes(17 * part)


# what lies where a record is looked for, and what is said of it
FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "not a regular file"),
    "a folder": (lambda path: path.mkdir(), "not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "a link to nothing": (lambda path: path.symlink_to(path.with_name("gone")), "No such file"),
    "a link to itself": (lambda path: path.symlink_to(path), "symbolic link"),
    "nothing in it": (lambda path: path.touch(), "the file is empty"),
    "a bomb": (bomb, "it holds more than 256 MiB"),
    "no xz": (lambda path: path.with_suffix(".jsonl.xz").write_text(TEXT), "cannot be read"),
    "a field twice": (written('"case"', '"dtype": "", "case"'), "the field 'dtype' stands twice"),
    "a bit of the header": (flipped(TEXT.index("a CPU")), "the checksum is another"),
    "a bit of a row": (flipped(TEXT.index('"a"') + 1), "the checksum is another"),
    "a bit of the footer": (flipped(TEXT.index("2026-01-01T00:01") + 9), "the checksum is another"),
    "a bit of the checksum": (flipped(len(TEXT) - 5), "the checksum is another"),
    "a bad byte": (lambda path: path.write_bytes(TEXT.encode()[:-2] + b"\xff}\n"), "can't decode byte"),
    "a page": (lambda path: path.write_text(f"<html>{ANSI}\n"), "no JSON at column 1"),
    "what acts on a terminal": (lambda path: path.write_text(f'{{"kind": "{ANSI!r}"}}\n'), "no JSON at column"),
    "an unknown format": (written('"format": 2', '"format": 9'), "format 9, this suite reads 1 to 2"),
}


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of an error."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert not ACTING.search(err)
    return err


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_record_is_one_line_and_exit_code_2(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put, words = FILES[name]
    (tmp_path / "records").mkdir()
    put(tmp_path / "records" / "a.jsonl")
    (place,) = (tmp_path / "records").iterdir()
    output = ["--output", str(tmp_path / "out")]
    assert command.main(["--targets", TARGET, *output, "--baseline", str(place.parent)]) == 2
    assert words in said(capsys)
    assert reports.main([str(place.parent), *output]) == 2
    assert words in said(capsys)
    assert not (tmp_path / "out").exists()


# options, and what is said of them
USAGE = {
    "no target": (["--targets", ""], "unknown adapter ''"),
    "a target too much": (["--targets", "numpy,"], "unknown adapter ''"),
    "a target of many parts": (["--targets", "numpy:cpu:eager:more"], "unknown target"),
    "markup for a target": (["--targets", f"[red]{ANSI}"], "unknown adapter"),
    "no time": (["--check-timeout", "0"], "--check-timeout is more than 0"),
    "time that is no number": (["--check-timeout", "nan"], "--check-timeout is more than 0"),
    "time backwards": (["--check-timeout", "-1"], "--check-timeout is more than 0"),
    "no job": (["--jobs", "0"], "--jobs is at least 1"),
    "deviations in a folder": (["--deviations", "."], "there is no deviations file"),
    "no baseline": (["--baseline", "/nowhere/[red]"], "there is no baseline /nowhere/[red]"),
    "a file for a folder": (["--output", "/dev/null"], "/dev/null"),
    "a file within a file": (["--junit", "/dev/null/a.xml"], "/dev/null"),
}


@pytest.mark.parametrize("name", USAGE)
def test_wrong_usage_is_one_line_and_exit_code_2(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, words = USAGE[name]
    assert command.main(["--output", str(tmp_path), *options]) == 2
    assert words in said(capsys)


def judged(monkeypatch: pytest.MonkeyPatch, *found: Record) -> list[supervisor.Order]:
    """The orders of a run, whose records are these."""
    asked: list[supervisor.Order] = []

    def run_all(orders: list[supervisor.Order], jobs: int, report: object) -> list[Record]:
        asked.extend(orders)
        return list(found)

    monkeypatch.setattr(supervisor, "run_all", run_all)
    return asked


def test_a_target_that_is_named_three_ways_is_judged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = judged(monkeypatch)
    command.main(["--targets", "torch,torch:cpu, torch:cpu:eager", "--output", str(tmp_path)])
    assert [order.target for order in orders] == ["torch:cpu:eager"]


@pytest.mark.parametrize("option", ["--junit", "--summary"])
def test_a_full_disk_costs_but_the_file_that_is_written_to_it(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(monkeypatch, samples.record(ROW, target=TARGET))
    assert command.main(["--targets", TARGET, "--output", str(tmp_path), option, "/dev/full"]) == 2
    out, err = capsys.readouterr()
    assert "holds" in out
    assert err.count("\n") == 1
    assert "another file cannot be written: [Errno 28] No space left on device" in err


@pytest.mark.parametrize("step", ["run", "_append"])
def test_a_full_disk_is_said_of_its_target_alone(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "_append":
        monkeypatch.setattr(supervisor, "_process", lambda order, report, stop: ROW)
    monkeypatch.setattr(*((supervisor, step) if step == "_append" else (child, step)), full)
    order = supervisor.Order("tests.dying:Tiny", "cpu", "eager", "quick", tmp_path, 5.0)
    record = supervisor.run(order, lambda progress: None)
    assert record.unfinished == "the record was not kept: [Errno 28] No space left on device"


def foreign() -> Record:
    header: Header = samples.header(f"m:{ANSI}:cpu:eager")
    header = replace(header, framework=dict.fromkeys(header.framework, f"{ANSI}\nholds  numpy"))
    rows = [replace(ROW, outcome="fail", case=f"a{ANSI}", message=f"{ANSI}\n::error::x", entry=ANSI)]
    return Record(Path("a.jsonl"), header, rows, Footer(1, "", unmatched=[ANSI]))


def test_foreign_text_acts_on_no_terminal_and_in_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = foreign()
    judged(monkeypatch, record)
    junit, text = tmp_path / "junit.xml", tmp_path / "summary.md"
    files = ["--junit", str(junit), "--summary", str(text), "--annotations"]
    assert command.main(["--targets", TARGET, "--output", str(tmp_path / "out"), *files]) == 1
    path = tmp_path / "a.jsonl"
    path.write_text(whole(record.header, record.checks, record.footer))
    reports.main([str(path), "--no-html"])
    out, err = capsys.readouterr()
    shown = [out, err, junit.read_text(), text.read_text()]
    assert [bool(ACTING.search(part)) for part in shown] == [False] * 4
    assert "[red]" in out
    assert not [line for line in out.splitlines() if line.startswith("holds")]


TERMINALS = {
    "ascii": ({"PYTHONIOENCODING": "ascii"}, ""),
    "C": ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, ""),
    "latin": ({"PYTHONIOENCODING": "latin-1"}, ""),
    "narrow": ({"COLUMNS": "20"}, ""),
    "dumb": ({"TERM": "dumb", "COLUMNS": "1"}, ""),
    "closed": ({}, "| head -1"),
    "gone": ({}, "| true"),
    "full": ({}, "> /dev/full"),
}


@pytest.mark.parametrize("name", TERMINALS)
def test_any_terminal_is_written_to_without_a_traceback(name: str, tmp_path: Path) -> None:
    environment, behind = TERMINALS[name]
    real = tmp_path / "[red]real"
    real.mkdir()
    link = tmp_path / "link[bold]"
    link.symlink_to(real)
    (link / "a.jsonl").write_text(TEXT)
    line = f'"{sys.executable}" -m reports "{link}" --no-html {behind}'
    done = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, env=os.environ | environment, capture_output=True, check=False
    )
    assert b"Traceback" not in done.stdout + done.stderr
    assert done.stderr.count(b"\n") <= (name == "full")
    assert (real / "report.md").exists()
    assert done.returncode == (2 if name == "full" else 0)
