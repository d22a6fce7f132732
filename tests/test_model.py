"""Records that do not fit together: merged or refused, with a line that a user reads."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.record.reading import read
from conformance.record.records import Footer, Record
from reports import model
from reports.__main__ import main
from tests.samples import assembled, check, header, record

FEBRUARY = "2026-02-01T00:00:00+00:00"


def noted(*records: Record) -> tuple[str, ...]:
    return assembled(*records).notes


def named(name: str, found: Record) -> Record:
    return replace(found, path=Path(name))


def made(**fields: object) -> Record:
    """A record of another target whose header differs in `fields`."""
    return replace(record(check()), header=replace(header("jax:cpu:jit"), **fields))  # type: ignore[arg-type]  # as given


def reported(capsys: pytest.CaptureFixture[str], *arguments: Path) -> tuple[int, list[str], str]:
    """Exit code, the lines of standard error and the notes of the page of `python -m reports`."""
    code = main([*map(str, arguments), "--no-html"])
    page = arguments[0] / "report.md"
    notes = re.findall("^> (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE) if page.exists() else []
    return code, capsys.readouterr().err.splitlines(), "\n".join(notes)


# Several records of one target


def test_record_under_two_names_is_counted_once(
    folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = folder(check())
    shutil.copy(place / "torch-cpu-eager.jsonl", place / "a.jsonl")
    code, errors, notes = reported(capsys, place)
    assert (code, errors) == (0, [])
    assert (
        notes == "torch:cpu:eager: a.jsonl is the same record as torch-cpu-eager.jsonl and is not counted again"
    )


def test_file_given_twice_is_one_record(folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    place = folder(check())
    assert reported(capsys, place, place, place / "torch-cpu-eager.jsonl") == (0, [], "")


def test_earlier_record_of_a_target_is_named() -> None:
    early, late = named("early.jsonl", record(check())), named("late.jsonl", record(check(), start=FEBRUARY))
    told = f"late.jsonl, which started at {FEBRUARY}, is used; early.jsonl ({early.header.start}) is not"
    assert noted(early, late) == noted(late, early) == (f"torch:cpu:eager: {told}",)


def test_records_of_one_name_are_told_by_their_folders() -> None:
    early, late = named("a/x.jsonl", record(check())), named("b/x.jsonl", record(check(), start=FEBRUARY))
    (told,) = noted(early, late)
    assert f"b/x.jsonl, which started at {FEBRUARY}, is used" in told
    assert "a/x.jsonl (" in told


def test_run_that_was_copied_while_it_went_on_is_left_for_the_whole_one() -> None:
    whole = named("a.jsonl", record(check(), check(case="ones")))
    part = named("b.jsonl", replace(whole, checks=whole.checks[:1], footer=None))
    for pair in ((whole, part), (part, whole)):
        assert model.latest(pair) == [whole]
        (told,) = noted(*pair)
        assert told.startswith("torch:cpu:eager: a.jsonl, which started at ")


def test_run_that_ended_in_an_error_is_left_for_the_whole_one() -> None:
    whole = named("a.jsonl", record(check()))
    broken = named("b.jsonl", record(check(), check(case="ones"), footer=Footer(2, "", error="given up")))
    assert model.latest([whole, broken]) == model.latest([broken, whole]) == [whole]


# Records that were not made alike


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"suite_commit": "def"}, "different suite commits (def; abc)"),
        ({"suite_commit": ""}, "different suite commits (unknown; abc)"),
        ({"tier": "full"}, "different tiers (full; quick)"),
        ({"threads": 1}, "different machines (Linux, 1 thread; Linux, 2 threads)"),
        ({"platform": "macOS"}, "different machines (macOS, 2 threads; Linux, 2 threads)"),
        ({"device_model": "another CPU"}, "different cpu devices (another CPU; a CPU)"),
    ],
)
def test_what_the_records_were_made_with_is_told_where_it_differs(fields: dict[str, object], line: str) -> None:
    assert noted(record(check()), made(**fields)) == (
        f"The records come from {line}: compare targets with care.",
    )


def test_records_made_alike_have_no_note() -> None:
    assert noted(record(check()), made()) == ()


def test_gpu_beside_a_cpu_is_no_difference() -> None:
    assert noted(record(check()), made(target="jax:cuda:jit", device_model="a GPU")) == ()


def test_requirements_of_another_suite_are_counted_and_named() -> None:
    report = assembled(record(check("NEW-01"), check("NEW-01", case="ones"), check("NEW-02", "fail")))
    assert report.notes == ("NEW-01: unknown to this suite, 2 checks", "NEW-02: unknown to this suite, 1 check")
    assert sum(dict(report.targets[0].counts.items).values()) == 3
    assert report.targets[0].verdict == "1 must failure"


# Records that are no evidence


def with_text(change: Callable[[str], str]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    return write


def judged_twice(text: str) -> str:
    first, row, footer = text.splitlines(keepends=True)
    return first + row + row.replace("pass", "fail") + footer


REFUSED = {
    "another-format": (
        with_text(lambda text: text.replace('"format": 2', '"format": 3')),
        "bad.jsonl, line 1: format 3, this suite reads 1 to 2: run that target again, or read the record with "
        "the suite that wrote it (commit 'abc')",
    ),
    "judged-twice": (
        with_text(judged_twice),
        "bad.jsonl, line 3: 'ACC-01/softmax/float32/zeros' is judged in line 2 too; run that target again",
    ),
    "two-runs-in-one-file": (
        with_text(lambda text: text + text),
        "bad.jsonl, line 4: a second header; a record is one run",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_record_that_is_refused_is_one_line_and_the_others_are_reported(
    folder: Callable[..., Path], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change, line = REFUSED[name]
    place = folder(check())
    shutil.copy(place / "torch-cpu-eager.jsonl", place / "bad.jsonl")
    change(place / "bad.jsonl")
    assert reported(capsys, place) == (1, [f"reports: left out: {place}/{line}"], "")
    (place / "torch-cpu-eager.jsonl").unlink()
    assert main([str(place)]) == 2
    assert capsys.readouterr().err == f"reports: {place}/{line}\n"


def test_record_without_its_footer_is_incomplete_in_the_verdict(folder: Callable[..., Path]) -> None:
    path = folder(check(), check("ACC-02", "fail"), check(case="b", outcome="fail"), complete=False)
    (target,) = assembled(read(path / "torch-cpu-eager.jsonl")).targets
    assert target.state == "incomplete"
    assert target.verdict == "incomplete: the run stopped after 3 checks; 1 must failure"
