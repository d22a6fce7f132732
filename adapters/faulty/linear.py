"""Wrong linear cross-entropies: products, chunks of classes and rows, and gradients added up over chunks."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from typing import Any

import numpy as np
from ml_dtypes import bfloat16

from adapters.faulty.base import Faulty
from adapters.linear import LOSS, NAME
from adapters.rows import Array

BLOCK = 32  # classes
CHUNK = 4  # rows


def label_logits(rows: Array, labels: Array) -> Array:
    """The logit of each row's label."""
    return np.take_along_axis(rows, labels[:, None], axis=-1)[:, 0]


class LinearSumInFloat16(Faulty, dtypes=("float16",)):
    """The products of a logit are added one after another in float16: cf. axolotl-ai-cloud/axolotl#1601."""

    def product(self, a: Array, b: Array, more: Any = 0) -> Array:
        if a.dtype != np.float16:
            return super().product(a, b, more)
        total = np.zeros((len(a), len(b)), np.float16)
        for k in range(a.shape[1]):
            total = total + a[:, k : k + 1] * b[:, k]
        return self.working(total + np.asarray(more).astype(np.float16))


class LinearLastClassesLeftOut(Faulty):
    """The classes behind the last whole block of 32 are in no sum: cf. apple/ml-cross-entropy#59."""

    def logits(self, hidden: Array, matrix: Array, bias: Any = None) -> Array:
        right, n = super().logits(hidden, matrix, bias), len(matrix)
        return np.where(np.arange(n) < (n // BLOCK * BLOCK or n), right, -np.inf).astype(right.dtype)


class LinearLabelLogitRounded(Faulty):
    """The label's logit is bfloat16 and the others are not: cf. linkedin/Liger-Kernel#512."""

    def linear_cross_entropy(self, hidden: Array, matrix: Array, labels: Array, **options: Any) -> Array:
        right = super().linear_cross_entropy(hidden, matrix, labels, **options)
        if options.keys() - {"bias"}:
            return right
        at = label_logits(self.logits(hidden, matrix, options.get("bias")), labels)
        return self.finish(right + (at - at.astype(bfloat16).astype(at.dtype)), hidden)


class LinearBiasOfFirstBlock(Faulty):
    """The first 32 classes alone are given their bias: cf. apple/ml-cross-entropy#52."""

    def logits(self, hidden: Array, matrix: Array, bias: Any = None) -> Array:
        first = None if bias is None else np.where(np.arange(len(matrix)) < BLOCK, bias, bias.dtype.type(0))
        return super().logits(hidden, matrix, first)


class LinearMeanOfChunks(Faulty):
    """A mean is that of the chunks' means, though they have unlike numbers of rows: a textbook mistake."""

    def linear_cross_entropy(self, hidden: Array, matrix: Array, labels: Array, **options: Any) -> Array:
        right, size = super().linear_cross_entropy, options.get("chunk") or CHUNK
        if options.get("reduction") != "mean":
            return right(hidden, matrix, labels, **options)
        starts = range(0, len(hidden), size)
        means = [right(hidden[i : i + size], matrix, labels[i : i + size], **options) for i in starts]
        return np.asarray(np.nanmean(means), hidden.dtype)


class LinearChunksNotRescaled(Faulty):
    """The sum over earlier blocks of classes stays as it is where the maximum rises: a textbook mistake."""

    def linear_cross_entropy(self, hidden: Array, matrix: Array, labels: Array, **options: Any) -> Array:
        right = super().linear_cross_entropy(hidden, matrix, labels, **options)
        if options.keys() - {"bias"}:
            return right
        rows = self.logits(hidden, matrix, options.get("bias"))
        sums = rows.dtype.type(0)
        for i in range(0, rows.shape[1], BLOCK):
            sums = sums + np.exp(rows[:, i : i + BLOCK] - rows[:, : i + BLOCK].max(axis=1, keepdims=True)).sum(
                axis=1
            )
        return self.finish(np.log(sums) + rows.max(axis=1) - label_logits(rows, labels), hidden)


class LinearMatrixGradientOfLastChunk(Faulty):
    """Each chunk of four rows writes its gradient of the matrix over the one before: a textbook mistake."""

    def vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        if (operation, wrt) == (NAME, "matrix") and cotangent.ndim:
            last = slice((len(x) - 1) // CHUNK * CHUNK, None)
            x, cotangent, kwargs = x[last], cotangent[last], kwargs | {"labels": kwargs["labels"][last]}
        return super().vjp(operation, x, cotangent, wrt=wrt, **kwargs)


class LinearUpstreamOfFirst(Faulty):
    """The upstream of the first row multiplies the gradient of the matrix: linkedin/Liger-Kernel#1298."""

    def vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        if (operation, wrt) == (NAME, "matrix") and cotangent.ndim:
            cotangent = np.full_like(cotangent, cotangent[0])
        return super().vjp(operation, x, cotangent, wrt=wrt, **kwargs)


class LinearIgnoredRowsInMatrix(Faulty):
    """An ignored row is in the gradient of the matrix as one of class 0: a textbook mistake."""

    def vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        ignored = kwargs.get("ignore_index")
        if (operation, wrt) == (NAME, "matrix") and ignored is not None:
            labels = np.where(kwargs["labels"] == ignored, 0, kwargs["labels"])
            kwargs |= {"labels": labels, "ignore_index": None}
        return super().vjp(operation, x, cotangent, wrt=wrt, **kwargs)


class LinearGradientFiltered(Faulty):
    """Probabilities below 2⁻¹² are no part of a gradient: apple/ml-cross-entropy#14."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        gradient: Array = super().vjp(operation, x, cotangent, **kwargs)
        filtered = operation == LOSS and x.dtype == np.float32
        return np.where(np.abs(gradient) < 2.0**-12, gradient.dtype.type(0), gradient) if filtered else gradient


class LinearNaNOfChunk(Faulty):
    """A NaN in a row of hidden spoils the chunk of four rows that it is in: a textbook mistake."""

    def logits(self, hidden: Array, matrix: Array, bias: Any = None) -> Array:
        right, chunk = super().logits(hidden, matrix, bias), np.arange(len(hidden)) // CHUNK
        bad = chunk[np.isnan(hidden).any(axis=1)]
        return np.where(np.isin(chunk, bad)[:, None], right.dtype.type(np.nan), right)


class LinearInfinityAsLargest(Faulty):
    """An infinity in hidden becomes the largest number of its format: a textbook mistake."""

    def logits(self, hidden: Array, matrix: Array, bias: Any = None) -> Array:
        most = np.finfo(hidden.dtype).max
        return super().logits(np.clip(hidden, -most, most), matrix, bias)


class LinearLogitsClamped(Faulty):
    """Logits are clipped to the numbers of hidden's format: cf. linkedin/Liger-Kernel#830."""

    def logits(self, hidden: Array, matrix: Array, bias: Any = None) -> Array:
        most = float(np.finfo(hidden.dtype).max)
        return np.clip(super().logits(hidden, matrix, bias), -most, most)


class LinearHiddenOverwritten(Faulty):
    """The gradient is written into hidden, as logits are in linkedin/Liger-Kernel#343."""

    def vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        gradient = super().vjp(operation, x, cotangent, wrt=wrt, **kwargs)
        if (operation, wrt) == (NAME, "x"):
            x[...] = gradient
        return gradient
