"""JAX: jax.nn's softmax, log_softmax and logsumexp, jax.lax.top_k, Optax's losses, jax.vjp and jax.jvp."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from adapters.frameworks import require_mode
from adapters.functions import along, as_is, refuse
from adapters.protocol import Array, DeviceUnavailable, NotProvided

# A derivative is compiled for one value of each of these; the other arguments are arrays.
STATIC = ("operation", "wrt", "axis", "reduction", "ignore_index", "label_smoothing", "k")


class Adapter:
    """jax.nn and Optax on the CPU or the first CUDA device."""

    name = "jax"
    version: str = jax.__version__
    dtypes = frozenset({"float8_e4m3fn", "float8_e5m2", "float16", "bfloat16", "float32", "float64"})
    features = frozenset(
        {"vjp", "jvp", "hvp", "index_labels", "probability_labels", "class_axis", "where"}
        | {"elementary", "vmap", "residuals", "threads", "logsumexp", "kl_divergence", "categorical", "top_k"}
    )

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        """Raise ValueError for an unknown mode, DeviceUnavailable for an absent device."""
        require_mode("jax", mode)
        # Without this switch, asarray would round float64 to float32:
        # https://docs.jax.dev/en/latest/default_dtypes.html
        jax.config.update("jax_enable_x64", True)
        try:
            self._device = jax.devices(device)[0]
        except RuntimeError as error:
            raise DeviceUnavailable(f"no {device.upper()} device: {error}") from error
        self.device = device
        self.mode = mode
        self.features = self.features | ({"dynamic"} if mode != "eager" and hasattr(jax, "export") else set())
        compiled = jax.jit if mode == "jit" else as_is
        self._compiled = lru_cache(maxsize=64)(compiled)
        self._mapped = lru_cache(maxsize=64)(lambda function: compiled(jax.vmap(function)))
        self.exp = compiled(jnp.exp)
        self.log = compiled(jnp.log)
        self.softmax = compiled(with_where(jax.nn.softmax), static_argnames=("axis",))
        self.log_softmax = compiled(with_where(jax.nn.log_softmax), static_argnames=("axis",))
        self._logsumexp = compiled(jax.nn.logsumexp, static_argnames=("axis",))
        index, probability = optax.softmax_cross_entropy_with_integer_labels, optax.softmax_cross_entropy
        self._index = compiled(with_axis(index), static_argnames=("axis",))
        self._probability = compiled(with_axis(probability), static_argnames=("axis",))
        self.kl_divergence = compiled(divergence, static_argnames=("axis",))
        self._categorical = compiled(draws, static_argnames=("count",))
        self._top_k = compiled(with_axis(jax.lax.top_k), static_argnums=(1,), static_argnames=("axis",))
        self.vjp = compiled(self._plain_vjp, static_argnames=STATIC)
        self.value_and_vjp = compiled(self._plain_value_and_vjp, static_argnames=STATIC)
        self.jvp = compiled(self._plain_jvp, static_argnames=STATIC)
        self.hvp = compiled(self._plain_hvp, static_argnames=STATIC)
        self.reverse_over_forward = compiled(self._plain_reverse_over_forward, static_argnames=STATIC)

    def asarray(self, x: Any) -> Array:
        """Put the array on the device; JAX computes there what is computed from it."""
        return jax.device_put(x, self._device)

    def to_numpy(self, x: Array) -> Any:
        """Copy the array to the host."""
        return np.asarray(x)

    def synchronize(self, x: Array) -> None:
        """Wait for `x`, which JAX computes asynchronously."""
        if isinstance(x, tuple):
            jax.block_until_ready(x)
        else:
            x.block_until_ready()  # jax.block_until_ready looks for a tree of arrays, which costs a microsecond

    def logsumexp(self, x: Array, *, axis: int = -1) -> Array:
        """Call jax.nn.logsumexp."""
        return self._logsumexp(x, axis=axis)

    def softmax_cross_entropy(self, logits: Array, labels: Array, *, axis: int = -1, **options: Any) -> Array:
        """Call optax.softmax_cross_entropy_with_integer_labels, or softmax_cross_entropy for probabilities."""
        refuse("Optax's cross-entropies", options)
        function = self._index if labels.dtype.kind in "iu" else self._probability
        return function(logits, labels, axis=axis)

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        """Call jax.random.categorical."""
        return self._categorical(x, jax.random.key(seed), count=count)

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        """Call jax.lax.top_k."""
        values, places = self._top_k(x, k, axis=axis)
        return values, places

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays), compiled in mode "jit"."""
        return self._compiled(function)(*arrays)

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call jax.vmap of `function`, compiled in mode "jit"."""
        return self._mapped(function)(*arrays)

    def dynamic(self, function: Callable[..., Any], *arrays: Array) -> Callable[..., Any]:
        """jax.export of `function` for shapes of one symbol for each size of `arrays`."""
        scope = jax.export.SymbolicScope()
        shaped = []
        for array in arrays:
            sizes = ", ".join(f"size{size}" for size in array.shape)
            shape = jax.export.symbolic_shape(sizes, scope=scope)
            shaped.append(jax.ShapeDtypeStruct(shape, array.dtype))
        exported: Callable[..., Any] = jax.export.export(jax.jit(function))(*shaped).call
        return exported

    def residual_bytes(self, operation: str, x: Array, **kwargs: Any) -> int:
        """Count the bytes of the arrays that the function returned by jax.vjp holds, each array once."""
        function, point = along("x", getattr(self, operation), x, kwargs)
        kept = {id(leaf): leaf.nbytes for leaf in jax.tree_util.tree_leaves(jax.vjp(function, point)[1])}
        return int(sum(kept.values()))

    def _plain_vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        function, point = along(wrt, getattr(self, operation), x, kwargs)
        return jax.vjp(function, point)[1](cotangent)[0]

    def _plain_value_and_vjp(
        self, operation: str, x: Array, cotangent: Array, **kwargs: Any
    ) -> tuple[Array, Array]:
        value, pullback = jax.vjp(*along("x", getattr(self, operation), x, kwargs))
        return value, pullback(cotangent)[0]

    def _plain_jvp(self, operation: str, x: Array, tangent: Array, **kwargs: Any) -> Array:
        function, point = along("x", getattr(self, operation), x, kwargs)
        return jax.jvp(function, (point,), (tangent,))[1]

    def _plain_hvp(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, *, wrt: str = "x", **kwargs: Any
    ) -> Array:
        def gradient(x: Array, **kwargs: Any) -> Array:
            return self._plain_vjp(operation, x, cotangent, **kwargs)

        function, point = along(wrt, gradient, x, kwargs)
        return jax.vjp(function, point)[1](tangent)[0]

    def _plain_reverse_over_forward(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, **kwargs: Any
    ) -> Array:
        function = partial(self._plain_jvp, operation, tangent=tangent, **kwargs)
        return jax.vjp(function, x)[1](cotangent)[0]


def divergence(x: Array, labels: Array, axis: int = -1) -> Array:
    """Return Optax's divergence of the labels from the softmax."""
    losses = getattr(optax, "losses", optax)  # a module of its own since 0.1.8
    return with_axis(losses.kl_divergence)(jax.nn.log_softmax(x, axis=axis), labels, axis=axis)


def draws(x: Array, key: Array, count: int) -> Array:
    """Return `count` draws of jax.random.categorical along a new last axis."""
    return jnp.moveaxis(jax.random.categorical(key, x, shape=(count, *x.shape[:-1])), 0, -1)


def with_where(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with the `initial` that an old JAX (0.4.26, for example) requires beside `where`."""
    initial = signature(function).parameters.get("initial")
    if initial is None or initial.default is not None:
        return function

    def started(x: Array, axis: int = -1, where: Array | None = None) -> Array:
        return function(x, axis, where, None if where is None else -jnp.inf)

    return started


def with_axis(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, or a wrapper for an old Optax (0.2.3) or JAX (0.8.0) that has the last axis alone."""
    if "axis" in signature(function).parameters:
        return function

    def last(logits: Array, labels: Array, axis: int = -1) -> Array:
        if axis not in (-1, logits.ndim - 1):
            raise NotProvided(f"{function.__name__} of this release has no axis; got {axis}")
        return function(logits, labels)

    return last
