"""Reads a record of any format ever written, as the rows of the newest one; whatever is wrong is one line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from conformance.record import decoding, schema, version1
from conformance.record.decoding import DEEPEST
from conformance.record.records import (
    FORMAT,
    BrokenRecord,
    Check,
    CheckSet,
    Footer,
    Header,
    Record,
    judged_of,
    without_lone_surrogates,
)
from conformance.record.schema import brief
from conformance.record.storage import content

CHECKSUM = b', "checksum": "'  # the last field of a footer: it covers every byte of the file before it
Row = Header | Check | Footer
TOO_DEEP = f"nested deeper than {DEEPEST} levels"
ROWS: dict[str, Callable[..., Row]] = {"header": Header, "check": Check, "footer": Footer}
OF_THE_LINE = ("kind", "judged", "checksum")  # fields of a line that no row keeps
SECONDS = ("seconds", "oracle_seconds")
UPGRADES = (version1.upgrade,)  # of format 1, and of each later one but the newest


def read(path: Path) -> Record:
    """Return the record in `path`; without its footer where the run was cut off.

    A last line that was cut short is dropped, and a lone surrogate is read as U+FFFD.

    Raises:
        BrokenRecord: a line is no row of its format, stands where it does not belong, or was changed.
    """
    data = content(path)
    try:
        *whole, cut = data.decode().split("\n")  # a row ends with a newline: what follows the last was cut off
    except UnicodeDecodeError as error:
        raise BrokenRecord(f"{path}: cannot be read: {error}") from error
    if not whole:
        why = "cut off within its first line; run that target again" if cut else "no header; the file is empty"
        raise BrokenRecord(f"{path}: {why}")
    rows: list[Row] = []
    lines: dict[str, int] = {}  # the id of each check → its line
    fields: dict[str, Any] = {}
    version, number = FORMAT, 0
    try:
        for number, line in enumerate(whole, 1):
            row: Row | None = decoding.check(line, schema.met("check")) if number > 1 else None
            if row is None:
                fields = _object(line)
                version = _format(fields) if number == 1 else version
                row = _row(fields, version)
            _place(row, rows, lines)
            rows.append(row)
        if isinstance(rows[-1], Footer):
            _sealed(fields, rows, data, cut, version)
    except (ValueError, OverflowError) as error:
        raise BrokenRecord(f"{path}, line {number}: {error}") from error
    (header,) = (row for row in rows if isinstance(row, Header))
    footer = rows[-1] if isinstance(rows[-1], Footer) else None
    return Record(path, header, [row for row in rows if isinstance(row, Check)], footer)


def _format(fields: Mapping[str, Any]) -> int:
    """Return the format of the record that begins with this row."""
    if fields.get("kind") != "header":
        return FORMAT  # what the row is instead is said where it is read
    version = fields.get("format")
    if type(version) is not int or not 1 <= version <= FORMAT:
        by = fields.get("suite_commit")
        named = f" (commit {brief(by)})" if by else ""
        raise ValueError(
            f"format {brief(version)}, this suite reads 1 to {FORMAT}: run that target again, or "
            f"read the record with the suite that wrote it{named}"
        )
    return version


def _row(fields: dict[str, Any], version: int) -> Row:
    kind, kinds = fields.get("kind"), schema.kinds()
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"{brief(kind)} is no kind of row ({', '.join(kinds)}); not a Softmark record")
    for upgrade in UPGRADES[version - 1 :]:
        fields = upgrade(kind, fields)
    schema.hold(fields, kinds[kind])
    values = dict(fields)  # the footer's checksum is looked up later
    for name in OF_THE_LINE:
        values.pop(name, None)
    for name in SECONDS:
        if name in values:
            values[name] = float(values[name])
    if values.get("asked"):
        values["asked"] = CheckSet(**values["asked"])
    return ROWS[kind](**values)


def _place(row: Row, before: Sequence[Row], lines: dict[str, int]) -> None:
    """Raise a ValueError where `row` may not follow the rows before it; note the line of a check."""
    if isinstance(row, Header) == bool(before):
        raise ValueError("a second header; a record is one run" if before else "no header; not a Softmark record")
    if before and isinstance(before[-1], Footer):
        raise ValueError("a row behind the footer; a record is one run")
    if isinstance(row, Footer) and row.rows != len(lines):
        raise ValueError(f"the footer counts {row.rows} checks, the file holds {len(lines)}")
    if isinstance(row, Check) and lines.setdefault(row.id, len(before) + 1) <= len(before):
        raise ValueError(f"{brief(row.id)} is judged in line {lines[row.id]} too; run that target again")


def _sealed(footer: Mapping[str, Any], rows: Sequence[Row], data: bytes, cut: str, version: int) -> None:
    """Raise a ValueError where the file is not what it was when the footer was written."""
    if cut:
        raise ValueError("there is more behind the footer; a record is one run")
    if version == 1:
        return
    if footer["checksum"] != sha256(data[: data.rindex(CHECKSUM)]).hexdigest():
        raise ValueError("the checksum is another: the file was changed after it was written")
    if CheckSet(**footer["judged"]) != judged_of(row for row in rows if isinstance(row, Check)):
        raise ValueError("the checks judged are not those that the footer counts")


def _object(line: str) -> dict[str, Any]:
    """Return the object in `line`, made of finite numbers and of text that can be written."""
    try:
        value = DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON at column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    if decoding.too_deep(line, value):
        raise ValueError(TOO_DEEP)
    if "\\ud" in line or "\\uD" in line:
        value = DECODER.decode(without_lone_surrogates(json.dumps(value, ensure_ascii=False)))
    if not isinstance(value, dict):
        raise ValueError(f"a row is an object, not {brief(value)}")
    return value


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{brief(text)} is no number of JSON; a record holds such a one as text")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the field {brief(next(n for n in names if names.count(n) > 1))} stands twice")
    return fields


DECODER = json.JSONDecoder(parse_float=_number, parse_constant=_number, object_pairs_hook=_unique)
