"""gumbel_softmax: softmax((x + g) / τ) with standard Gumbel noise g."""

from __future__ import annotations

import numpy as np

from conformance.operations.operation import Operation

OPERATION = Operation(
    name="gumbel_softmax",
    title="Gumbel-softmax",
    kind="sample",
    truths={},  # that of the softmax, once the noise is known
    bounds={},
    range=lambda rows: (0.0, 1.0),
    single=np.ones_like,
    forms=(),  # it is not timed
    optional=True,
)
