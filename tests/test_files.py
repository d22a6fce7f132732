"""A file is written whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters import ROOT
from conformance import files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_written_into_a_folder_that_is_made(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "a" / "b.txt"
    files.write(path, "ψ", durable)
    files.write(path, b"next", durable)
    assert path.read_bytes() == b"next"
    assert names(path.parent) == ["b.txt"]


def test_a_file_that_cannot_be_written_is_as_it_was_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError("No space left on device")

    path = tmp_path / "a.txt"
    files.write(path, "before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(path, "after")
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "a.txt", tmp_path / "link"
    path.write_text("before")
    path.chmod(0o640)
    link.symlink_to(path)
    files.write(link, "after")
    assert link.is_symlink()
    assert path.read_text() == "after"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_permissions_that_the_shell_gives(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    files.write(tmp_path / "written", "")
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_is_no_regular_file_is_written_to_and_not_replaced() -> None:
    files.write(Path(os.devnull), "gone")
    assert not Path(os.devnull).is_file()


def test_a_folder_is_kept_to_one_run_and_is_free_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    with files.reserved(folder):
        with pytest.raises(files.InUse, match=f"another run writes to .*: process {os.getpid()}, "):
            files.reserved(folder).__enter__()
        with pytest.raises(files.InUse):  # by another name too
            files.reserved(link(tmp_path, folder)).__enter__()
    with files.reserved(folder):
        pass


def link(beside: Path, folder: Path) -> Path:
    (beside / "link").symlink_to(folder)
    return beside / "link"


def test_a_run_that_is_killed_leaves_its_folder_free(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from conformance import files; "
        "files.reserved(Path(sys.argv[1])).__enter__(); os.abort()"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    assert (tmp_path / ".lock").read_text()
    with files.reserved(tmp_path):
        pass
