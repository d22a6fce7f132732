"""A check that is decoded in little time is the one that the whole way reads."""

from __future__ import annotations

import json
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conformance.record import decoding, reading
from conformance.record.records import OUTCOMES, Check
from tests import samples
from tests.records_made import FIELD_VALUES, NAMES, OBJECTS, checks_of, fixed, lines_of, with_field

MET = {("requirement", "ACC-01"), *(("outcome", outcome) for outcome in OUTCOMES)}
ADDED = (
    '"kind": "check"',
    '"case": ""',
    '"case" : ""',
    '"case"  : ""',
    '"a": 1',
    '"measured": {"a": 1, "a": 2}',
    "",
)


@settings(fixed, max_examples=600)
@given(
    row=checks_of(OBJECTS, OBJECTS),
    name=NAMES,
    text=st.none() | FIELD_VALUES,
    added=st.sampled_from(ADDED),
    left=st.none() | NAMES,
)
@example(row=samples.check(), name="seconds", text="-1", added="", left=None)
@example(row=samples.check(), name="case", text=None, added='"a": 1', left="entry")
def test_a_line_decoded_in_little_time_is_the_row_that_the_whole_way_reads(
    tmp_path_factory: pytest.TempPathFactory,
    row: Check,
    name: str,
    text: str | None,
    added: str,
    left: str | None,
) -> None:
    header, line = lines_of([samples.header(), row])
    line = line if text is None else with_field(line, name, text)
    line = (with_field(line, left, "") if left else line).rstrip("\n")
    line = f"{line[:-1]}, {added}}}" if added else line
    quick = decoding.check(line, MET)
    if quick is not None:
        path = tmp_path_factory.getbasetemp() / "line.jsonl"
        path.write_text(f"{header}{line}\n", encoding="utf-8")
        with mock.patch.object(decoding, "check", return_value=None):
            assert reading.read(path).checks == [quick]


def test_a_line_as_the_suite_writes_it_is_decoded_in_little_time() -> None:
    row = samples.check()
    deep = replace(row, witness={"a": [[0]] * 20, "b": 'x[:, ::-1] "quoted" × \\ {"'})
    for check in (row, deep):
        line = lines_of([samples.header(), check])[1].rstrip("\n")
        assert decoding.check(line, MET) == check
        assert decoding.check(line, set()) is None
    nested = replace(row, witness={"a": json.loads("[" * 20 + "]" * 20)})
    assert decoding.check(lines_of([samples.header(), nested])[1], MET) is None
