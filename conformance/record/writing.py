"""Writes records: each row is on disk before the next check begins, and a footer seals the file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from conformance import files
from conformance.record.reading import CHECKSUM, read
from conformance.record.records import (
    ONE_ANSWER,
    PACKED,
    PLAIN,
    BrokenRecord,
    Check,
    CheckSet,
    Footer,
    Header,
    Record,
    judged_of,
)


def line(row: Header | Check) -> str:
    """Return the row as it stands in a record."""
    kind = "header" if isinstance(row, Header) else "check"
    return json.dumps({"kind": kind, **vars(row)}, allow_nan=False, default=asdict) + "\n"


def seal(footer: Footer, before: bytes, judged: CheckSet) -> str:
    """Return the footer as it stands behind `before`: its checksum covers every byte of the file up to it."""
    row = {"kind": "footer", **asdict(footer), "judged": asdict(judged)}
    text = json.dumps(row, allow_nan=False).removesuffix("}")
    return f'{text}{CHECKSUM.decode()}{sha256(before + text.encode()).hexdigest()}"}}\n'


def whole(header: Header, checks: Iterable[Check], footer: Footer | None = None) -> str:
    """Return the text of a record."""
    checks = list(checks)
    rows = line(header) + "".join(map(line, checks))
    return rows + (seal(footer, rows.encode(), judged_of(checks)) if footer else "")


class Writer:
    """Appends rows to a record, each on disk before the next check begins; with a header it begins a new one.

    Raises:
        BrokenRecord: nothing can be appended to the file, or it is no record.
    """

    def __init__(self, path: Path, header: Header | None = None) -> None:
        writable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        if header:
            path.write_text(line(header), encoding="utf-8")
        earlier = read(path)
        self.header, self.checks = earlier.header, earlier.checks
        self._file = path.open("a", encoding="utf-8")

    def record(self, footer: Footer | None = None) -> Record:
        """Return what is written so far, with the footer that it would have."""
        return Record(self.path, self.header, self.checks, footer)

    def write(self, row: Check | Footer) -> None:
        """Append one row; a footer closes the file, which then holds all of them whatever was done to it."""
        if isinstance(row, Footer):
            self.close()
            files.write(self.path, whole(self.header, self.checks, row))
            return
        self.checks.append(row)
        self._file.write(line(row))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def writable(path: Path) -> None:
    """Raise a BrokenRecord where a run cannot write its record to this path."""
    if path.name.endswith(PACKED):
        raise BrokenRecord(f"{path}: a run writes a {PLAIN} file; python -m reports.archive compresses it")
    if path.exists() and not path.is_file():
        raise BrokenRecord(f"{path}: not a regular file")


def trim(path: Path, without: str | None = None) -> None:
    """Take out what a run that goes on in the same file writes anew.

    That is a half-written last line, the footer, the rows that compare several checks, and the check `without`.

    Raises:
        BrokenRecord: the file is no record.
    """
    record = read(path)
    kept = [check for check in record.checks if check.case != ONE_ANSWER and check.id != without]
    files.write(path, whole(record.header, kept))
