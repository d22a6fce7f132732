"""Linear cross-entropies that are right in other ways: chunks of rows, blocks of classes, logits in 16 bits."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from typing import Any

import numpy as np

from adapters import linear
from adapters.honest.base import Honest
from adapters.linear import NAME
from adapters.rows import Array

BLOCK = 16  # classes
CHUNK = 4  # rows


class LinearChunksOfRows(Honest, only="linear_cross_entropy"):
    """Four rows at a time, losses in float32, gradients added up in float32: pytorch/pytorch#176338."""

    def linear_cross_entropy(self, hidden: Array, matrix: Array, labels: Array, **options: Any) -> Array:
        reduction, size = options.pop("reduction", "none"), options.pop("chunk", None) or CHUNK
        wide = np.promote_types(hidden.dtype, np.float32)
        starts = range(0, len(hidden), size)
        found = [
            super(LinearChunksOfRows, self).linear_cross_entropy(
                hidden[i : i + size].astype(wide), matrix, labels[i : i + size], **options
            )
            for i in starts
        ]
        names = {name: options.get(name) for name in ("weight", "ignore_index")}
        return self.reduce(np.concatenate(found), self.share(matrix.T, labels, reduction, **names)).astype(wide)

    def vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        if operation != NAME or not cotangent.ndim:
            return super().vjp(operation, x, cotangent, wrt=wrt, **kwargs)
        labels, wide = kwargs.pop("labels"), np.promote_types(x.dtype, np.float32)
        parts = [
            super(LinearChunksOfRows, self).vjp(
                NAME, x[i : i + CHUNK].astype(wide), cotangent[i : i + CHUNK].astype(wide),
                wrt=wrt, labels=labels[i : i + CHUNK], **kwargs,
            )
            for i in range(0, len(x), CHUNK)
        ]  # fmt: skip
        return self.finish(np.concatenate(parts) if wrt == "x" else np.sum(parts, axis=0), x)


class LinearBlocksOfClasses(Honest, only="linear_cross_entropy"):
    """Blocks of 16 classes, a running maximum and sum, and z − log Σ: Wijmans et al., arXiv:2411.09009."""

    def log_normaliser(self, rows: Array) -> Array:
        """log Σ exp of each row, one block after another."""
        peak = np.full((len(rows), 1), -np.inf, rows.dtype)
        sums = np.zeros_like(peak)
        for i in range(0, rows.shape[1], BLOCK):
            block = rows[:, i : i + BLOCK]
            higher = np.maximum(peak, block.max(axis=1, keepdims=True))
            sums = sums * np.exp(peak - higher) + np.exp(block - higher).sum(axis=1, keepdims=True)
            peak = higher
        return peak + np.log(sums)

    def linear_cross_entropy(self, hidden: Array, matrix: Array, labels: Array, **options: Any) -> Array:
        options.pop("chunk", None)
        if options.keys() - {"bias"}:
            return super().linear_cross_entropy(hidden, matrix, labels, **options)
        with np.errstate(all="ignore"):
            rows = self.logits(hidden, matrix, options.get("bias"))
            at = np.take_along_axis(rows, labels[:, None], axis=1)
            return self.finish((self.log_normaliser(rows) - at)[:, 0], hidden)

    def vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        if operation != NAME or kwargs.keys() - {"matrix", "labels", "bias"}:
            return super().vjp(operation, x, cotangent, wrt=wrt, **kwargs)
        with np.errstate(all="ignore"):
            rows = self.logits(x, kwargs["matrix"], kwargs.get("bias"))
            residual = np.exp(rows - self.log_normaliser(rows))
            residual[np.arange(len(rows)), kwargs["labels"]] -= 1
            residual = residual * cotangent[:, None].astype(rows.dtype)
            if wrt == "x":
                return self.finish(self.product(residual, kwargs["matrix"].T), x)
            other = x if wrt == "matrix" else np.ones((len(x), 1), x.dtype)
            return self.finish(self.product(residual.T, other.T).reshape(kwargs[wrt].shape), x)


class LinearStoredLogits(Honest, fails=("LIN-02", "LIN-04", "LIN-12"), only="linear_cross_entropy"):
    """Float32 sums whose logits are stored in hidden's format, 0 times NaN is NaN: a textbook method."""

    def logits(self, hidden: Array, matrix: Array, bias: Array | None = None) -> Array:
        return self.working(super().logits(hidden, matrix, bias).astype(hidden.dtype))

    def vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        if (operation, wrt) != (NAME, "matrix"):
            return super().vjp(operation, x, cotangent, wrt=wrt, **kwargs)
        with np.errstate(all="ignore"):
            kwargs = {name: value for name, value in kwargs.items() if name != "chunk"}
            rows = self.logits(x, kwargs.pop("matrix"), kwargs.pop("bias", None))
            residual = self.vjp(linear.LOSS, rows, cotangent.astype(rows.dtype), **kwargs)
            return self.finish(self.product(residual.T, x.T), x)
