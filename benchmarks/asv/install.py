"""`python install.py BUILD_DIR ENV_DIR`: makes the environment it runs in hold one release and nothing else.

asv runs it, with the environment's own Python, for the release checked out in BUILD_DIR. The environment is
shared by all frameworks: what the release does not ask for is removed, the rest is installed at the release's
versions, and what is there afterwards is compared with what was asked. Whatever goes wrong is one line that
begins with "install:". Needs the standard library and pip alone.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
HARNESS = ("asv_runner", "python-flint")  # what the harness imports beside the release, at our own versions
TOOLS = ("pip", "setuptools", "wheel")  # may stay
RELEASE = "release.json"
FRAMEWORKS = PYPROJECT.with_name("adapters") / "frameworks.toml"


class Failed(Exception):
    """The environment does not hold the release; the message is one line."""


def main(arguments: Sequence[str]) -> int:
    """Install; exit code 1 when the environment does not hold the release, all of it and nothing else."""
    build, env = (Path(argument) for argument in arguments)
    (env / RELEASE).unlink(missing_ok=True)
    release = json.loads((build / RELEASE).read_text(encoding="utf-8"))
    tag = f"{release['framework']}-{release['version']}"
    try:
        if not fits(release["python"], sys.version_info[:2]):
            raise Failed(f"needs Python {release['python']}, this is {'.'.join(map(str, sys.version_info[:2]))}")
        install(build, cached=not big(release["framework"]))
    except Failed as failure:
        print(f"install: {tag}: {failure}", file=sys.stderr)
        return 1
    shutil.copy(build / RELEASE, env / RELEASE)
    return 0


def big(framework: str) -> bool:
    """Return True if a copy of a framework's gigabytes in pip's cache would outlive the environment."""
    table: dict[str, Any] = tomllib.loads(FRAMEWORKS.read_text(encoding="utf-8"))[framework]
    return bool(table.get("big"))


def install(build: Path, cached: bool = True) -> None:
    """Resolve first, then remove, install and compare: a release that cannot be had leaves all as it was."""
    cache = () if cached else ("--no-cache-dir",)
    planned = plan(build, cache)
    before = installed()
    foreign = [name for name in before if name not in planned and name not in TOOLS]
    missing = [f"{name}=={version}" for name, version in planned.items() if before.get(name) != version]
    if foreign:
        pip("uninstall", "--yes", *foreign)
    if missing:
        pip("install", "--no-deps", "--no-compile", *cache, "--only-binary", ":all:", *missing)
    if difference := differences(planned, installed()):
        raise Failed(f"the environment is not as asked: {', '.join(difference)}")


def plan(build: Path, cache: Sequence[str] = ()) -> dict[str, str]:
    """Return name → version of all that belongs into the environment, as pip resolves it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ("--dry-run", "--ignore-installed", *cache, "--only-binary", ":all:", "--report", str(report))
        asked = (*(build / "requirements.txt").read_text(encoding="utf-8").split(), *harness_pins(PYPROJECT))
        pip("install", *options, "--constraint", str(build / "constraints.txt"), *asked)
        resolved = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {normal(package["metadata"]["name"]): package["metadata"]["version"] for package in resolved}


def installed() -> dict[str, str]:
    """Return name → version of all that the environment holds."""
    listed = json.loads(pip("list", "--format", "json"))
    return {normal(package["name"]): package["version"] for package in listed}


def differences(planned: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """Return a phrase for each package that is missing, of another version or foreign."""
    wrong = [
        f"{name} is {present[name]} instead of {version}" if name in present else f"{name} {version} is missing"
        for name, version in planned.items()
        if present.get(name) != version
    ]
    return wrong + [f"{name} is foreign" for name in present if name not in planned and name not in TOOLS]


def harness_pins(pyproject: Path) -> list[str]:
    """Return the pins of `HARNESS` in the dependency groups of `pyproject`."""
    groups: dict[str, list[Any]] = tomllib.loads(pyproject.read_text(encoding="utf-8"))["dependency-groups"]
    pins = {pin.partition("==")[0]: pin for group in groups.values() for pin in group if isinstance(pin, str)}
    return [pins[name] for name in HARNESS]


def fits(python: str, version: tuple[int, ...]) -> bool:
    """Return whether `version` lies in a range such as ">=3.11,<3.14"."""
    lowest, below = (tuple(map(int, bound.split("."))) for bound in re.findall(r"[\d.]+", python))
    return lowest <= version < below


def normal(name: str) -> str:
    """Return the normalized spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pip(*arguments: str) -> str:
    """Run pip and return its output.

    Raises:
        Failed: pip gave up; the message is its last line about an error.
    """
    command = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        output = (done.stderr or done.stdout or "pip said nothing").strip().splitlines()
        errors = [
            line for line in output if line.startswith("ERROR:") and "ResolutionImpossible" not in line
        ] or output
        raise Failed(errors[-1].removeprefix("ERROR: "))
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
