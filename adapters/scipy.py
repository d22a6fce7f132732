"""SciPy: scipy.special.softmax, log_softmax and logsumexp on NumPy arrays; no cross-entropy, no derivatives.

SciPy computes bfloat16 and float8 through ml_dtypes' ufuncs, but does not document them; they are not judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from scipy import special

from adapters.frameworks import require_mode
from adapters.protocol import Array, DeviceUnavailable, NotProvided


class Adapter:
    """scipy.special on the CPU."""

    name = "scipy"
    version: str = scipy.__version__
    dtypes = frozenset({"float16", "float32", "float64"})
    features = frozenset({"logsumexp"})
    asarray = to_numpy = staticmethod(np.asarray)  # its arrays are NumPy's

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        """Raise ValueError for an unknown mode, DeviceUnavailable for an absent device."""
        if device != "cpu":
            raise DeviceUnavailable(f"no {device.upper()} device: SciPy computes on the CPU")
        require_mode("scipy", mode)
        self.device = device
        self.mode = mode

    def synchronize(self, x: Array) -> None:
        """Do nothing: SciPy returns `x` computed."""

    def softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Call scipy.special.softmax."""
        if where is not None:
            raise NotProvided("scipy.special.softmax has no where")
        return special.softmax(x, axis=axis)

    def log_softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Call scipy.special.log_softmax."""
        if where is not None:
            raise NotProvided("scipy.special.log_softmax has no where")
        return special.log_softmax(x, axis=axis)

    def logsumexp(self, x: Array, *, axis: int = -1) -> Array:
        """Call scipy.special.logsumexp."""
        return special.logsumexp(x, axis=axis)

    def softmax_cross_entropy(self, logits: Array, labels: Array, **kwargs: Any) -> Array:
        """Raise NotProvided."""
        raise NotProvided("SciPy has no softmax cross-entropy")

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays)."""
        return function(*arrays)
