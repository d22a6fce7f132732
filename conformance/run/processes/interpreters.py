"""Find the Python that a release is judged and timed on, among those that uv finds or fetches."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from adapters.releases import Release

HERE = ".".join(map(str, sys.version_info[:2]))


def version_for(release: Release) -> str:
    """Return the version of Python for a release, such as "3.12".

    It is this process's own where the release has wheels for it, else the lowest of the release's range that is
    installed, else the lowest of all, which uv fetches where it may.
    """
    if HERE in release.pythons:
        return HERE
    return next(filter(executable, release.pythons), release.pythons[0])


@cache
def executable(version: str) -> str | None:
    """Return the path of an installed Python of a version such as "3.12", or None."""
    if version == HERE:
        return sys.executable
    command = (sys.executable, "-m", "uv", "python", "find", "--system", "--no-python-downloads", version)
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": search_path()})
    return done.stdout.strip() or None


def search_path() -> str:
    """Return PATH with pyenv's own versions before its shims, which run none but those that are selected."""
    versions = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    folders = (str(folder) for folder in sorted(versions.glob("3.*/bin")))
    return os.pathsep.join((*folders, os.environ.get("PATH", os.defpath)))
