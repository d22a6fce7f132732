"""The result format: JSON Lines, one file a run of one target.

A header, one row a check as it ends, a footer. A file without a footer is incomplete and says so; what is
already written survives a crash. Floats that are evidence are hex strings. `records.schema.json` describes
the same, and a test holds the two together. A finished record may be kept compressed, as `*.jsonl.xz`.
"""

from __future__ import annotations

import json
import lzma
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from types import NoneType
from typing import Any

from conformance import files

FORMAT = 1
PLAIN = ".jsonl"
PACKED = ".jsonl.xz"
DEEPEST = 16  # objects and lists nested in a row; the suite writes four
LONGEST = 60  # characters of a value that a message shows
OUTCOMES = ("pass", "fail", "deviation", "fixed", "choice", "measured", "absent", "crash", "timeout")


class BrokenRecord(ValueError):
    """The file is not a record of this format; the message says where."""


@dataclass(frozen=True)
class Header:
    """What was judged, where and by which suite.

    `framework` holds name, version and build; `device_model`, `cpu_flags` and `threads` describe the machine.
    """

    target: str
    framework: dict[str, str]
    device_model: str
    python: str
    platform: str
    cpu_flags: str
    threads: int
    suite_commit: str
    tier: str
    start: str
    format: int = FORMAT


@dataclass(frozen=True)
class Check:
    """One requirement judged on one operation, format and case.

    `observed` names the choice found, `measured` holds numbers, `bound` the grade they were held against,
    `witness` the input and result in hex floats, `message` why it failed, `entry` the deviation's id.
    """

    requirement: str
    operation: str
    dtype: str
    case: str
    outcome: str
    observed: str | None = None
    measured: dict[str, Any] = field(default_factory=dict)
    bound: str | None = None
    witness: dict[str, Any] = field(default_factory=dict)
    message: str | None = None
    entry: str | None = None
    seconds: float = 0.0

    @property
    def id(self) -> str:
        """What names this check in every run of the suite."""
        return "/".join((self.requirement, self.operation, self.dtype, self.case))


@dataclass(frozen=True)
class Footer:
    """The end of a complete file: the number of rows, when, and what went wrong outside any check.

    `unmatched` lists the deviation entries that concern this target and matched no check; `error` says why a
    target could not be judged at all; `oracle_seconds` is what of the checks' time went into true values.
    """

    rows: int
    end: str
    unmatched: list[str] = field(default_factory=list)
    error: str | None = None
    oracle_seconds: float = 0.0


@dataclass(frozen=True)
class Record:
    """One file, read."""

    path: Path
    header: Header
    checks: list[Check]
    footer: Footer | None

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return self.footer is not None


_KINDS: dict[str, type[Header | Check | Footer]] = {"header": Header, "check": Check, "footer": Footer}


_TOO_DEEP = f"nested deeper than {DEEPEST} levels"
_NUMBER = (float, int)
# A field's declaration → the types of its value as JSON has them, and what gives the texts in it.
_TYPES: dict[str, tuple[tuple[type, ...], Callable[[Any], Iterable[Any]] | None]] = {
    "str": ((str,), None),
    "str | None": ((str, NoneType), None),
    "int": ((int,), None),
    "float": (_NUMBER, None),
    "dict[str, Any]": ((dict,), None),
    "dict[str, str]": ((dict,), dict.values),
    "list[str]": ((list,), iter),
}
_DECLARED = {kind: {field.name: str(field.type) for field in fields(cls)} for kind, cls in _KINDS.items()}
_REQUIRED = {
    kind: {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
    for kind, cls in _KINDS.items()
}


def line(row: Header | Check | Footer) -> str:
    """The row as it stands in a record."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(row, cls))
    return json.dumps({"kind": kind, **asdict(row)}, allow_nan=False) + "\n"


class Writer:
    """Appends rows to a record, each on disk before the next check begins.

    Raises:
        BrokenRecord: the name is that of a compressed record, which nothing is appended to.
    """

    def __init__(self, path: Path) -> None:
        if path.name.endswith(PACKED):
            raise BrokenRecord(f"{path}: a run writes a {PLAIN} file; python -m reports.archive compresses it")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("a", encoding="utf-8")

    def write(self, row: Header | Check | Footer) -> None:
        """Append one row."""
        self._file.write(line(row))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(path: Path) -> Record:
    """The record in `path`; without its footer where the run was cut off.

    A last line that was cut short is dropped, like the footer that it stands before. What is no Unicode text, a
    surrogate alone, is read as U+FFFD: no report could be written with it.

    Raises:
        BrokenRecord: a line is no row of this format, or stands where it does not belong; the message names it.
    """
    *whole, cut = _text(path).split("\n")  # a row ends with a newline: what follows the last one was cut off
    if not whole:
        why = "cut off within its first line; run that target again" if cut else "no header; the file is empty"
        raise BrokenRecord(f"{path}: {why}")
    rows: list[Header | Check | Footer] = []
    met: dict[str, int] = {}  # the id of each check → its line
    for number, text in enumerate(whole, 1):
        try:
            row = _row(text)
            _belongs(row, rows, met)
        except (ValueError, OverflowError) as error:
            raise BrokenRecord(f"{path}, line {number}: {error}") from error
        rows.append(row)
    (header,) = (row for row in rows if isinstance(row, Header))
    footer = rows[-1] if isinstance(rows[-1], Footer) else None
    return Record(path, header, [row for row in rows if isinstance(row, Check)], footer)


def _text(path: Path) -> str:
    try:
        if path.name.endswith(PACKED):
            with lzma.open(path, "rt", encoding="utf-8") as file:
                return file.read()
        return path.read_text(encoding="utf-8")
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise BrokenRecord(f"{path}: cannot be read: {error}") from error


def _belongs(
    row: Header | Check | Footer, before: Sequence[Header | Check | Footer], met: dict[str, int]
) -> None:
    """Whether `row` may follow the rows before it; `met` learns of a check."""
    if isinstance(row, Header) == bool(before):
        raise ValueError("a second header; a record is one run" if before else "no header; not a Softmark record")
    if before and isinstance(before[-1], Footer):
        raise ValueError("a row behind the footer; a record is one run")
    if isinstance(row, Footer) and row.rows != len(met):
        raise ValueError(f"the footer counts {row.rows} checks, the file holds {len(met)}")
    if isinstance(row, Check) and met.setdefault(row.id, len(before) + 1) <= len(before):
        raise ValueError(f"{_brief(row.id)} is judged in line {met[row.id]} too; run that target again")


def _row(line: str) -> Header | Check | Footer:
    data = _object(line)
    kind = data.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"{_brief(kind)} is no kind of row ({', '.join(_KINDS)}); not a Softmark record")
    if kind == "header":
        _same_format(data)
    _typed(kind, data)
    row = _KINDS[kind](**data)
    if isinstance(row, Check) and row.outcome not in OUTCOMES:
        raise ValueError(f"unknown outcome {_brief(row.outcome)}")
    if isinstance(row, Header) and not row.framework.keys() >= {"name", "version", "build"}:
        raise ValueError("the framework of a header has a name, a version and a build")
    return row


def _typed(kind: str, data: dict[str, Any]) -> None:
    """See that `data` has the fields of a row, each of its type; a whole number of seconds becomes a float."""
    declared = _DECLARED[kind]
    for name, value in data.items():
        if name not in declared:
            raise ValueError(f"a {kind} has no field {_brief(name)}")
        types, inner = _TYPES[declared[name]]
        if type(value) not in types or (inner and not all(type(item) is str for item in inner(value))):
            raise ValueError(f"the field {name} of a {kind} is {declared[name]}, not {_brief(value)}")
        if types is _NUMBER:
            data[name] = float(value)
    if missing := _REQUIRED[kind] - data.keys():
        raise ValueError(f"a {kind} without {', '.join(sorted(missing))}")


def _same_format(data: dict[str, Any]) -> None:
    found = data.get("format")
    if type(found) is not int or found != FORMAT:
        by = data.get("suite_commit")
        named = f" (commit {_brief(by)})" if by else ""
        raise ValueError(
            f"format {_brief(found)}, this suite reads {FORMAT}: run that target again, or read the record with "
            f"the suite that wrote it{named}"
        )


def _object(line: str) -> dict[str, Any]:
    """The object that stands in `line`, of finite numbers and of text that can be written."""
    try:
        data = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON at column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    if line.count("[") + line.count("{") > DEEPEST and not _within(data, DEEPEST):
        raise ValueError(_TOO_DEEP)
    if "\\ud" in line or "\\uD" in line:
        text = json.dumps(data, ensure_ascii=False).encode("utf-16", "surrogatepass")
        data = json.loads(text.decode("utf-16", "replace"))
    if not isinstance(data, dict):
        raise ValueError(f"a row is an object, not {_brief(data)}")
    return data


def _within(value: Any, levels: int) -> bool:
    """Whether at most so many objects and lists are nested in one another: a report descends into each."""
    if not isinstance(value, dict | list):
        return True
    return levels > 0 and all(
        _within(v, levels - 1) for v in (value.values() if isinstance(value, dict) else value)
    )


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{_brief(text)} is no number of JSON; a record holds such a one as text")
    return value


_DECODER = json.JSONDecoder(parse_float=_number, parse_constant=_number)


def _brief(value: Any) -> str:
    """`value` on one line that can be read."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def find(places: list[Path]) -> list[Path]:
    """The record files at `places`, each a file or a folder of `*.jsonl` and `*.jsonl.xz`, in order of name."""
    found: list[Path] = []
    for place in places:
        found += sorted(p for p in place.iterdir() if _named(p)) if place.is_dir() else [place]
    return found


def _named(path: Path) -> bool:
    return path.name.endswith((PLAIN, PACKED))


def file_name(target: str) -> str:
    """The file that a target's record goes to: "torch-cpu-eager.jsonl"."""
    return "".join(c if c.isalnum() or c in "._" else "-" for c in target) + PLAIN


def trim(path: Path, without: str | None = None) -> None:
    """Cut a half-written last line and any footer off, so that the run can go on in the same file.

    The check of the id `without` is taken out, if it is there: it is to be written anew.

    Raises:
        BrokenRecord: the file cannot be read as text.
        ValueError: a check is to be taken out, and a line is no row.
    """
    text = _text(path)
    whole = text[: text.rfind("\n") + 1].splitlines(keepends=True)
    kept = [line for line in whole if not line.startswith('{"kind": "footer"')]
    if without is not None:
        kept = [line for line in kept if getattr(_row(line), "id", None) != without]
    files.write(path, "".join(kept))
