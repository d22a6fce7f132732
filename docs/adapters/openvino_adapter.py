"""Call OpenVINO for Softmark: a model of one Softmax or LogSoftmax, compiled for the CPU."""

from functools import lru_cache

import numpy as np
import openvino
from openvino import opset13

from adapters.protocol import DeviceUnavailable, NotProvided

HINTS = {"performance": "PERFORMANCE", "accuracy": "ACCURACY"}  # of its execution mode; the first is its default


class Adapter:
    """OpenVINO on the CPU; the modes are its own execution modes."""

    name = "openvino"
    version = openvino.__version__.partition("-")[0]
    dtypes = frozenset({"float16", "float32", "float64"})
    features = frozenset({"class_axis", "elementary", "threads"})

    def __init__(self, device="cpu", mode="performance"):
        if device != "cpu":
            raise DeviceUnavailable(f"OpenVINO is judged on the CPU, not on {device}")
        if mode not in HINTS:
            raise ValueError(f"openvino has no mode {mode!r}: choose {' or '.join(HINTS)}")
        self.device, self.mode = device, mode
        core = openvino.Core()
        core.set_property("CPU", {"EXECUTION_MODE_HINT": HINTS[mode]})
        self._compiled = lru_cache(256)(lambda *key: core.compile_model(model(*key), "CPU"))

    def asarray(self, x):
        return np.asarray(x)

    def to_numpy(self, x):
        return np.asarray(x)

    def synchronize(self, x):
        """Do nothing: the results of a compiled model are computed."""

    def call(self, function, *arrays):
        return function(*arrays)

    def softmax(self, x, *, axis=-1, where=None):
        return self._run("softmax", x, where, axis)

    def log_softmax(self, x, *, axis=-1, where=None):
        return self._run("log_softmax", x, where, axis)

    def softmax_cross_entropy(self, logits, labels, **options):
        raise NotProvided("OpenVINO has no cross-entropy")

    def exp(self, x):
        return self._run("exp", x)

    def log(self, x):
        return self._run("log", x)

    def _run(self, operation, x, where=None, *axis):
        if where is not None:
            raise NotProvided(f"OpenVINO's {operation} has no where")
        return self._compiled(operation, x.dtype.type, x.ndim, *axis)([x])[0]


def model(operation, dtype, rank, *axis):
    """Return a model of one node for arrays of any shape of this rank."""
    x = opset13.parameter([-1] * rank, dtype)
    return openvino.Model([getattr(opset13, operation)(x, *axis)], [x])
