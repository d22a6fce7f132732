"""All that README.md's two commands install is locked with hashes, and can be had from any index of PyPI."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = {"tox": ("tox",), "compare": ("core", "frameworks"), "tests": ("tests",)}  # lock → the groups it is of
UNLOCKED = "torch"
CUDA = set((ROOT / "requirements" / "cuda.txt").read_text(encoding="utf-8").splitlines())


@cache
def entries(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Each requirement of a lock, with its hashes."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [(Requirement(line.partition(" --hash")[0]), line.split(" --hash=")[1:]) for line in lines]


def pins(group: str) -> Iterator[Requirement]:
    """The pins of a group of pyproject.toml, with those of the groups in it."""
    groups: dict[str, list[Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    for entry in groups[group]:
        yield from [Requirement(entry)] if isinstance(entry, str) else pins(entry["include-group"])


@pytest.mark.parametrize("lock", LOCKS)
def test_each_pin_but_pytorch_is_locked_at_its_version(lock: str) -> None:
    locked = {(canonicalize_name(entry.name), str(entry.specifier)) for entry, _ in entries(lock)}
    wanted = {pin for group in LOCKS[lock] for pin in pins(group) if pin.name != UNLOCKED}
    assert {(canonicalize_name(pin.name), str(pin.specifier)) for pin in wanted} <= locked


@pytest.mark.parametrize("lock", LOCKS)
def test_each_locked_version_is_exact_and_has_the_hashes_of_its_files(lock: str) -> None:
    assert entries(lock)
    for entry, hashes in entries(lock):
        assert re.fullmatch(r"==[\w.]+", str(entry.specifier)), entry
        assert hashes, entry
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", one) for one in hashes), entry


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_index_a_file_or_a_build(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|index|find-links|@|\+| /", re.sub("^#.*$", "", text, flags=re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_forces_a_build_of_pytorch(lock: str) -> None:
    names = {canonicalize_name(entry.name) for entry, _ in entries(lock)}
    assert not names & {UNLOCKED, *CUDA}
    assert not [name for name in names if re.match("nvidia|cuda|triton", name)]


def test_all_else_that_pytorch_needs_is_locked() -> None:
    needed = [Requirement(line) for line in importlib.metadata.requires(UNLOCKED) or ()]
    always = {canonicalize_name(need.name) for need in needed if "extra" not in str(need.marker)} - CUDA
    for lock in ("compare", "tests"):
        assert always <= {canonicalize_name(entry.name) for entry, _ in entries(lock)}


def test_the_two_commands_and_their_environments_take_the_locks() -> None:
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    for name in ("compare", "tests"):
        assert tox[f"testenv:{name}"]["deps"] == f"-r requirements/{name}.txt"
        assert tuple(tox[f"testenv:{name}"]["dependency_groups"].split()) == LOCKS[name]
    for page in ("README.md", "CONTRIBUTING.md", ".ci/run"):
        installs = re.findall(r"python3 -m pip install (.*) && python3 -m tox", (ROOT / page).read_text())
        assert set(installs) == {"-r requirements/tox.txt"}, page
