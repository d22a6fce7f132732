"""Releases are read in order, whole, and stand in their file as `benchmarks.lock` writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from adapters.releases import FILE, PACKAGES, BadReleases, Release, named, order, releases
from benchmarks import lock

JAX = Release(
    "jax",
    "0.9.0",
    date(2026, 1, 20),
    ">=3.11,<3.15",
    ("jax==0.9.0", "jaxlib==0.9.0", "ml-dtypes==0.5.4", "numpy==2.4.1", "optax==0.2.6", "scipy==1.17.0"),
)
NUMPY = Release("numpy", "2.4.1", date(2026, 1, 10), ">=3.11,<3.15", ("ml-dtypes==0.5.4", "numpy==2.4.1"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "releases.toml"
    path.write_text(lock.text([JAX, NUMPY]), encoding="utf-8")
    return path


def test_what_lock_writes_is_read_back_in_order_of_day(file: Path) -> None:
    assert releases(file=file) == [NUMPY, JAX]
    assert releases("jax", file) == [JAX]


def test_the_framework_and_what_the_harness_imports_are_required() -> None:
    assert JAX.requirements == (
        "jax==0.9.0",
        "jaxlib==0.9.0",
        "optax==0.2.6",
        "ml-dtypes==0.5.4",
        "numpy==2.4.1",
    )
    assert NUMPY.requirements == ("numpy==2.4.1", "ml-dtypes==0.5.4")
    assert JAX.tag == "jax-0.9.0"


def test_versions_of_one_day_are_in_order_of_number() -> None:
    tenth = replace(NUMPY, version="2.10.0")
    assert sorted([tenth, NUMPY], key=order) == [NUMPY, tenth]


def test_an_unknown_framework_is_named_with_those_there_are(file: Path) -> None:
    with pytest.raises(BadReleases, match=r"unknown framework 'mxnet': choose one of numpy, .*, jax"):
        releases("mxnet", file)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('version = "0.9.0"\n', "", r"jax-None has a field too many or too few: version$"),
        ('version = "0.9.0"', 'version = "0.9.0rc1"', r"jax-0\.9\.0rc1 needs a final version"),
        ("day = 2026-01-20", "day = 2026-01-20T00:00:00", r"jax-0\.9\.0 needs a day as in"),
        ('python = ">=3.11,<3.15"', 'python = "any"', r"needs a range as in"),
        ('"jax==0.9.0", ', '3, "jax==0.9.0", ', r"jax-0\.9\.0 needs pins as in"),
        ("day = 2026-01-20", 'day = "soon"', r"jax-0\.9\.0 needs a day as in"),
        ('version = "0.9.0"', 'version = "0.9.1"', r"jax-0\.9\.1 pins jax==0\.9\.0"),
        ('"optax==0.2.6", ', "", r"jax-0\.9\.0 has no pin of 'optax'"),
        ('framework = "jax"', 'framework = "mxnet"', r"mxnet-0\.9\.0 is of no framework that is followed: numpy"),
        ("pins = [", "colour = 1\npins = [", r"jax-0\.9\.0 has a field too many .*colour"),
        ("[[release]]", "[[release", r"releases\.toml: "),
    ],
)
def test_a_wrong_table_is_told_in_a_line(file: Path, before: str, after: str, said: str) -> None:
    text = lock.text([JAX])
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(BadReleases, match=said) as caught:
        releases(file=file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "release = 3", "release = [3]", '[release]\nframework = "jax"', b"\xff"])
def test_a_file_of_something_else_is_told_in_a_line(file: Path, text: str | bytes) -> None:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadReleases, match=r"^releases\.toml: ") as caught:
        releases(file=file)
    assert "\n" not in str(caught.value)


def test_a_release_stands_there_once(file: Path) -> None:
    file.write_text(lock.text([JAX, JAX]), encoding="utf-8")
    with pytest.raises(BadReleases, match=r"jax-0\.9\.0 stands there twice"):
        releases(file=file)


def test_the_file_is_as_lock_writes_it() -> None:
    assert lock.text(releases()) == FILE.read_text(encoding="utf-8")


def test_every_tracked_release_runs_on_a_python_that_is_supported() -> None:
    assert [release.tag for release in releases() if release.pythons[0] not in lock.PYTHONS] == []


def test_newer_releases_are_the_last_of_each_series_that_the_file_lacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index = {"3.11": ["99.1.0", "99.1.2"], "3.12": ["99.1.2", "99.2.0", "99.3.1"]}

    def compile_(roots: Sequence[str], day: date, *options: str, python: str) -> list[str]:
        (root,) = roots
        name = re.split("[<>=]", root)[0]
        bounds = SpecifierSet(root.removeprefix(name))
        found = [version for version in index.get(python, []) if version in bounds and name == "scipy"]
        if not found:
            raise lock.NoLock("none")
        return [f"{name}=={found[-1]}+cpu"]

    monkeypatch.setattr(lock, "_compile", compile_)
    assert lock.newer("scipy") == ["99.1.2", "99.2.0", "99.3.1"]
    assert lock.newer("jax") == []
    assert lock.main(["--outdated"]) == 0
    followed = releases("scipy")[-1].version
    told = capsys.readouterr().out.splitlines()
    assert f"scipy {followed}: newer 99.1.2, 99.2.0, 99.3.1" in told
    assert f"jax {releases('jax')[-1].version}: the newest" in told


@pytest.mark.parametrize("arguments", [[], ["jax"], ["jax", "1.0", "--outdated"], ["--newest", "mxnet"]])
def test_one_thing_is_asked_of_lock(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        lock.main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize(("framework", "least"), {**dict.fromkeys(PACKAGES, 8), "torch": 4}.items())
def test_enough_releases_of_each_framework_are_tracked_to_show_a_step(framework: str, least: int) -> None:
    assert len(releases(framework)) >= least


@pytest.mark.parametrize("framework", PACKAGES)
def test_days_and_versions_rise_together(framework: str) -> None:
    found = [tuple(int(part) for part in release.version.split(".")) for release in releases(framework)]
    assert found == sorted(set(found))


def test_jax_and_jaxlib_are_of_one_version() -> None:
    assert [one.tag for one in releases("jax") if f"jaxlib=={one.version}" not in one.constraints] == []


def test_the_newest_releases_of_a_framework_come_first_and_one_may_be_named() -> None:
    days = [one.day for one in named("jax")]
    assert len(days) > 1
    assert days == sorted(days, reverse=True)
    first = named("jax")[0]
    assert named(first.tag, first.tag) == [first]
    assert named("scipy-1.11.4", "scipy")[0].version == "1.11.4"
    assert len(named()) == len(releases())
    for name in ("scipy-0.1", "scipy-"):
        with pytest.raises(BadReleases, match=rf"^{name} is not in .*: of scipy there are 1\.11\.4, "):
            named(name)
