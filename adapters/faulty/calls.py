"""Wrong where a call meets another or what it is given: arguments overwritten, results kept, buffers shared."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from adapters.faulty.base import Faulty, as_stored
from adapters.rows import Array


class UpstreamOverwritten(Faulty):
    """The gradient is written where the upstream gradient was, as in NVIDIA/apex#1430."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        gradient = super().vjp(operation, x, cotangent, **kwargs)
        if cotangent.shape == gradient.shape and cotangent.flags.writeable:
            cotangent[...] = gradient
        return gradient


class LabelsOverwritten(Faulty):
    """Smoothing is written into the probabilities that are given, as gradients are in NVIDIA/apex#1430."""

    def softmax_cross_entropy(self, logits: Array, labels: Array, **options: Any) -> Array:
        loss = super().softmax_cross_entropy(logits, labels, **options)
        smoothing = options.get("label_smoothing", 0)
        if labels.dtype.kind == "f" and smoothing:
            labels *= labels.dtype.type(1 - smoothing)
        return loss


class WeightOverwritten(Faulty):
    """The class weights are divided by their sum where they are: a textbook mistake."""

    def softmax_cross_entropy(self, logits: Array, labels: Array, **options: Any) -> Array:
        loss = super().softmax_cross_entropy(logits, labels, **options)
        if options.get("weight") is not None:
            options["weight"] /= options["weight"].sum()
        return loss


class ResultKept(Faulty):
    """A result is kept by the address of its input, whatever the input holds by now: a textbook mistake."""

    def __init__(self, *arguments: Any, **kwargs: Any) -> None:
        super().__init__(*arguments, **kwargs)
        self.kept: dict[tuple[Any, ...], tuple[Array, Array]] = {}

    def probabilities(self, x: Array) -> Array:
        key = x.__array_interface__["data"], x.shape, x.strides, x.dtype.name
        if key not in self.kept:  # with the input, whose memory no other may take
            self.kept[key] = x, super().probabilities(x)
        return self.kept[key][1]

    def log_probabilities(self, x: Array) -> Array:
        return np.log(self.probabilities(x))

    def log_sums(self, x: Array) -> Array:
        sums: Array = (self.shift(x) - np.log(np.max(self.probabilities(x), axis=-1, keepdims=True)))[..., 0]
        return sums


class SharedBuffer(Faulty):
    """Two calls at once share the buffer of their gaps: flashinfer-ai/flashinfer#4692."""

    buffer: Array

    def exponential(self, gap: Array) -> Array:
        self.buffer = gap
        if gap.shape[-1] >= 4096:
            time.sleep(1e-5)  # the other thread's turn
        return super().exponential(self.buffer if self.buffer.shape == gap.shape else gap)


class SizesOfFirstCall(Faulty):
    """A graph compiled for any size keeps the row length of the first: NVIDIA/Fuser#3019."""

    def dynamic(self, function: Callable[..., Any], *arrays: Array) -> Callable[..., Any]:
        n = arrays[0].shape[-1]

        def graph(x: Array, *others: Array) -> Any:
            cut = np.where(np.arange(x.shape[-1]) < n, x, x.dtype.type(-np.inf))
            return function(cut, *others)

        return graph


class MaskOfMoreAxes(Faulty):
    """A `where` of more axes than the logits counts nothing: keras-team/keras#19722."""

    def softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        return super().softmax(x, axis=axis, where=None if where is not None and where.ndim > x.ndim else where)

    def log_softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        shown = None if where is not None and where.ndim > x.ndim else where
        return super().log_softmax(x, axis=axis, where=shown)


class LabelsInLogitsFormat(Faulty):
    """Index labels are converted to the format of the logits, which rounds them: tensorflow/tensorflow#50964."""

    def softmax_cross_entropy(self, logits: Array, labels: Array, **kwargs: Any) -> Array:
        if labels.dtype.kind in "iu":
            labels = labels.astype(logits.dtype).astype(np.int64)
        return super().softmax_cross_entropy(logits, labels, **kwargs)


class LabelsOfFirstBlock(Faulty):
    """A class past the first 4096 is looked for among them, as by a kernel with one block: a textbook mistake."""

    def checked(self, labels: Array, rows: Array, ignore_index: int | None) -> Array:
        return super().checked(labels, rows, ignore_index) % 4096


class NaNLabelAsZero(Faulty):
    """A probability of NaN counts as 0: a textbook mistake."""

    def losses(self, rows: Array, target: Array) -> Array:
        return super().losses(rows, np.nan_to_num(target))


class NaNWeightInBlock(Faulty):
    """A weight of NaN for another class is in the losses of the first rows, one block: a textbook mistake."""

    def losses(self, rows: Array, target: Array) -> Array:
        whole = super().losses(rows, np.nan_to_num(target))
        return np.where(np.isnan(target).any(axis=-1) & (np.arange(len(rows)) < 4), np.nan, whole)


class StridedRowsOfSteps(Faulty):
    """Value and gradient in one call read what is not contiguous as if it were: ggml-org/ggml#1521."""

    def value_and_vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> tuple[Array, Array]:
        return super().value_and_vjp(operation, as_stored(x), cotangent, **kwargs)


class ForwardOverLastAxis(Faulty):
    """Reverse over forward mode is taken along the last axis: pytorch/pytorch#162350."""

    def reverse_over_forward(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, **kwargs: Any
    ) -> Array:
        if operation in ("softmax", "log_softmax"):
            kwargs = kwargs | {"axis": -1}
        return super().reverse_over_forward(operation, x, cotangent, tangent, **kwargs)


class MaskReadAsStored(Faulty):
    """A `where` is read in the order of its storage, as logits are in pytorch/pytorch#80006."""

    def softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        return super().softmax(x, axis=axis, where=None if where is None else as_stored(where))

    def log_softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        return super().log_softmax(x, axis=axis, where=None if where is None else as_stored(where))


class CountOf16Bits(Faulty):
    """The number of rows that a mean divides by is infinite past 65520, as in float16: a textbook mistake."""

    def share(self, *arguments: Any) -> float | None:
        share = super().share(*arguments)
        return 0.0 if share and 1 / share >= 65520 else share
