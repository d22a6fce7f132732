"""Call the backend `toy` for Softmark. Start your own adapter from this file.

It does no upcasting, masking or emulation: the backend's own answers are judged. See adapters/protocol.py.
"""

import numpy as np
import toy

from adapters.protocol import DeviceUnavailable, NotProvided


class Adapter:
    """toy, on the CPU, eager."""

    name = "toy"
    version = toy.__version__
    dtypes = frozenset({"float32"})  # the formats in which the functions run
    features = frozenset({"index_labels"})  # of adapters.protocol.FEATURES

    def __init__(self, device="cpu", mode="eager"):
        if device != "cpu":
            raise DeviceUnavailable(f"toy runs on the CPU alone, not on {device}")
        if mode != "eager":
            raise ValueError(f"toy has no mode {mode!r}: choose eager")
        self.device, self.mode = device, mode

    def asarray(self, x):
        """Convert NumPy to the backend's own array, bit for bit."""
        return np.asarray(x)

    def to_numpy(self, x):
        """Convert the backend's own array to NumPy, bit for bit."""
        return np.asarray(x)

    def synchronize(self, x):
        """Wait until `x` is computed."""

    def call(self, function, *arrays):
        """Call function(*arrays), compiled if the mode is a compiled one."""
        return function(*arrays)

    def softmax(self, x, *, axis=-1, where=None):
        """Call toy.softmax."""
        if where is not None:
            raise NotProvided("toy.softmax has no where")
        return toy.softmax(x, axis)

    def log_softmax(self, x, *, axis=-1, where=None):
        """Call toy.log_softmax."""
        if where is not None:
            raise NotProvided("toy.log_softmax has no where")
        return toy.log_softmax(x, axis)

    def softmax_cross_entropy(self, logits, labels, *, axis=-1, weight=None, **options):
        """Call toy.cross_entropy."""
        asked = [name for name, value in options.items() if value not in ("none", None, 0.0)]
        if labels.dtype.kind != "i" or axis != -1 or weight is not None or asked:
            raise NotProvided("toy.cross_entropy takes logits and integer labels alone")
        return toy.cross_entropy(logits, labels)
