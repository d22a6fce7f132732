"""Keras: keras.ops' softmax, log_softmax, logsumexp, top_k and cross-entropies, and the focal one, of logits.

The mode is the backend, run eagerly. Its arrays are the backend's own, and the backend's adapter converts
them. Keras has no derivatives of its own, only those of its backend.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from adapters import load
from adapters.frameworks import require_mode
from adapters.functions import refuse
from adapters.protocol import Array, NotProvided


class Adapter:
    """keras.ops on one backend, which is fixed once Keras is imported."""

    name = "keras"
    dtypes = frozenset({"float16", "bfloat16", "float32", "float64"})
    features = frozenset(
        {"index_labels", "probability_labels", "class_axis", "elementary", "threads", "logsumexp"}
        | {"focal_loss", "categorical", "top_k"}
    )

    def __init__(self, device: str = "cpu", mode: str = "tensorflow") -> None:
        """Raise ValueError for an unknown mode or a second backend, DeviceUnavailable for an absent device."""
        require_mode("keras", mode)
        keras = imported(mode, device)
        self._backend = load(mode, device, "eager")
        self._ops = keras.ops
        self._focal = keras.losses.categorical_focal_crossentropy
        self._categorical = keras.random.categorical
        self._is_integer = keras.backend.is_int_dtype
        self.version: str = keras.__version__
        self.device = device
        self.mode = mode
        self.asarray = self._backend.asarray
        self.to_numpy = self._backend.to_numpy
        self.synchronize = self._backend.synchronize
        self.exp = keras.ops.exp
        self.log = keras.ops.log

    def softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Call keras.ops.softmax."""
        if where is not None:
            raise NotProvided("keras.ops.softmax has no where")
        return self._ops.softmax(x, axis=axis)

    def log_softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Call keras.ops.log_softmax."""
        if where is not None:
            raise NotProvided("keras.ops.log_softmax has no where")
        return self._ops.log_softmax(x, axis=axis)

    def logsumexp(self, x: Array, *, axis: int = -1) -> Array:
        """Call keras.ops.logsumexp."""
        return self._ops.logsumexp(x, axis=axis)

    def softmax_cross_entropy(self, logits: Array, labels: Array, *, axis: int = -1, **options: Any) -> Array:
        """Call keras.ops.sparse_categorical_crossentropy, or the one without "sparse" for probabilities."""
        refuse("keras.ops' cross-entropies", options)
        if not self._is_integer(labels.dtype):
            return self._ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)
        if self.mode != "torch" and axis not in (-1, len(logits.shape) - 1):
            raise NotProvided(
                f"sparse_categorical_crossentropy on {self.mode} has the last axis only; got {axis}"
            )
        return self._ops.sparse_categorical_crossentropy(labels, logits, from_logits=True, axis=axis)

    def focal_loss(self, x: Array, labels: Array, *, axis: int = -1, gamma: float = 2.0) -> Array:
        """Call keras.losses.categorical_focal_crossentropy, with α = 1."""
        return self._focal(labels, x, alpha=1.0, gamma=gamma, from_logits=True, axis=axis)

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        """Call keras.random.categorical."""
        return self._categorical(x, count, seed=seed)

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        """Call keras.ops.top_k, which has the last axis only."""
        if axis not in (-1, len(x.shape) - 1):
            raise NotProvided(f"keras.ops.top_k has no axis; got {axis}")
        values, places = self._ops.top_k(x, k)
        return values, places

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays)."""
        return function(*arrays)


def imported(backend: str, device: str) -> Any:
    """Import Keras on `backend` and return it.

    Raises:
        ValueError: this process has imported Keras with another backend, which cannot be changed.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = backend
        os.environ["KERAS_TORCH_DEVICE"] = device  # else Keras moves tensors to any GPU
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # as adapters/tensorflow.py does
    import keras

    if keras.backend.backend() != backend:
        raise ValueError(
            f"this process has imported Keras on {keras.backend.backend()}: judge it on {backend} in another one"
        )
    return keras
