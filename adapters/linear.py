"""linear_cross_entropy of the reference, from its own cross-entropy and its steps `logits` and `product`."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.rows import Array

NAME = "linear_cross_entropy"
LOSS = "softmax_cross_entropy"


def loss(
    steps: Any,
    hidden: Array,
    matrix: Array,
    labels: Array,
    *,
    bias: Array | None = None,
    chunk: int | None = None,
    **options: Any,
) -> Array:
    """Return the cross-entropy of hidden · matrixᵀ + bias; all rows are one chunk."""
    with np.errstate(all="ignore"):
        rows = steps.logits(hidden, matrix, bias)
        found: Array = steps.finish(steps.softmax_cross_entropy(rows, labels, **options), hidden)
    return found


def gradient(
    steps: Any,
    hidden: Array,
    cotangent: Array,
    *,
    wrt: str = "x",
    matrix: Array,
    bias: Array | None = None,
    chunk: int | None = None,
    **kwargs: Any,
) -> Array:
    """Return the gradient of ⟨loss, cotangent⟩ with respect to hidden ("x"), the matrix or the bias."""
    rows = steps.logits(hidden, matrix, bias)
    residual = steps.vjp(LOSS, rows, cotangent.astype(rows.dtype), **kwargs)
    if wrt == "x":
        return steps.finish(steps.product(residual, matrix.T), hidden)  # type: ignore[no-any-return]  # of any steps
    counted = (residual != 0).any(axis=-1)  # NaN counts: an ignored row adds nothing, whatever it holds
    other = hidden if wrt == "matrix" else np.ones((len(hidden), 1), hidden.dtype)
    found: Array = steps.finish(steps.product(residual[counted].T, other[counted].T), hidden)
    return found if wrt == "matrix" else found[:, 0]
