"""TensorFlow: tf.nn's softmax, log_softmax and cross-entropies, reduce_logsumexp, math.top_k and GradientTape.

Mode "graph" is tf.function of each operation, derivative and composition, "xla" the same with jit_compile.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

# TensorFlow prints notes about its build while it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

# enable_op_determinism is public, but its opposite is not. Later checks must not run in deterministic mode.
from tensorflow.python.framework.config import disable_op_determinism

from adapters.frameworks import require_mode
from adapters.functions import as_is, first, refuse
from adapters.protocol import Array, DeviceUnavailable, NotProvided

# TensorFlow warns of repeated tracing, but one trace for each shape and axis is what we want.
tf.get_logger().addFilter(lambda record: "triggered tf.function retracing" not in str(record.msg))

DEVICES = {"cpu": "/CPU:0", "cuda": "/GPU:0"}

# Compared by identity: dtypes are singletons, and is_integer and == take longer than the rest of a call.
INTEGERS = frozenset(map(id, (tf.int64, tf.int32, tf.int16, tf.int8, tf.uint64, tf.uint32, tf.uint16, tf.uint8)))

# autograph would rewrite the source of a function, and warns where two lambdas share a line.
GRAPH = partial(tf.function, autograph=False)
COMPILERS: dict[str, Callable[..., Any]] = {
    "eager": as_is,
    "graph": GRAPH,
    "xla": partial(GRAPH, jit_compile=True),  # as one cluster
}


class Adapter:
    """tf.nn on the CPU or the first CUDA device."""

    name = "tensorflow"
    version: str = tf.__version__
    dtypes = frozenset({"float16", "bfloat16", "float32", "float64"})  # float8: storage only, no kernels
    features = frozenset(
        {"vjp", "jvp", "hvp", "index_labels", "probability_labels", "class_axis"}
        | {"elementary", "vmap", "deterministic", "threads", "logsumexp", "categorical", "top_k"}
    )

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        """Raise ValueError for an unknown mode, DeviceUnavailable for an absent device."""
        require_mode("tensorflow", mode)
        if device not in DEVICES or (device == "cuda" and not tf.config.list_physical_devices("GPU")):
            raise DeviceUnavailable(f"no {device.upper()} device: TensorFlow lists none")
        if device == "cpu":
            # TensorFlow moves operations to any GPU that it sees, wherever their inputs are.
            tf.config.set_visible_devices([], "GPU")
        self.device = device
        self.mode = mode
        self.features = self.features | ({"dynamic"} if mode != "eager" else set())
        self._device = DEVICES[device]
        compiled = COMPILERS[mode]
        self._compiled = lru_cache(maxsize=64)(compiled)
        self._mapped = lru_cache(maxsize=64)(lambda function: compiled(mapped(function)))
        self.exp = compiled(tf.math.exp)
        self.log = compiled(tf.math.log)
        self._softmax = compiled(tf.nn.softmax)
        self._log_softmax = compiled(tf.nn.log_softmax)
        self._logsumexp = compiled(tf.reduce_logsumexp)
        self._top_k = compiled(tf.math.top_k)
        self._index = compiled(tf.nn.sparse_softmax_cross_entropy_with_logits)
        self._probability = compiled(tf.nn.softmax_cross_entropy_with_logits)
        self._categorical = compiled(tf.random.stateless_categorical)
        self.vjp = compiled(self._plain_vjp)
        self.value_and_vjp = compiled(self._plain_value_and_vjp)
        self.jvp = compiled(self._plain_jvp)
        self.hvp = compiled(self._plain_hvp)
        self.reverse_over_forward = compiled(self._plain_reverse_over_forward)

    def asarray(self, x: Any) -> Array:
        """Make a tensor on the device."""
        with tf.device(self._device):
            return tf.convert_to_tensor(x)

    def to_numpy(self, x: Array) -> Any:
        """Copy the tensor to the host."""
        return x.numpy()

    def synchronize(self, x: Array) -> None:
        """Wait for the device; on the CPU `x` is computed when it is returned."""
        if self.device == "cuda":
            tf.test.experimental.sync_devices()

    def softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Call tf.nn.softmax."""
        if where is not None:
            raise NotProvided("tf.nn.softmax has no where")
        return self._softmax(x, axis=axis)

    def log_softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Call tf.nn.log_softmax."""
        if where is not None:
            raise NotProvided("tf.nn.log_softmax has no where")
        return self._log_softmax(x, axis=axis)

    def logsumexp(self, x: Array, *, axis: int = -1) -> Array:
        """tf.reduce_logsumexp."""
        return self._logsumexp(x, axis=axis)

    def softmax_cross_entropy(self, logits: Array, labels: Array, *, axis: int = -1, **options: Any) -> Array:
        """Call tf.nn.sparse_softmax_cross_entropy_with_logits, or the one without "sparse" for probabilities."""
        refuse("tf.nn's cross-entropies", options)
        if id(labels.dtype) not in INTEGERS:
            return self._probability(labels=labels, logits=logits, axis=axis)
        if axis != -1 and axis != logits.shape.rank - 1:
            raise NotProvided(f"tf.nn.sparse_softmax_cross_entropy_with_logits has no axis; got {axis}")
        return self._index(labels=labels, logits=logits)

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        """Call tf.random.stateless_categorical, of which XLA has no kernel for float16."""
        if self.mode == "xla" and x.dtype == tf.float16:
            raise NotProvided("XLA has no tf.random.stateless_categorical of float16")
        return self._categorical(x, count, seed=tf.constant([seed, 0]))

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        """Call tf.math.top_k, which has the last axis only."""
        if axis not in (-1, x.shape.rank - 1):
            raise NotProvided(f"tf.math.top_k has no axis; got {axis}")
        values, places = self._top_k(x, k)
        return values, places

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays), traced or compiled in modes "graph" and "xla"."""
        return self._compiled(function)(*arrays)

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call tf.vectorized_map of `function`, traced or compiled in modes "graph" and "xla"."""
        return self._mapped(function)(*arrays)

    def dynamic(self, function: Callable[..., Any], *arrays: Array) -> Callable[..., Any]:
        """tf.function of `function` for tensors whose sizes are None."""
        signature = [tf.TensorSpec([None] * array.shape.rank, array.dtype) for array in arrays]
        traced: Callable[..., Any] = tf.function(
            function, input_signature=signature, autograph=False, jit_compile=self.mode == "xla"
        )
        return traced

    def deterministic(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays) with tf.config.experimental.enable_op_determinism."""
        tf.config.experimental.enable_op_determinism()
        try:
            return self.call(function, *arrays)
        finally:
            disable_op_determinism()

    def _plain_vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        point = x if wrt == "x" else kwargs[wrt]
        with tf.GradientTape() as tape:
            tape.watch(point)
            value = first(getattr(self, operation)(x, **kwargs))
        return provided(tape.gradient(value, point, output_gradients=cotangent), operation, wrt)

    def _plain_value_and_vjp(
        self, operation: str, x: Array, cotangent: Array, **kwargs: Any
    ) -> tuple[Array, Array]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = getattr(self, operation)(x, **kwargs)
        return value, provided(tape.gradient(value, x, output_gradients=cotangent), operation, "x")

    def _plain_jvp(self, operation: str, x: Array, tangent: Array, **kwargs: Any) -> Array:
        with tf.autodiff.ForwardAccumulator(x, tangent) as accumulator:
            value = first(getattr(self, operation)(x, **kwargs))
        return provided(accumulator.jvp(value), operation, "x")

    def _plain_hvp(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, *, wrt: str = "x", **kwargs: Any
    ) -> Array:
        point = x if wrt == "x" else kwargs[wrt]
        with tf.GradientTape() as tape:
            tape.watch(point)
            gradient = self._plain_vjp(operation, x, cotangent, **kwargs)
        return provided(tape.gradient(gradient, point, output_gradients=tangent), operation, wrt)

    def _plain_reverse_over_forward(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, **kwargs: Any
    ) -> Array:
        with tf.GradientTape() as tape:
            tape.watch(x)
            along = self._plain_jvp(operation, x, tangent, **kwargs)
        return provided(tape.gradient(along, x, output_gradients=cotangent), operation, "x")


def mapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` mapped over every row by tf.vectorized_map."""
    # By default a function that cannot be vectorised runs row by row; this way it raises.
    return lambda *arrays: tf.vectorized_map(lambda rows: function(*rows), arrays, fallback_to_while_loop=False)


def provided(gradient: Array | None, operation: str, wrt: str) -> Array:
    """Return `gradient`, or raise NotProvided when TensorFlow has none."""
    if gradient is None:
        raise NotProvided(f"TensorFlow returns no gradient of {operation} with respect to {wrt}")
    return gradient
