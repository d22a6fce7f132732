"""Keras has one backend a process: each is tested in one of its own, and mixing them is refused."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import adapters

ROOT = Path(__file__).parent.parent
FILES = ("tests/test_adapters.py", "tests/test_adapter_features.py")

pytestmark = pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")


def run(*arguments: str, backend: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["KERAS_BACKEND"] = backend
    line = [sys.executable, *arguments]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("backend", adapters.BUILT_IN["keras"])
def test_the_tests_of_an_adapter_hold_on_every_backend(backend: str) -> None:
    pytest.importorskip(backend)
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", f"keras:{backend}", *FILES, backend=backend)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


def loaded(*modes: str, environment: str) -> str:
    """What is printed where Keras is judged on `modes` in one process, or why it is not."""
    program = f"import adapters\nfor mode in {modes}: print(adapters.load('keras', mode=mode).mode)"
    done = run("-c", program, backend=environment)
    return done.stdout + "".join(done.stderr.splitlines()[-1:])


def test_the_mode_decides_the_backend_and_not_the_environment() -> None:
    assert loaded("torch", environment="jax") == "torch\n"


def test_a_second_backend_in_one_process_is_refused_in_one_line() -> None:
    told = "ValueError: this process has imported Keras on torch: judge it on jax in another one"
    assert loaded("torch", "torch", "jax", environment="torch") == f"torch\ntorch\n{told}"


@pytest.mark.parametrize(
    ("name", "mode", "named"),
    [("keras", "torch", ["keras", "torch"]), ("onnxruntime", "eager", ["onnx", "onnxruntime"])],
)
def test_a_record_names_every_distribution_that_answers(name: str, mode: str, named: list[str]) -> None:
    pytest.importorskip(name)
    program = (
        "import sys, adapters\nfrom conformance.run.processes import machine\n"
        "print(machine.build(adapters.load(sys.argv[1], mode=sys.argv[2])))"
    )
    told = run("-c", program, name, mode, backend="torch").stdout
    assert [part.split()[0] for part in told.split(";")] == named
