"""Rows and lines of records as Hypothesis makes them, the same ones in every run."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from conformance.record import records, writing
from conformance.record.records import OUTCOMES, Check, CheckSet, Footer, Header
from conformance.requirements import TIERS
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
