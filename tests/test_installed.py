"""The command `softmark` of a built wheel, in an environment and a folder of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from adapters import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
KERNEL = """
import numpy as np


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def zeros(x, axis=-1):
    return np.zeros_like(x)
"""


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=300)


@pytest.fixture(scope="module")
def softmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, installed from a wheel."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "my_kernels.py").write_text(KERNEL, encoding="utf-8")
    pip = ["-m", "pip", "--disable-pip-version-check", "--quiet"]
    environment = folder / "venv"
    python = environment / "bin" / "python"
    for command in (
        [sys.executable, *pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)],
        [sys.executable, "-m", "venv", str(environment)],
    ):
        done = run(command, folder)
        assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    done = run([str(python), *pip, "install", str(wheel), *PYPROJECT["dependency-groups"]["core"]], folder)
    assert done.returncode == 0, done.stderr
    return environment / "bin" / "softmark"


@pytest.mark.parametrize(("function", "code", "said"), [("softmax", 0, "holds"), ("zeros", 1, "FAILS")])
def test_it_judges_a_function_of_the_folder_that_it_runs_in(
    function: str, code: int, said: str, softmark: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.delenv("SOFTMARK_CACHE", raising=False)
    folder = softmark.parents[2]
    command = [str(softmark), "judge", f"my_kernels:{function}", "--dtypes", "float32", "--output", "kept"]
    done = run([*command, "--operation", "softmax"], folder)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout
    assert list((tmp_path / "softmark" / "truths").iterdir())
    report = run([str(softmark), "report", "kept"], folder)
    assert report.returncode == 0, report.stderr
    assert (folder / "kept" / "report.html").is_file()


def test_no_name_but_its_own_reaches_the_environment(softmark: Path) -> None:
    (site,) = softmark.parents[1].glob("lib/*/site-packages")
    assert (site / "softmark" / "conformance" / "requirements.toml").is_file()
    for name in ("adapters", "conformance", "benchmarks", "reports", "tests"):
        assert not (site / name).exists()


def test_an_unknown_command_is_one_line(softmark: Path) -> None:
    done = run([str(softmark), "jugde"], softmark.parents[2])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "softmark: there is no command 'jugde'; choose from judge, conformance, report\n"


def test_a_clone_has_the_command_too() -> None:
    done = run([sys.executable, "-m", "softmark", "conformance", "--targets", "nympy"], ROOT)
    assert done.returncode == 2
    assert done.stderr.startswith("conformance: unknown adapter 'nympy'")


def test_what_it_needs_is_the_core_group_at_any_release() -> None:
    pins = [Requirement(pin) for pin in PYPROJECT["dependency-groups"]["core"]]
    needed = {need.name: need for need in map(Requirement, PYPROJECT["project"]["dependencies"])}
    assert needed.keys() == {pin.name for pin in pins}
    for pin in pins:
        (version,) = pin.specifier
        assert needed[pin.name].specifier.contains(version.version)
