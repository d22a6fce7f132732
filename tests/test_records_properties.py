"""Any file is a record of typed rows or one line that says what is wrong, and any record is reported.

Hypothesis makes the files, the same ones in every run.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from dataclasses import asdict, replace
from hashlib import sha256
from io import StringIO
from typing import Any
from unittest import mock

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from conformance.record import archive, decoding, reading, records, writing
from conformance.record.records import OUTCOMES, BrokenRecord, Check, CheckSet, Footer, Header, Record
from conformance.requirements import TIERS
from reports import html, markdown, model, terminal
from tests import samples
from tests.whole_record import SCHEMA

Row = Header | Check | Footer
fixed = settings(derandomize=True, database=None, deadline=None, max_examples=100)
few = settings(fixed, max_examples=40)

# Values


TEXTS = st.text(st.characters(categories=None), max_size=12)  # any code point, lone surrogates too
HUGE = 10**4000  # the interpreter reads whole numbers of at most 4300 digits
WHOLE = st.integers() | st.sampled_from((HUGE, -HUGE, 2**1024))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SECONDS = st.floats(min_value=0, allow_infinity=False)
SCALARS = st.none() | st.booleans() | WHOLE | FLOATS | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)

# Rows

headers = st.builds(
    Header,
    target=TEXTS | st.sampled_from(("torch:cpu:eager", "jax:cpu:jit", "a.b:C:cuda:eager", "numpy")),
    framework=st.fixed_dictionaries({"name": TEXTS, "version": TEXTS, "build": TEXTS}, optional={"more": TEXTS}),
    device_model=TEXTS,
    python=TEXTS,
    platform=TEXTS,
    cpu_flags=TEXTS,
    threads=WHOLE.filter(lambda number: number >= 1),
    suite_commit=TEXTS,
    tier=st.sampled_from(TIERS),
    start=TEXTS | st.sampled_from(("2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00")),
    suite_digest=TEXTS,
    asked=st.none() | st.lists(TEXTS, max_size=3).map(CheckSet.of),
    format=st.just(records.FORMAT),
)


def checks_of(measured: st.SearchStrategy[Any], witness: st.SearchStrategy[Any]) -> st.SearchStrategy[Check]:
    """Checks of the suite's own requirements and of others."""
    return st.builds(
        Check,
        requirement=st.sampled_from(("ACC-01", "ACC-02", "SPV-03", "DET-04", "GRD-01", "CMP-01", "XYZ-99")),
        operation=TEXTS | st.sampled_from(("softmax", "log_softmax", "softmax_cross_entropy")),
        dtype=TEXTS | st.sampled_from(("float32", "bfloat16")),
        case=TEXTS,
        outcome=st.sampled_from(OUTCOMES),
        observed=st.none() | TEXTS,
        measured=measured,
        bound=st.none() | st.sampled_from("ABCDEF") | TEXTS,
        witness=witness,
        message=st.none() | TEXTS,
        entry=st.none() | TEXTS | st.just("stalled-sum"),
        seconds=SECONDS,
    )


def mended(value: Any) -> Any:
    """`value` as it is read: each surrogate alone as U+FFFD, two that make a character as that one."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {mended(key): mended(item) for key, item in value.items()}
    return [mended(item) for item in value] if isinstance(value, list) else value


def runs_of(checks: st.SearchStrategy[Check]) -> st.SearchStrategy[list[Row]]:
    """The rows of whole records, each check once."""
    footers = st.builds(
        Footer,
        rows=st.just(0),
        end=TEXTS,
        unmatched=st.lists(TEXTS, max_size=2),
        error=st.none() | TEXTS,
        oracle_seconds=SECONDS,
    )
    several = st.lists(checks, max_size=4, unique_by=lambda check: mended(check.id))
    return st.builds(
        lambda header, rows, footer: [header, *rows, replace(footer, rows=len(rows))], headers, several, footers
    )


runs = runs_of(checks_of(OBJECTS, OBJECTS))


def lines_of(rows: list[Row]) -> list[str]:
    header, footer = rows[0], rows[-1]
    assert isinstance(header, Header)
    checks = [row for row in rows if isinstance(row, Check)]
    text = writing.whole(header, checks, footer if isinstance(footer, Footer) else None)
    return text.splitlines(keepends=True)


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


DEEP = ('{"a": ' * 40 + "1" + "}" * 40, '{"a": ' * 99999, "[" * 99999)
NO_NUMBERS = ("NaN", "-Infinity", "1e999", '{"a": NaN}', '{"a": [1e999]}', "9" * 5000, "1" + "0" * 400)
LINES = (
    st.sampled_from(("", " ", "{}", "[]", '{"kind": "check"}', *DEEP))
    | VALUES.map(json.dumps)
    | TEXTS.map(mended)
)
FIELD_VALUES = st.sampled_from((*NO_NUMBERS, *DEEP)) | VALUES.map(json.dumps) | st.just("")
NAME_LIST = sorted({name for branch in SCHEMA["oneOf"] for name in branch["properties"]} - {"kind"})
NAMES = st.sampled_from(NAME_LIST)


def with_field(line: str, name: str, text: str) -> str:
    """The row with a field that stands in it as `text`, or without it where there is no text."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(data, dict):
        return line
    fields = {key: json.dumps(value) for key, value in data.items() if key != name} | {name: text}
    return "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in fields.items() if value) + "}\n"


def resealed(lines: list[str]) -> list[str]:
    """The lines with the footer that a writer would close them with, where it is still one."""
    try:
        *rows, footer = map(json.loads, lines)
        ids = ["/".join(row[k] for k in ("requirement", "operation", "dtype", "case")) for row in rows[1:]]
        judged = asdict(CheckSet.of(ids))
        text = json.dumps({k: v for k, v in footer.items() if k != "checksum"} | {"judged": judged})
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return lines
    text = text.removesuffix("}")
    checksum = sha256(("".join(lines[:-1]) + text).encode()).hexdigest()
    return [*lines[:-1], f'{text}, "checksum": "{checksum}"}}\n']


def names_in(line: str) -> st.SearchStrategy[str]:
    """The fields of a row that is still one."""
    fields = line.startswith("{") and [name for name in NAME_LIST if f'"{name}": ' in line]
    return st.sampled_from(fields or NAME_LIST)


@st.composite
def mutated(draw: st.DrawFn) -> list[str]:
    """The lines of a record after up to three changes."""
    lines = lines_of(draw(runs))
    for _ in range(draw(st.integers(1, 3))):
        at, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        match draw(st.sampled_from(("delete", "repeat", "swap", "replace", "field", "field", "field"))):
            case "delete" if len(lines) > 1:
                del lines[at]
            case "repeat":
                lines.insert(other, lines[at])
            case "swap":
                lines[at], lines[other] = lines[other], lines[at]
            case "replace":
                lines[at] = draw(LINES) + "\n"
            case _:
                lines[at] = with_field(lines[at], draw(names_in(lines[at]) | TEXTS), draw(FIELD_VALUES))
    return resealed(lines) if draw(st.booleans()) else lines


@settings(fixed, max_examples=600)
@given(lines=mutated())
def test_changed_lines_make_a_record_or_one_line(read: Callable[..., Record], lines: list[str]) -> None:
    tried(read, "".join(lines).encode())


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
    read: Callable[..., Record], row: Check, name: str, text: str | None, added: str, left: str | None
) -> None:
    header, line = lines_of([samples.header(), row])
    line = line if text is None else with_field(line, name, text)
    line = (with_field(line, left, "") if left else line).rstrip("\n")
    line = f"{line[:-1]}, {added}}}" if added else line
    quick = decoding.check(line, MET)
    if quick is not None:
        with mock.patch.object(decoding, "check", return_value=None):
            assert read(f"{header}{line}\n".encode()).checks == [quick]


def test_a_line_as_the_suite_writes_it_is_decoded_in_little_time() -> None:
    row = samples.check()
    deep = replace(row, witness={"a": [[0]] * 20, "b": 'x[:, ::-1] "quoted" × \\ {"'})
    for check in (row, deep):
        line = lines_of([samples.header(), check])[1].rstrip("\n")
        assert decoding.check(line, MET) == check
        assert decoding.check(line, set()) is None
    nested = replace(row, witness={"a": json.loads("[" * 20 + "]" * 20)})
    assert decoding.check(lines_of([samples.header(), nested])[1], MET) is None


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
