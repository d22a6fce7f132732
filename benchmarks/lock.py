"""`python -m benchmarks.lock jax 0.7.2`: print the table of a release for `adapters/releases.toml`.

Its versions are those that an installation got on the day after the release. uv resolves them, from the package
index that uv is configured with. `--outdated` lists the releases there that are newer than those of the file, the
last of each minor series; `--newest jax` prints their tables.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import textwrap
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta

from packaging.version import Version

from adapters.frameworks import FRAMEWORKS
from adapters.releases import EVERYWHERE, FILE, PACKAGES, BadReleases, Release, order, releases
from conformance import files, terminal

HEADER = """\
# The framework releases that are judged and timed, by day. One table a release, written by
#     python -m benchmarks.lock FRAMEWORK VERSION --write
# `day` is when its wheels came out, `pins` every version of that day, `python` the range with wheels for all.
"""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
EARLIEST = date(2020, 1, 1)


class NoLock(ValueError):
    """The package index has no such release, or none with wheels."""


def main(arguments: list[str] | None = None) -> int:
    """Print tables, and write them into the file if asked; exit code 2: there is no such release."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lock", description=__doc__)
    parser.add_argument("framework", nargs="?", choices=PACKAGES)
    parser.add_argument("version", nargs="?")
    parser.add_argument("--outdated", action="store_true", help="list what is newer on the package index")
    parser.add_argument("--newest", choices=PACKAGES, help="the framework whose newer releases are wanted")
    parser.add_argument("--write", action="store_true", help=f"add them to {FILE.name}, or replace them there")
    options = parser.parse_args(arguments)
    if (options.version is not None) + options.outdated + (options.newest is not None) != 1:
        parser.error("say a framework and a version, --outdated, or --newest FRAMEWORK")
    try:
        if options.outdated:
            for framework in PACKAGES:
                print(outdated(framework))
            return 0
        asked = [options.version] if options.version else newer(options.newest)
        found = [lock(options.framework or options.newest, version) for version in asked]
        if options.write:
            tags = {release.tag for release in found}
            files.write(FILE, text([*(one for one in releases() if one.tag not in tags), *found]))
    except (NoLock, BadReleases, OSError) as error:
        terminal.complain(f"lock: {error}")
        return 2
    print("\n".join(map(table, found)) if found else outdated(options.newest), end="" if found else "\n")
    return 0


def outdated(framework: str) -> str:
    """Return a line that says which releases of a framework are newer than those that are followed."""
    later = newer(framework)
    told = f"newer {', '.join(later)}" if later else "the newest"
    return f"{framework} {releases(framework)[-1].version}: {told}"


def newer(framework: str) -> list[str]:
    """Return the last release of each minor series that the file lacks, after the newest that it has."""
    followed = releases(framework)[-1].version
    asked = f"{FRAMEWORKS[framework].distributions[0]}>{followed}"
    found: list[str] = []
    while (version := _newest(f"{asked},<{'.'.join(found[-1].split('.')[:2])}" if found else asked)) is not None:
        found.append(version)
    return found[::-1]


def _newest(requirement: str) -> str | None:
    """Return the newest final version with wheels for any Python, or None."""
    versions = []
    for python in PYTHONS:
        with suppress(NoLock):
            pins = _compile((requirement,), date.today(), "--no-deps", "--prerelease", "disallow", python=python)
            versions.append(pins[0].partition("==")[2].partition("+")[0])
    return max(versions, key=Version, default=None)


def lock(framework: str, version: str) -> Release:
    """Look up a release's day, pins and range of Pythons in the package index.

    The pins are those of the lowest Python that has wheels for the release.

    Raises:
        NoLock: there is no such release with wheels for any of `PYTHONS`.
    """
    known = FRAMEWORKS[framework]
    exact = [f"{name}=={version}" for name in known.distributions]
    lowest = next((one for one in PYTHONS if _resolves(exact, date.today(), one)), PYTHONS[-1])
    released = _first_day(exact, lowest)
    others = (name for name in EVERYWHERE if name not in known.packages)
    roots = dict.fromkeys((*exact, *known.beside, *others))
    pins = _compile(tuple(roots), released, python=lowest)
    python = [one for one in PYTHONS if _resolves(pins, released, one)]
    bounds = f">={python[0]},<3.{int(python[-1].removeprefix('3.')) + 1}"
    return Release(framework, version, released, bounds, tuple(pins))


def table(release: Release) -> str:
    """Return the release's table as it stands in the file."""
    quoted = ", ".join(f'"{pin}"' for pin in release.constraints)
    pins = textwrap.indent(textwrap.fill(quoted, 106, break_long_words=False, break_on_hyphens=False), "    ")
    return (
        f'[[release]]\nframework = "{release.framework}"\nversion = "{release.version}"\n'
        f'day = {release.day}\npython = "{release.python}"\npins = [\n{pins},\n]\n'
    )


def text(found: Sequence[Release]) -> str:
    """Return the text of the whole file."""
    return "\n".join((HEADER, *(table(release) for release in sorted(found, key=order))))


def _first_day(exact: Sequence[str], python: str) -> date:
    """Return the first day on which all of `exact` had wheels for a version of Python."""
    days = [EARLIEST + timedelta(days) for days in range((date.today() - EARLIEST).days + 1)]
    try:
        _compile(exact, days[-1], "--no-deps", python=python)
    except NoLock as error:
        raise NoLock(f"{error} Is the version right, and the index there?") from error
    return days[bisect_left(days, True, key=lambda day: _resolves(exact, day, python))]


def _resolves(pins: Sequence[str], day: date, python: str) -> bool:
    try:
        _compile(pins, day, "--no-deps", python=python)
    except NoLock:
        return False
    return True


def _compile(roots: Sequence[str], day: date, *options: str, python: str) -> list[str]:
    """Return the pins that an installation of `roots` resolved to at the end of `day`."""
    command = ("uv", "pip", "compile", "-", "--no-header", "--no-annotate", "--only-binary", ":all:", *options)
    # this interpreter, so that uv looks for none of the version that it resolves for
    here = ("--python", sys.executable)
    target = (*here, "--python-platform", "x86_64-manylinux_2_28", "--python-version", python)
    newest = ("--exclude-newer", f"{day + timedelta(1)}T00:00:00Z")
    done = subprocess.run(
        [sys.executable, "-m", *command, *target, *newest], input="\n".join(roots), capture_output=True, text=True
    )
    if done.returncode:
        raise NoLock(f"{' '.join(roots)} on {day}: {done.stderr.strip().splitlines()[-1].strip()}")
    return done.stdout.split()


if __name__ == "__main__":
    terminal.run(main)
