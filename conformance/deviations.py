"""Read `deviations.toml`, the known faults of released frameworks as data.

One fault is one entry. An entry covers checks by requirement, operations, dtypes and cases (shell patterns).
If one of these checks passes, the run fails, so that the list stays true. A scope with `some = true` is of
crossed cases, of which some show the fault: one that passes is a pass. An entry that shows in no check fails the
run too. On a version that no entry of the adapter names, all are known and unconfirmed: each may show, and none
has to.
"""

from __future__ import annotations

import platform
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from conformance.requirements import TIERS


@dataclass(frozen=True)
class Scope:
    """The checks of one requirement that an entry covers."""

    requirement: str
    operations: tuple[str, ...]
    dtypes: tuple[str, ...]
    cases: tuple[str, ...]
    some: bool = False

    def covers(self, requirement: str, operation: str, dtype: str, case: str) -> bool:
        """Return True if this scope includes a check."""
        return (
            requirement == self.requirement
            and _any(operation, self.operations)
            and _any(dtype, self.dtypes)
            and _any(case, self.cases)
        )


@dataclass(frozen=True)
class Deviation:
    """One fault of one framework.

    `versions` is a PEP 440 specifier, `modes` the modes that have the fault, `machines` the processors that have
    it (by `platform.machine()`), and `tier` the smallest tier that shows it. `confirmed` is False where the
    version that is judged is none of `versions`.
    `link` is an upstream thread "owner/repo#number", or "unreported". `reproduction` is a program of the
    framework alone and `prints` what it prints on the pinned version.
    """

    id: str
    adapter: str
    versions: str
    device: str
    modes: tuple[str, ...]
    machines: tuple[str, ...]
    tier: str
    title: str
    reason: str
    link: str
    reproduction: str
    prints: str
    expected: str
    scopes: tuple[Scope, ...]
    confirmed: bool = True

    def concerns(self, device: str, mode: str) -> bool:
        """Return True if the entry is about this place, on a machine like this one."""
        return device == self.device and mode in self.modes and _any(platform.machine(), self.machines)

    def names(self, version: Version) -> bool:
        """Return True if the version is among the entry's."""
        return SpecifierSet(self.versions, prereleases=True).contains(version)

    @property
    def ends(self) -> tuple[Version, Version]:
        """The lowest and the highest version that `versions` mentions."""
        mentioned = [Version(one.version.removesuffix(".*")) for one in SpecifierSet(self.versions)]
        return min(mentioned), max(mentioned)

    def covers(self, requirement: str, operation: str, dtype: str, case: str) -> bool:
        """Return True if one of its scopes includes a check."""
        return self.scope(requirement, operation, dtype, case) is not None

    def scope(self, requirement: str, operation: str, dtype: str, case: str) -> Scope | None:
        """Return the first of its scopes that includes a check."""
        found = (scope for scope in self.scopes if scope.covers(requirement, operation, dtype, case))
        return next(found, None)


def of_target(
    entries: Iterable[Deviation], adapter: str, version: str, device: str, mode: str
) -> list[Deviation]:
    """Return the entries about a target, unconfirmed where none of the adapter names its version.

    A version that no order is known of has none.
    """
    try:
        known = Version(version)
    except InvalidVersion:
        return []
    own = [entry for entry in entries if entry.adapter == adapter]
    named = [entry for entry in own if entry.names(known)]
    chosen = named or [replace(entry, confirmed=False) for entry in own]
    return [entry for entry in chosen if entry.concerns(device, mode)]


def known_from(entries: Iterable[Deviation]) -> str:
    """Return the newest version that unconfirmed entries are of; "" where all are confirmed."""
    newest = [entry.ends[1] for entry in entries if not entry.confirmed]
    return str(max(newest)) if newest else ""


def _any(value: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)


FILE = Path(__file__).with_name("deviations.toml")
TEXTS = ("adapter", "versions", "device", "title", "reason", "link", "reproduction", "prints", "expected")
PATTERNS = ("operations", "dtypes", "cases")


@cache
def load(path: Path = FILE) -> tuple[Deviation, ...]:
    """Return every entry, in the order of the file.

    Raises:
        ValueError: the file is not TOML, or an entry is malformed; the message is one line with file and entry.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name}: {error}") from error
    entries = []
    for name, table in data.items():
        try:
            entries.append(_entry(name, table))
        except ValueError as error:
            raise ValueError(f"{path.name}, [{name}]: {error}") from error
    return tuple(entries)


def _entry(name: str, table: Any) -> Deviation:
    _fields(table, required={*TEXTS, "modes", "checks"}, optional={"tier", "machines"})
    tier = table.get("tier", "quick")
    if tier not in TIERS:
        raise ValueError(f"tier {tier!r} is none of {', '.join(TIERS)}")
    texts: dict[str, Any] = {key: _text(key, table[key]) for key in TEXTS}
    SpecifierSet(texts["versions"])  # raises InvalidSpecifier, a ValueError that quotes the text
    if not isinstance(table["checks"], list) or not table["checks"]:
        raise ValueError("checks is not a list of at least one table")
    scopes = tuple(_scope(scope) for scope in table["checks"])
    return Deviation(
        id=name,
        modes=_texts("modes", table["modes"]),
        machines=_texts("machines", table.get("machines", ["*"])),
        tier=tier,
        scopes=scopes,
        **texts,
    )


def _scope(table: Any) -> Scope:
    _fields(table, required={"requirement"}, optional={*PATTERNS, "some"})
    operations, dtypes, cases = (_texts(key, table.get(key, ["*"])) for key in PATTERNS)
    some = table.get("some", False)
    if not isinstance(some, bool):
        raise ValueError(f"some is true or false: {some!r}")
    return Scope(_text("requirement", table["requirement"]), operations, dtypes, cases, some)


def _fields(table: Any, required: set[str], optional: set[str]) -> None:
    if not isinstance(table, dict):
        raise ValueError(f"{table!r} is not a table")
    if unknown := table.keys() - required - optional:
        raise ValueError(f"unknown field {', '.join(sorted(unknown))}")
    if missing := required - table.keys():
        raise ValueError(f"no {', '.join(sorted(missing))}")


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a text: {value!r}")
    return value


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{key} is not a list of at least one text: {value!r}")
    return tuple(_text(key, item) for item in value)
