"""The optional losses of the reference, from its own cross-entropy's steps `target` and `losses`."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.rows import Array, is_floating, last


def kl_divergence(steps: Any, x: Array, labels: Array, *, axis: int = -1) -> Array:
    """Return Σ_j p_j (log p_j − log_softmax(x)_j) for probabilities p; a p of 0 adds nothing."""
    if not is_floating(labels):
        raise TypeError(f"labels are probabilities; got {labels.dtype}")
    rows = last(steps.working(x), axis)
    with np.errstate(all="ignore"):
        p = steps.target(rows, labels, axis)
        entropy = -steps.total(np.where(p == 0, 0, p * np.log(p)))[..., 0]
        divergence: Array = steps.finish(steps.losses(rows, p) - entropy, x)
    return divergence
