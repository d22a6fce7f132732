"""The environment of a release: its Python, its pins, and one line for what goes wrong."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event

import pytest

from adapters.releases import Release
from conformance.run.processes import environments, interpreters
from conformance.run.processes.environments import NotInstalled

HERE = interpreters.HERE
PINS = ("ml-dtypes==0.5.4", "numpy==2.4.1", "scipy==1.17.0")
SCIPY = Release("scipy", "1.17.0", date(2026, 1, 10), f">={HERE},<3.99", PINS)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Record the arguments that uv was called with."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(environments, "uv", lambda stop, *arguments: calls.append(arguments))
    return calls


def test_an_environment_is_asked_for_by_the_pins_of_the_release(
    asked: list[tuple[str, ...]], tmp_path: Path
) -> None:
    python = environments.make(SCIPY, tmp_path / "env", Event())
    assert python == str(tmp_path / "env" / "bin" / "python")
    made, installed = asked
    assert made[0] == "venv"
    assert {"scipy==1.17.0", "numpy==2.4.1", "ml-dtypes==0.5.4", *environments.harness()} <= set(installed)
    assert "--no-cache" not in installed
    constraints = Path(installed[installed.index("--constraint") + 1])
    assert constraints.read_text().split() == list(PINS)


def test_nothing_of_torch_stays_in_the_cache(asked: list[tuple[str, ...]], tmp_path: Path) -> None:
    pins = ("ml-dtypes==0.5.4", "numpy==2.4.1", "torch==2.9.0")
    environments.make(replace(SCIPY, framework="torch", constraints=pins), tmp_path / "env", Event())
    assert "--no-cache" in asked[1]


def test_a_python_that_nobody_has_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    with pytest.raises(
        NotInstalled, match=r"^needs Python >=3\.98,<3\.99: No interpreter found for Python 3\.98"
    ):
        environments.make(replace(SCIPY, python=">=3.98,<3.99"), tmp_path / "env", Event())


def test_a_release_has_this_python_or_the_lowest_that_is_installed(
    asked: list[tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "executable", {"3.97": "/p97", "3.98": "/p98"}.get)
    assert interpreters.version_for(SCIPY) == HERE
    newer = replace(SCIPY, python=">=3.96,<3.99")
    assert interpreters.version_for(newer) == "3.97"
    environments.make(newer, tmp_path / "env", Event())
    assert asked[0][-3:-1] == ("--python", "/p97")
    monkeypatch.setattr(interpreters, "executable", lambda version: None)
    assert interpreters.version_for(newer) == "3.96"  # for uv to fetch


def test_a_version_that_pyenv_holds_is_found_behind_its_shim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "shims" / "python3.98"
    held = tmp_path / "versions" / "3.98.1" / "bin"
    for folder in (shim.parent, held):
        folder.mkdir(parents=True)
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(shim.parent))
    assert interpreters.search_path().split(os.pathsep) == [str(held), str(shim.parent)]


def test_the_harness_takes_at_most_our_own_versions(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    pins = '"python-flint==0.9", "pytest==9.2", "packaging==26.3", "msgspec==0.23.0", "rich==15"'
    options = '[tool.pytest.ini_options]\nminversion = "8.4"\n'
    file.write_text(f"[dependency-groups]\na = [{pins}]\nb = [{{ include-group = 'a' }}]\n{options}")
    most = ["python-flint<=0.9", "pytest<=9.2", "packaging<=26.3", "msgspec<=0.23.0"]
    assert environments.harness(file) == [*most, "pytest>=8.4"]


def test_what_uv_says_is_one_line() -> None:
    said = "  × No solution found:\n  ╰─▶ Because there is no version of jax==9\n      we give up.\n"
    assert environments.brief(said) == "No solution found: Because there is no version of jax==9 we give up."


def test_uv_that_gives_up_is_told_and_a_stop_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match="unrecognized subcommand"):
        environments.uv(Event(), "no-such-command")
    (tmp_path / "uv.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    stop = Event()
    stop.set()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        environments.uv(stop, "venv")
    assert time.monotonic() - began < 30
