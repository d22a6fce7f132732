"""The programs of docs/example are judged: C where a compiler is here, TensorFlow.js where Node and npm are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from conformance.record.records import Record
from conformance.record.verdict import FAILED, problems
from conformance.run.processes import supervisor

EXAMPLE = Path(__file__).parent.parent / "docs" / "example"
FINDINGS = """\
loss of [1e8, 1e8, 1e8]: 0.000; ln 3 = 1.099
its gradient: 0.000,1.000,1.000; -0.6667,0.3333,0.3333
gradient of a loss by its labels: -0.09003,0.7553,-0.6652; 2.408,1.408,0.4076
logSumExp of [-inf, -inf]: NaN; -inf
logSumExp of [inf, 0]: NaN; inf
logSumExp of no classes: NaN; -inf, or an error
logSoftmax of [17, 0, 0]: -1.192e-7; -8.280e-8
logSoftmax of int32 [1, 2]: -1.313,-0.3133; as softmax, or an error in both
softmax of int32 [1, 2]: Argument 'logits' passed to 'softmax' must be float32 tensor; as logSoftmax
"""


def judge(command: str, output: Path) -> Record:
    order = supervisor.Order(f"exec:{command}", "cpu", "eager", "quick", output, 60.0)
    return supervisor.run(order, lambda now: None)


def test_the_c_program_holds(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler is here")
    source, binary = EXAMPLE / "c" / "softmark.c", tmp_path / "softmark c"
    flags = ["-O2", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    subprocess.run([compiler, *flags, "-o", binary, source, "-lm"], check=True)
    record = judge(f"'{binary}'", tmp_path)
    assert problems(record) == []
    assert not [
        check.id for check in record.checks if check.outcome in FAILED
    ]  # what is of level should included
    judged = {(check.operation, check.dtype) for check in record.checks if check.outcome == "pass"}
    operations = ("softmax", "log_softmax", "softmax_cross_entropy", "logsumexp")
    assert judged == {(operation, dtype) for operation in operations for dtype in ("float32", "float64")}


@pytest.fixture(scope="module")
def tfjs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with TensorFlow.js, as its lock says."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} is here")
    folder = Path(shutil.copytree(EXAMPLE / "tfjs", tmp_path_factory.mktemp("tfjs") / "tfjs"))
    install = [
        "npm",
        "ci",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefer-offline",
        "--fetch-retries=0",
    ]
    try:
        subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=120)
    except subprocess.SubprocessError as error:
        pytest.skip(f"npm cannot install @tensorflow/tfjs here: {error}")
    return folder


def test_tensorflow_js_fails_what_its_findings_explain(tfjs: Path, tmp_path: Path) -> None:
    record = judge(f"node {tfjs / 'softmark.mjs'}", tmp_path)
    assert record.header.framework == {"name": "tfjs", "version": "4.22.0", "build": ""}
    failing = {(check.requirement, check.operation) for check in record.checks if check.outcome in FAILED}
    offset, by_labels = ("RNG-01", "INV-01", "GRD-23"), ("GRD-10", "CRS-07")
    assert failing == {
        *((name, "softmax_cross_entropy") for name in (*offset, *by_labels)),
        *((name, "logsumexp") for name in ("SPV-15", "SPV-16", "IFC-08")),
        ("ACC-04", "log_softmax"),
        ("IFC-11", "softmax"),
    }


def test_the_findings_show_in_tensorflow_js_alone(tfjs: Path) -> None:
    done = subprocess.run(["node", "findings.mjs"], cwd=tfjs, check=True, capture_output=True, text=True)
    assert done.stdout == FINDINGS
