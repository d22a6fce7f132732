"""A failing call, spelled as a program of its framework alone, is that call."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.record.records import Check
from reports.checks import split_target
from reports.reproduce import reproduction

CALL = {
    "operation": "softmax",
    "dtype": "float32",
    "expression": "np.zeros((1, 4))",
    "axis": -1,
    "derivative": "",
    "wrt": "x",
    "options": {},
}

FORMS: dict[str, dict[str, Any]] = {
    "softmax": {"operation": "softmax"},
    "log_softmax": {"operation": "log_softmax"},
    "index": {"operation": "softmax_cross_entropy", "form": "index", "labels": "np.array([1])"},
    "probability": {
        "operation": "softmax_cross_entropy",
        "form": "probability",
        "labels": "np.full((1, 4), 0.25)",
    },
}


def called(form: str, derivative: str = "", dtype: str = "float32", **fields: Any) -> Check:
    vector = "np.ones(1)" if "labels" in FORMS[form] else "np.ones((1, 4))"
    call = {**CALL, **FORMS[form], "derivative": derivative, "dtype": dtype}
    call |= {"cotangent": vector, "tangent": "np.ones((1, 4))", **fields}
    return Check("ACC-01", call["operation"], dtype, "zeros", "fail", witness={"call": call})


@pytest.mark.parametrize("target", ["torch:cpu:compiled", "tensorflow:cpu:xla", "jax:cpu:jit"])
def test_reproduction_is_a_program_that_prints_once(target: str) -> None:
    program = reproduction(target, called("probability", "hvp", "bfloat16")) or ""
    ast.parse(program)
    assert program.count("print(") == 1


@pytest.mark.parametrize(("form", "derivative"), [("softmax", "vjp"), ("index", ""), ("probability", "")])
def test_what_a_framework_lacks_has_no_reproduction(form: str, derivative: str) -> None:
    assert reproduction("scipy:cpu:eager", called(form, derivative)) is None


def test_a_program_imports_what_it_names_alone() -> None:
    first = {form: (reproduction("jax:cpu:jit", called(form)) or "").splitlines()[0] for form in FORMS}
    assert first["softmax"] == "import numpy as np, jax, jax.numpy as jnp"
    assert first["index"] == f"{first['softmax']}, optax"
    scipy = reproduction("scipy:cpu:eager", called("softmax", dtype="bfloat16")) or ""
    assert scipy.splitlines()[0] == "import numpy as np, scipy.special, ml_dtypes"


@pytest.mark.parametrize(
    "fields",
    [
        {"expression": "1; import os"},
        {"expression": "x :="},
        {"expression": "1\nimport os"},
        {"dtype": "float32)#"},
        {"options": {"where": "x"}},
        {"options": 3},
        {"operation": "cumsum"},
        {"axis": "last"},
        {"wrt": "weights"},
        {"derivative": "laplacian"},
    ],
)
def test_call_that_is_not_understood_has_no_reproduction(fields: dict[str, Any]) -> None:
    assert reproduction("torch:cpu:eager", called("softmax", **fields)) is None


@pytest.mark.parametrize(
    "target", ["numpy:cpu:eager", "mine.own:Adapter:cpu:eager", "torch:cuda:eager", "jax:cpu:x"]
)
def test_target_without_a_spelling_has_no_reproduction(target: str) -> None:
    assert reproduction(target, called("softmax")) is None


def test_reproduction_prints_the_witness_where_the_shape_is_known() -> None:
    row = called("softmax", axis=1, shape=[2, 4, 3])
    row = replace(row, witness={**row.witness, "index": [5, 2], "got": "0x1.0p-2"})
    program = reproduction("torch:cpu:eager", row)
    assert program is not None
    assert program.splitlines()[-1] == "print(float(F.softmax(x, dim=1)[1, 2, 2]))"


def test_reduced_loss_is_printed_whole() -> None:
    row = called("index", shape=[1, 4], options={"reduction": "mean"})
    row = replace(row, witness={**row.witness, "index": [0], "got": "0x1.0p-2"})
    program = reproduction("torch:cpu:eager", row) or ""
    assert program.splitlines()[-1] == "print(F.cross_entropy(x, labels, reduction='mean'))"


@pytest.mark.parametrize(("axis", "spelled"), [(None, "dim=None"), ([1, 2], "dim=(1, 2)"), (1, "dim=1")])
def test_axis_is_spelled_as_it_was_given(axis: Any, spelled: str) -> None:
    assert spelled in (reproduction("torch:cpu:eager", called("softmax", axis=axis)) or "")


@pytest.mark.parametrize("target", ["scipy:cpu:eager", "torch:cpu:eager", "tensorflow:cpu:graph", "jax:cpu:jit"])
def test_reproduction_runs_in_the_framework_alone(target: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(split_target(target)[0]) is None:
        pytest.skip("the framework is not installed")
    wanted = [called("softmax", shape=[1, 4])]
    wanted[0] = replace(wanted[0], witness={**wanted[0].witness, "index": [0, 3], "got": "0x1.0p-2"})
    if not target.startswith("scipy"):
        wanted += [called("index", "vjp"), called("probability", "hvp", "bfloat16")]
    programs = [reproduction(target, row) or "" for row in wanted]
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(programs)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[0] == "0.25"


def test_composition_needs_its_argument_told() -> None:
    plain = replace(called("softmax"), requirement="CMP-01")
    told = replace(called("softmax", argument="x * 1e10"), requirement="CMP-01")
    assert reproduction("jax:cpu:jit", plain) is None
    assert "jax.nn.softmax(x * 1e10, axis=-1)" in (reproduction("jax:cpu:jit", told) or "")


@pytest.mark.parametrize(("case", "call"), [("index-n3", {}), ("n3", {"form": "index"})])
def test_form_of_the_labels_is_told_by_the_call_or_the_case(case: str, call: dict[str, str]) -> None:
    row = called("index")
    kept = {key: value for key, value in row.witness["call"].items() if key != "form"}
    row = replace(row, case=case, witness={"call": kept | call})
    assert "sparse_softmax" in (reproduction("tensorflow:cpu:eager", row) or "")
    assert reproduction("tensorflow:cpu:eager", replace(row, case="n3", witness={"call": kept})) is None
