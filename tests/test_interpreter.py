"""Checks that Triton's interpreter is not trusted with are absent; each entry of interpreter.toml is true."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import adapters
from adapters import interpreter
from adapters.faulty.base import Faulty
from adapters.protocol import NotProvided
from conformance import judge, requirements
from conformance.run.admission import is_format
from conformance.truth.formats import round_to

UNTRUSTED = interpreter.UNTRUSTED
needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
needs_liger = pytest.mark.skipif(
    importlib.util.find_spec("liger_kernel") is None, reason="Liger Kernel is not installed"
)

# a kernel that copies, and what it makes of numbers that bfloat16 does not hold and of its subnormals
COPY = """
import os
os.environ["TRITON_INTERPRET"] = "1"
import torch, triton, triton.language as tl

@triton.jit
def copy(x, y, n: tl.constexpr, factor):
    i = tl.arange(0, n)
    tl.store(y + i, tl.load(x + i).to(tl.float32))

def copied(x, out):
    y = torch.empty(len(x), dtype=out)
    copy[(1,)](x, y, len(x), 1.0)
    return y

rounded = torch.tensor([1.99999, 0.3333333])
print(copied(rounded, torch.bfloat16).tolist(), rounded.bfloat16().tolist())
subnormal = torch.tensor([2.0**-133, 2.0**-127]).bfloat16()
print(copied(subnormal, torch.float32).tolist(), subnormal.tolist())
"""


class Unjudged(Faulty):
    """The reference, not to be judged on the repetition of its bits."""

    unjudged = UNTRUSTED["requirements"]  # nobody changes it


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_table_names_formats_requirements_and_targets_that_there_are() -> None:
    assert all(map(is_format, UNTRUSTED["formats"]))
    assert UNTRUSTED["requirements"].keys() <= requirements.load().keys()
    assert all(reason.startswith("interpreter: ") for reason in UNTRUSTED["requirements"].values())
    assert UNTRUSTED["options"].keys() <= adapters.BUILT_IN.keys()


@pytest.mark.parametrize(
    ("dtype", "shape", "axis", "options", "reason"),
    [
        ("float32", (256, 3), -1, {}, None),
        ("float32", (3, 1000), 0, {}, "a row"),
        ("bfloat16", (1, 3), -1, {}, "truncates"),
        ("float32", (257, 3), -1, {}, "a row"),
        ("float32", (1, 3), -1, {"weight": 1}, "Python's"),
        ("float32", (1, 3), -1, {"weight": None}, None),
    ],
)
def test_a_call_that_is_not_trusted_is_absent(
    dtype: str, shape: tuple[int, ...], axis: int, options: dict[str, Any], reason: str | None
) -> None:
    x = round_to(np.zeros(shape), dtype)
    if reason is None:
        interpreter.require_trusted("liger", x, axis, options)
    else:
        with pytest.raises(NotProvided, match=f"interpreter: .*{reason}"):
            interpreter.require_trusted("liger", x, axis, options)


def test_a_requirement_that_an_adapter_is_not_judged_on_is_absent() -> None:
    line = ["-m", "pytest", "conformance", "-q", "-k", "DET-01 or DET-05", "-p", "no:cacheprovider"]
    adapter = ["--adapter", "tests.test_interpreter:Unjudged"]
    done = subprocess.run([sys.executable, *line, *adapter], capture_output=True, text=True, check=False)
    absent = [text for text in done.stdout.splitlines() if "one after another" in text]
    assert done.returncode == 0
    assert absent
    assert all("DET-01" in text for text in absent)
    assert "passed" in done.stdout


def test_the_interpreter_is_chosen_for_the_cpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(interpreter.VARIABLE, "0")
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    assert interpreter.choose("cpu")
    assert interpreter.runs("cpu")
    assert not interpreter.choose("cuda")
    monkeypatch.setitem(sys.modules, "triton", sys)
    with pytest.raises(ValueError, match="imported Triton for another device than cpu"):
        interpreter.choose("cpu")


def test_a_judged_function_of_tensors_is_held_to_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    import torch

    def softmax(x: Any) -> Any:
        return torch.softmax(x, -1)

    absent = {}
    for value in "01":
        monkeypatch.setenv(interpreter.VARIABLE, value)
        checks = judge(softmax, operation="softmax", arrays="torch", dtypes=("bfloat16",)).record.checks
        absent[value] = [check.id for check in checks if "interpreter: " in (check.message or "")]
    assert not absent["0"]
    assert absent["1"]


@needs_triton
def test_the_interpreter_truncates_to_bfloat16_and_loses_its_subnormals() -> None:
    stored, loaded = run(COPY).splitlines()
    assert stored == "[1.9921875, 0.33203125] [2.0, 0.333984375]"
    assert loaded == f"[0.0, 0.0] {[2.0**-133, 2.0**-127]}"


@needs_triton
def test_a_number_given_to_an_interpreted_kernel_stays_python_s() -> None:
    told = COPY.replace("tl.load(x + i).to(tl.float32)", "tl.load(x + i) * factor.to(tl.float32)")
    with pytest.raises(AssertionError, match="'float' object has no attribute 'to'"):
        run(told)


@needs_liger
def test_liger_agrees_with_pytorch_in_value_and_gradient_and_is_not_judged_on_bfloat16() -> None:
    told = run(textwrap.dedent(
        """
        import numpy as np, torch, adapters
        from adapters.protocol import NotProvided
        liger, torch_ = adapters.load("liger"), adapters.load("torch")
        x, c = (np.random.default_rng(i).standard_normal((4, 7)).astype(np.float32) for i in (0, 1))
        labels = np.array([0, 6, 3, 3])
        loss = ("softmax_cross_entropy", c[:, 0], {"labels": labels})
        linear = ("linear_cross_entropy", c[:, 0], {"matrix": c[:, ::-1] * 2, "labels": labels % 4})
        for operation, along, kwargs in (("softmax", c, {}), loss, linear):
            values = []
            for adapter in (liger, torch_):
                given = {name: adapter.asarray(value) for name, value in kwargs.items()}
                value = getattr(adapter, operation)(adapter.asarray(x), **given)
                values.append([adapter.to_numpy(value)])
                for wrt in ("x", *kwargs.keys() & {"matrix"}):
                    up = adapter.asarray(along.copy())
                    gradient = adapter.vjp(operation, adapter.asarray(x), up, wrt=wrt, **given)
                    values[-1].append(adapter.to_numpy(gradient))
            for one, other in zip(*values):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
        native = liger.asarray(x.T)
        assert native.stride() == (1, 7) and native.data_ptr() != x.ctypes.data
        try:
            liger.softmax(torch.zeros(1, 3, dtype=torch.bfloat16))
        except NotProvided as reason:
            print(reason)
        """
    ))  # fmt: skip
    assert told.startswith("interpreter: a store truncates")
