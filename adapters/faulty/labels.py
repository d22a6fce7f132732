"""Wrong readings of labels, weights, ignored rows and reductions."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.faulty.base import Faulty, as_stored
from adapters.rows import Array, is_floating


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


class LabelsAsInt32(Faulty, checked=lambda right, y, x, skip: right(y.astype(np.int32), x, skip)):
    """Labels are cut to 32 bits, so that 2³² + 1 is class 1: a textbook mistake."""


class LabelsReadAsStored(Faulty, checked=lambda right, y, x, skip: right(as_stored(y), x, skip)):
    """Index labels are read in the order of their storage: pytorch/pytorch#67167."""


class LabelsOfOwnShapeAsIndices(Faulty):
    """Integer labels shaped like the logits give (n, n) losses, one an entry: a textbook mistake."""

    def softmax_cross_entropy(self, logits: Array, labels: Array, **kwargs: Any) -> Array:
        if is_floating(labels) or labels.shape != logits.shape:
            return super().softmax_cross_entropy(logits, labels, **kwargs)
        right = super().softmax_cross_entropy
        return np.stack([right(logits, column, **kwargs) for column in np.moveaxis(labels, -1, 0)], -1)


class LabelsNormalised(Faulty):
    """Probability labels are divided by their sum: a textbook mistake."""

    def target(self, rows: Array, labels: Array, axis: int = -1, *args: Any, **kwargs: Any) -> Array:
        if is_floating(labels):
            labels = self.working(labels) / np.sum(self.working(labels), axis=axis, keepdims=True)
        return super().target(rows, labels, axis, *args, **kwargs)


class LabelsClipped(Faulty):
    """Probability labels are clipped to [0, 1]: a textbook mistake."""

    def target(self, rows: Array, labels: Array, *args: Any, **kwargs: Any) -> Array:
        return super().target(rows, np.clip(labels, 0, 1) if is_floating(labels) else labels, *args, **kwargs)


class LogitsCutToLabels(Faulty):
    """Logits beyond the last row of probability labels are dropped, as zip does: a textbook mistake."""

    def softmax_cross_entropy(self, logits: Array, labels: Array, **kwargs: Any) -> Array:
        logits = logits[: len(labels)] if is_floating(labels) else logits
        return super().softmax_cross_entropy(logits, labels, **kwargs)


class LabelsBroadcast(Faulty, checked=lambda right, y, x, skip: right(np.resize(y, x.shape[:-1]), x, skip)):
    """Too few labels are repeated, too many cut: tensorflow/tensorflow#16197 asks for the like."""


class SmoothingOverOthers(Faulty, smoothed=lambda right, q, e: right(q, e * q.shape[-1] / (q.shape[-1] - 1))):
    """Smoothing gives ε/(n − 1) to each other class and none to the label's: a textbook mistake."""


class IgnoredRowCounts(Faulty, checked=lambda right, y, x, skip: right(np.where(y == skip, 0, y), x, skip)):
    """An ignored row counts as one of class 0, where pytorch/pytorch#73205 counted it in part."""


class SmoothedIgnoredRow(Faulty):
    """An ignored row keeps the part of its label that smoothing spreads: pytorch/pytorch#73205."""

    def target(
        self,
        rows: Array,
        labels: Array,
        axis: int = -1,
        weight: Array | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> Array:
        q = super().target(rows, labels, axis, weight, ignore_index, label_smoothing)
        if is_floating(labels) or not label_smoothing:
            return q
        spread = self.smoothed(np.zeros_like(q), label_smoothing) * (1 if weight is None else weight)
        return np.where((labels == ignore_index)[..., None], spread, q)


class IgnoredRowTimesNaN(Faulty):
    """The gradient of an ignored row is 0 times its probabilities, and keeps a NaN: pytorch/pytorch#189045."""

    def residual(self, g: Array, q: Array) -> Array:
        gradient: Array = g * self.total(q) - q
        return gradient


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
        return super().reduce(losses if share is None else np.asarray(losses.astype(np.float16).sum()), share)


class SequentialMean(Faulty):
    """The losses of a mean are added one after another in float32: a textbook mistake."""

    def reduce(self, losses: Array, share: float | None) -> Array:
        if share is None or not losses.size:
            return super().reduce(losses, share)
        return super().reduce(np.cumsum(losses.ravel(), dtype=np.float32)[-1:], share)


class EmptyMeanByForm(Faulty):
    """A mean over no rows is NaN for indices and 0 for probabilities: a textbook mistake."""

    def share(self, rows: Array, labels: Array, *args: Any) -> float | None:
        return 0.0 if is_floating(labels) and not labels.size else super().share(rows, labels, *args)


class NoClassesNoLoss(Faulty, checked=lambda right, y, x, skip: right(y, x, skip) if x.shape[-1] else y):
    """Rows of no classes have a loss of 0 whatever their label: a textbook mistake."""


class BrokenByRefusal(Faulty):
    """A refused label leaves a context in which every later call fails: pytorch/pytorch#5916."""

    error: Exception | None = None

    def checked(self, labels: Array, rows: Array, ignore_index: int | None) -> Array:
        try:
            if self.error is None:
                return super().checked(labels, rows, ignore_index)
        except IndexError as error:
            self.error = error
        raise IndexError(f"an earlier call failed: {self.error}")
