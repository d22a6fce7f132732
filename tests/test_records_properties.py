"""Any file is a record of typed rows or one line that says what is wrong, and any record is reported.

Hypothesis makes the files, the same ones in every run.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from dataclasses import asdict, replace
from io import StringIO
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from conformance.record import archive, reading, records
from conformance.record.records import BrokenRecord, Footer, Record
from reports import html, markdown, model, terminal
from tests import samples
from tests.records_made import (
    HUGE,
    NAMES,
    OBJECTS,
    SECONDS,
    VALUES,
    Row,
    checks_of,
    few,
    fixed,
    lines_of,
    mended,
    mutated,
    resealed,
    runs,
    runs_of,
    with_field,
)
from tests.whole_record import SCHEMA


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], Record]:
    """What reads a file that holds some bytes, plain and compressed alike."""
    folder = tmp_path_factory.mktemp("properties")
    paths = {records.PLAIN: folder / "a.jsonl", records.PACKED: folder / "a.jsonl.xz"}

    def reader(data: bytes, suffix: str = records.PLAIN) -> Record:
        paths[suffix].write_bytes(data)
        return reading.read(paths[suffix])

    return reader


def tried(read: Callable[..., Record], data: bytes, suffix: str = records.PLAIN) -> Record | None:
    """The record, its rows of the schema's types; None where one short line said why there is none."""
    try:
        found = read(data, suffix)
    except BrokenRecord as error:
        message = str(error)
        assert f"a{suffix}" in message
        assert len(message.splitlines()) == 1
        assert len(message) < 400
        return None
    rows: list[Row] = [found.header, *found.checks, *([found.footer] if found.footer else [])]
    assert suffix == records.PACKED or len(rows) == data.count(b"\n")
    for text in lines_of(rows):
        VALIDATOR.validate(json.loads(text))
        text.encode()
    assert all(type(check.seconds) is float for check in found.checks)
    assert len({check.id for check in found.checks}) == len(found.checks)
    return found


VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# Reading


@fixed
@given(rows=runs)
def test_what_is_written_is_read_but_for_surrogates_alone(read: Callable[..., Record], rows: list[Row]) -> None:
    data = "".join(lines_of(rows)).encode()
    for found in (read(data), read(lzma.compress(data), records.PACKED)):
        again = [found.header, *found.checks, found.footer]
        assert [asdict(row) for row in again if row] == [mended(asdict(row)) for row in rows]


def test_surrogates_alone_are_read_as_replacement_characters(read: Callable[..., Record]) -> None:
    texts = ["a\ud800b", "\ude00\ud83d", "\ud83d\ude00", "\\ud800", "\ud800\ud83d\ude00"]
    row = replace(samples.check(), witness={"\udfff": texts})
    (found,) = read("".join(lines_of([samples.header(), row])).encode()).checks
    assert found.witness == {"�": ["a�b", "��", "😀", "\\ud800", "�😀"]}


@fixed
@given(rows=runs, share=st.floats(0, 1))
def test_a_record_cut_anywhere_is_the_beginning_of_it_or_broken(
    read: Callable[..., Record], rows: list[Row], share: float
) -> None:
    data = "".join(lines_of(rows)).encode()
    whole = read(data)
    kept = int(share * len(data))
    found = tried(read, data[:kept])
    assert (found is None) == (kept < len(lines_of(rows)[0]))
    if found is not None:
        assert found.header == whole.header
        assert found.checks == whole.checks[: len(found.checks)]
        assert found.footer == (whole.footer if kept == len(data) else None)
    packed = lzma.compress(data)
    assert tried(read, packed[: int(share * (len(packed) - 1))], records.PACKED) is None


@fixed
@given(rows=runs, before=st.binary(max_size=20), behind=st.binary(max_size=20), times=st.integers(0, 2))
def test_compressed_garbage_is_a_record_or_broken(
    read: Callable[..., Record], rows: list[Row], before: bytes, behind: bytes, times: int
) -> None:
    data = lzma.compress("".join(lines_of(rows)).encode())
    found = tried(read, before + times * data + behind, records.PACKED)
    assert (found is not None) <= (times == 1 and not before)
    tried(read, lzma.compress(before + behind), records.PACKED)
    tried(read, before + behind)


@settings(fixed, max_examples=600)
@given(lines=mutated())
def test_changed_lines_make_a_record_or_one_line(read: Callable[..., Record], lines: list[str]) -> None:
    tried(read, "".join(lines).encode())


@settings(fixed, max_examples=400)
@given(at=st.integers(0, 2), name=NAMES, value=VALUES | SECONDS)
@example(at=1, name="measured", value=3)
@example(at=1, name="requirement", value=None)
@example(at=1, name="seconds", value="x")
@example(at=1, name="seconds", value=3)
@example(at=0, name="format", value=True)
@example(at=0, name="framework", value={"name": "", "version": "", "build": 1})
@example(at=0, name="framework", value={"name": "", "version": ""})
@example(at=2, name="unmatched", value=["a", 1])
def test_a_field_is_read_where_the_schema_allows_its_type(
    read: Callable[..., Record], at: int, name: str, value: Any
) -> None:
    rows: list[Row] = [samples.header(), samples.check(), Footer(1, "")]
    lines = lines_of(rows)
    if name not in json.loads(lines[at]) or (isinstance(value, float | int) and abs(value) >= 2**1024):
        return
    lines[at] = with_field(lines[at], name, json.dumps(value))
    if name not in ("judged", "checksum"):
        lines = resealed(lines)
    whole = isinstance(value, float) and value.is_integer() and name in ("threads", "rows")  # 2.0 in the schema
    counted = name == "rows" and value != 1
    allowed = VALIDATOR.is_valid(json.loads(lines[at])) and not whole and not counted
    assert (tried(read, "".join(lines).encode()) is not None) == allowed


# Reporting

ODD_VALUES: tuple[Any, ...] = (
    *(HUGE, -HUGE, 2**1024, 0, -1, 7, 0.5, 1e308, 5e-324, None, True),
    *("", "10", "inf", "-inf", "nan", "+-inf", "0x1p+9999", "0x0p+0"),
    *("vjp", "labels", "a\nb", "np.zeros((", "{x}"),
    *([], [0], [-1], [7, 7], [0.5, 3], [HUGE, 0.5], ["inf"], [[]]),
    *({}, {"D": "inf"}, {"D": HUGE}, {"reduction": "mean"}),
)
OPERATIONS = ("softmax", "softmax_cross_entropy")
CALL: dict[str, Any] = {
    **samples.CALL,
    **dict.fromkeys(("labels", "cotangent", "tangent"), "np.array([0])"),
    "shape": [2, 3],
    "form": "index",
}
MEASURED: dict[str, Any] = {
    "ratio": dict.fromkeys("ABCDE", 2.0),
    **{"elements": 6, "bias": 0.5, "variance": "0x1p-2", "ulps": 1, "relative": 9},
}
WITNESS: dict[str, Any] = {
    "call": CALL,
    **{"index": [1, 2], "input": ["0x1p-1"], "got": "inf", "expected": "0x1p-2", "error": 9.0, "bound": 1.5},
}


def oddly(usual: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """`usual` with up to three of its values replaced."""
    values = st.sampled_from(ODD_VALUES) | VALUES
    return st.builds(
        lambda changed: usual | changed, st.dictionaries(st.sampled_from(sorted(usual)), values, max_size=3)
    )


CALLS = st.sampled_from(OPERATIONS).flatmap(lambda operation: oddly(CALL | {"operation": operation}))
WITNESSES = st.builds(lambda call, rest: {**rest, "call": call}, CALLS, oddly(WITNESS)) | oddly(WITNESS)


def everywhere(found: list[Record]) -> str:
    """Every form of the report of these records, and the records as they are archived."""
    report = model.assemble(found)
    file = StringIO()
    terminal.show(report, Console(file=file, width=100))
    for record in found:
        archive.pack(record)
    return "".join((html.render(report), markdown.render(report), file.getvalue()))


@few
@given(
    several=st.lists(runs_of(checks_of(oddly(MEASURED) | OBJECTS, WITNESSES | OBJECTS)), min_size=1, max_size=3),
    whole=st.booleans(),
)
def test_any_record_that_is_read_is_reported(
    read: Callable[..., Record], several: list[list[Row]], whole: bool
) -> None:
    found = [read("".join(lines_of(rows if whole else rows[:-1])).encode()) for rows in several]
    everywhere(found).encode()


@pytest.mark.parametrize("target", ["torch:cpu:eager", "jax:cpu:jit", "tensorflow:cpu:graph"])
def test_any_value_of_what_was_asked_measured_and_found_is_reported(target: str) -> None:
    changed = [
        (MEASURED | measured, WITNESS | witness | {"call": CALL | call})
        for value in ODD_VALUES
        for measured, witness, call in (
            *(({key: value}, {}, {}) for key in MEASURED),
            *(({}, {key: value}, {}) for key in WITNESS),
            *(({}, {}, {key: value, "operation": operation}) for key in CALL for operation in OPERATIONS),
            *(
                ({}, {"index": [HUGE, 1]}, {"shape": value, "derivative": way})
                for way in ("", "vjp", "jvp", "hvp")
            ),
        )
    ]
    rows = [
        samples.check(f"ACC-{n}", "fail", dtype=f"float{n}", measured=measured, witness=witness, bound="D")
        for n, (measured, witness) in enumerate(changed)  # each in a finding and a grade of its own
    ]
    everywhere([samples.record(*rows, target=target)]).encode()


@few
@given(lines=mutated())
def test_what_is_read_of_changed_lines_is_reported(read: Callable[..., Record], lines: list[str]) -> None:
    found = tried(read, "".join(lines).encode())
    if found is not None:
        everywhere([found]).encode()
