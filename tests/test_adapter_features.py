"""What only some adapters provide beside the three functions and their derivatives."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adapters
from adapters.protocol import FEATURES, Adapter, NotProvided
from conformance.run.elementary import LIMIT, errors
from conformance.run.measure import Call, compare
from conformance.truth.formats import exact, format_of

# a compiler of PyTorch's calls what PyTorch deprecates
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script.* is deprecated:DeprecationWarning")

ROWS = np.random.default_rng(7).standard_normal((6, 5)).astype(np.float32)
INDEX = np.arange(6) % 5
NAMES = {"elementary": "exp", "residuals": "residual_bytes"}  # feature → its method, where the names differ
KERAS = os.environ.get("KERAS_BACKEND", "tensorflow")  # as in tests/test_adapters.py
OPTIONAL = ("elementary", "vmap", "autocast", "deterministic", "residuals")


FIVE = [f"{name}:{mode}" for name in adapters.MODES for mode in adapters.MODES[name]]


@pytest.fixture(params=[*FIVE, "onnxruntime:eager", f"keras:{KERAS}"])
def adapter(request: pytest.FixtureRequest) -> Adapter:
    name, mode = request.param.split(":")
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return adapters.load(name, mode=mode)


def ran(adapter: Adapter, function: str, *arguments: Any) -> np.ndarray[Any, Any]:
    """What `function` of the adapter returns for NumPy arrays and functions of native ones."""
    native = [adapter.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    return np.asarray(adapter.to_numpy(getattr(adapter, function)(*native)))


@pytest.mark.parametrize("feature", OPTIONAL)
def test_a_method_is_there_where_its_feature_is_listed(adapter: Adapter, feature: str) -> None:
    assert feature in FEATURES
    assert hasattr(adapter, NAMES.get(feature, feature)) == (feature in adapter.features)


def test_exponential_and_logarithm_are_those(adapter: Adapter) -> None:
    if "elementary" not in adapter.features:
        pytest.skip("not provided")
    fmt = format_of("float32")
    assert (errors(adapter, "exp", np.array([0, -1, -20], np.float32), fmt) <= LIMIT).all()
    assert (errors(adapter, "log", np.array([1, 2, 1000], np.float32), fmt) <= LIMIT).all()


def test_vmap_maps_function_and_gradient(adapter: Adapter) -> None:
    if "vmap" not in adapter.features:
        pytest.skip("not provided")
    upstream = ROWS[::-1].copy()

    def slope(x: Any, c: Any) -> Any:
        return adapter.vjp("softmax", x, c, axis=-1)

    losses = Call("softmax_cross_entropy", ROWS, labels=INDEX)
    gradients = Call("softmax", ROWS, derivative="vjp", cotangent=upstream)
    mapped = [
        (Call("softmax", ROWS), ran(adapter, "vmap", adapter.softmax, ROWS)),
        (losses, ran(adapter, "vmap", adapter.softmax_cross_entropy, ROWS, INDEX)),
        (gradients, ran(adapter, "vmap", slope, ROWS, upstream)),
    ]
    for call, got in mapped:
        assert compare(call, exact(got)).worst("D") <= 1


@pytest.mark.parametrize("feature", ["autocast", "deterministic"])
def test_modes_of_a_framework_end_with_the_call(adapter: Adapter, feature: str) -> None:
    if feature not in adapter.features:
        pytest.skip("not provided")
    before = ran(adapter, "softmax", ROWS)
    x = ROWS.astype("bfloat16" if feature == "autocast" else np.float32)
    assert ran(adapter, feature, adapter.softmax, x).shape == ROWS.shape
    assert ran(adapter, "softmax", ROWS).tobytes() == before.tobytes()


def raising(x: Any) -> Any:
    raise ArithmeticError


@pytest.fixture
def switches() -> Callable[[str], bool]:
    """Whether a framework's deterministic mode is on."""
    torch = pytest.importorskip("torch")
    config = pytest.importorskip("tensorflow.python.framework.config")
    return {
        "torch": torch.are_deterministic_algorithms_enabled,
        "tensorflow": config.is_op_determinism_enabled,
    }.__getitem__


@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_deterministic_mode_is_off_after_an_error_too(name: str, switches: Any) -> None:
    adapter = adapters.load(name)
    during = []
    adapter.deterministic(lambda x: during.append(switches(name)()), adapter.asarray(ROWS))
    with pytest.raises(ArithmeticError):
        adapter.deterministic(raising, adapter.asarray(ROWS))
    assert during == [True]
    assert not switches(name)()


def test_residuals_are_at_least_the_output_or_the_logits(adapter: Adapter) -> None:
    if "residuals" not in adapter.features:
        pytest.skip("not provided")
    kept = adapter.residual_bytes("softmax", adapter.asarray(ROWS), axis=-1)
    assert ROWS.nbytes <= kept <= 8 * ROWS.nbytes
    labels = adapter.asarray(INDEX)
    assert adapter.residual_bytes("softmax_cross_entropy", adapter.asarray(ROWS), labels=labels) >= ROWS.nbytes


@pytest.fixture(params=adapters.MODES["jax"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_an_optax_without_axis_has_its_classes_last(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    optax = pytest.importorskip("optax")
    expected = ran(adapters.load("jax", mode=mode), "softmax_cross_entropy", ROWS, INDEX)
    now = optax.softmax_cross_entropy_with_integer_labels

    def old(logits: Any, labels: Any) -> Any:
        return now(logits, labels)

    monkeypatch.setattr(optax, "softmax_cross_entropy_with_integer_labels", old)
    adapter = adapters.load("jax", mode=mode)
    x, labels = adapter.asarray(ROWS), adapter.asarray(INDEX)
    for axis in (-1, 1):
        np.testing.assert_array_equal(adapter.softmax_cross_entropy(x, labels, axis=axis), expected)
    with pytest.raises(NotProvided, match="no axis; got 0"):
        adapter.softmax_cross_entropy(x, labels[:5], axis=0)


def test_a_jax_that_asks_for_an_initial_value_gets_one(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    jax = pytest.importorskip("jax")
    now = jax.nn.softmax

    def old(x: Any, axis: int = -1, where: Any = None, initial: Any = None) -> Any:
        if (where is None) != (initial is None):
            raise ValueError("where goes with initial")
        return now(x, axis, where)

    monkeypatch.setattr(jax.nn, "softmax", old)
    adapter = adapters.load("jax", mode=mode)
    x, where = adapter.asarray(ROWS), adapter.asarray(ROWS < 1)
    np.testing.assert_allclose(adapter.softmax(x), now(x), rtol=1e-6)
    np.testing.assert_allclose(adapter.softmax(x, where=where), now(x, where=where), rtol=1e-6)
