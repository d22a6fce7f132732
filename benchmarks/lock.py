"""`python -m benchmarks.lock jax 0.7.2`: print the table of a release for `adapters/releases.toml`.

Its versions are those that an installation got on the day after the release. uv resolves them, from the package
index that uv is configured with.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import textwrap
from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, timedelta

from adapters.frameworks import FRAMEWORKS
from adapters.releases import EVERYWHERE, FILE, PACKAGES, BadReleases, Release, order, releases
from conformance.terminal import complain, run, visible

HEADER = """\
# The framework releases that are judged and timed, by day. One table a release, written by
#     python -m benchmarks.lock FRAMEWORK VERSION --write
# `day` is when its wheels came out, `pins` every version of that day, `python` the range with wheels for all.
"""
PYTHON = "3.11"  # the locks are resolved for this version
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
EARLIEST = date(2020, 1, 1)


class NoLock(ValueError):
    """The package index has no such release, or none with wheels."""


def main(arguments: list[str] | None = None) -> int:
    """Print a release's table, and write it into the file if asked; exit code 2: there is no such release."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lock", description=__doc__)
    parser.add_argument("framework", choices=PACKAGES)
    parser.add_argument("version")
    parser.add_argument("--write", action="store_true", help=f"add it to {FILE.name}, or replace it there")
    options = parser.parse_args(arguments)
    try:
        release = lock(options.framework, options.version)
        if options.write:
            others = [one for one in releases() if one.tag != release.tag]
            FILE.write_text(text([*others, release]), encoding="utf-8")
    except (NoLock, BadReleases) as error:
        complain(f"lock: {error}")
        return 2
    print(visible(table(release)), end="")
    return 0


def lock(framework: str, version: str) -> Release:
    """Look up a release's day, pins and range of Pythons in the package index.

    Raises:
        NoLock: there is no such release with wheels for `PYTHON`.
    """
    known = FRAMEWORKS[framework]
    exact = [f"{name}=={version}" for name in known.distributions]
    released = _first_day(exact)
    others = (name for name in EVERYWHERE if name not in known.packages)
    roots = dict.fromkeys((*exact, *known.beside, *others))
    pins = _compile(tuple(roots), released)
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


def _first_day(exact: Sequence[str]) -> date:
    """Return the first day on which all of `exact` had wheels."""
    days = [EARLIEST + timedelta(days) for days in range((date.today() - EARLIEST).days + 1)]
    try:
        _compile(exact, days[-1], "--no-deps")
    except NoLock as error:
        raise NoLock(f"{error} Is the version right, and the index there?") from error
    return days[bisect_left(days, True, key=lambda day: _resolves(exact, day, PYTHON))]


def _resolves(pins: Sequence[str], day: date, python: str) -> bool:
    try:
        _compile(pins, day, "--no-deps", python=python)
    except NoLock:
        return False
    return True


def _compile(roots: Sequence[str], day: date, *options: str, python: str = PYTHON) -> list[str]:
    """Return the pins that an installation of `roots` resolved to at the end of `day`."""
    command = ("uv", "pip", "compile", "-", "--no-header", "--no-annotate", "--only-binary", ":all:", *options)
    target = ("--python-platform", "x86_64-manylinux_2_28", "--python-version", python)
    newest = ("--exclude-newer", f"{day + timedelta(1)}T00:00:00Z")
    done = subprocess.run(
        [sys.executable, "-m", *command, *target, *newest], input="\n".join(roots), capture_output=True, text=True
    )
    if done.returncode:
        raise NoLock(f"{' '.join(roots)} on {day}: {done.stderr.strip().splitlines()[-1].strip()}")
    return done.stdout.split()


if __name__ == "__main__":
    run(main)
