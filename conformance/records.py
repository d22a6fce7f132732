"""The result format: JSON Lines, one file a run of one target.

A header, one row a check as it ends, a footer. A file without a footer is incomplete and says so; what is
already written survives a crash. Floats that are evidence are hex strings. `records.schema.json` describes
the same, and a test holds the two together. A finished record may be kept compressed, as `*.jsonl.xz`.
A record may come from anyone: every field that is read has its type.
"""

from __future__ import annotations

import json
import lzma
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

FORMAT = 1
PLAIN = ".jsonl"
PACKED = ".jsonl.xz"
OUTCOMES = ("pass", "fail", "deviation", "fixed", "choice", "measured", "absent", "crash", "timeout")


LONGEST = 200  # characters of a reason


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


TEXT, NUMBER, INTEGER = (str,), (int, float), (int,)
OPTIONAL = (str, type(None))
# what each field may hold; a bool is no number
TYPES: dict[type, dict[str, tuple[type, ...]]] = {
    Header: {field.name: TEXT for field in fields(Header)}
    | {"framework": (dict,), "threads": INTEGER, "format": INTEGER},
    Check: {field.name: TEXT for field in fields(Check)}
    | dict.fromkeys(("observed", "bound", "message", "entry"), OPTIONAL)
    | {"measured": (dict,), "witness": (dict,), "seconds": NUMBER},
    Footer: {"rows": INTEGER, "end": TEXT, "unmatched": (list,), "error": OPTIONAL, "oracle_seconds": NUMBER},
}
ENDLESS = (math.inf, -math.inf)  # which 1e999 is read as
DEEPEST = 32  # brackets within one another
_KINDS: dict[str, type[Header | Check | Footer]] = {"header": Header, "check": Check, "footer": Footer}


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

    A last line that was cut short is dropped, like the footer that it stands before. Of checks with one id the
    last is kept; the footer counts all of them, or each id once.

    Raises:
        BrokenRecord: there is no header, another format version, or a line that is no row.
    """
    rows = list(_rows(path))
    header = rows[0] if rows else None
    if not isinstance(header, Header):
        raise BrokenRecord(f"{path}: no header; this is not a Softmark record, or an empty one")
    every = [row for row in rows if isinstance(row, Check)]
    footer = rows[-1] if isinstance(rows[-1], Footer) else None
    if len(every) + 1 + (footer is not None) != len(rows):
        raise BrokenRecord(f"{path}: a second header, or a footer that rows follow: these are several runs")
    once = list({check.id: check for check in every}.values())
    if footer is not None and footer.rows not in (len(every), len(once)):
        raise BrokenRecord(f"{path}: the footer counts {footer.rows} checks, the file holds {len(every)}")
    return Record(path, header, once, footer)


def _text(path: Path) -> str:
    try:
        if path.name.endswith(PACKED):
            with lzma.open(path, "rt", encoding="utf-8") as file:
                return file.read()
        return path.read_text(encoding="utf-8")
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise BrokenRecord(f"{path}: cannot be read: {error}") from error


def _rows(path: Path) -> Iterator[Header | Check | Footer]:
    lines = _text(path).split("\n")
    whole, cut = lines[:-1], lines[-1]  # a row ends with a newline: what follows the last one was cut off
    for number, line in enumerate(whole, 1):
        try:
            yield _row(line)
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
            said = " ".join(str(error).split())[:LONGEST]
            raise BrokenRecord(f"{path}, line {number}: not a row of format {FORMAT}: {said}") from error
    if cut and not whole:
        raise BrokenRecord(f"{path}: cut off within its first line; run that target again")


def _row(line: str) -> Header | Check | Footer:
    data = json.loads(line, parse_constant=_refused)
    if line.count("{") + line.count("[") > DEEPEST and _depth(data) > DEEPEST:
        raise ValueError(f"values more than {DEEPEST} deep")
    if "\\u" in line:
        json.dumps(data, ensure_ascii=False).encode()  # half of a pair of surrogates is no text
    kind = data.pop("kind")
    if kind == "header" and data.get("format") != FORMAT:
        raise ValueError(
            f"format version {data.get('format')}, this suite reads {FORMAT}: use the Softmark that wrote it"
        )
    row = _KINDS[kind](**data)
    for name, types in TYPES[type(row)].items():
        value = getattr(row, name)
        if not isinstance(value, types) or isinstance(value, bool) or value in ENDLESS:
            raise ValueError(f"{name} is {value!r}")
    if isinstance(row, Check) and row.outcome not in OUTCOMES:
        raise ValueError(f"unknown outcome {row.outcome!r}")
    texts = (
        row.framework.values() if isinstance(row, Header) else row.unmatched if isinstance(row, Footer) else ()
    )
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"no texts: {list(texts)!r}")
    return row


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _depth(value: Any) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if below is None else 1 + max(map(_depth, below), default=0)


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


def trim(path: Path) -> None:
    """Cut a half-written last line and any footer off, so that the run can go on in the same file.

    Raises:
        BrokenRecord: the file cannot be read as text.
    """
    text = _text(path)
    whole = text[: text.rfind("\n") + 1].splitlines(keepends=True)
    kept = [line for line in whole if not line.startswith('{"kind": "footer"')]
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text("".join(kept), encoding="utf-8")
    partial.replace(path)
