"""The adapters and functions of docs/adapters keep the protocol, where what they call is installed."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from adapters import ROOT
from conformance.run import admission


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "adapters"))


@pytest.mark.parametrize(("package", "mode"), [("mlx", "eager"), ("openvino", "accuracy"), ("paddle", "eager")])
def test_an_adapter_has_no_mistake_of_its_own(package: str, mode: str) -> None:
    pytest.importorskip(package)
    adapter = importlib.import_module(f"{package}_adapter").Adapter(mode=mode)
    admission.describes_itself(adapter)
    admission.answers(adapter)


def test_a_public_kernel_runs_without_a_gpu() -> None:
    jax = pytest.importorskip("jax")
    kernels = importlib.import_module("kernels")
    x = np.array([[0, 1, 2]], np.float32)
    expected = np.exp(x) / np.exp(x).sum()
    np.testing.assert_allclose(kernels.pallas_softmax(jax.numpy.asarray(x)), expected, rtol=1e-6)
