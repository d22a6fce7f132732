"""The bytes of a record's file: of a regular file alone, and no more than memory can hold."""

from __future__ import annotations

import lzma
import stat
from pathlib import Path

from conformance.record.records import PACKED, PLAIN, BrokenRecord

LARGEST = 2**28  # bytes of a record, decompressed; the full tier writes three million


def content(path: Path) -> bytes:
    """Return the bytes of the record in `path`, decompressed.

    Raises:
        BrokenRecord: there is no regular file that can be read, or it is too large.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer for ever
            raise BrokenRecord(f"{path}: cannot be read: not a regular file")
        with lzma.open(path) if path.name.endswith(PACKED) else path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise BrokenRecord(f"{path}: cannot be read: {error}") from error
    if len(data) > LARGEST:
        raise BrokenRecord(f"{path}: cannot be read: it holds more than {LARGEST >> 20} MiB")
    return data


def set_aside(path: Path) -> Path:
    """Rename the file to the first free of "NAME.old", "NAME.old2" …, and return where it is."""
    free = path.with_name(f"{path.name}.old")
    number = 2
    while free.exists():
        free, number = path.with_name(f"{path.name}.old{number}"), number + 1
    return path.rename(free)


def find(places: list[Path]) -> list[Path]:
    """Return the record files at `places`, each a file or a folder of records, in order of name."""
    paths: list[Path] = []
    for place in places:
        paths += sorted(filter(_named, place.iterdir())) if place.is_dir() else [place]
    return paths


def _named(path: Path) -> bool:
    return path.name.endswith((PLAIN, PACKED))
