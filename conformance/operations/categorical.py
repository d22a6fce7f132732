"""categorical: classes drawn with the probabilities softmax(x)."""

from __future__ import annotations

import numpy as np

from conformance.operations.operation import Operation

OPERATION = Operation(
    name="categorical",
    title="categorical sampling",
    kind="sample",
    truths={},  # its frequencies have one: the softmax
    bounds={},
    range=lambda rows: (0, rows.shape[-1] - 1),
    single=lambda rows: np.zeros(len(rows)),
    forms=(),  # it is not timed
    optional=True,
)
