"""The archive keeps what the pages say, in few bytes, and takes finished records only."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from conformance.record import archive as packing
from conformance.record import reading, storage
from conformance.record.records import Footer, Record
from conformance.record.writing import Writer
from reports import archive, grades, model, scope
from tests.samples import REQUIREMENTS, assembled, check, graded, header, record
from tests.whole_record import SCHEMA

SHOWN = {"got": "0x1.8p+1", "expected": "0x1.0p+1", "call": graded().witness["call"]}
MET = [
    replace(graded(D=0.2), case="a", witness=SHOWN),
    replace(graded(D=0.9), case="b", witness=SHOWN),
    replace(graded(D=0.3), case="c", witness=SHOWN, dtype="float16"),
    check("SPV-03", "choice", observed="nan", witness=SHOWN),
    check("DET-04", "measured", measured={"differing": 3}, witness=SHOWN),
]
FAILED = [
    replace(graded("fail", D=7.0), case="d", dtype="bfloat16", message="why", witness=SHOWN),
    replace(graded("fail", D=6.0), case="e", dtype="bfloat16", message="why", witness=SHOWN),
    check(outcome="deviation", entry="stalled-sum", witness=SHOWN, message="why"),
]


def unpacked(found: Record, folder: Path) -> Record:
    path = folder / "again.jsonl.xz"
    path.write_bytes(packing.pack(found))
    return reading.read(path)


def test_rows_that_were_met_keep_a_witness_where_it_is_the_worst() -> None:
    kept = packing.thinned(MET)
    assert [row.case for row in kept if row.witness == SHOWN] == ["b", "c"]
    assert all(row.witness["call"] == SHOWN["call"] for row in kept)
    assert [replace(row, witness={}) for row in kept] == [replace(row, witness={}) for row in MET]


def test_rows_that_failed_are_kept_whole() -> None:
    assert packing.thinned(FAILED) == FAILED


def test_pages_of_an_archive_are_those_of_its_records(tmp_path: Path) -> None:
    whole = record(*MET, *FAILED)
    kept = unpacked(whole, tmp_path)
    limits = scope.Limits((), ())
    assert kept.checks != whole.checks
    one, other = assembled(whole), assembled(kept)
    assert one.accuracy == other.accuracy
    assert one.sections == other.sections
    assert grades.page([whole], one) == grades.page([kept], other)
    assert scope.page([whole], one, REQUIREMENTS, limits) == scope.page([kept], other, REQUIREMENTS, limits)


def test_same_record_gives_the_same_bytes_also_when_archived_again(tmp_path: Path) -> None:
    data = packing.pack(record(*MET, *FAILED))
    assert packing.pack(record(*MET, *FAILED)) == data
    assert packing.pack(unpacked(record(*MET, *FAILED), tmp_path)) == data


def test_archived_rows_are_valid_under_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for line in lzma.decompress(packing.pack(record(*MET, *FAILED))).decode().splitlines():
        validator.validate(json.loads(line))


# The command


def test_command_writes_one_file_for_each_target(
    folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for target in ("torch:cpu:eager", "jax:cpu:jit"):
        source = folder(*MET, target=target)
    assert archive.main([str(source), str(tmp_path / "new" / "kept")]) == 0
    found = storage.find([tmp_path / "new" / "kept"])
    assert [path.name for path in found] == ["jax-cpu-jit.jsonl.xz", "torch-cpu-eager.jsonl.xz"]
    assert [reading.read(path).header.target for path in found] == ["jax:cpu:jit", "torch:cpu:eager"]
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_later_record_of_a_target_is_the_one_that_is_kept(tmp_path: Path) -> None:
    for name, month, found in (("a", "02", "late"), ("b", "01", "early")):
        start = f"2026-{month}-01T00:00:00+00:00"
        writer = Writer(tmp_path / f"{name}.jsonl", header(start=start))
        writer.write(check(case=found))
        writer.write(Footer(1, start))
        writer.close()
    (path,) = archive.archive(tmp_path, tmp_path / "kept")
    assert [row.case for row in reading.read(path).checks] == ["late"]


def incomplete(folder: Callable[..., Path]) -> Path:
    folder(check(), target="jax:cpu:jit")
    return folder(check(), complete=False)


def not_judged(folder: Callable[..., Path]) -> Path:
    place = folder(complete=False)
    writer = Writer(place / "torch-cpu-eager.jsonl")
    writer.write(Footer(0, "2026-01-01T00:01:00+00:00", error="no module\nnamed torch"))
    writer.close()
    return place


def broken(folder: Callable[..., Path]) -> Path:
    place = folder(check())
    (place / "bad.jsonl").write_text("nonsense\n")
    return place


def empty(folder: Callable[..., Path]) -> Path:
    place = folder(check()) / "empty"
    place.mkdir()
    return place


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (incomplete, "torch-cpu-eager.jsonl: incomplete"),
        (not_judged, "no module named torch"),
        (broken, "bad.jsonl, line 1"),
        (empty, "no records"),
        (lambda folder: folder(check()) / "absent", "no records"),
    ],
)
def test_what_is_no_finished_record_is_refused_in_one_line_and_nothing_written(
    folder: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Callable[..., Path]], Path],
    message: str,
) -> None:
    assert archive.main([str(make(folder)), str(tmp_path / "kept")]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert message in error
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("arguments", [[], ["a"], ["a", "b", "c"], ["--help", "b"]])
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert archive.main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_folder_that_cannot_be_written_is_one_line_and_exit_code_2(
    folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    assert archive.main([str(folder(check())), str(tmp_path / "taken")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_archive_is_read_like_any_folder_of_records(folder: Callable[..., Path], tmp_path: Path) -> None:
    archive.archive(folder(*MET), tmp_path / "kept")
    (read,) = map(reading.read, storage.find([tmp_path / "kept"]))
    assert model.latest([read]) == [read]
    assert read.complete
