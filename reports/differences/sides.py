"""What is compared: a target of today, a release ("jax-0.7.2"), or a record in a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adapters.frameworks import FRAMEWORKS
from conformance.record import records as reader
from conformance.record.records import BrokenRecord, Record
from reports.checks import split_target


class UnknownSide(ValueError):
    """There is no such target, release or file; the message lists those there are, on one line."""


@dataclass(frozen=True)
class Side:
    """One of two: the name it is asked for by, and its record."""

    name: str
    record: Record

    @property
    def target(self) -> str:
        """The target that the record is of."""
        return self.record.header.target

    @property
    def version(self) -> str:
        """The framework's version, as the record has it."""
        return self.record.header.framework.get("version", "?")

    @property
    def label(self) -> str:
        """The name with the framework and its version, where the name does not hold it."""
        framework = f"{self.record.header.framework.get('name', '?')} {self.version}"
        return self.name if self.name == release(self.record) else f"{self.name} ({framework})"


def release(record: Record) -> str:
    """The name of a release's record: "jax-0.7.2", and ":eager" behind it in a mode that is not the usual one."""
    adapter, device, mode = split_target(record.header.target)
    version = record.header.framework.get("version", "?").partition("+")[0]
    usual = FRAMEWORKS[adapter].usual if adapter in FRAMEWORKS else mode
    place = ":".join(part for part, plain in ((device, "cpu"), (mode, usual)) if part != plain)
    return f"{adapter}-{version}" + (f":{place}" if place else "")


def sides(today: Iterable[Record], history: Iterable[Record]) -> tuple[list[Side], list[Side]]:
    """Today's targets, and the releases; of one name the last."""
    now = {record.header.target: Side(record.header.target, record) for record in today}
    then = {release(record): Side(release(record), record) for record in history}
    return list(now.values()), list(then.values())


def find(name: str, known: Iterable[Side]) -> Side:
    """The side of a name, or the record in the file of that name.

    Raises:
        UnknownSide: there is neither.
        BrokenRecord: the file is no record.
    """
    known = list(known)
    for side in known:
        if side.name == name:
            return side
    path = Path(name)
    if path.is_file():
        return Side(name, reader.read(path))
    if name.endswith((reader.PLAIN, reader.PACKED)):
        raise BrokenRecord(f"{name}: no such file")
    raise UnknownSide(f"unknown target {name!r}: choose one of {', '.join(side.name for side in known)}")
