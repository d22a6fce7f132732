"""Wrong at a single row of two logits, one bit pattern among 2^32: a sweep finds it, and no requirement does.

They are no pieces of the gallery, each of which a requirement catches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.numpy import Adapter as Reference
from adapters.rows import Array


class OnePair(Reference):
    """The reference with another answer to a row of `bits`, in one operation and format, along some axes."""

    operation: str
    format: str
    bits: tuple[int, int]
    answer: tuple[float, float]
    axes: tuple[int, ...] = (0, -1)

    def __init_subclass__(cls) -> None:
        """Take the name of the class."""
        cls.name, cls.dtypes = cls.__name__, frozenset({cls.format, "float32"})

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        found = super()._forward(function, x, axis, *args)
        asked = self.probabilities if self.operation == "softmax" else self.log_probabilities
        if function == asked and x.dtype.name == self.format and x.ndim == 2 and x.shape[axis] == 2:
            rows = np.ascontiguousarray(np.moveaxis(x, axis, -1)).view(np.uint16)
            hit = (rows == self.bits).all(axis=-1) & (axis in self.axes)
            np.moveaxis(found, axis, -1)[hit] = self.answer
        return found


class OnePairOff(OnePair):
    """Float16 softmax of 0.1 and −0.182 has its results in each other's place: a branch that one row takes."""

    operation, format, bits, answer = "softmax", "float16", (0x2E66, 0xB1D2), (0.43, 0.57)


class OnePairOfFirstAxis(OnePair):
    """Bfloat16 log_softmax of 3.5 and 3.515625 is that of logits 2.4 apart, along the first axis alone."""

    operation, format, bits, answer, axes = "log_softmax", "bfloat16", (0x4060, 0x4061), (-0.1, -2.5), (0,)


class OneNaNAsMasked(OnePair):
    """One of the 2046 NaNs of float16 is taken for −inf, beside one number."""

    operation, format, bits, answer = "softmax", "float16", (0x7E37, 0xC500), (0.0, 1.0)
