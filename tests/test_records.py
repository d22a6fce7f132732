"""Records: what is written is read, what is broken says so in one line, and the schema describes both."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance.record import reading, records, storage, writing
from conformance.record.records import (
    FORMAT,
    ONE_ANSWER,
    OUTCOMES,
    BrokenRecord,
    Check,
    CheckSet,
    Footer,
    Record,
)
from conformance.record.writing import Writer
from conformance.requirements import TIERS, load
from tests.whole_record import ASKED, CHECKS, FOOTER, FULL, HEADER, KINDS, ROWS, SCHEMA, assert_broken, lines


def branches() -> dict[str, Any]:
    return {branch["properties"]["kind"]["const"]: branch for branch in SCHEMA["oneOf"]}


def test_what_is_written_is_read(path: Path) -> None:
    record = reading.read(path)
    assert record.header == ASKED
    assert record.checks == [*CHECKS, FULL]
    assert record.footer == FOOTER
    assert record.complete
    assert record.checks[0].id == "ACC-01/softmax/float32/case-pass"


def test_each_row_is_on_disk_before_the_next(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a.jsonl", HEADER)
    for number, row in enumerate(ROWS, 2):
        writer.write(row)
        assert len(lines(writer.path)) == number
    writer.close()


def test_numbers_that_json_lacks_are_refused(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a.jsonl", HEADER)
    with pytest.raises(ValueError, match="not JSON compliant"):
        writer.write(Check("ACC-01", "softmax", "float32", "c", "pass", measured={"ratio": float("inf")}))
    writer.close()


def test_every_row_is_valid_under_the_schema(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for line in lines(path):
        validator.validate(json.loads(line))
    row = json.loads(lines(path)[1])
    for wrong in ({**row, "more": 1}, {**row, "outcome": "skip"}, {k: v for k, v in row.items() if k != "dtype"}):
        assert not validator.is_valid(wrong)


def test_the_schema_lists_the_fields_of_the_rows_and_no_others() -> None:
    assert set(branches()) == set(KINDS)
    for kind, branch in branches().items():
        sealed = ["judged", "checksum"] if kind == "footer" else []
        names = ["kind", *(field.name for field in fields(KINDS[kind])), *sealed]
        assert list(branch["properties"]) == names
        assert branch["required"] == [name for name in names if name != "known_from"]  # younger than its format
        assert branch["additionalProperties"] is False


def test_the_schema_lists_the_outcomes_tiers_and_ids_of_the_suite() -> None:
    header, check = (branches()[kind]["properties"] for kind in ("header", "check"))
    assert check["outcome"]["enum"] == list(OUTCOMES)
    assert header["tier"]["enum"] == list(TIERS)
    assert header["format"]["const"] == FORMAT
    validator = jsonschema.Draft202012Validator(check["requirement"])
    assert all(validator.is_valid(name) for name in load())


@pytest.mark.parametrize("kept", [0, 1, 20])
def test_a_last_line_cut_short_leaves_an_incomplete_record(path: Path, kept: int) -> None:
    whole = lines(path)
    path.write_text("".join(whole[:-1]) + whole[-1][:kept], encoding="utf-8")
    record = reading.read(path)
    assert record.footer is None
    assert not record.complete
    assert record.checks == [*CHECKS, FULL]


def test_a_check_cut_short_is_dropped(path: Path) -> None:
    whole = lines(path)
    path.write_text("".join(whole[:3]) + whole[3][:-1], encoding="utf-8")
    assert reading.read(path).checks == CHECKS[:2]


def line(**data: Any) -> str:
    return json.dumps(data) + "\n"


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels else {}


def altered(number: int, **fields: Any) -> Callable[[list[str]], list[str]]:
    """The lines with fields of one of them replaced."""
    return lambda whole: [
        *whole[:number],
        line(**{**json.loads(whole[number]), **fields}),
        *whole[number + 1 :],
    ]


def raw(field: str, text: str) -> Callable[[list[str]], list[str]]:
    """The lines with the text of `field` replaced in the second one."""
    return lambda whole: [whole[0], re.sub(f'"{field}": [^,]*', f'"{field}": {text}', whole[1]), *whole[2:]]


# What is done to the lines of a whole record, and what is said of it behind the file's name.
BROKEN: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "no-header": (lambda whole: whole[1:], ", line 1: no header"),
    "header-cut-short": (lambda whole: [whole[0][:-5]], ": cut off within its first line"),
    "footer-alone": (lambda whole: whole[-1:], ", line 1: no header"),
    "broken-middle": (lambda whole: [whole[0], whole[1][:-10] + "\n", *whole[2:]], ", line 2: no JSON at column"),
    "blank-middle": (lambda whole: [whole[0], "\n", *whole[1:]], ", line 2: no JSON at column 1"),
    "not-an-object": (
        lambda whole: [whole[0], "[1, 2]\n", *whole[1:]],
        ", line 2: a row is an object, not [1, 2]",
    ),
    "number": (lambda whole: [whole[0], "5\n", *whole[1:]], ", line 2: a row is an object, not 5"),
    "null": (lambda whole: [whole[0], "null\n"], ", line 2: a row is an object, not None"),
    "unknown-kind": (
        lambda whole: [whole[0], line(kind="note"), *whole[1:]],
        ", line 2: 'note' is no kind of row",
    ),
    "no-kind": (lambda whole: [whole[0], line(target="x"), *whole[1:]], ", line 2: None is no kind of row"),
    "kind-is-a-list": (lambda whole: [whole[0], line(kind=[]), *whole[1:]], ", line 2: [] is no kind of row"),
    "unknown-field": (altered(1, **{"mo\nre": 1}), r", line 2: a check has no field 'mo\nre'"),
    "missing-fields": (
        lambda whole: [whole[0], line(kind="check", dtype="", case="")],
        ", line 2: a check without requirement, operation, outcome, observed",
    ),
    "unknown-outcome": (
        altered(1, outcome="skip"),
        ", line 2: the field outcome of a check is one of",
    ),
    "measured-is-a-number": (
        altered(1, measured=3),
        ", line 2: the field measured of a check is object, not 3",
    ),
    "requirement-is-null": (
        altered(1, requirement=None),
        ", line 2: the field requirement of a check is string, not None",
    ),
    "seconds-are-text": (altered(1, seconds="x"), ", line 2: the field seconds of a check is number, not 'x'"),
    "seconds-are-true": (altered(1, seconds=True), ", line 2: the field seconds of a check is number, not True"),
    "seconds-overflow": (altered(1, seconds=10**400), ", line 2: int too large"),
    "seconds-are-infinite": (raw("seconds", "1e999"), ", line 2: '1e999' is no number"),
    "nan": (raw("bound", "NaN"), ", line 2: 'NaN' is no number of JSON"),
    "infinity": (raw("bound", "-Infinity"), ", line 2: '-Infinity' is no number of JSON"),
    "a-list-for-text": (
        altered(1, message=["a"]),
        ", line 2: the field message of a check is string or null, not ['a']",
    ),
    "threads-are-text": (altered(0, threads="2"), ", line 1: the field threads of a header is integer, not '2'"),
    "a-build-of-numbers": (
        altered(0, framework={"name": "torch", "version": 2, "build": ""}),
        ", line 1: the field framework.version of a header is string, not 2",
    ),
    "no-version": (
        altered(0, framework={"name": "torch"}),
        ", line 1: the field framework of a header has no v",
    ),
    "unmatched-numbers": (
        altered(11, unmatched=[3]),
        ", line 12: the field unmatched[] of a footer is str",
    ),
    "huge-value": (
        altered(1, measured="x" * 10**6),
        ", line 2: the field measured of a check is object, not 'xxx",
    ),
    "nested": (altered(1, witness=nested(17)), ", line 2: nested deeper than 16 levels"),
    "nested-deeply": (raw("bound", "[" * 10**5), ", line 2: nested deeper than 16 levels"),
    "another-format": (
        altered(0, format=3, more=1),
        ", line 1: format 3, this suite reads 1 to 2: run that target again, or",
    ),
    "format-is-true": (altered(0, format=True), ", line 1: format True, this suite reads 1 to 2"),
    "no-format": (
        lambda whole: [whole[0].replace(', "format": 2', ""), *whole[1:]],
        ", line 1: format None, this",
    ),
    "footer-count": (
        lambda whole: [*whole[:2], *whole[3:]],
        ", line 11: the footer counts 10 checks, the file holds 9",
    ),
    "check-twice": (
        lambda whole: [*whole[:5], whole[2], *whole[5:]],
        ", line 6: 'ACC-01/softmax/float32/case-fail' is judged in line 3 too; run that target again",
    ),
    "field-twice": (
        lambda whole: [whole[0], whole[1].replace('"bound"', '"dtype": "float64", "bound"'), *whole[2:]],
        ", line 2: the field 'dtype' stands twice",
    ),
    "no-threads": (altered(0, threads=0), ", line 1: the field threads of a header is at least 1, not 0"),
    "another-tier": (altered(0, tier="all"), ", line 1: the field tier of a header is one of quick, full"),
    "no-requirement": (
        altered(1, requirement="?"),
        ", line 2: the field requirement of a check is text",
    ),
    "negative-seconds": (altered(1, seconds=-1), ", line 2: the field seconds of a check is at least 0, not -1"),
    "asked-without-digest": (
        altered(0, asked={"count": 1}),
        ", line 1: the field asked of a header has no",
    ),
    "edited": (altered(1, outcome="measured"), ", line 12: the checksum is another: the file was changed"),
    "cut-behind-the-footer": (lambda whole: [*whole, "{"], ", line 12: there is more behind the footer"),
    "two-headers": (lambda whole: [whole[0], *whole], ", line 2: a second header; a record is one run"),
    "two-footers": (lambda whole: [*whole, whole[-1]], ", line 13: a row behind the footer; a record is one run"),
    "check-behind-the-footer": (lambda whole: [*whole, whole[1]], ", line 13: a row behind the footer"),
    "two-runs": (lambda whole: whole + whole, ", line 13: a second header"),
    "empty": (lambda whole: [], ": no header; the file is empty"),
    "blank": (lambda whole: ["\n"], ", line 1: no JSON at column 1"),
    "html": (lambda whole: ["<!doctype html>\n<p>\n"], ", line 1: no JSON at column 1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_in_one_line(path: Path, name: str) -> None:
    broken, told = BROKEN[name]
    path.write_text("".join(broken(lines(path))), encoding="utf-8")
    assert_broken(path, told)


def test_another_format_says_what_to_do(path: Path) -> None:
    whole = lines(path)
    path.write_text("".join(altered(0, format=3)(whole)), encoding="utf-8")
    assert_broken(
        path,
        ", line 1: format 3, this suite reads 1 to 2: run that target again, or read the record with the "
        "suite that wrote it (commit 'abc')",
    )


def test_a_whole_number_of_seconds_is_read_as_a_float(path: Path) -> None:
    path.write_text("".join(altered(1, seconds=3)(lines(path))[:-1]), encoding="utf-8")
    assert repr(reading.read(path).checks[0].seconds) == "3.0"


# Format 1


def first(whole: list[str], *without: str) -> str:
    """The text of a record as format 1 had it, with its footer also without some fields."""
    header, *checks, footer = map(json.loads, whole)
    for name in ("suite_digest", "asked"):
        del header[name]
    for name in ("known_from", "judged", "checksum", *without):
        del footer[name]
    return "".join(line(**row) for row in (header | {"format": 1}, *checks, footer))


@pytest.mark.parametrize("without", [(), ("oracle_seconds",)])
def test_a_record_of_format_1_is_complete_by_its_footer(path: Path, without: tuple[str, ...]) -> None:
    path.write_text(first(lines(path), *without), encoding="utf-8")
    record = reading.read(path)
    assert record.header == replace(HEADER, suite_digest="")
    assert record.header.asked is None
    assert record.footer == FOOTER
    assert record.complete


def test_a_record_of_format_1_has_no_newer_field(path: Path) -> None:
    path.write_text("".join(altered(0, format=1)(lines(path))), encoding="utf-8")
    assert_broken(path, ", line 1: a header has no field 'suite_digest'")


def test_a_record_of_format_1_that_is_written_again_reads_the_same(path: Path) -> None:
    path.write_text(first(lines(path)), encoding="utf-8")
    record = reading.read(path)
    path.write_text(writing.whole(record.header, record.checks, record.footer), encoding="utf-8")
    assert json.loads(lines(path)[0])["format"] == FORMAT
    assert reading.read(path) == record


# What was asked and what was judged


def written(path: Path, asked: Iterable[Check], *judged: Check) -> Record:
    path.unlink()
    writer = Writer(path, replace(HEADER, asked=CheckSet.of(check.id for check in asked)))
    for check in judged:
        writer.write(check)
    writer.write(Footer(len(judged), ""))
    writer.close()
    return reading.read(path)


def test_a_record_that_judged_all_that_was_asked_is_complete(path: Path) -> None:
    answer = Check("SPV-03", "softmax", "float32", ONE_ANSWER, "choice")
    whole = written(path, CHECKS, *reversed(CHECKS), answer)
    assert whole.partial is None
    assert whole.complete


def test_a_record_that_ended_in_an_error_is_not_complete(path: Path) -> None:
    whole = written(path, CHECKS, *CHECKS)
    ended = replace(whole, footer=Footer(len(CHECKS), "", error="the process ended after its last check"))
    assert ended.partial is None
    assert not ended.complete


def test_a_record_that_lacks_a_check_is_partial(path: Path) -> None:
    assert written(path, CHECKS, *CHECKS[1:]).partial == "8 of the 9 checks asked were judged"
    assert written(path, CHECKS).partial == "0 of the 9 checks asked were judged"
    other = replace(CHECKS[0], case="other")
    assert written(path, CHECKS, other, *CHECKS[1:]).partial == "the checks judged are not those that were asked"


def test_no_flipped_bit_gives_a_complete_record(path: Path) -> None:
    data = path.read_bytes()
    for bit in range(0, 8 * len(data), 37):
        path.write_bytes(data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :])
        try:
            assert reading.read(path).footer is None
        except BrokenRecord:
            continue


def test_a_check_to_be_written_anew_is_trimmed(path: Path) -> None:
    whole = lines(path)
    writing.trim(path, without=CHECKS[1].id)
    assert lines(path) == [*whole[:2], *whole[3:-1]]


def test_a_pipe_is_no_record(tmp_path: Path) -> None:
    pipe = tmp_path / "a.jsonl"
    os.mkfifo(pipe)
    assert_broken(pipe, ": cannot be read: not a regular file")
    assert_broken(Path("/dev/zero"), ": cannot be read: not a regular file")
    with pytest.raises(BrokenRecord, match="not a regular file"):
        Writer(pipe, HEADER)


def test_what_is_no_text_file_is_named_in_one_line(tmp_path: Path) -> None:
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(bytes(range(256)))
    for place in (binary, tmp_path, tmp_path / "absent.jsonl"):
        assert_broken(place)
        with pytest.raises(BrokenRecord, match="cannot be read"):
            writing.trim(place)


@pytest.mark.parametrize(("rows", "tail"), [(12, 0), (11, 0), (11, 15), (4, 7), (1, 0)])
def test_trim_cuts_exactly_the_half_written_tail_and_the_footer(path: Path, rows: int, tail: int) -> None:
    whole = lines(path)
    rest = whole[rows][:tail] if rows < len(whole) else ""
    path.write_text("".join(whole[:rows]) + rest, encoding="utf-8")
    writing.trim(path)
    assert lines(path) == whole[: min(rows, len(whole) - 1)]
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    writing.trim(path)
    assert lines(path) == whole[: min(rows, len(whole) - 1)]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("torch:cpu:eager", "torch-cpu-eager.jsonl"),
        ("package.module:Class:cuda:jit", "package.module-Class-cuda-jit.jsonl"),
        ("../../etc/passwd", "..-..-etc-passwd.jsonl"),
        ("C:\\a b\n*?", "C--a-b---.jsonl"),
    ],
)
def test_a_file_name_stays_in_its_folder(target: str, name: str) -> None:
    assert records.file_name(target) == name
    assert Path(name).name == name


def test_records_are_found_in_the_order_asked_and_in_folders_by_name(tmp_path: Path) -> None:
    for name in ("c.jsonl", "a.jsonl", "b.jsonl.xz", "d.log", "e.xz"):
        (tmp_path / name).touch()
    first = tmp_path / "z.other"
    assert storage.find([first, tmp_path]) == [
        first,
        *(tmp_path / f"{n}" for n in ("a.jsonl", "b.jsonl.xz", "c.jsonl")),
    ]
    assert storage.find([]) == []
