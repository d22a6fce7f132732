"""What each grade accepts and rejects, for results written down by hand."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from adapters.numpy import Adapter as Reference
from adapters.protocol import Adapter, NotProvided
from conformance.run.measure import Call, Judgement, compare, judge
from conformance.truth import cache
from conformance.truth.formats import format_of, round_to

INF, NAN = np.inf, np.nan
UNIFORM = np.zeros((1, 100001))
LOSS = "softmax_cross_entropy"


class Given:
    """An adapter that returns what it is given."""

    features = frozenset({"vjp"})

    def __init__(self, result: Any) -> None:
        self.result = result

    def asarray(self, x: Any) -> Any:
        return x

    def to_numpy(self, x: Any) -> Any:
        return x

    def softmax(self, *arguments: Any, **kwargs: Any) -> Any:
        return self.result

    log_softmax = softmax_cross_entropy = vjp = softmax


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "FOLDER", tmp_path)


def judged(operation: str, dtype: str, x: Any, got: Any, **kwargs: Any) -> Judgement:
    call = Call(operation, round_to(x, dtype), **kwargs)
    shape = call.x.shape[:-1] if operation == LOSS else call.x.shape
    return judge(cast(Adapter, Given(np.broadcast_to(round_to(got, dtype), shape))), call)


def ulps(value: float, steps: float, dtype: str = "float32") -> float:
    """`value` rounded to the format and moved by so many of its ulps."""
    near = float(np.float64(round_to(value, dtype)))
    return near + steps * 2.0 ** int(np.frexp(near)[1] - format_of(dtype).precision)


@dataclass(frozen=True)
class Example:
    """A row, a result, and the grades that accept it: all from the first one on."""

    operation: str
    dtype: str
    x: Any
    got: Any
    accepted: str


MASKED = [[0.0, -INF, 0.0]]
FAR = [[0.0, -200.0]]
OFFSET = np.full((1, 10), 1e8)
HALFWAY = [[2.0**53, -1.0]]  # log1p(e^−9e15) would decide between two numbers

EXAMPLES = {
    "uniform-zeros": Example("softmax", "float32", UNIFORM, 0.0, ""),
    "uniform-nearest": Example("softmax", "float32", UNIFORM, 1 / 100001, "ABCDE"),
    "uniform-one-ulp": Example("softmax", "float32", UNIFORM, ulps(1 / 100001, 1), "BCDE"),
    "uniform-25-ulps": Example("softmax", "float32", UNIFORM, ulps(1 / 100001, 25), "CDE"),
    "uniform-twice": Example("softmax", "float32", UNIFORM, 2 / 100001, ""),
    "uniform-log": Example("log_softmax", "float32", UNIFORM, -np.log(100001), "ABCDE"),
    "uniform-log-zero": Example("log_softmax", "float32", UNIFORM, 0.0, ""),
    "half-nearest": Example("softmax", "float32", [[1.0, 1.0]], 0.5, "ABCDE"),
    "half-lower-neighbour": Example("softmax", "float32", [[1.0, 1.0]], 0.5 - 2.0**-25, "BCDE"),
    "half-four-ulps": Example("softmax", "float32", [[1.0, 1.0]], ulps(0.5, 4), "BCDE"),
    "half-six-ulps": Example("softmax", "float32", [[1.0, 1.0]], ulps(0.5, 6), "CDE"),
    "half-seven-ulps": Example("softmax", "float32", [[1.0, 1.0]], ulps(0.5, 7), ""),
    "halfway-below": Example("log_softmax", "float64", HALFWAY, [0.0, -(2.0**53)], "ABCDE"),
    "halfway-above": Example("log_softmax", "float64", HALFWAY, [0.0, -(2.0**53) - 2], "ABCDE"),
    "halfway-beyond": Example("log_softmax", "float64", HALFWAY, [0.0, -(2.0**53) - 4], ""),
    "third-nearest-float16": Example("softmax", "float16", [[0.0] * 3], 1 / 3, "ABCDE"),
    "third-one-ulp-float16": Example("softmax", "float16", [[0.0] * 3], ulps(1 / 3, 1, "float16"), "DE"),
    "third-nearest-bfloat16": Example("softmax", "bfloat16", [[0.0] * 3], 1 / 3, "ABCDE"),
    "third-one-ulp-bfloat16": Example("softmax", "bfloat16", [[0.0] * 3], ulps(1 / 3, 1, "bfloat16"), "DE"),
    "third-bfloat16-in-float32": Example("softmax", "float32", [[0.0] * 3], ulps(1 / 3, 0, "bfloat16"), ""),
    "stalled-bfloat16": Example("softmax", "bfloat16", np.zeros((1, 2049)), 1 / 256, "E"),
    "offset": Example("log_softmax", "float32", OFFSET, -np.log(10), "ABCDE"),
    "offset-max-plus-log": Example("log_softmax", "float32", OFFSET, 1e8 - np.float32(1e8 + np.log(10)), ""),
    "confident": Example("log_softmax", "float32", [[0.0, -20]], [-2.061153618e-9, -20.0], "ABCDE"),
    "confident-zero": Example("log_softmax", "float32", [[0.0, -20]], [0.0, -20.0], "BCDE"),
    "masked": Example("softmax", "float32", MASKED, [0.5, 0.0, 0.5], "ABCDE"),
    "masked-floor": Example("softmax", "float32", MASKED, [0.5, 1e-45, 0.5], ""),
    "masked-floor-float16": Example("softmax", "float16", MASKED, [0.5, 6e-8, 0.5], ""),
    "masked-nan": Example("softmax", "float32", MASKED, [0.5, NAN, 0.5], ""),
    "masked-log": Example("log_softmax", "float32", MASKED, [-np.log(2), -INF, -np.log(2)], "ABCDE"),
    "masked-log-large": Example("log_softmax", "float32", MASKED, [-np.log(2), -1e38, -np.log(2)], ""),
    "far": Example("softmax", "float32", FAR, [1.0, 0.0], "ABCDE"),
    "far-subnormal": Example("softmax", "float32", FAR, [1.0, 1e-45], "BCDE"),
    "far-floor": Example("softmax", "float32", FAR, [1.0, 1e-30], ""),
    "far-log-clipped": Example("log_softmax", "float32", FAR, [0.0, -103.97], ""),
    "gap-overflows": Example("log_softmax", "float16", [[65504.0, -65504.0]], [0.0, -INF], "ABCDE"),
    "gap-does-not-overflow": Example("log_softmax", "float16", [[30000.0, -20000.0]], [0.0, -INF], ""),
    "wrong-infinity": Example("log_softmax", "float32", MASKED, [-np.log(2), INF, -np.log(2)], ""),
    "no-truth": Example("softmax", "float32", [[NAN, 1.0]], [0.5, 0.5], "ABCDE"),
    "truth-beside-none": Example("softmax", "float32", [[NAN, 1.0], [0.0, 0.0]], 0.25, ""),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_exactly_these_grades_accept_the_result(name: str) -> None:
    example = EXAMPLES[name]
    found = judged(example.operation, example.dtype, example.x, example.got)
    assert "".join(grade for grade in "ABCDE" if found.worst(grade) <= 1) == example.accepted


def test_an_absolute_tolerance_accepts_zeros_that_the_bound_rejects() -> None:
    zeros = np.zeros(UNIFORM.shape, np.float32)
    assert np.allclose(zeros, 1 / 100001, rtol=1.3e-6, atol=1e-5)  # torch.testing.assert_close, float32
    assert judged("softmax", "float32", UNIFORM, 0.0).worst("D") > 1


@pytest.mark.parametrize(("got", "accepted"), [(INF, True), (1e38, False), (NAN, False), (-INF, False)])
def test_the_loss_of_a_masked_class_is_plus_infinity(got: float, accepted: bool) -> None:
    found = judged(LOSS, "float32", MASKED, got, labels=np.array([1]))
    assert (found.worst("D") <= 1) == accepted


def test_a_gradient_without_the_label_exceeds_every_bound() -> None:
    x, labels = np.zeros((1, 4), np.float32), np.array([2])
    call = Call(LOSS, x, derivative="vjp", cotangent=np.ones(1, np.float32), labels=labels)
    right, wrong = (np.array([[0.25, 0.25, last, 0.25]], np.float32) for last in (-0.75, 0.25))
    assert judge(cast(Adapter, Given(right)), call).worst("A") == 0
    assert judge(cast(Adapter, Given(wrong)), call).worst("E") > 1


def test_the_witness_is_the_worst_element_in_hex() -> None:
    found = judged("softmax", "float32", [[0.0, 0.0], [0.0, 0.0]], [[0.5, 0.5], [0.5, 0.75]]).witness("D")
    assert found["index"] == [1, 1]
    assert float.fromhex(found["got"]) == 0.75
    assert float.fromhex(found["expected"]) == 0.5
    assert float.fromhex(found["error"]) == 0.25
    assert 0 < float.fromhex(found["bound"]) < 1e-5


def test_the_class_axis_may_be_any() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    for axis in (0, 1, 2, -1):
        e = np.exp(x.astype(np.float64))
        right = (e / e.sum(axis=axis, keepdims=True)).astype(np.float32)
        assert judge(cast(Adapter, Given(right)), Call("softmax", x, axis=axis)).worst("B") <= 1
        wrong = (e / e.sum(axis=(axis + 1) % 3, keepdims=True)).astype(np.float32)
        assert judge(cast(Adapter, Given(wrong)), Call("softmax", x, axis=axis)).worst("E") > 1


ROW = np.linspace(-1, 1, 5, dtype=np.float32)[None]
SOFT = np.full((1, 5), 0.2, np.float32)
UP = np.array([2], np.float32)
CALLS = {
    "softmax": Call("softmax", ROW),
    "vjp": Call("softmax", ROW, derivative="vjp", cotangent=SOFT),
    "hvp": Call("softmax", ROW, derivative="hvp", cotangent=SOFT, tangent=ROW),
    "jvp of a loss": Call(LOSS, ROW, derivative="jvp", tangent=SOFT, labels=np.array([1])),
    "weighted": Call(LOSS, ROW, labels=np.array([1]), options={"weight": ROW[0] + 2, "reduction": "sum"}),
    "by labels": Call(LOSS, ROW, derivative="vjp", cotangent=UP, wrt="labels", labels=SOFT),
}


def test_a_derivative_that_is_not_listed_is_absent_and_its_method_may_be_left_out() -> None:
    class Bare(Reference):
        features = frozenset[str]()

    with pytest.raises(NotProvided, match="numpy has no vjp"):
        CALLS["vjp"].run(cast(Adapter, Bare()))


@pytest.mark.parametrize("name", CALLS)
def test_a_call_as_a_function_of_its_arrays_is_the_call(name: str) -> None:
    call, adapter = CALLS[name], cast(Adapter, Reference())
    function, arrays = call.function(adapter), call.arrays(adapter)
    assert len(arrays) == 1 + sum(part is not None for part in (call.labels, call.cotangent, call.tangent)) + (
        "weight" in call.options
    )
    assert function(*arrays).tobytes() == call.run(adapter).tobytes()
    others = [np.zeros_like(array) if array.dtype.kind == "f" else array for array in arrays]
    assert function(*others).tobytes() != call.run(adapter).tobytes()


@pytest.mark.parametrize("name", CALLS)
def test_a_call_as_a_function_holds_no_array(name: str) -> None:
    held = inspect.getclosurevars(CALLS[name].function(cast(Adapter, Reference()))).nonlocals.values()
    inside = [value for item in held for value in (item.values() if isinstance(item, dict) else [item])]
    assert not any(isinstance(value, np.ndarray | Call) for value in inside)


def test_a_result_come_by_otherwise_is_measured_alike() -> None:
    call = CALLS["softmax"]
    got = call.run(cast(Adapter, Reference()))
    one, other = judge(cast(Adapter, Reference()), call), compare(call, got.astype(np.float64))
    assert one.worst("B") == other.worst("B")
