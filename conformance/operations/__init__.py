"""The operations that are judged and timed, one module each."""

from __future__ import annotations

from conformance.operations import (
    categorical,
    focal_loss,
    gumbel_softmax,
    kl_divergence,
    linear_cross_entropy,
    log_softmax,
    logsumexp,
    softmax,
    softmax_cross_entropy,
    top_k,
)
from conformance.operations.operation import Operation

OPERATIONS: dict[str, Operation] = {
    module.OPERATION.name: module.OPERATION
    for module in (
        softmax,
        log_softmax,
        softmax_cross_entropy,
        logsumexp,
        linear_cross_entropy,
        kl_divergence,
        focal_loss,
        categorical,
        gumbel_softmax,
        top_k,
    )
}


def get(name: str) -> Operation:
    """The operation called `name`.

    Raises:
        KeyError: there is none of that name.
    """
    return OPERATIONS[name]
