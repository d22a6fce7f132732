"""The vectors of the quick tier: whole, valid, and enough to judge from without the oracle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from jsonschema import Draft202012Validator
from onnx import numpy_helper

from adapters import ROOT
from conformance import __main__ as command
from conformance import requirements, vectors
from conformance.record.records import Check
from conformance.run.processes import supervisor
from conformance.truth import cache, tensors
from conformance.truth.cache import ARRAYS, INDEX

READER = ROOT / "docs" / "example" / "judge_vectors.py"
CLASSES = (
    "NoShift", "ClampedExponent", "BatchMaximum", "WrongAxisSum", "DiagonalJacobian", "LogOfClippedSoftmax",
    "LabelModulo", "WhereMultiplies", "LogSumExpUnshifted", "OtherAxisNoShift",
)  # fmt: skip
FUNCTIONS = """
import numpy as np
np.seterr(all="ignore")


def softmax(x, axis):
    x = np.asarray(x, np.float64)
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return (e / e.sum(axis=axis, keepdims=True)).astype(np.float32)


def unshifted(x, axis):
    e = np.exp(np.asarray(x, np.float64))
    return (e / e.sum(axis=axis, keepdims=True)).astype(np.float32)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vectors of the quick tier."""
    folder = tmp_path_factory.mktemp("vectors")
    assert vectors.main(["--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def index(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / INDEX).read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def without_oracle(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run that judges from the vectors; the empty folder is where it would keep what it computes."""
    empty = tmp_path / "cache"
    monkeypatch.setenv("SOFTMARK_CACHE", str(empty))
    monkeypatch.setenv(cache.VECTORS, str(folder))
    yield empty
    assert not empty.exists()


def judged(adapter: str, output: Path, ids: tuple[str, ...] = ()) -> list[Check]:
    output.mkdir(exist_ok=True)
    order = supervisor.Order(adapter, "cpu", "eager", "quick", output, 120, requirements=ids)
    return supervisor.run(order, lambda progress: None).checks


def test_each_line_is_as_the_schema_says(folder: Path, index: list[dict[str, Any]]) -> None:
    schema = json.loads((folder / vectors.SCHEMA.name).read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    for line in (index[0], *index[1::97]):
        validator.validate(line)
    assert not validator.is_valid(index[-1] | {"judge": "guess"})
    assert not validator.is_valid(index[-1] | {"more": 1})


def test_every_check_of_the_reference_is_there(index: list[dict[str, Any]], tmp_path: Path) -> None:
    checks = [line["check"] for line in index if line["kind"] == "vector"]
    rows = [row.id for row in judged("numpy", tmp_path, ("IFC-01", "SPV-04")) if "one-answer" not in row.id]
    assert rows
    assert set(rows) <= set(checks)
    assert len(checks) == len(set(checks))
    assert sum(line.get("judge") == "bound" for line in index) > len(checks) / 2


def test_short_arrays_are_there_in_hex_too(folder: Path, index: list[dict[str, Any]]) -> None:
    arrays = tensors.read(folder / ARRAYS)
    short = [line for line in index if line.get("hex", {}).get("x")]
    assert short
    for line in short[::50]:
        x = arrays[line["inputs"]["x"]].astype(np.float64)
        told = np.array([float.fromhex(value) for value in line["hex"]["x"]]).reshape(x.shape)
        np.testing.assert_array_equal(told, x)


@pytest.mark.parametrize(("function", "code"), [("softmax", 0), ("unshifted", 1)])
def test_the_reader_judges_a_function_by_numpy_alone(
    function: str, code: int, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(FUNCTIONS, encoding="utf-8")
    line = [sys.executable, str(READER), str(folder), f"mine:{function}", "softmax", "float32"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("RNG-01" in done.stdout) == bool(code)


def test_the_reader_is_short_and_needs_numpy_alone() -> None:
    text = READER.read_text(encoding="utf-8")
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 60
    assert "conformance" not in text


def test_the_reference_has_the_same_rows_without_the_oracle(
    without_oracle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = tuple(one for one in requirements.load() if one.startswith(("ACC", "SPV", "GRD", "CRS")))
    given = judged("numpy", tmp_path / "given", ids)
    monkeypatch.delenv(cache.VECTORS)
    monkeypatch.delenv("SOFTMARK_CACHE")
    computed = judged("numpy", tmp_path / "computed", ids)
    assert len(given) > 1000
    assert [(row.id, row.outcome, row.measured) for row in given] == [
        (row.id, row.outcome, row.measured) for row in computed
    ]


@pytest.mark.parametrize("name", CLASSES)
def test_a_gallery_class_is_caught_without_the_oracle(name: str, without_oracle: Path, tmp_path: Path) -> None:
    ids = tuple(one.id for one in requirements.load().values() if name in one.catches)
    assert ids
    rows = judged(f"adapters.faulty:{name}", tmp_path / "results", ids)
    failed = {row.requirement for row in rows if row.outcome in ("fail", "crash")}
    assert failed == set(ids)


def test_a_true_value_that_is_not_there_ends_the_run_in_one_line(folder: Path, tmp_path: Path) -> None:
    lines = (folder / INDEX).read_text(encoding="utf-8").splitlines()
    (tmp_path / INDEX).write_text(f"{lines[0]}\n", encoding="utf-8")
    (tmp_path / ARRAYS).symlink_to(folder / ARRAYS)
    line = [sys.executable, "-m", "conformance", "--targets", "scipy", "--vectors", str(tmp_path)]
    done = subprocess.run(
        [*line, "--output", str(tmp_path / "results")], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2, done.stdout
    assert f"the vectors in {tmp_path} lack a true value: write them anew" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("tier", ["quick", "full"])
def test_what_is_no_folder_of_vectors_is_a_usage_error(
    tier: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path if tier == "quick" else folder
    assert command.main(["--vectors", str(place), "--tier", tier, "--output", str(tmp_path / "results")]) == 2
    assert capsys.readouterr().err.startswith(f"conformance: no vectors of format 1 and tier {tier} in {place}")
    assert cache.VECTORS not in os.environ


def test_onnx_runtime_reads_the_test_data(folder: Path) -> None:
    tried = 0
    for place in sorted((folder / "onnx").iterdir())[::40]:
        model = onnx.load(place / "model.onnx")
        data = place / "test_data_set_0"
        inputs = {
            value.name: numpy_helper.to_array(onnx.load_tensor(str(data / f"input_{i}.pb")))
            for i, value in enumerate(model.graph.input)
        }
        expected = numpy_helper.to_array(onnx.load_tensor(str(data / "output_0.pb")))
        if expected.dtype == np.float32 and np.isfinite(expected).all():
            (got,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, inputs)
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
            tried += 1
    assert tried > 3


def test_every_format_comes_back_as_it_was(tmp_path: Path) -> None:
    made = tensors.Tensors()
    arrays = [
        np.arange(6).reshape(2, 3).astype(dtype)
        for dtype in ("int64", "uint8", "float16", "float64", "bool", ml_dtypes.bfloat16, ml_dtypes.float8_e5m2)
    ]
    names = [made.add(array.T) for array in arrays]
    assert made.add(arrays[0].T) == names[0]
    with (tmp_path / "a").open("wb") as file:
        made.write(file)
    found = tensors.read(tmp_path / "a")
    for name, array in zip(names, arrays, strict=True):
        assert found[name].dtype == array.dtype
        assert found[name].astype(float).tolist() == array.T.astype(float).tolist()
    (tmp_path / "b").write_bytes((tmp_path / "a").read_bytes()[:40])
    with pytest.raises(ValueError, match="no whole file of safetensors"):
        tensors.read(tmp_path / "b")
