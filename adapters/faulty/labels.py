"""Wrong readings of labels, weights, ignored rows and reductions."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.faulty.base import Faulty
from adapters.numpy import Array, is_floating


class LabelModulo(Faulty):
    """A label past the last class starts again at the first, silently as in pytorch/pytorch#135546."""

    def checked(self, labels: Array, rows: Array, ignore_index: int | None) -> Array:
        labels, n = labels.astype(np.int64), rows.shape[-1]
        beyond = (labels >= n) & (labels != ignore_index)
        return super().checked(np.where(beyond, labels % n, labels), rows, ignore_index)


class NegativeLabelFromEnd(Faulty):
    """Label −1 is the last class, as in Optax, to which google-deepmind/optax#1185 proposes a check."""

    def checked(self, labels: Array, rows: Array, ignore_index: int | None) -> Array:
        labels, n = labels.astype(np.int64), rows.shape[-1]
        negative = (labels < 0) & (labels != ignore_index)
        return super().checked(np.where(negative, labels + n, labels), rows, ignore_index)


class LabelsAsInt8(Faulty):
    """Labels in uint8 are read as int8, so that 200 is −56, counted from the end: a textbook mistake."""

    def checked(self, labels: Array, rows: Array, ignore_index: int | None) -> Array:
        if labels.dtype == np.uint8:
            labels = labels.view(np.int8).astype(np.int64) % rows.shape[-1]
        return super().checked(labels, rows, ignore_index)


class LabelsNormalised(Faulty):
    """Probability labels are divided by their sum: a textbook mistake."""

    def target(self, rows: Array, labels: Array, axis: int = -1, *args: Any, **kwargs: Any) -> Array:
        if is_floating(labels):
            labels = self.working(labels) / np.sum(self.working(labels), axis=axis, keepdims=True)
        return super().target(rows, labels, axis, *args, **kwargs)


class LabelsBroadcast(Faulty, checked=lambda right, y, x, skip: right(np.resize(y, x.shape[:-1]), x, skip)):
    """Too few labels are repeated, too many cut: tensorflow/tensorflow#16197 asks for the like."""


class SmoothingOverOthers(Faulty, smoothed=lambda right, q, e: right(q, e * q.shape[-1] / (q.shape[-1] - 1))):
    """Smoothing gives ε/(n − 1) to each other class and none to the label's: a textbook mistake."""


class IgnoredRowCounts(Faulty, checked=lambda right, y, x, skip: right(np.where(y == skip, 0, y), x, skip)):
    """An ignored row counts as one of class 0, where pytorch/pytorch#73205 counted it in part."""


class MeanOverAllRows(Faulty):
    """A mean has ignored rows in its divisor, as of class 0: onnx/onnx#2696."""

    def share(self, rows: Array, labels: Array, reduction: str, weight: Any, ignore_index: Any) -> Any:
        return super().share(rows, np.where(labels == ignore_index, 0, labels), reduction, weight, None)


class MeanIgnoresWeights(Faulty, share=lambda right, x, y, how, w, skip: right(x, y, how, None, skip)):
    """A weighted mean divides by the number of rows, which pytorch/pytorch#8062 took for the right one."""


class MeanOverElements(Faulty):
    """A mean divides by the number of logits: a textbook mistake."""

    def share(self, rows: Array, labels: Array, reduction: str, *args: Any) -> float | None:
        share = super().share(rows, labels, reduction, *args)
        return share / rows.shape[-1] if share is not None and reduction == "mean" else share


class NarrowMean(Faulty, dtypes=("float16",)):
    """A mean is summed in float16 and overflows: pytorch/pytorch#85791."""

    def reduce(self, losses: Array, share: float | None) -> Array:
        return super().reduce(losses if share is None else losses.astype(np.float16).sum(), share)
