"""An environment holds the release that was installed last and nothing of those before.

The wheels are made here, so that pip is the real one and asks no package index.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.asv import install

HARNESS = dict(pin.split("==") for pin in install.harness_pins(install.PYPROJECT))

Install = Callable[..., subprocess.CompletedProcess[str]]


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """An empty distribution that needs others."""
    info = f"{name}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digest = {
        path: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()) for path, text in files.items()
    }
    record = [f"{path},sha256={digest[path].decode().rstrip('=')},{len(text)}" for path, text in files.items()]
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,\n"]))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for name, version in HARNESS.items():
        wheel(folder, name.replace("-", "_"), version, *(["zipp"] if name == "asv_runner" else []))
    wheel(folder, "zipp", "3.0")
    wheel(folder, "jax", "0.8.0", "helper", "numpy")
    wheel(folder, "jax", "0.9.0", "numpy")
    wheel(folder, "helper", "1.0")
    wheel(folder, "helper", "2.0")
    wheel(folder, "numpy", "2.3.0")
    wheel(folder, "numpy", "2.4.0")
    wheel(folder, "torch", "2.9.0+cpu", "numpy")
    return folder


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("env") / "env"
    venv.create(folder, with_pip=True)
    return folder


@pytest.fixture
def installs(env: Path, wheels: Path, tmp_path: Path) -> Install:
    apart = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    apart |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}

    def run(
        tag: str, requirements: Sequence[str], constraints: Sequence[str], python: str = ">=3.11,<3.99"
    ) -> subprocess.CompletedProcess[str]:
        framework, version = tag.split("-")
        release = {"framework": framework, "version": version, "python": python}
        (tmp_path / "release.json").write_text(json.dumps(release))
        (tmp_path / "requirements.txt").write_text("\n".join(requirements))
        (tmp_path / "constraints.txt").write_text("\n".join(constraints))
        command = (str(env / "bin" / "python"), install.__file__, str(tmp_path), str(env))
        return subprocess.run(command, capture_output=True, text=True, env=apart)

    return run


def held(env: Path) -> set[str]:
    """What the environment holds beside pip and its like."""
    found = {path.name.removesuffix(".dist-info") for path in env.glob("lib/python*/site-packages/*.dist-info")}
    return {name for name in found if name.partition("-")[0] not in install.TOOLS}


def with_harness(*distributions: str) -> set[str]:
    return {*distributions, "zipp-3.0", *(f"{name.replace('-', '_')}-{pin}" for name, pin in HARNESS.items())}


def test_an_environment_holds_the_last_release_and_nothing_of_those_before(installs: Install, env: Path) -> None:
    assert installs("jax-0.8.0", ["jax==0.8.0", "numpy==2.3.0"], ["helper==1.0"]).stderr == ""
    assert held(env) == with_harness("jax-0.8.0", "numpy-2.3.0", "helper-1.0")
    assert json.loads((env / "release.json").read_text())["version"] == "0.8.0"

    assert installs("jax-0.9.0", ["jax==0.9.0", "numpy==2.4.0"], []).stderr == ""
    assert held(env) == with_harness("jax-0.9.0", "numpy-2.4.0")

    assert installs("numpy-2.3.0", ["numpy==2.3.0"], []).returncode == 0
    assert held(env) == with_harness("numpy-2.3.0")
    assert json.loads((env / "release.json").read_text())["framework"] == "numpy"


def test_a_build_for_the_cpu_leaves_out_what_is_pinned_for_another(installs: Install, env: Path) -> None:
    done = installs("torch-2.9.0", ["torch==2.9.0", "numpy==2.4.0"], ["nvidia==12"])
    assert done.stderr == ""
    assert held(env) == with_harness("torch-2.9.0+cpu", "numpy-2.4.0")


def test_a_release_that_cannot_be_had_is_one_line_and_changes_nothing(installs: Install, env: Path) -> None:
    installs("numpy-2.3.0", ["numpy==2.3.0"], [])
    before = held(env)
    done = installs("jax-0.7.0", ["jax==0.7.0"], [])
    assert done.returncode == 1
    assert done.stderr == "install: jax-0.7.0: No matching distribution found for jax==0.7.0\n"
    lacking = installs("jax-0.8.0", ["jax==0.8.0", "numpy==2.3.0"], ["helper==3.0"])
    assert lacking.returncode == 1
    assert lacking.stderr.startswith("install: jax-0.8.0: Cannot install jax==0.8.0 because ")
    assert lacking.stderr.count("\n") == 1
    assert held(env) == before
    assert not (env / "release.json").exists()


def test_a_wrong_python_is_one_line_and_changes_nothing(installs: Install, env: Path) -> None:
    before = held(env)
    done = installs("jax-0.9.0", ["jax==0.9.0"], [], python=">=3.98,<3.99")
    here = ".".join(map(str, sys.version_info[:2]))
    assert done.returncode == 1
    assert done.stderr == f"install: jax-0.9.0: needs Python >=3.98,<3.99, this is {here}\n"
    assert held(env) == before


@pytest.mark.parametrize(
    ("python", "version", "inside"),
    [
        (">=3.11,<3.13", (3, 11), True),
        (">=3.11,<3.13", (3, 12), True),
        (">=3.11,<3.13", (3, 13), False),
        (">=3.11,<3.13", (3, 10), False),
        (">=3.9,<3.10", (3, 9), True),
    ],
)
def test_a_python_lies_in_a_range_from_its_lower_bound_to_before_its_upper(
    python: str, version: tuple[int, int], inside: bool
) -> None:
    assert install.fits(python, version) is inside


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"numpy": "2.4.0", "pip": "25"}, []),
        ({"numpy": "2.3.0"}, ["numpy is 2.3.0 instead of 2.4.0"]),
        ({"pip": "25"}, ["numpy 2.4.0 is missing"]),
        ({"numpy": "2.4.0", "jax": "0.9.0"}, ["jax is foreign"]),
    ],
)
def test_each_difference_to_what_was_asked_is_named(found: dict[str, str], said: list[str]) -> None:
    assert install.differences({"numpy": "2.4.0"}, found) == said


def test_the_harness_is_pinned_in_whichever_group_has_it(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(
        '[dependency-groups]\na = ["python-flint==1.2", "other==3"]\n'
        'b = [{ include-group = "a" }, "asv_runner==4.5"]\n'
    )
    assert install.harness_pins(file) == ["asv_runner==4.5", "python-flint==1.2"]
