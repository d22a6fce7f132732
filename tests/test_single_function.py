"""One function is judged in a process of its own or in this one, and refuses no more than it declared."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adapters
import conformance
from adapters import ROOT, function
from adapters.function import Declared
from adapters.protocol import NotProvided
from conformance.single_function import Verdict, check_declared, main

KERNELS = """
    import numpy as np

    def right(x, axis=-1):
        with np.errstate(all="ignore"):
            e = np.exp(x - x.max(axis, keepdims=True))
            return e / e.sum(axis, keepdims=True)

    def zeros(x, axis=-1):
        return np.zeros_like(x)

    def gradient(x, cotangent, axis=-1):
        p = right(x, axis)
        return p * (cotangent - (p * cotangent).sum(axis, keepdims=True))
"""


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    (tmp_path / "kernels.py").write_text("\n".join(line[4:] for line in KERNELS.splitlines()))
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "conformance", "judge", *arguments]
    path = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(folder)}
    return subprocess.run(line, cwd=folder, env=path, capture_output=True, text=True, check=False)


def test_a_right_function_holds_with_its_gradient(kernels: Path) -> None:
    done = run(
        kernels, "kernels:right", "--operation", "softmax", "--gradient", "kernels:gradient", "--json", "v.json"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "holds  kernels:right:cpu:eager" in done.stdout
    told = json.loads((kernels / "v.json").read_text())
    assert (told["holds"], told["grade"], told["groups"]) == (True, "B", [])
    assert told["worst"]["ratio"] < 1


def test_a_function_of_zeros_is_refused_in_one_group(kernels: Path) -> None:
    done = run(kernels, "kernels:zeros", "--operation", "softmax", "--output", "kept")
    assert done.returncode == 1
    assert done.stdout.count(" nearly everywhere (") == 1
    assert "the answer is 0 nearly everywhere" in done.stdout
    assert re.search(r"\n +[A-Z]{3}-\d\d: [A-Z].*\.$", done.stdout)  # a requirement's text
    assert (kernels / "kept" / "kernels-zeros-cpu-eager.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kernels", "--operation", "softmax"], "judge: 'kernels' names no function: say module:function"),
        (["kernels:right", "--operation", "softmax", "--dtypes", "fp32"], "judge: unknown format 'fp32'"),
        (["kernels:right", "--operation", "softmax", "--dtypes", ""], "judge: no format is declared"),
        (["kernels:right", "--operation", "softmax", "--ranks", "two"], "judge: invalid literal"),
        (["kernels:right", "--operation", "softmax", "--gradient", "tape"], "judge: unknown gradient 'tape'"),
        (["kernels:right", "--operation", "softmax", "--labels", "hot"], "judge: unknown labels 'hot'"),
    ],
)
def test_a_wrong_declaration_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith(said)
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("kernels:left", (), "kernels has no 'left'"),
        ("nowhere:left", (), "no module 'nowhere'"),
        ("kernels:right", ("--gradient", "autograd"), "numpy has no autograd: name the gradient"),
        ("kernels:right", ("--arrays", "nowhere"), "there is no library 'nowhere' of arrays"),
        ("kernels:right", ("--device", "cuda", "--arrays", "cmath"), "by NumPy, so on the CPU alone"),
    ],
)
def test_what_cannot_be_judged_is_one_line_and_no_verdict(
    name: str, more: tuple[str, ...], said: str, kernels: Path
) -> None:
    done = run(kernels, name, "--operation", "softmax", *more)
    assert done.returncode == 2, done.stdout
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


# What the function is asked for


def loaded(monkeypatch: pytest.MonkeyPatch, given: Any, operation: str = "softmax", **declared: Any) -> Any:
    monkeypatch.setitem(function.GIVEN, "given:one", given)
    monkeypatch.setenv(function.VARIABLE, "null")
    Declared("given:one", operation, **declared).to_environment()
    return adapters.load("given:one")


def test_the_features_are_those_of_the_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    def loss(logits: Any, labels: Any, dim: int, reduction: str = "mean", label_smoothing: float = 0.0) -> Any:
        return dim, reduction, label_smoothing

    adapter = loaded(monkeypatch, loss, "softmax_cross_entropy", labels=("index", "probability"))
    named = {"index_labels", "probability_labels", "class_axis", "reduction", "label_smoothing"}
    assert adapter.features == named
    x = np.zeros((2, 3), np.float32)
    assert adapter.softmax_cross_entropy(x, x, axis=0) == (0, "none", 0.0)
    assert adapter.softmax_cross_entropy(x, x, label_smoothing=0.5, reduction="sum") == (-1, "sum", 0.5)
    with pytest.raises(NotProvided, match="takes no weight"):
        adapter.softmax_cross_entropy(x, x, weight=x)
    with pytest.raises(NotProvided, match="is judged as softmax_cross_entropy alone"):
        adapter.softmax(x)


def test_what_is_not_declared_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = loaded(monkeypatch, lambda x: x * 2, ranks=(2,), contiguous=True)
    x = np.ones((2, 3), np.float32)
    assert adapter.softmax(x, axis=1).tolist() == [[2] * 3] * 2
    assert adapter.softmax(x[0]).tolist() == [2, 2, 2]  # the only row of two axes
    for asked, axis, said in (
        (x, 0, "takes no axis"),
        (x[None], -1, "takes 2 axes, not 3"),
        (x[:, ::2], -1, "takes contiguous arrays alone"),
        (x.astype(int), -1, "takes float32, not int64"),
    ):
        with pytest.raises(NotProvided, match=said):
            adapter.softmax(asked, axis=axis)


def test_a_row_alone_keeps_its_class_axis_and_a_gradient_is_of_one_operation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(function.GIVEN, "given:slope", lambda x, cotangent: x)
    adapter = loaded(monkeypatch, lambda x, axis: x.sum(axis), ranks=(2,))
    assert adapter.softmax(np.ones(3, np.float32), axis=0) == 3
    adapter = loaded(monkeypatch, lambda x: x, gradient="given:slope")
    x = np.ones((2, 3), np.float32)
    assert adapter.vjp("softmax", x, x) is x
    with pytest.raises(NotProvided, match="is judged as softmax alone"):
        adapter.vjp("log_softmax", x, x)


def test_autograd_differentiates_a_function_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    adapter = loaded(monkeypatch, lambda x: x * x, arrays="torch", gradient="autograd", dtypes=("float32",))
    x = torch.tensor([[1.0, 2.0]])
    value, gradient = adapter.value_and_vjp("softmax", x, torch.ones(1, 2))
    assert (value.tolist(), gradient.tolist()) == ([[1, 4]], [[2, 4]])
    assert adapter.vjp("softmax", x, torch.ones(1, 2)).tolist() == [[2, 4]]


def test_a_linear_loss_is_given_its_matrix_and_differentiated_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")

    def loss(hidden: Any, matrix: Any, labels: Any) -> Any:
        return torch.nn.functional.cross_entropy(hidden @ matrix.T, labels, reduction="none")

    adapter = loaded(monkeypatch, loss, "linear_cross_entropy", arrays="torch", gradient="autograd")
    given = {"matrix": torch.zeros(2, 1), "labels": torch.tensor([0])}
    x, c = torch.ones(1, 1), torch.ones(1)
    assert adapter.linear_cross_entropy(x, **given).tolist() == pytest.approx([np.log(2)])
    assert adapter.vjp("linear_cross_entropy", x, c, wrt="matrix", **given).tolist() == [[-0.5], [0.5]]
    assert adapter.vjp("linear_cross_entropy", x, c, **given).tolist() == [[0]]
    with pytest.raises(NotProvided, match="takes no bias"):
        adapter.linear_cross_entropy(x, bias=torch.zeros(2), **given)


def test_labels_of_a_form_that_is_not_declared_are_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    x, indices = np.zeros((2, 3), np.float32), np.zeros(2, np.int64)
    for form, given, other in (("index", indices, x), ("probability", x, indices)):
        adapter = loaded(monkeypatch, lambda x, labels: labels, "softmax_cross_entropy", labels=(form,))
        assert adapter.softmax_cross_entropy(x, given) is given
        with pytest.raises(NotProvided, match=r"given:one takes no \w+ labels"):
            adapter.softmax_cross_entropy(x, other)


@pytest.mark.parametrize("arrays", ["torch", "tensorflow", "jax"])
def test_the_function_is_judged_and_not_the_framework_s_own(arrays: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(arrays)
    monkeypatch.setitem(function.GIVEN, "given:twice", lambda x, cotangent: x + cotangent)
    adapter = loaded(monkeypatch, lambda x: x + x, arrays=arrays, gradient="given:twice")
    x = adapter.asarray(np.ones((1, 3), np.float32))
    assert (adapter.to_numpy(adapter.softmax(x)) == 2).all()
    assert (adapter.to_numpy(adapter.vjp("softmax", x, x + x)) == 3).all()
    with pytest.raises(NotProvided, match="as softmax alone"):
        adapter.log_softmax(x)
    derived = loaded(monkeypatch, lambda x: x + x, arrays=arrays, gradient="autograd")
    assert (derived.to_numpy(derived.vjp("softmax", x, x)) == 2).all()


def test_any_library_with_dlpack_lends_its_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = loaded(monkeypatch, lambda x: x + 1, arrays="torch.utils.dlpack")
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    x.flags.writeable = False
    native = adapter.asarray(x)
    assert type(native).__name__ == "Tensor"
    assert adapter.to_numpy(adapter.softmax(native)).tolist() == (x + 1).tolist()


# In this process


def test_a_function_is_judged_in_this_process() -> None:
    def naive(x: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.exp(x) / np.exp(x).sum(-1, keepdims=True)

    found = conformance.judge(naive, operation="softmax", ranks=(2,))
    assert isinstance(found, Verdict)
    assert (found.holds, found.grade) == (False, "F")
    assert "RNG-01" in {name for group in found.groups for name in group.requirements}
    assert str(found).startswith("FAILS  tests.test_single_function:naive")
    assert not function.GIVEN.keys() & {"tests.test_single_function:naive"}


def test_nothing_judged_is_no_holding() -> None:
    found = conformance.judge(lambda x: x, operation="softmax", ranks=(7,))
    assert found.problems == ["nothing was judged: every check is absent"]
    with pytest.raises(ValueError, match="unknown operation 'softmin'"):
        check_declared(Declared("a:b", "softmin"))
