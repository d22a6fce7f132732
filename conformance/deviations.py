"""Reads `deviations.toml`: what released frameworks are known to do wrong, as data that must still hold.

One fault is one entry. An entry covers checks by requirement, operations, dtypes and cases (shell patterns);
every one of them fails as the entry says, or the run does.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version


@dataclass(frozen=True)
class Scope:
    """The checks of one requirement that an entry covers."""

    requirement: str
    operations: tuple[str, ...]
    dtypes: tuple[str, ...]
    cases: tuple[str, ...]

    def covers(self, requirement: str, operation: str, dtype: str, case: str) -> bool:
        """Whether a check is within this scope."""
        return (
            requirement == self.requirement
            and _any(operation, self.operations)
            and _any(dtype, self.dtypes)
            and _any(case, self.cases)
        )


@dataclass(frozen=True)
class Deviation:
    """One fault of one framework.

    `versions` is a PEP 440 specifier; `modes` the modes it shows in; `tier` the smallest tier that sees it.
    `link` is an upstream thread "owner/repo#number", or "unreported". `reproduction` is a program of the
    framework alone and `prints` what it prints on the pinned version.
    """

    id: str
    adapter: str
    versions: str
    device: str
    modes: tuple[str, ...]
    tier: str
    title: str
    reason: str
    link: str
    reproduction: str
    prints: str
    expected: str
    scopes: tuple[Scope, ...]

    def concerns(self, adapter: str, version: str, device: str, mode: str) -> bool:
        """Whether the entry speaks of this target."""
        return (
            adapter == self.adapter
            and device == self.device
            and mode in self.modes
            and SpecifierSet(self.versions, prereleases=True).contains(Version(version))
        )

    def covers(self, requirement: str, operation: str, dtype: str, case: str) -> bool:
        """Whether a check is within one of its scopes."""
        return any(scope.covers(requirement, operation, dtype, case) for scope in self.scopes)


def _any(value: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)


FILE = Path(__file__).with_name("deviations.toml")


@cache
def load(path: Path = FILE) -> tuple[Deviation, ...]:
    """Every entry, in the order of the file."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(_entry(name, table) for name, table in data.items())


def _entry(name: str, table: dict[str, Any]) -> Deviation:
    scopes = tuple(
        Scope(scope["requirement"], *(tuple(scope.get(key, ["*"])) for key in ("operations", "dtypes", "cases")))
        for scope in table.pop("checks")
    )
    modes = tuple(table.pop("modes"))
    return Deviation(id=name, modes=modes, scopes=scopes, **{"tier": "quick", **table})
