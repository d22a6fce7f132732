"""The same releases give the same commits, and a new one leaves the earlier ones as they are."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from adapters.releases import Release
from benchmarks import __main__
from benchmarks.asv import measure_releases, release_repository, results
from reports.timing import publish


def made(framework: str, version: str, day: int) -> Release:
    package = "tensorflow-cpu" if framework == "tensorflow" else framework
    pins = {"filelock": "3.20.0", "ml-dtypes": "0.5.4", "numpy": "2.4.1"} | {package: version}
    return Release(
        framework,
        version,
        date(2026, 1, 1) + timedelta(day),
        ">=3.11,<3.14",
        tuple(f"{name}=={pin}" for name, pin in sorted(pins.items())),
    )


FOUND = [
    made("numpy", "2.3.0", 0),
    made("torch", "2.9.0", 1),
    made("numpy", "2.4.0", 2),
    made("torch", "2.9.1", 3),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "made" / "releases"


def git(folder: Path, *arguments: str) -> str:
    return release_repository.git("--git-dir", str(folder), *arguments).strip()


def test_the_same_releases_give_the_same_commits_wherever_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release_repository.build(FOUND, tmp_path / "one")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Somebody")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "C")
    release_repository.build(FOUND, tmp_path / "other")
    assert release_repository.hashes(tmp_path / "one") == release_repository.hashes(tmp_path / "other")
    assert set(release_repository.hashes(tmp_path / "one")) == {release.tag for release in FOUND}


def test_a_branch_without_common_root_is_a_framework(folder: Path) -> None:
    release_repository.write(FOUND, folder)
    for framework in ("numpy", "torch"):
        tags = [release.tag for release in FOUND if release.framework == framework]
        assert git(folder, "log", "--reverse", "--format=%s", framework).split() == tags
        assert git(folder, "rev-parse", framework) == release_repository.hashes(folder)[tags[-1]]
    assert git(folder, "rev-parse", "--is-bare-repository") == "true"


def test_a_commit_is_dated_noon_of_the_day_of_its_release(folder: Path) -> None:
    release_repository.write(FOUND, folder)
    noon = "2026-01-03T12:00:00+00:00"
    assert git(folder, "log", "-1", "--format=%aI %cI", "numpy-2.4.0").split() == [noon, noon]


def test_a_commit_holds_what_is_to_be_installed_and_nothing_of_the_one_before(folder: Path) -> None:
    release_repository.write(FOUND, folder)
    assert set(git(folder, "ls-tree", "--name-only", "torch").split()) == {
        "constraints.txt",
        "release.json",
        "requirements.txt",
    }
    assert git(folder, "show", "torch:requirements.txt").split() == [
        "torch==2.9.1",
        "ml-dtypes==0.5.4",
        "numpy==2.4.1",
    ]
    assert git(folder, "show", "torch:constraints.txt").split() == ["filelock==3.20.0"]
    assert json.loads(git(folder, "show", "torch:release.json")) == {
        "framework": "torch",
        "version": "2.9.1",
        "day": "2026-01-04",
        "python": ">=3.11,<3.14",
    }


def test_a_release_added_at_the_end_keeps_the_earlier_commits(folder: Path) -> None:
    release_repository.write(FOUND, folder)
    before = release_repository.hashes(folder)
    gone, new = release_repository.write([*FOUND, made("torch", "2.10.0", 9)], folder)
    after = release_repository.hashes(folder)
    assert gone == set()
    assert {tag: commit for tag, commit in after.items() if tag in before} == before
    assert new == {after["torch-2.10.0"]}


def test_a_release_that_is_edited_changes_itself_and_those_behind_it_on_its_branch(folder: Path) -> None:
    release_repository.write(FOUND, folder)
    before = release_repository.hashes(folder)
    edited = replace(FOUND[1], day=date(2025, 12, 31))
    gone, new = release_repository.write([FOUND[0], edited, *FOUND[2:]], folder)
    after = release_repository.hashes(folder)
    assert {tag for tag in before if before[tag] != after[tag]} == {"torch-2.9.0", "torch-2.9.1"}
    assert gone == {before["torch-2.9.0"], before["torch-2.9.1"]}
    assert new == {after["torch-2.9.0"], after["torch-2.9.1"]}


def test_a_repository_that_holds_the_releases_is_left_as_it_is(folder: Path) -> None:
    release_repository.write(FOUND, folder)
    before = folder.stat().st_ino
    assert release_repository.write(FOUND, folder) == (set(), set())
    assert folder.stat().st_ino == before
    assert [path.name for path in folder.parent.iterdir()] == ["releases"]


def test_a_broken_repository_is_made_anew(folder: Path) -> None:
    release_repository.write(FOUND, folder)
    whole = release_repository.hashes(folder)
    (folder / "HEAD").unlink()
    release_repository.write(FOUND, folder)
    assert release_repository.hashes(folder) == whole


def test_a_failing_git_is_told_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"git --git-dir .*not a git repository"):
        release_repository.git("--git-dir", str(tmp_path / "nothing"), "log")


@pytest.mark.parametrize("text", [None, "{ broken", "[]", '{"version": 1}', '{"version": 9, "repo": "x"}'])
def test_a_configuration_that_cannot_be_read_is_told_in_a_line(text: str | None, tmp_path: Path) -> None:
    config = tmp_path / "asv.conf.json"
    if text:
        config.write_text(text)
    with pytest.raises(OSError, match=r"asv\.conf\.json cannot be read: .") as caught:
        release_repository.settings(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", ["history", "performance", "publish", "regressions"])
def test_a_broken_configuration_is_wrong_usage(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "asv.conf.json"
    broken.write_text("{ broken")
    for module in (measure_releases, results):
        monkeypatch.setattr(module, "CONFIG", broken)
    monkeypatch.setattr(results.folder, "__defaults__", (broken,))
    monkeypatch.setattr(publish, "ROOT", tmp_path)
    monkeypatch.setattr(release_repository, "write", lambda *_: None)
    assert __main__.main([command]) == 2
    assert capsys.readouterr().err.startswith(f"{command}: asv.conf.json cannot be read: ")
