"""Labels and the optional losses of the reference, from its own cross-entropy's steps `target` and `losses`."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.protocol import NotProvided
from adapters.rows import Array, is_floating, labelled, last

FOCAL = "focal_loss"


def checked(steps: Any, labels: Array, rows: Array, ignore_index: int | None) -> Array:
    """Return integer labels as int64.

    Raises:
        TypeError: the labels are neither integers nor floating point.
        ValueError: their shape is not the logits' without the class axis.
        IndexError: a label is outside [0, n) and is not the ignored one.
    """
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels are integers or probabilities; got {labels.dtype}")
    if labels.shape != rows.shape[:-1]:
        raise ValueError(f"labels {labels.shape} do not match logits {rows.shape}")
    labels = labels.astype(np.int64)
    outside = (labels < 0) | (labels >= rows.shape[-1])
    if ignore_index is not None:
        outside &= labels != ignore_index
    if outside.any():
        raise IndexError(f"label {labels[outside][0]} is outside [0, {rows.shape[-1]})")
    return labels


def _probabilities(steps: Any, x: Array, labels: Array, axis: int) -> tuple[Array, Array]:
    """Return the rows of the logits and of the labels."""
    if not is_floating(labels):
        raise TypeError(f"labels are probabilities; got {labels.dtype}")
    rows = last(steps.working(x), axis)
    return rows, steps.target(rows, labels, axis)


def kl_divergence(steps: Any, x: Array, labels: Array, *, axis: int = -1) -> Array:
    """Return Σ_j p_j (log p_j − log_softmax(x)_j) for probabilities p; a p of 0 adds nothing."""
    rows, p = _probabilities(steps, x, labels, axis)
    with np.errstate(all="ignore"):
        entropy = -steps.total(np.where(p == 0, 0, p * np.log(p)))[..., 0]
        divergence: Array = steps.finish(steps.losses(rows, p) - entropy, x)
    return divergence


def focal_loss(steps: Any, x: Array, labels: Array, *, axis: int = -1, gamma: float = 2.0) -> Array:
    """Return Σ_j −q_j (1 − p_j)^γ log p_j for probability labels q, with p = softmax(x)."""
    rows, q = _probabilities(steps, x, labels, axis)
    with np.errstate(all="ignore"):
        weighted = np.where(q == 0, q, q * power(steps.others(rows), gamma))
        found: Array = steps.finish(steps.losses(rows, weighted), x)
    return found


def others(steps: Any, rows: Array) -> Array:
    """Return 1 − softmax as the sum of the other exponentials over Σ, which keeps its digits near 0.

    It is NaN where the exponential is, though the others may have a sum: a weight of 0 would hide the NaN.
    """
    terms = steps.terms(rows)
    top = np.arange(rows.shape[-1]) == np.argmax(rows, axis=-1)[..., None]
    rest = np.where(top, terms.rest, 1 + (terms.rest - terms.exponentials)) / (1 + terms.rest)
    weight: Array = np.where(np.isnan(terms.exponentials), terms.exponentials, rest)
    return weight


def power(w: Array, gamma: float) -> Array:
    """Return w^γ in the format of w."""
    raised: Array = w ** w.dtype.type(gamma)
    return raised


def targets(steps: Any, operation: str, rows: Array, *, gamma: float = 2.0, **options: Any) -> Array:
    """Return a loss's targets q, those of a focal one times the derivative of (1 − p)^γ log p by log p."""
    q: Array = steps.target(rows, **options)
    if operation != FOCAL:
        return q
    w, logs = steps.others(rows), steps.log_probabilities(rows)
    ratio = np.where(w > 0, w.dtype.type(gamma) * np.exp(logs) * -logs / w, 0)
    slopes: Array = np.where(q == 0, q, q * power(w, gamma) * (1 + ratio))
    return slopes


def curved(steps: Any, operation: str, step: Array, c: Array, q: Array) -> Array:
    """Return the second derivative of a loss from that of its softmax.

    Raises:
        NotProvided: a focal loss has none here.
    """
    if operation == FOCAL:
        raise NotProvided("the reference has no second derivative of a focal loss")
    return np.where(labelled(q), c * step * steps.total(q), 0)
