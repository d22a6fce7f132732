"""Whatever a file holds, it is read as a record whose fields have their types, or refused in one line."""

from __future__ import annotations

import json
import lzma
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.console import Console

from conformance import records
from conformance.records import OUTCOMES, TYPES, BrokenRecord, Check, Footer, Header, Record
from reports import markdown, model, page, terminal
from tests.samples import CALL, ENTRY, REQUIREMENTS
from tests.test_records import HEADER

ALIKE = settings(
    derandomize=True,  # the same examples in every run
    deadline=None,
    database=None,
    max_examples=100,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # making an example smaller takes minutes, and they are small
)
FEW = settings(ALIKE, max_examples=25)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "</script><script>alert(1)</script>",
        "[red]x[/]",
        "|`**",
        "\n\r\u2028\x00\x1b[31m",
        "torch:cpu:eager",
        "ACC-01",
    ]
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just(10**400)
HEXED = st.sampled_from(
    ["0x1p-1", "inf", "-inf", "nan", "0x1p9999", "-0x1.8p+9999", "0x1", "1e5", "0x1.fffffffffffffp+1023"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | HEXED,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["ratio", "relative", "call", "got", "expected", "error", "bound", "index", "input", "spread", "bias"]
)
TABLES = st.dictionaries(KEYS | TEXTS, VALUES, max_size=4) | st.dictionaries(
    KEYS, HEXED | st.fixed_dictionaries({"B": HEXED | NUMBERS, "D": HEXED | NUMBERS}) | st.just(CALL), max_size=5
)
CHECKS = st.builds(
    Check,
    requirement=st.sampled_from(sorted(REQUIREMENTS)) | TEXTS,
    operation=st.sampled_from(["softmax", "softmax_cross_entropy"]) | TEXTS,
    dtype=st.sampled_from(["float32", "bfloat16"]) | TEXTS,
    case=TEXTS,
    outcome=st.sampled_from(OUTCOMES),
    observed=st.none() | TEXTS,
    measured=TABLES,
    bound=st.none() | st.sampled_from("BD") | TEXTS,
    witness=TABLES,
    message=st.none() | TEXTS,
    entry=st.none() | st.just(ENTRY.id) | TEXTS,
    seconds=st.floats(0, 1e6) | st.integers(0, 9),
)
HEADERS = st.builds(
    Header,
    **dict.fromkeys(("device_model", "python", "platform", "cpu_flags", "suite_commit", "tier", "start"), TEXTS),
    target=TEXTS | st.sampled_from(["torch:cpu:eager", "a.b:C:cuda:jit", "::", ":"]),
    framework=st.dictionaries(st.sampled_from(["name", "version", "build"]) | TEXTS, TEXTS, max_size=4),
    threads=st.integers(),
    format=st.just(records.FORMAT),
)
FOOTERS = st.builds(
    Footer,
    rows=st.just(0),
    end=TEXTS,
    unmatched=st.lists(TEXTS, max_size=3),
    error=st.none() | TEXTS,
    oracle_seconds=st.floats(0, 1e6),
)


@st.composite
def whole(draw: Callable[..., Any]) -> tuple[Header, list[Check], Footer]:
    """The rows of a file as a run writes them."""
    checks = draw(st.lists(CHECKS, max_size=4, unique_by=lambda check: check.id))
    return draw(HEADERS), checks, replace(draw(FOOTERS), rows=len(checks))


def lines(rows: tuple[Header, list[Check], Footer]) -> list[str]:
    header, checks, footer = rows
    return [records.line(header), *map(records.line, checks), records.line(footer)]


def read(data: bytes, name: str = "a.jsonl") -> Record | None:
    """What the file of these bytes is read as; None where it is refused, which takes one line that names it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            return typed(records.read(path))
        except BrokenRecord as error:
            said = str(error)
    assert str(path) in said
    assert len(said.splitlines()) == 1
    return None


def typed(record: Record) -> Record:
    """The record, each of whose fields has its type."""
    rows: list[Header | Check | Footer] = [record.header, *record.checks]
    for row in rows + ([record.footer] if record.footer else []):
        for name, types in TYPES[type(row)].items():
            assert isinstance(getattr(row, name), types)
            assert not isinstance(getattr(row, name), bool)
        json.dumps(asdict(row), ensure_ascii=False).encode()
    assert all(isinstance(text, str) for text in record.header.framework.values())
    return record


@ALIKE
@given(whole())
def test_what_is_written_is_read_again(rows: tuple[Header, list[Check], Footer]) -> None:
    data = "".join(lines(rows)).encode()
    for found in (read(data), read(lzma.compress(data), "a.jsonl.xz")):
        assert found is not None
        assert (found.header, found.checks, found.footer) == rows


@ALIKE
@given(whole(), st.data())
def test_a_file_cut_anywhere_is_the_beginning_of_its_record_or_none(
    rows: tuple[Header, list[Check], Footer], data: st.DataObject
) -> None:
    text = "".join(lines(rows)).encode()
    found = read(text[: data.draw(st.integers(0, len(text) - 1))])
    if found is not None:
        assert found.header == rows[0]
        assert found.checks == rows[1][: len(found.checks)]
        assert found.footer is None


@ALIKE
@given(whole(), st.data())
def test_a_compressed_file_cut_or_changed_anywhere_is_refused_or_whole(
    rows: tuple[Header, list[Check], Footer], data: st.DataObject
) -> None:
    packed = lzma.compress("".join(lines(rows)).encode())
    at = data.draw(st.integers(0, len(packed) - 1))
    assert read(packed[:at], "a.jsonl.xz") is None
    flipped = packed[:at] + bytes([packed[at] ^ data.draw(st.integers(1, 255))]) + packed[at + 1 :]
    found = read(flipped, "a.jsonl.xz")
    assert found is None or (found.header, found.checks, found.footer) == rows


FIELD = st.tuples(
    st.sampled_from([name for fields in TYPES.values() for name in fields] + ["kind", "more"]),
    VALUES | st.sampled_from([float("nan"), float("inf")]),
)


@settings(ALIKE, max_examples=400)
@given(whole(), st.data())
def test_lines_that_are_moved_or_changed_give_a_record_or_one_line(
    rows: tuple[Header, list[Check], Footer], data: st.DataObject
) -> None:
    given_lines = lines(rows)
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(given_lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "replace", "field", "bytes"])):
            case "drop":
                given_lines[at] = ""
            case "double":
                given_lines.insert(data.draw(st.integers(0, len(given_lines))), given_lines[at])
            case "swap":
                given_lines[at], given_lines[0] = given_lines[0], given_lines[at]
            case "replace":
                given_lines[at] = json.dumps(data.draw(VALUES)) + "\n"
            case "field" if given_lines[at].startswith('{"kind"'):
                try:
                    name, value = data.draw(FIELD)
                    given_lines[at] = json.dumps(json.loads(given_lines[at]) | {name: value}) + "\n"
                except ValueError:  # a number that Python prints and does not read
                    continue
            case "bytes" if given_lines[at]:
                place = data.draw(st.integers(0, len(given_lines[at]) - 1))
                given_lines[at] = given_lines[at][:place] + data.draw(TEXTS) + given_lines[at][place + 1 :]
    read("".join(given_lines).encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"seconds": 0.0', '"seconds": "x"'),
        ('"seconds": 0.0', '"seconds": NaN'),
        ('"seconds": 0.0', '"seconds": 1e999'),
        ('"seconds": 0.0', '"seconds": true'),
        ('"requirement": "ACC-01"', '"requirement": null'),
        ('"measured": {}', '"measured": 3'),
        ('"witness": {}', '"witness": []'),
        ('"case": "a"', '"case": "\\ud800"'),
        ('"measured": {}', '"measured": ' + '{"a": ' * 40 + "1" + "}" * 40),
        ('"measured": {}', '"measured": ' + "[" * 100_000),
        ('"threads": 2', '"threads": "2"'),
        ('"unmatched": []', '"unmatched": [1]'),
        ('"version": "2.0"', '"version": null'),
        ('"rows": 1', '"rows": 1.0'),
        ('"format": 1', '"format": true'),
    ],
)
def test_a_field_of_another_type_is_refused(before: str, after: str) -> None:
    text = "".join(lines((HEADER, [Check("ACC-01", "softmax", "float32", "a", "pass")], Footer(1, ""))))
    assert read(text.encode()) is not None
    assert before in text
    assert read(text.replace(before, after).encode()) is None


def test_another_version_of_the_format_is_told_what_to_do() -> None:
    path = Path(tempfile.mkdtemp()) / "new.jsonl"
    path.write_text(records.line(HEADER).replace('"format": 1', '"format": 2'))
    with pytest.raises(
        BrokenRecord, match="format version 2, this suite reads 1: use the Softmark that wrote it"
    ):
        records.read(path)


def test_rows_of_two_runs_are_refused() -> None:
    check = records.line(Check("ACC-01", "softmax", "float32", "a", "pass"))
    footer = records.line(Footer(1, ""))
    header = records.line(HEADER)
    assert read((header + check + footer).encode()) is not None
    for several in (header + header + check + footer, header + footer + check, header + footer + footer):
        assert read(several.encode()) is None


@FEW
@given(st.lists(whole(), min_size=1, max_size=2))
def test_every_form_of_the_report_takes_any_record_that_is_read(
    several: list[tuple[Header, list[Check], Footer]],
) -> None:
    given_records = [read("".join(lines(rows)).encode()) for rows in several]
    report = model.assemble(list(filter(None, given_records)), REQUIREMENTS, [ENTRY])
    page.render(report).encode()
    markdown.render(report).encode()
    terminal.show(report, Console(file=StringIO(), width=100))
