"""What is ONNX Runtime's own: the class axis, the arguments of its loss, and a session for each kind of call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adapters
from adapters.protocol import NotProvided

pytest.importorskip("onnxruntime")

X = np.random.default_rng(0).standard_normal((4, 5, 3))
LABELS = np.array([[0, 4, 2], [1, 1, 3], [2, 0, 0], [4, 3, 1]])
WEIGHT = np.array([1, 2, 0.5, 0, 3])


@pytest.fixture
def adapter() -> Any:
    return adapters.load("onnxruntime")


def losses() -> np.ndarray[Any, Any]:
    log_probabilities = X - np.log(np.exp(X).sum(1, keepdims=True))
    found: np.ndarray[Any, Any] = -np.take_along_axis(log_probabilities, LABELS[:, None], 1)[:, 0]
    return found


@pytest.mark.parametrize("axis", [1, -2])
def test_the_class_axis_is_the_second(adapter: Any, axis: int) -> None:
    np.testing.assert_allclose(adapter.softmax_cross_entropy(X, LABELS, axis=axis), losses(), rtol=1e-13)


@pytest.mark.parametrize("axis", [0, 2, -1, 5])
def test_another_class_axis_is_not_provided(adapter: Any, axis: int) -> None:
    with pytest.raises(NotProvided, match="along axis 1"):
        adapter.softmax_cross_entropy(X, LABELS, axis=axis)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_row_without_a_batch_is_not_provided(adapter: Any, axis: int) -> None:
    with pytest.raises(NotProvided):
        adapter.softmax_cross_entropy(X[0, :, 0], np.array(2), axis=axis)


def test_weights_an_ignored_class_and_the_reduction_reach_the_runtime(adapter: Any) -> None:
    counted = np.where(LABELS == 4, 0, WEIGHT[LABELS])
    mean = adapter.softmax_cross_entropy(X, LABELS, axis=1, reduction="mean", weight=WEIGHT, ignore_index=4)
    np.testing.assert_allclose(mean, (losses() * counted).sum() / counted.sum(), rtol=1e-13)
    total = adapter.softmax_cross_entropy(X, LABELS, axis=1, reduction="sum")
    np.testing.assert_allclose(total, losses().sum(), rtol=1e-13)


def test_an_axis_out_of_range_is_answered_by_the_runtime(adapter: Any) -> None:
    with pytest.raises(Exception, match="ONNXRuntimeError"):
        adapter.softmax(X, axis=3)


def sessions(adapter: Any) -> int:
    return int(adapter._session.cache_info().misses)


def test_a_session_is_kept_for_other_values_and_lengths(adapter: Any) -> None:
    adapter.softmax(X, axis=1)
    adapter.softmax(X[:2, ::-1, 1:] + 1, axis=1)
    assert sessions(adapter) == 1


def test_another_operation_axis_format_or_rank_has_its_own(adapter: Any) -> None:
    adapter.softmax(X, axis=1)
    adapter.log_softmax(X, axis=1)
    adapter.softmax(X, axis=2)
    adapter.softmax(X.astype(np.float32), axis=1)
    adapter.softmax(X[0], axis=1)
    assert sessions(adapter) == 5
