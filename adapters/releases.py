"""Read `releases.toml`, the framework releases that are timed and judged, one table for each.

A table pins every package to the version of the day on which the release came out. `python -m benchmarks.lock`
writes it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from adapters.frameworks import FRAMEWORKS

FILE = Path(__file__).with_name("releases.toml")

# tracked framework → the packages of a release
PACKAGES = {name: framework.packages for name, framework in FRAMEWORKS.items() if framework.tracked}
EVERYWHERE = ("ml-dtypes", "numpy")  # the harness imports these itself, so they are pinned like the framework
FIELDS = {"framework", "version", "day", "python", "pins"}


class BadReleases(ValueError):
    """The file of releases cannot be used; the message says where and why."""


@dataclass(frozen=True)
class Release:
    """One release of a framework, with the versions of its day.

    `python` is the range that has wheels for every one of them, such as ">=3.11,<3.14".
    """

    framework: str
    version: str
    day: date
    python: str
    constraints: tuple[str, ...]

    @property
    def tag(self) -> str:
        """Return its name in commands and files: "jax-0.7.2"."""
        return f"{self.framework}-{self.version}"

    @property
    def pythons(self) -> tuple[str, ...]:
        """Return the versions of Python in its range: "3.11", "3.12"."""
        lowest, below = (int(bound) for bound in re.findall(r"3\.(\d+)", self.python))
        return tuple(f"3.{minor}" for minor in range(lowest, below))

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return the pins to install by name; `constraints` pins their dependencies."""
        wanted = dict.fromkeys((*PACKAGES[self.framework], *EVERYWHERE))
        pins = {pin.partition("==")[0]: pin for pin in self.constraints}
        return tuple(pins[name] for name in wanted)


def releases(framework: str | None = None, file: Path = FILE) -> list[Release]:
    """Return all releases, or one framework's, in order of day.

    Raises:
        BadReleases: the file, a table or a name is malformed.
    """
    if framework is not None and framework not in PACKAGES:
        raise BadReleases(f"unknown framework {framework!r}: choose one of {', '.join(PACKAGES)}")
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8")).get("release", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadReleases(f"{file.name}: {error}") from error
    if not (isinstance(tables, list) and tables and all(isinstance(table, dict) for table in tables)):
        raise BadReleases(f"{file.name}: releases are tables that begin with [[release]]")
    found = sorted((_release(table) for table in tables), key=order)
    for one, other in pairwise(found):
        if one.tag == other.tag:
            raise BadReleases(f"{file.name}: {one.tag} stands there twice")
    return [release for release in found if framework in (None, release.framework)]


def named(*names: str) -> list[Release]:
    """Return the releases of these frameworks and tags, or all, the newest of each framework first.

    Raises:
        BadReleases: there is none of that name.
    """
    found: dict[str, Release] = {}
    for name in names or PACKAGES:
        framework, dash, version = name.partition("-")
        there = releases(framework)
        chosen = [release for release in reversed(there) if not dash or version == release.version]
        if not chosen:
            versions = ", ".join(release.version for release in there)
            raise BadReleases(f"{name} is not in adapters/{FILE.name}: of {framework} there are {versions}")
        found |= {release.tag: release for release in chosen}
    return list(found.values())


def order(release: Release) -> tuple[date, str, tuple[int, ...]]:
    """Return the sort key of releases: day, framework, version."""
    return release.day, release.framework, tuple(int(part) for part in release.version.split("."))


def _release(table: dict[str, object]) -> Release:
    framework, version, pins = (table.get(key) for key in ("framework", "version", "pins"))
    name = f"{framework}-{version}"

    def bad(why: str) -> BadReleases:
        return BadReleases(f"{FILE.name}: {name} {why}")

    if framework not in PACKAGES:
        raise bad(f"is of no framework that is followed: {', '.join(PACKAGES)}")
    if table.keys() != FIELDS:
        raise bad(f"has a field too many or too few: {', '.join(sorted(table.keys() ^ FIELDS))}")
    if not (isinstance(version, str) and re.fullmatch(r"\d+(\.\d+)+", version)):
        raise bad('needs a final version as in version = "1.2.3"')
    if type(table["day"]) is not date:
        raise bad("needs a day as in day = 2026-01-31")
    if not re.fullmatch(r">=3\.\d+,<3\.\d+", str(table["python"])):
        raise bad('needs a range as in python = ">=3.11,<3.14"')
    if not (isinstance(pins, list) and all(isinstance(pin, str) for pin in pins)):
        raise bad('needs pins as in pins = ["numpy==2.4.1"]')
    release = Release(framework, version, table["day"], str(table["python"]), tuple(pins))
    try:
        asked = release.requirements
    except KeyError as error:
        raise bad(f"has no pin of {error}") from error
    if asked[0] != f"{PACKAGES[release.framework][0]}=={release.version}":
        raise bad(f"pins {asked[0]}")
    return release
