"""Every call that `adapters/frameworks.toml` spells is the call that the adapter makes, bit for bit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Any
from unittest import mock

import ml_dtypes
import numpy as np
import pytest

import adapters
from adapters.frameworks import FRAMEWORKS, TIMED_FRAMEWORKS
from adapters.protocol import Adapter
from benchmarks.timing import bare, cells, inputs, overhead
from benchmarks.timing.cells import Cell
from conformance.operations import OPERATIONS
from conformance.record.records import Check
from reports.reproduce import reproduction
from reports.timing import reproductions

# PyTorch itself compiles a helper with the deprecated torch.jit.script, on the first jvp and first compile
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script.* is deprecated:DeprecationWarning")

KERAS = os.environ.get("KERAS_BACKEND", "tensorflow")  # one a process: tests/test_keras.py sees to the others
SPELLED = {
    (name, mode): framework.spelling
    for name, framework in FRAMEWORKS.items()
    for mode in framework.modes
    if framework.spelling and not framework.spelling.written_out and (name != "keras" or mode == KERAS)
}
DRAWN = "np.random.default_rng({}).standard_normal({})"
X, COTANGENT, TANGENT, ROWS = (DRAWN.format(*of) for of in ((0, (3, 5)), (1, (3, 5)), (2, (3, 5)), (3, 3)))
CHOSEN = DRAWN.format(3, (3, 2))
LABELS = {"index": "np.array([1, 4, 0])", "probability": "np.random.default_rng(4).dirichlet(np.ones(5), 3)"}
VECTORS: dict[str, tuple[str, ...]] = {
    "": (),
    "vjp": ("cotangent",),
    "jvp": ("tangent",),
    "hvp": ("cotangent", "tangent"),
}


def cases() -> Iterator[Any]:
    """Each call and each derivative of it in each mode, by x and by probabilities."""
    for (name, mode), spelling in SPELLED.items():
        for operation, form in spelling.calls:
            known = OPERATIONS[operation].truths.keys() or ("vjp", "jvp")
            for derivative in ("", *(name for name in VECTORS if name in spelling.derivatives and name in known)):
                if (name, mode) == ("torch", "compiled") and derivative and operation != "softmax":
                    continue  # seconds each: these programs are run eagerly, and of softmax compiled
                both = form == "probability" and derivative in ("vjp", "hvp")
                for wrt in ("x", "labels") if both else ("x",):
                    case = (name, mode, operation, form, derivative, wrt)
                    yield pytest.param(*case, id="-".join(filter(None, case)))


def rounded(expression: str, dtype: str) -> np.ndarray[Any, Any]:
    """The array that a program makes of an expression."""
    value = np.float64(eval(expression)) if dtype == "float64" else np.float32(eval(expression))
    return np.asarray(value).astype(getattr(ml_dtypes, dtype, dtype))


def recorded(
    operation: str, form: str, derivative: str = "", wrt: str = "x", dtype: str = "float32"
) -> dict[str, Any]:
    """A call, as a record keeps it."""
    call: dict[str, Any] = {
        "operation": operation,
        "form": form,
        "derivative": derivative,
        "wrt": wrt,
        "dtype": dtype,
    }
    chosen = OPERATIONS[operation].kind == "selection"
    upstream = CHOSEN if chosen else ROWS if OPERATIONS[operation].per_row else COTANGENT
    vectors = {"cotangent": upstream, "tangent": TANGENT}
    call |= {name: vectors[name] for name in VECTORS[derivative]} | ({"options": {"k": 2}} if chosen else {})
    return call | {"expression": X} | ({"labels": LABELS[form]} if form else {})


def printed(target: str, call: dict[str, Any]) -> Any:
    """What the program of a call prints, not yet as text."""
    check = Check("ACC-01", call["operation"], call["dtype"], "", "fail", witness={"call": call})
    program = reproduction(target, check)
    assert program is not None
    found: list[Any] = []
    with mock.patch.dict(os.environ):
        exec(program, {"print": found.append})
    return found[0]


@lru_cache
def loaded(name: str, mode: str) -> Adapter:
    pytest.importorskip(FRAMEWORKS[name].package)
    return adapters.load(name, mode=mode)


def answered(adapter: Adapter, call: dict[str, Any]) -> Any:
    """What the adapter answers to it."""
    dtype, form, derivative = call["dtype"], call["form"], call["derivative"]
    x, *vectors = (adapter.asarray(rounded(call[name], dtype)) for name in ("expression", *VECTORS[derivative]))
    given: dict[str, Any] = dict(call.get("options", {}))
    if form:
        array = eval(call["labels"]) if form == "index" else rounded(call["labels"], dtype)
        given["labels"] = adapter.asarray(array)
    if not derivative:
        return getattr(adapter, call["operation"])(x, **given)
    by = {"wrt": call["wrt"]} if derivative != "jvp" else {}
    return getattr(adapter, derivative)(call["operation"], x, *vectors, **by, **given)


def assert_same(adapter: Adapter, ours: Any, theirs: Any, fused: bool = False) -> None:
    one, other = (np.asarray(adapter.to_numpy(value)) for value in (ours, theirs))
    assert one.dtype == other.dtype
    if fused:
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
    else:
        np.testing.assert_array_equal(one.view(f"u{one.itemsize}"), other.view(f"u{one.itemsize}"))


@pytest.mark.parametrize(("name", "mode", "operation", "form", "derivative", "wrt"), [*cases()])
def test_a_spelled_call_is_that_of_the_adapter(
    name: str, mode: str, operation: str, form: str, derivative: str, wrt: str
) -> None:
    adapter, call = loaded(name, mode), recorded(operation, form, derivative, wrt)
    # XLA fuses the adapter's function within a function otherwise than the program's one function
    fused = (mode, operation) == ("xla", "logsumexp") and derivative != ""
    pairs = printed(f"{name}:cpu:{mode}", call), answered(adapter, call)
    several = OPERATIONS[operation].kind == "selection" and not derivative
    for ours, theirs in zip(*(pair if several else (pair,) for pair in pairs), strict=True):
        assert_same(adapter, ours, theirs, fused)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("name", "mode"), [(name, mode) for name, mode in SPELLED if mode in ("eager", KERAS)])
def test_an_array_is_spelled_in_every_format(name: str, mode: str, dtype: str) -> None:
    adapter, call = loaded(name, mode), recorded("softmax", "", dtype=dtype)
    if dtype in adapter.dtypes and (name, dtype) != ("liger", "bfloat16"):  # not trusted to the interpreter
        assert_same(adapter, printed(f"{name}:cpu:{mode}", call), answered(adapter, call))


def timed() -> Iterator[Any]:
    """What the benchmarks time of each framework that has it."""
    asked = product(TIMED_FRAMEWORKS, cells.OPERATIONS, cells.DIRECTIONS, cells.MODES)
    for name, operation, direction, mode in asked:
        cell = Cell(operation, direction, mode, "float32", "cifar", "1")
        compiles = mode == "eager" or FRAMEWORKS[name].compiled
        slow = (name, mode) == ("torch", "compiled") and cell.name.split()[:2] != ["softmax", "forward+backward"]
        if compiles and not slow and reproductions.code(name, cell):
            yield pytest.param(name, cell, id=f"{name}-{operation}-{direction}-{mode}")


@pytest.mark.parametrize(("name", "cell"), [*timed()])
def test_a_timed_program_is_the_call_that_is_timed(name: str, cell: Cell) -> None:
    known = FRAMEWORKS[name]
    adapter = loaded(name, known.compiled if cell.mode == "compiled" else cell.mode)
    names: dict[str, Any] = {}
    exec(reproductions.code(name, cell), names)
    arrays = [names[array] for array in ("x", "labels", "c") if array in names]
    pairs = names["call"](), inputs.function(cell, adapter)(*arrays)
    for ours, theirs in zip(*(pair if isinstance(pair, tuple) else (pair,) for pair in pairs), strict=True):
        if known.spelling and known.spelling.written_out:
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
        else:
            assert_same(adapter, ours, theirs)


@pytest.mark.parametrize(("name", "mode"), SPELLED)
def test_what_the_adapter_has_is_spelled(name: str, mode: str) -> None:
    adapter, spelling = loaded(name, mode), SPELLED[name, mode]
    assert spelling.calls.keys() == {
        (operation.name, form.name)
        for operation, form in cells.TIMED.values()
        if not operation.optional or operation.name in adapter.features
        if (name, operation.name) != ("liger", "log_softmax")  # it has none
        if not form.name or f"{form.name}_labels" in adapter.features
    } | {
        (operation.name, operation.labels[0] if operation.labelled else "")
        for operation in OPERATIONS.values()
        if not operation.forms and operation.kind in ("loss", "selection") and operation.name in adapter.features
    }
    assert VECTORS.keys() & spelling.derivatives.keys() == VECTORS.keys() & adapter.features
    assert ("value_and_vjp" in spelling.derivatives) == ("vjp" in adapter.features)


@pytest.mark.parametrize("name", overhead.NAMES)
def test_a_bare_call_is_that_of_the_adapter(name: str) -> None:
    mode = FRAMEWORKS[name].usual
    adapter, spelling = loaded(name, mode), SPELLED[name, mode]
    x, labels = adapter.asarray(rounded(X, "float32")), adapter.asarray(eval(LABELS["index"]))
    calls = bare.bare(spelling, FRAMEWORKS[name].modes[mode].decorator, x, labels)
    wanted = {operation for operation, form in bare.CALLS if (operation, form) in spelling.calls}
    assert calls.keys() == wanted
    for operation, call in calls.items():
        kwargs = {"labels": labels} if operation == "softmax_cross_entropy" else {}
        assert_same(adapter, call(), getattr(adapter, operation)(x, **kwargs))


def test_a_spelling_that_is_not_the_adapters_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    known, spelling = FRAMEWORKS["scipy"], SPELLED["scipy", "eager"]
    wrong = replace(spelling, calls={("softmax", ""): "scipy.special.softmax({x} * np.float32(1.000001))"})
    monkeypatch.setitem(FRAMEWORKS, "scipy", replace(known, spelling=wrong))
    with pytest.raises(AssertionError):
        test_a_spelled_call_is_that_of_the_adapter("scipy", "eager", "softmax", "", "", "x")
