"""The operands of a comparison: a framework, a target of today, a release ("jax-0.7.2"), or a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from packaging.version import Version

from adapters.frameworks import FRAMEWORKS
from conformance.record import reading
from conformance.record.records import PACKED, PLAIN, BrokenRecord, Check, Record
from conformance.record.timeline import version_order
from reports.checks import split_target


class UnknownOperand(ValueError):
    """The name is no target, release or file; the message lists the known names on one line."""


@dataclass(frozen=True)
class Operand:
    """One of the two that are compared: its name and its record."""

    name: str
    record: Record

    @property
    def target(self) -> str:
        """The target of the record."""
        return self.record.header.target

    @property
    def version(self) -> str:
        """The framework's version in the record."""
        return self.record.header.framework.get("version", "?")

    @property
    def label(self) -> str:
        """The name, followed by the framework and its version unless it contains them."""
        framework = f"{self.record.header.framework.get('name', '?')} {self.version}"
        return self.name if self.name == release_name(self.record) else f"{self.name} ({framework})"

    @cached_property
    def check_ids(self) -> frozenset[str]:
        """The ids of the record's checks."""
        return frozenset(check.id for check in self.record.checks)

    @cached_property
    def by_requirement(self) -> dict[str, list[Check]]:
        """Requirement → its checks."""
        found: dict[str, list[Check]] = {}
        for check in self.record.checks:
            found.setdefault(check.requirement, []).append(check)
        return found

    @cached_property
    def by_place(self) -> dict[tuple[str, str], list[Check]]:
        """Operation and format → the checks there, without those that are absent."""
        found: dict[tuple[str, str], list[Check]] = {}
        for check in self.record.checks:
            if check.outcome != "absent":
                found.setdefault((check.operation, check.dtype), []).append(check)
        return found


def release_name(record: Record) -> str:
    """Return the name of a release's record: "jax-0.7.2", or "jax-0.7.2:eager" if that is not the usual mode."""
    adapter, device, mode = split_target(record.header.target)
    version = record.header.framework.get("version", "?").partition("+")[0]
    usual = FRAMEWORKS[adapter].usual if adapter in FRAMEWORKS else mode
    place = ":".join(part for part, plain in ((device, "cpu"), (mode, usual)) if part != plain)
    return f"{adapter}-{version}" + (f":{place}" if place else "")


def operands(today: Iterable[Record], history: Iterable[Record]) -> tuple[list[Operand], list[Operand]]:
    """Return today's targets, and the releases in the order of versions.

    The last of several records with one name is used.
    """
    now = {record.header.target: Operand(record.header.target, record) for record in today}
    then = {release_name(record): Operand(release_name(record), record) for record in history}
    return list(now.values()), sorted(then.values(), key=_release)


def _release(operand: Operand) -> tuple[str, tuple[bool, Version, str]]:
    return split_target(operand.target)[0], version_order(operand.version.partition("+")[0])


def find(name: str, known: Iterable[Operand]) -> Operand:
    """Return the operand with this name, a framework's usual mode by one of its names, or the record of a file.

    Raises:
        UnknownOperand: there is neither.
        BrokenRecord: the file is not a record.
    """
    known = list(known)
    framework = next((one for one in FRAMEWORKS.values() if name.lower() in one.names), None)
    wanted = f"{framework.name}:cpu:{framework.usual}" if framework else name
    for operand in known:
        if operand.name == wanted:
            return operand
    path = Path(name)
    if path.is_file():
        return Operand(name, reading.read(path))
    if name.endswith((PLAIN, PACKED)):
        raise BrokenRecord(f"{name}: no such file")
    names = ", ".join(operand.name for operand in known)
    raise UnknownOperand(f"unknown target {name!r}: choose one of {names}")
