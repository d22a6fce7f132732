"""Arrays from a seed, and the call that takes them as arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import adapters
from adapters.protocol import NotProvided
from benchmarks.timing.cells import DIRECTIONS, FORMATS, FULL, OPERATIONS, SHAPES, Cell, ModelShape
from benchmarks.timing.inputs import IGNORED, PEAK, function, inputs, logits, normal, variants
from tests.fakes import Small


def cell(operation: str = "softmax", direction: str = "forward", **fields: str) -> Cell:
    plain = {"mode": "eager", "format": "float32", "shape": "cifar", "threads": "1"} | fields
    return Cell(operation, direction, **plain)


@pytest.fixture(autouse=True)
def planes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHAPES, "planes", ModelShape((2, 5, 3, 4), "", axis=1))


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_arrays_have_the_format_and_fit_one_another(operation: str, direction: str, dtype: str) -> None:
    given = inputs(cell(operation, direction, format=dtype, shape="planes"), "cpu", "torch")
    whole, rows = (2, 5, 3, 4), (2, 3, 4)
    labels = {"cross_entropy_index": rows, "cross_entropy_probability": whole}.get(operation)
    per_row = operation not in ("softmax", "log_softmax")
    cotangent = None if direction == "forward" else rows if per_row else whole
    assert given.logits.shape == whole
    assert (None if given.labels is None else given.labels.shape) == labels
    assert (None if given.cotangent is None else given.cotangent.shape) == cotangent
    assert {array.dtype.name for array in given.arrays if array.dtype.kind != "i"} == {dtype}


def test_arrays_are_the_same_in_every_process() -> None:
    first = inputs(cell(), "cpu", "numpy").logits.copy()
    for cached in (normal, logits):
        cached.cache_clear()
    np.testing.assert_array_equal(inputs(cell(), "cpu", "numpy").logits, first)
    assert abs(first.mean()) < 0.1
    assert first.std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("shape", ["cifar", "planes"])
def test_variants_are_rows_of_the_same_logits_in_another_order(shape: str) -> None:
    one = cell(shape=shape)
    found = [inputs(one, "cpu", "numpy", i).logits for i in range(variants(one, "cpu"))]
    assert len(found) > 1
    for i, a in enumerate(found):
        for b in found[:i]:
            axis = SHAPES[shape].axis
            assert (a != b).any(axis=axis).all()
            np.testing.assert_array_equal(np.sort(a, axis=axis), np.sort(b, axis=axis))


def test_large_logits_rotate_in_pairs_and_small_ones_in_fours() -> None:
    assert [variants(cell(shape=name), "cpu") for name in ("bert", "imagenet")] == [2, 4]


@pytest.mark.parametrize(
    ("framework", "dtype"),
    [("torch", "int64"), ("numpy", "int64"), ("jax", "int32"), ("tensorflow", "int32"), ("scipy", "int32")],
)
def test_labels_are_the_integers_that_the_framework_s_own_examples_use(framework: str, dtype: str) -> None:
    labels = inputs(cell("cross_entropy_index"), "cpu", framework).labels
    assert labels is not None
    assert labels.dtype.name == dtype
    assert set(range(10)) == set(labels.tolist())


def test_tensorflow_s_labels_for_a_device_are_of_the_integers_that_it_does_not_keep_on_the_host() -> None:
    formats = []
    for framework in ("tensorflow", "torch", "jax"):
        labels = inputs(cell("cross_entropy_index"), "cuda", framework).labels
        assert labels is not None
        formats.append(labels.dtype.name)
    assert formats == ["int64", "int64", "int32"]


def test_three_labels_in_ten_are_ignored() -> None:
    one = cell("cross_entropy_index", data="ignored", shape="router8")
    labels = inputs(one, "cpu", "numpy").labels
    assert labels is not None
    assert np.mean(labels == IGNORED) == pytest.approx(0.3, abs=0.02)
    assert ((labels == IGNORED) | ((labels >= 0) & (labels < 8))).all()


def test_the_peaked_set_has_ten_times_the_spread() -> None:
    plain, peaked = (inputs(cell(data=data), "cpu", "numpy").logits for data in ("normal", "peaked"))
    np.testing.assert_allclose(peaked, PEAK * plain, rtol=1e-6)


def test_probabilities_sum_to_one_along_the_classes() -> None:
    labels = inputs(cell("cross_entropy_probability", shape="planes"), "cpu", "numpy").labels
    assert labels is not None
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    assert (labels > 0).all()


class Noting(Small):
    """Notes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Any] = []

    def note(self, *arguments: Any, **kwargs: Any) -> Any:
        self.given = [*arguments, kwargs]

    softmax = log_softmax = softmax_cross_entropy = logsumexp = value_and_vjp = note


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_logits_labels_and_cotangent_are_arguments_of_the_call(operation: str, direction: str) -> None:
    adapter = Noting()
    one = cell(operation, direction, shape="planes")
    x, labels, cotangent = object(), object(), object()
    labelled, backward = operation.startswith("cross"), direction != "forward"
    function(one, adapter)(x, *[labels] * labelled, *[cotangent] * backward)
    name = "softmax_cross_entropy" if labelled else operation
    if backward:
        assert adapter.given == [name, x, cotangent, {"axis": 1} | ({"labels": labels} if labelled else {})]
    else:
        assert adapter.given == [x, *[labels] * labelled, {"axis": 1}]


def test_ignored_labels_are_named_to_the_framework() -> None:
    adapter = Noting()
    function(next(iter(FULL["Ignored"])), adapter)(0, 1)
    assert adapter.given == [0, 1, {"axis": -1, "ignore_index": IGNORED}]


def test_both_directions_give_the_value_and_the_gradient() -> None:
    one = cell("cross_entropy_index", "forward+backward", shape="planes")
    given = inputs(one, "cpu", "numpy")
    adapter = adapters.load("numpy")
    value, gradient = function(one, adapter)(*given.arrays)
    x, labels, cotangent = given.arrays
    np.testing.assert_array_equal(value, adapter.softmax_cross_entropy(x, labels, axis=1))
    expected = adapter.vjp("softmax_cross_entropy", x, cotangent, labels=labels, axis=1)
    np.testing.assert_array_equal(gradient, expected)


def test_a_framework_without_derivatives_has_no_backward_pass() -> None:
    pytest.importorskip("scipy")
    with pytest.raises(NotProvided, match="scipy has no automatic differentiation"):
        function(cell(direction="forward+backward"), adapters.load("scipy"))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_compiler_finds_no_constant_array_in_the_call(operation: str, direction: str) -> None:
    jax = pytest.importorskip("jax")
    one = cell(operation, direction, shape="planes")
    adapter = adapters.load("jax", mode="jit")
    call: Callable[..., Any] = function(one, adapter)
    x, *others = map(adapter.asarray, inputs(one, "cpu", "jax").arrays)
    assert constants(jax.make_jaxpr(call)(x, *others)) == []
    if others:  # the trap
        assert constants(jax.make_jaxpr(lambda x: call(x, *others))(x)) != []


def constants(traced: Any) -> list[tuple[int, ...]]:
    """The shapes of the arrays that a traced function holds, scalars left out."""
    return [constant.shape for constant in traced.consts if np.ndim(constant)]


def test_calls_leave_no_gradient_behind() -> None:
    pytest.importorskip("torch")
    one = cell("cross_entropy_index", "forward+backward")
    adapter = adapters.load("torch")
    arrays = [adapter.asarray(array) for array in inputs(one, "cpu", "torch").arrays]
    call = function(one, adapter)
    first, second = (adapter.to_numpy(call(*arrays)[1]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert [array.grad for array in arrays] == [None] * 3


def test_formats_that_numpy_lacks_come_from_ml_dtypes() -> None:
    assert inputs(cell(format="bfloat16"), "cpu", "numpy").logits.dtype == ml_dtypes.bfloat16
