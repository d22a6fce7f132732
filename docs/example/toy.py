"""The backend of this example: small, plausible, and wrong in one place."""

import numpy as np

__version__ = "1.0"


def softmax(x, axis=-1):
    """exp(x) / Σ exp(x), shifted by the maximum."""
    shifted = np.exp(x - x.max(axis, keepdims=True))
    return shifted / shifted.sum(axis, keepdims=True)


def log_softmax(x, axis=-1):
    """x − log Σ exp(x): not shifted, so logits from 89 on overflow in float32."""
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


def cross_entropy(logits, labels):
    """−log_softmax at the labels, a loss a row; right, by the log-sum-exp of shifted logits."""
    shifted = logits - logits.max(-1, keepdims=True)
    picked = np.take_along_axis(shifted, labels[..., None], -1)[..., 0]
    return np.log(np.exp(shifted).sum(-1)) - picked
