"""An environment that holds one release of a framework, with the versions of its day, and what judges it.

uv makes it; whatever goes wrong is one line. The release's own pins win over those of pyproject.toml.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from threading import Event
from typing import Any

from adapters import ROOT
from adapters.frameworks import FRAMEWORKS
from adapters.releases import Release
from conformance.run.processes import child, interpreters

# what a run imports beside the framework, ml_dtypes and NumPy
HARNESS = ("python-flint", "pytest", "packaging", "msgspec")
PYPROJECT = ROOT / "pyproject.toml"


class NotInstalled(Exception):
    """There is no environment with the release; the message is one line."""


def make(release: Release, folder: Path, stop: Event) -> str:
    """Make the environment in `folder`, which does not exist yet, and return the path of its Python.

    Raises:
        NotInstalled: there is no Python for the release, or uv gave up.
        KeyboardInterrupt: `stop` was set.
    """
    constraints = folder.with_suffix(".txt")
    constraints.write_text("".join(f"{pin}\n" for pin in release.constraints), encoding="utf-8")
    python = str(folder / "bin" / "python")
    # a copy of its gigabytes in uv's cache would outlive the environment
    cache = ("--no-cache",) if FRAMEWORKS[release.framework].big else ()
    version = interpreters.version_for(release)
    interpreter = interpreters.executable(version)
    try:
        uv(stop, "venv", "--quiet", "--python", interpreter or version, str(folder))
    except NotInstalled as problem:
        raise NotInstalled(f"needs Python {release.python}: {problem}") from problem
    uv(
        stop, "pip", "install", "--quiet", *cache, "--python", python, "--only-binary", ":all:",
        "--constraint", str(constraints), *release.requirements, *harness(),
    )  # fmt: skip
    return python


def harness(pyproject: Path = PYPROJECT) -> list[str]:
    """Return the requirements of `HARNESS`: at most our own versions, so that a release's pins can be met."""
    data = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    groups: dict[str, list[Any]] = data["dependency-groups"]
    pins = {pin.partition("==")[0]: pin for group in groups.values() for pin in group if isinstance(pin, str)}
    most = [pins[name].replace("==", "<=") for name in HARNESS]
    return [*most, f"pytest>={data['tool']['pytest']['ini_options']['minversion']}"]


def uv(stop: Event, *arguments: str) -> None:
    """Run uv.

    Raises:
        NotInstalled: it is missing or gave up; the message is its own, in one line.
        KeyboardInterrupt: `stop` was set.
    """
    command = [sys.executable, "-m", "uv", "--no-progress", *arguments]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        ended = child.run(command, stop=stop, stdout=subprocess.DEVNULL, stderr=errors)
        errors.seek(0)
        message = brief(errors.read())
    if ended.stopped:
        raise KeyboardInterrupt
    if ended.code:
        raise NotInstalled(message or f"uv ended: {ended}")


def brief(message: str) -> str:
    """Return uv's message on one line, without its drawing: "No solution found …: Because …"."""
    lines = (line.strip(" ×╰─▶│├·\t") for line in message.splitlines())
    return " ".join(filter(None, lines)).removeprefix("error: ")
