from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import adapters
from adapters.protocol import FEATURES, OPERATIONS, Adapter, NotProvided

# PyTorch itself compiles a helper with the deprecated torch.jit.script, on the first jvp and first compile
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script.* is deprecated:DeprecationWarning")

FIVE = [(name, mode) for name, modes in adapters.MODES.items() for mode in modes]
COMPILED = [(name, mode) for name, mode in FIVE if mode != "eager"]
KERAS = os.environ.get("KERAS_BACKEND", "tensorflow")  # one a process: tests/test_keras.py sees to the others
TARGETS = [*FIVE, ("onnxruntime", "eager"), ("keras", KERAS)]
DTYPES = {"float8_e4m3fn", "float8_e5m2", "float16", "bfloat16", "float32", "float64"}

X = np.random.default_rng(0).standard_normal((2, 5, 3))
DIRECTION = np.random.default_rng(1).standard_normal((2, 5, 3))
INDICES = np.array([[0, 4, 2], [1, 1, 3]])  # class axis 1: the only one that all of them have
PROBABILITIES = np.random.default_rng(2).dirichlet(np.ones(5), (2, 3)).swapaxes(1, 2)
ROWS, ROW_INDICES = X[:, :, 0], INDICES[:, 0]


@pytest.fixture(params=TARGETS, ids=":".join, scope="module")
def adapter(request: pytest.FixtureRequest) -> Adapter:
    name, mode = request.param
    pytest.importorskip(name)
    return adapters.load(name, mode=mode)


def dtype_of(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, name, name))


def apply(adapter: Adapter, operation: str, x: np.ndarray, **kwargs: Any) -> np.ndarray:
    arrays = native(adapter, kwargs)
    labels = [arrays.pop("labels")] if "labels" in arrays else []
    result = getattr(adapter, operation)(adapter.asarray(x), *labels, **arrays)
    return np.asarray(adapter.to_numpy(result))


def derive(adapter: Adapter, derivative: str, operation: str, *arrays: np.ndarray, **kwargs: Any) -> np.ndarray:
    if not hasattr(adapter, derivative):
        raise NotProvided(f"{adapter.name} leaves {derivative} out")
    inputs = [adapter.asarray(x) for x in arrays]
    result = getattr(adapter, derivative)(operation, *inputs, **native(adapter, kwargs))
    return np.asarray(adapter.to_numpy(result))


def native(adapter: Adapter, kwargs: dict[str, Any]) -> dict[str, Any]:
    return {key: adapter.asarray(v) if isinstance(v, np.ndarray) else v for key, v in kwargs.items()}


def slope(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Central difference of `function` along `direction`."""
    h = 1e-5
    return np.asarray(function(at + h * direction) - function(at - h * direction)) / (2 * h)


def patterns(size: int) -> np.ndarray:  # all there are, or special and random ones
    if size < 4:
        return np.arange(256**size, dtype=f"u{size}")
    special = np.array([0, 1, 2, np.inf, np.nan, np.finfo(f"f{size}").smallest_subnormal], f"f{size}")
    random = np.random.default_rng(0).bytes(1000 * size)
    payload = (special.view(f"u{size}") | 12345).tobytes()  # of a NaN, among others
    return np.frombuffer(special.tobytes() + (-special).tobytes() + payload + random, f"u{size}").copy()


def test_attributes_are_those_of_the_protocol(adapter: Adapter) -> None:
    assert adapter.mode in adapters.BUILT_IN[adapter.name]
    assert adapter.device == "cpu"
    assert adapter.features <= FEATURES
    assert {"float16", "float32", "float64"} <= adapter.dtypes <= DTYPES
    assert adapter.version[0].isdigit()


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_bits_survive_the_round_trip(adapter: Adapter, dtype: str) -> None:
    if dtype not in adapter.dtypes:
        pytest.skip(f"{adapter.name} does not hold {dtype}")
    bits = patterns(dtype_of(dtype).itemsize)
    x = bits.view(dtype_of(dtype))
    back = adapter.to_numpy(adapter.asarray(x))
    assert back.dtype == x.dtype
    np.testing.assert_array_equal(back.view(bits.dtype), bits)


@pytest.mark.parametrize("dtype", ["bool", "int32", "int64", "uint8"])
def test_labels_and_masks_keep_their_format(adapter: Adapter, dtype: str) -> None:
    x = np.array([[0, 1], [1, 0]], dtype)
    back = adapter.to_numpy(adapter.asarray(x))
    assert back.dtype == x.dtype
    np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (1, 1)])
def test_small_and_empty_arrays_keep_their_shape(adapter: Adapter, shape: tuple[int, ...]) -> None:
    assert adapter.to_numpy(adapter.asarray(np.zeros(shape, ml_dtypes.bfloat16))).shape == shape


def test_numpy_scalars_are_arrays_without_axes(adapter: Adapter) -> None:
    assert adapter.to_numpy(adapter.asarray(np.float32(1.5))) == np.float32(1.5)


VIEWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "transposed": lambda x: x.T,
    "stepped": lambda x: x[:, ::2],
    "offset": lambda x: x[1:, 1:, 1:],
    "reversed": lambda x: x[:, ::-1],
    "broadcast": lambda x: np.broadcast_to(x[0], (4, 5, 3)),
}


@pytest.mark.parametrize("view", VIEWS)
def test_views_arrive_with_their_values(adapter: Adapter, view: str) -> None:
    x = VIEWS[view](X)
    np.testing.assert_array_equal(adapter.to_numpy(adapter.asarray(x)), x)


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "reversed"])
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_torch_keeps_strides(view: str, dtype: str) -> None:
    pytest.importorskip("torch")
    x = VIEWS[view](X.astype(dtype_of(dtype)))
    strides = adapters.load("torch").asarray(x).stride()
    assert [stride * x.itemsize for stride in strides] == list(x.strides)


def cross_entropy(**kwargs: Any) -> Callable[[Adapter], np.ndarray]:
    return lambda a: apply(a, "softmax_cross_entropy", ROWS, **{"labels": ROW_INDICES, **kwargs})


FEATURE_CALLS: dict[str, Callable[[Adapter], np.ndarray]] = {
    "vjp": lambda a: derive(a, "vjp", "softmax", ROWS, ROWS),
    "jvp": lambda a: derive(a, "jvp", "softmax", ROWS, ROWS),
    "hvp": lambda a: derive(a, "hvp", "softmax", ROWS, ROWS, ROWS),
    "index_labels": cross_entropy(),
    "probability_labels": cross_entropy(labels=ROWS),
    "class_axis": lambda a: apply(a, "softmax_cross_entropy", X, labels=PROBABILITIES, axis=1),
    "reduction": cross_entropy(reduction="mean"),
    "class_weight": cross_entropy(weight=np.ones(5)),
    "ignore_index": cross_entropy(ignore_index=0),
    "label_smoothing": cross_entropy(label_smoothing=0.1),
    "where": lambda a: apply(a, "softmax", ROWS, where=ROWS < 1),
}


@pytest.mark.parametrize("feature", sorted(FEATURE_CALLS))
def test_features_are_what_is_provided(adapter: Adapter, feature: str) -> None:
    if feature in adapter.features:
        if adapter.mode == "compiled" and feature in {"vjp", "jvp", "hvp"}:
            pytest.skip("compiled, and compared with differences, below")
        assert np.isfinite(FEATURE_CALLS[feature](adapter)).all()
    else:
        with pytest.raises(NotProvided):
            FEATURE_CALLS[feature](adapter)


@pytest.mark.parametrize("derivative", ["vjp", "jvp", "hvp"])
def test_a_derivative_of_what_is_lacking_is_not_provided(adapter: Adapter, derivative: str) -> None:
    if "where" in adapter.features:
        pytest.skip(f"{adapter.name} has where")
    arrays = [ROWS] * (3 if derivative == "hvp" else 2)
    with pytest.raises(NotProvided):
        derive(adapter, derivative, "softmax", *arrays, where=ROWS < 1)


@pytest.mark.parametrize("mode", adapters.MODES["torch"])
def test_torch_has_one_class_axis(mode: str) -> None:
    pytest.importorskip("torch")
    adapter = adapters.load("torch", mode=mode)
    for axis in (0, 2, -1):
        with pytest.raises(NotProvided):
            apply(adapter, "softmax_cross_entropy", X, labels=PROBABILITIES, axis=axis)
        with pytest.raises(NotProvided):
            derive(adapter, "vjp", "softmax_cross_entropy", X, X[0], labels=PROBABILITIES, axis=axis)


@pytest.mark.parametrize("mode", adapters.MODES["tensorflow"])
def test_tensorflow_has_the_last_class_axis_for_indices(mode: str) -> None:
    pytest.importorskip("tensorflow")
    with pytest.raises(NotProvided):
        apply(adapters.load("tensorflow", mode=mode), "softmax_cross_entropy", X, labels=INDICES, axis=1)


@pytest.mark.parametrize("axis", [-1, 0])
def test_a_single_row_has_its_class_axis_wherever_it_is_counted_from(adapter: Adapter, axis: int) -> None:
    if "index_labels" not in adapter.features:
        pytest.skip(f"{adapter.name} has no cross-entropy")
    if adapter.name == "onnxruntime":
        pytest.skip("ONNX asks for a batch axis")
    loss = apply(adapter, "softmax_cross_entropy", X[0, :, 0], labels=np.array(2), axis=axis)
    np.testing.assert_allclose(loss, np.log(np.exp(X[0, :, 0]).sum()) - X[0, 2, 0], rtol=1e-14)


@pytest.mark.parametrize("dtype", sorted(DTYPES))
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_runs_in_every_format(adapter: Adapter, operation: str, dtype: str) -> None:
    if dtype not in adapter.dtypes:
        pytest.skip(f"{adapter.name} does not hold {dtype}")
    if operation == "softmax_cross_entropy" and "index_labels" not in adapter.features:
        pytest.skip(f"{adapter.name} has no cross-entropy")
    if adapter.mode == "compiled" and (operation, dtype) != ("softmax", "bfloat16"):
        pytest.skip("compiling takes seconds; one stands for all")
    kwargs = {"labels": ROW_INDICES} if operation == "softmax_cross_entropy" else {}
    result = apply(adapter, operation, ROWS.astype(dtype_of(dtype)), **kwargs)
    kept = dtype_of(dtype)
    if (adapter.name, adapter.mode, operation) == ("keras", "jax", "softmax_cross_entropy"):
        kept = dtype_of("float64")  # a fault of its own, which an adapter leaves as it is
    assert result.dtype == kept


def test_values_are_right(adapter: Adapter) -> None:
    expected = np.exp(X) / np.exp(X).sum(1, keepdims=True)
    np.testing.assert_allclose(apply(adapter, "softmax", X, axis=1), expected, rtol=1e-14)
    np.testing.assert_allclose(apply(adapter, "log_softmax", X, axis=1), np.log(expected), rtol=1e-13)
    if "probability_labels" in adapter.features:
        loss = apply(adapter, "softmax_cross_entropy", X, labels=PROBABILITIES, axis=1)
        np.testing.assert_allclose(loss, -(PROBABILITIES * np.log(expected)).sum(1), rtol=1e-13)


DIFFERENTIATED: dict[str, tuple[str, dict[str, Any]]] = {
    "softmax": ("softmax", {"axis": 0}),
    "log_softmax": ("log_softmax", {"axis": 0}),
    "index": ("softmax_cross_entropy", {"labels": ROW_INDICES}),
    "probability": ("softmax_cross_entropy", {"labels": PROBABILITIES[:, :, 0]}),
}


@pytest.mark.parametrize("case", DIFFERENTIATED)
def test_derivatives_agree_with_differences(adapter: Adapter, case: str) -> None:
    if "vjp" not in adapter.features:
        pytest.skip(f"{adapter.name} has no derivatives")
    if adapter.mode == "compiled" and case == "log_softmax":
        pytest.skip("compiling takes seconds, and the other cases stand for this one")
    operation, kwargs = DIFFERENTIATED[case]
    direction = DIRECTION[:, :, 0]
    cotangent = DIRECTION[:, 0, 1] if "labels" in kwargs else DIRECTION[:, :, 1]

    expected = slope(lambda x: apply(adapter, operation, x, **kwargs), ROWS, direction)
    jvp = derive(adapter, "jvp", operation, ROWS, direction, **kwargs)
    np.testing.assert_allclose(jvp, expected, rtol=1e-6, atol=1e-9)

    vjp = derive(adapter, "vjp", operation, ROWS, cotangent, **kwargs)
    np.testing.assert_allclose((vjp * direction).sum(), (cotangent * expected).sum(), rtol=1e-6)

    expected = slope(lambda x: derive(adapter, "vjp", operation, x, cotangent, **kwargs), ROWS, direction)
    hvp = derive(adapter, "hvp", operation, ROWS, cotangent, direction, **kwargs)
    np.testing.assert_allclose(hvp, expected, rtol=1e-6, atol=1e-9)


def test_gradients_with_respect_to_labels_agree_with_differences(adapter: Adapter) -> None:
    if not {"vjp", "probability_labels"} <= adapter.features:
        pytest.skip(f"{adapter.name} has no gradient of a cross-entropy on probabilities")
    operation, labels, direction = "softmax_cross_entropy", PROBABILITIES[:, :, 0], DIRECTION[:, :, 2]
    cotangent, tangent = DIRECTION[:, 0, 1], DIRECTION[:, :, 0]

    expected = slope(lambda q: apply(adapter, operation, ROWS, labels=q), labels, direction) @ cotangent
    vjp = derive(adapter, "vjp", operation, ROWS, cotangent, wrt="labels", labels=labels)
    np.testing.assert_allclose((vjp * direction).sum(), expected, rtol=1e-6)

    mixed = derive(adapter, "hvp", operation, ROWS, cotangent, tangent, wrt="labels", labels=labels)
    if adapter.name == "tensorflow":  # a fault of its own, which an adapter leaves as it is
        assert not mixed.any()
    else:
        gradient = slope(
            lambda q: derive(adapter, "vjp", operation, ROWS, cotangent, labels=q), labels, direction
        )
        np.testing.assert_allclose((mixed * direction).sum(), (gradient * tangent).sum(), rtol=1e-6)


def test_where_counts_in_derivatives(adapter: Adapter) -> None:
    if not {"vjp", "where"} <= adapter.features:
        pytest.skip(f"{adapter.name} has no where, or no derivatives")
    where, direction, cotangent = ROWS < 1, DIRECTION[:, :, 0], DIRECTION[:, :, 1]
    expected = slope(lambda x: apply(adapter, "softmax", x, where=where), ROWS, direction)
    vjp = derive(adapter, "vjp", "softmax", ROWS, cotangent, where=where)
    np.testing.assert_allclose((vjp * direction).sum(), (cotangent * expected).sum(), rtol=1e-6)


def test_call_runs_compositions(adapter: Adapter) -> None:
    x, y = adapter.asarray(X), adapter.asarray(DIRECTION)
    first, second = adapter.call(lambda x, y: (adapter.softmax(x * y), adapter.log_softmax(x / 3, axis=0)), x, y)
    np.testing.assert_allclose(adapter.to_numpy(first), apply(adapter, "softmax", X * DIRECTION), rtol=1e-13)
    expected = apply(adapter, "log_softmax", X / 3, axis=0)
    np.testing.assert_allclose(adapter.to_numpy(second), expected, rtol=1e-13)


def branch(x: Any) -> Any:
    """A composition that needs a value in order to go on."""
    return x if float(x[0, 0, 0]) > 0 else -x


@pytest.mark.parametrize(("name", "mode"), COMPILED)
def test_what_cannot_be_compiled_raises(name: str, mode: str) -> None:
    pytest.importorskip(name)
    adapter = adapters.load(name, mode=mode)
    with pytest.raises(Exception, match=r"(?i)trac|graph|compile|symbolic"):
        adapter.call(branch, adapter.asarray(X))


@pytest.mark.parametrize("name", adapters.MODES)
def test_the_same_runs_in_eager_mode(name: str) -> None:
    pytest.importorskip(name)
    adapter = adapters.load(name)
    np.testing.assert_array_equal(adapter.to_numpy(adapter.call(branch, adapter.asarray(X))), branch(X))


def compilations(adapter: Any) -> int:
    """How often the cross-entropy of `adapter` on indices has been compiled."""
    if adapter.name == "torch":
        from torch._dynamo.utils import counters

        assert not counters["graph_break"]
        return int(counters["stats"]["unique_graphs"])
    index = adapter._index
    return int(index._cache_size() if adapter.name == "jax" else index.experimental_get_tracing_count())


@pytest.mark.parametrize(("name", "mode"), COMPILED)
def test_other_values_of_the_same_shapes_are_not_compiled_again(name: str, mode: str) -> None:
    pytest.importorskip(name)
    adapter = adapters.load(name, mode=mode)
    before = compilations(adapter)
    first = apply(adapter, "softmax_cross_entropy", ROWS[:, 1:], labels=np.array([0, 3]))
    compiled = compilations(adapter)
    second = apply(adapter, "softmax_cross_entropy", ROWS[:, 1:], labels=np.array([3, 0]))
    assert before < compiled == compilations(adapter)
    assert (first != second).all()


def test_torch_raises_where_it_would_fall_back_to_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    adapter = adapters.load("torch", mode="compiled")
    monkeypatch.setattr(torch._dynamo.config, "recompile_limit", 1)

    def twice(x: Any) -> Any:
        return adapter.softmax(x * 2)

    adapter.call(twice, adapter.asarray(ROWS))
    with pytest.raises(torch._dynamo.exc.FailOnRecompileLimitHit):
        adapter.call(twice, adapter.asarray(X))
