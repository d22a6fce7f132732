"""Adapters are loaded by name: frameworks are imported late, and a wrong name says what would be right."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import adapters
from adapters.frameworks import FRAMEWORKS as TABLE
from adapters.protocol import DeviceUnavailable

FRAMEWORKS = {*adapters.BUILT_IN, "optax"}
KERAS = os.environ.get("KERAS_BACKEND", "tensorflow")  # as in tests/test_adapters.py


def imported_after(statement: str) -> list[str]:
    """The frameworks that a fresh interpreter has imported after `statement`."""
    program = f"import sys; {statement}; print(*{FRAMEWORKS} & sys.modules.keys())"
    root = Path(adapters.__file__).parents[1]
    return subprocess.check_output([sys.executable, "-c", program], cwd=root, text=True).split()


def test_importing_adapters_imports_no_framework() -> None:
    assert imported_after("import adapters, adapters.protocol") == []


def test_importing_an_adapter_imports_its_framework() -> None:
    assert "scipy" in imported_after("import adapters.scipy")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        adapters.UnknownAdapter, match=r"'caffe'.*numpy, scipy, torch, tensorflow, jax, onnxruntime, keras"
    ):
        adapters.load("caffe")


@pytest.mark.parametrize("name", ["nowhere.at_all:Adapter", "adapters.numpy:Missing"])
def test_an_unknown_module_or_class_is_named(name: str) -> None:
    with pytest.raises(adapters.UnknownAdapter, match=r"no module 'nowhere\.at_all'|has no 'Missing'"):
        adapters.load(name)


def test_a_class_outside_the_built_in_ones_is_loaded() -> None:
    assert adapters.load("adapters.numpy:Adapter").name == "numpy"


@pytest.mark.parametrize("name", adapters.BUILT_IN)
def test_an_unknown_mode_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} has no mode 'warp'.*{', '.join(adapters.BUILT_IN[name])}"):
        adapters.load(name, mode="warp")


@pytest.mark.parametrize("name", adapters.BUILT_IN)
def test_a_class_refuses_an_unknown_mode_by_itself(name: str) -> None:
    pytest.importorskip(TABLE[name].package)
    with pytest.raises(ValueError, match=rf"{name} has no mode 'warp'"):
        importlib.import_module(f"adapters.{name}").Adapter(mode="warp")


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine may have a GPU")
@pytest.mark.parametrize("name", adapters.BUILT_IN)
def test_a_missing_gpu_is_reported_in_one_line(name: str) -> None:
    pytest.importorskip(TABLE[name].package)
    with pytest.raises(DeviceUnavailable) as raised:
        adapters.load(name, device="cuda", mode=KERAS if name == "keras" else "eager")
    assert len(str(raised.value).splitlines()) == 1
