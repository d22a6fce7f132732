"""A question that has a number of its own beside the arguments of a loss: the γ of a focal loss."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.operations import focal_loss
from conformance.operations.operation import Operation
from conformance.operations.query import Query


@dataclass(frozen=True)
class Focused(Query):
    """A question of a focal loss, or of the softmax that its bound needs."""

    gamma: float = 2.0

    @property
    def of(self) -> Operation:
        """The operation, for this γ."""
        return focal_loss.of(self.gamma) if self.operation == focal_loss.OPERATION.name else super().of
