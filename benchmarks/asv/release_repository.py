"""The repository whose commits are framework releases, for asv.

A bare repository in `.asv/releases`: one branch without common root a framework, one commit and one tag a
release, made from `adapters/releases.toml` alone. Author, committer and dates are fixed, so the same
releases give the same hashes everywhere, and results of different machines and years fit together. A release
added at the end keeps all earlier hashes; one that is changed or inserted gets new ones, and so do those
behind it on its branch: results filed under the old ones are then no longer found.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from adapters import ROOT
from adapters.releases import PACKAGES, Release

REPOSITORY = ROOT / ".asv" / "releases"
WHO = "Softmark <softmark@localhost>"
NOON = time(12, tzinfo=UTC)


def write(tracked: Sequence[Release], folder: Path = REPOSITORY) -> tuple[set[str], set[str]]:
    """Make the repository hold the tracked releases; return the hashes that left it and those that came.

    One that holds them already is left as it is; any other is replaced once the new one is whole.
    """
    before = hashes(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        made = Path(beside) / "releases"
        build(tracked, made)
        after = hashes(made)
        if after != before:
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
    return set(before.values()) - set(after.values()), set(after.values()) - set(before.values())


def build(tracked: Sequence[Release], folder: Path) -> None:
    """Write the repository anew into `folder`, which does not exist yet."""
    head = next(iter(PACKAGES))
    git("init", "--quiet", "--bare", "--object-format=sha1", "--initial-branch", head, str(folder))
    stream = "".join(commands(tracked)).encode()
    git("--git-dir", str(folder), "fast-import", "--quiet", stream=stream)


def hashes(folder: Path = REPOSITORY) -> dict[str, str]:
    """Return tag → commit of each release in the repository; empty when there is no repository."""
    if not (folder / "HEAD").is_file():
        return {}
    listed = git("--git-dir", str(folder), "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/tags")
    return dict(line.split() for line in listed.splitlines())


def commands(tracked: Iterable[Release]) -> Iterator[str]:
    """Yield the stream that git's fast-import makes the repository from."""
    for release in tracked:
        when = f"{WHO} {int(datetime.combine(release.day, NOON).timestamp())} +0000\n"
        branch = f"refs/heads/{release.framework}"
        yield f"commit {branch}\nauthor {when}committer {when}{_data(release.tag)}deleteall\n"
        for name, content in files(release).items():
            yield f"M 100644 inline {name}\n{_data(content)}"
        yield f"\nreset refs/tags/{release.tag}\nfrom {branch}\n\n"


def files(release: Release) -> dict[str, str]:
    """Return name → content of the files in a release's commit, for `install.py`."""
    rest = [pin for pin in release.constraints if pin not in release.requirements]
    facts = {"framework": release.framework, "version": release.version, "day": str(release.day)}
    return {
        "requirements.txt": "".join(f"{pin}\n" for pin in release.requirements),
        "constraints.txt": "".join(f"{pin}\n" for pin in rest),
        "release.json": json.dumps({**facts, "python": release.python}, indent=4) + "\n",
    }


def settings(config: Path) -> Any:
    """Read asv's configuration.

    Raises:
        OSError: it is missing or broken; the message says how.
    """
    from asv.config import Config  # asv is not there where it measures
    from asv.util import UserError

    try:
        return Config.load(str(config))
    except (UserError, ValueError) as error:
        raise OSError(f"{config.name} cannot be read: {str(error).strip()}") from error


def git(*arguments: str, stream: bytes = b"") -> str:
    """Run git without the user's settings and surrounding repository, and return its output.

    Raises:
        OSError: git is missing or gave up; the message is its own.
    """
    apart = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    apart |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(("git", *arguments), input=stream, capture_output=True, env=apart)
    if done.returncode:
        raise OSError(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode()


def _data(content: str) -> str:
    return f"data {len(content.encode())}\n{content}\n"
