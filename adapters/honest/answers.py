"""The other legal answers where a requirement leaves the choice."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np

from adapters.honest.base import Honest
from adapters.protocol import NotProvided
from adapters.rows import Array, Linearised, Terms, is_floating


class SafeSoftmax(Honest):
    """Rows of −inf alone are 0 (pytorch/pytorch#131060), +inf is one-hot; integers and 0-d logits are taken."""

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        if x.dtype.kind in "iu":
            x = x.astype(np.float64)
        return super()._forward(function, np.atleast_1d(x), axis, *args).reshape(x.shape)

    def shift(self, x: Array) -> Array:
        if not x.shape[-1]:
            raise ValueError("the rows have no classes")
        return super().shift(x)

    def terms(self, x: Array) -> Terms:
        peak = self.shift(x)
        one_hot = np.where(np.isposinf(x), x.dtype.type(0), x.dtype.type(-np.inf))
        terms = super().terms(np.where(np.isposinf(peak), one_hot, x))
        empty = np.isneginf(peak)
        gap = np.where(empty, x.dtype.type(-np.inf), terms.gap)
        return Terms(gap, np.where(empty, 0, terms.exponentials), np.where(empty, 0, terms.rest))

    def _linearised(self, *args: Any, **kwargs: Any) -> Linearised:
        at = super()._linearised(*args, **kwargs)
        return replace(at, vector=np.where(at.g.any(axis=-1, keepdims=True), at.vector, 0))

    def share(self, *args: Any) -> float | None:
        share = super().share(*args)
        return 0.0 if share == np.inf else share


class TensorFlowAnswers(Honest):
    """softmax − labels (tensorflow/tensorflow#2327), NaN for bad labels and 0 · (−inf), −max for a large gap."""

    features = Honest.features - {"class_weight", "ignore_index"}  # with which softmax − labels is no gradient

    def _forward(self, function: Any, x: Array, axis: int | None, *args: Any) -> Array:
        return super()._forward(function, x, -1 if axis is None else axis, *args)  # keras-team/keras-core#143

    def log_softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        logs = super().log_softmax(x, axis=axis, where=where)
        overflowed = np.isneginf(logs) & np.isfinite(x) & (True if where is None else where)
        return np.where(overflowed, -ml_dtypes.finfo(logs.dtype).max, logs)

    def target(
        self,
        rows: Array,
        labels: Array,
        axis: int = -1,
        weight: Array | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> Array:
        if weight is not None or ignore_index is not None:
            raise NotProvided(f"{self.name} has no class weights and no ignored label")
        if is_floating(labels):
            return super().target(rows, labels, axis, label_smoothing=label_smoothing)
        bad = (labels.astype(np.int64) < 0) | (labels >= rows.shape[-1])
        q = super().target(rows, np.where(bad, 0, labels), axis, label_smoothing=label_smoothing)
        return np.where(bad[..., None], q.dtype.type(np.nan), q)

    def softmax_cross_entropy(self, logits: Array, labels: Array, *, axis: int = -1, **kwargs: Any) -> Array:
        loss = super().softmax_cross_entropy(logits, labels, axis=axis, **kwargs)
        if not is_floating(labels) or kwargs.get("label_smoothing"):
            return loss
        undefined = (np.isneginf(logits) & (labels == 0)).any(axis=axis)
        return np.where(undefined if loss.ndim else undefined.any(), loss.dtype.type(np.nan), loss)

    def residual(self, g: Array, q: Array) -> Array:
        return g - q

    def _linearised(
        self, operation: str, x: Array, vector: Array, kwargs: dict[str, Any], tangent: bool = False
    ) -> Linearised:
        at = super()._linearised(operation, x, vector, kwargs, tangent)
        if operation not in ("softmax_cross_entropy", "kl_divergence"):
            return at
        whole = super()._linearised(operation, x, vector, kwargs | {"labels": np.ones_like(x)}, tangent)
        return replace(whole, q=at.q)  # rows whose labels are all 0 count too


class EmptyRowIsNaN(Honest):
    """A row wholly outside `where` is NaN, as 0/0 is in pytorch/pytorch#25110."""

    def _forward(self, function: Any, x: Array, axis: int, where: Array | None, masked: float) -> Array:
        result = super()._forward(function, x, axis, where, masked)
        if where is None:
            return result
        return np.where(where.any(axis=axis, keepdims=True), result, result.dtype.type(np.nan))


class SeveralAxes(Honest):
    """Several axes, or None for all, count as one (jax-ml/jax#33159); complex logits are taken."""

    def _forward(self, function: Any, x: Array, axis: Any, where: Array | None, masked: float) -> Array:
        if axis is not None and not isinstance(axis, tuple):
            return super()._forward(function, x, axis, where, masked)
        axes = tuple(range(x.ndim)) if axis is None else axis
        ends = tuple(range(-len(axes), 0))
        moved = np.moveaxis(x, axes, ends)
        shape = (*moved.shape[: x.ndim - len(axes)], -1)
        shown = None if where is None else np.moveaxis(where, axes, ends).reshape(shape)
        result = super()._forward(function, moved.reshape(shape), -1, shown, masked)
        return np.moveaxis(result.reshape(moved.shape), ends, axes)

    def working(self, x: Array) -> Array:
        return x if x.dtype.kind == "c" else super().working(x)

    def probabilities(self, x: Array) -> Array:
        return np.exp(self.log_probabilities(x)) if x.dtype.kind == "c" else super().probabilities(x)

    def log_probabilities(self, x: Array) -> Array:
        if x.dtype.kind != "c":
            return super().log_probabilities(x)
        powers = np.exp(x - self.shift(x.real))
        logs: Array = np.log(powers / self.total(powers))  # the principal ones
        return logs


class ImplicitAxis(Honest):
    """None is axis 0 of 1 and 3 axes, 1 of 2 (pytorch/pytorch#84524); autocast widens; weights are looked up."""

    def _forward(self, function: Any, x: Array, axis: int | None, *args: Any) -> Array:
        implicit = 0 if x.ndim in (0, 1, 3) else 1
        return super()._forward(function, x, implicit if axis is None else axis, *args)

    def target(
        self, rows: Array, labels: Array, axis: int = -1, weight: Any = None, *args: Any, **kwargs: Any
    ) -> Array:
        bare = super().target(rows, labels, axis, None, *args, **kwargs)
        return bare if weight is None else np.where(bare == 0, bare, bare * weight.astype(rows.dtype))

    def autocast(self, function: Callable[..., Any], *arrays: Array) -> Any:
        return function(*(a.astype(np.float32) if is_floating(a) else a for a in arrays))


class OtherLabels(Honest):
    """Refuses what is no probability, broadcasts, and divides by weighted labels: pytorch/pytorch#107680."""

    features = Honest.features - {"class_axis"}

    def target(self, rows: Array, labels: Array, axis: int = -1, *args: Any, **kwargs: Any) -> Array:
        if axis not in (-1, rows.ndim - 1):
            raise NotProvided(f"{self.name} has its classes along the last axis")
        return super().target(rows, self.read(labels, rows), -1, *args, **kwargs)

    def share(self, rows: Array, labels: Array, reduction: str, weight: Any, ignore_index: Any) -> float | None:
        labels = self.read(labels, rows)
        if reduction != "mean" or weight is None or not is_floating(labels):
            return super().share(rows, labels, reduction, weight, ignore_index)
        return float(np.float64(1) / np.sum(labels.astype(np.float64) * weight.astype(np.float64)))

    def read(self, labels: Array, rows: Array) -> Array:
        """Integers shaped as the rows are probabilities, and one row of them is that of all."""
        if labels.shape == rows.shape:
            labels = labels.astype(rows.dtype)
        if not is_floating(labels):
            return labels
        if not ((labels >= 0) & (labels <= 1)).all():  # NaN is none either
            raise ValueError("labels are neither indices nor probabilities")
        return np.broadcast_to(labels, rows.shape)
