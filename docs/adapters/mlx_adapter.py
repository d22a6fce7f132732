"""Call MLX for Softmark: mlx.core's softmax and logsumexp, mlx.nn's log_softmax and cross_entropy."""

import importlib.metadata

import ml_dtypes
import mlx.core as mx
import numpy as np
from mlx import nn

from adapters.protocol import DeviceUnavailable, NotProvided


class Adapter:
    """MLX on the CPU, as it is called by default."""

    name = "mlx"
    version = importlib.metadata.version("mlx")
    dtypes = frozenset({"float16", "bfloat16", "float32", "float64"})
    features = frozenset({"index_labels", "probability_labels", "class_axis", "reduction", "label_smoothing"})
    features |= {"vjp", "jvp", "hvp", "vmap", "elementary", "threads", "logsumexp"}
    exp, log = staticmethod(mx.exp), staticmethod(mx.log)

    def __init__(self, device="cpu", mode="eager"):
        if device != "cpu":
            raise DeviceUnavailable(f"MLX is judged on the CPU, not on {device}")
        if mode != "eager":
            raise ValueError(f"mlx has no mode {mode!r}: choose eager")
        mx.set_default_device(mx.cpu)
        self.device, self.mode = device, mode

    def asarray(self, x):
        x = np.array(x, order="C")  # which has no negative strides
        return mx.array(x, mx.float64) if x.dtype == np.float64 else mx.array(x)

    def to_numpy(self, x):
        bits = x.dtype == mx.bfloat16  # NumPy does not read its buffer
        return np.array(x.view(mx.uint16)).view(ml_dtypes.bfloat16) if bits else np.array(x)

    def synchronize(self, x):
        mx.eval(x)

    def call(self, function, *arrays):
        return function(*arrays)

    def softmax(self, x, *, axis=-1, where=None):
        if where is not None:
            raise NotProvided("mx.softmax has no where")
        return mx.softmax(x, axis)

    def log_softmax(self, x, *, axis=-1, where=None):
        if where is not None:
            raise NotProvided("mlx.nn.log_softmax has no where")
        return nn.log_softmax(x, axis)

    def logsumexp(self, x, *, axis=-1):
        return mx.logsumexp(x, axis)

    def softmax_cross_entropy(self, logits, labels, *, weight=None, ignore_index=None, **options):
        if weight is not None or ignore_index is not None:
            raise NotProvided("mlx.nn.losses.cross_entropy has no class weights and ignores no label")
        return nn.losses.cross_entropy(logits, labels, **options)

    def vjp(self, operation, x, cotangent, *, wrt="x", **kwargs):
        return mx.vjp(*along(getattr(self, operation), x, wrt, kwargs), [cotangent])[1][0]

    def jvp(self, operation, x, tangent, **kwargs):
        return mx.jvp(*along(getattr(self, operation), x, "x", kwargs), [tangent])[1][0]

    def hvp(self, operation, x, cotangent, tangent, *, wrt="x", **kwargs):
        def gradient(x, **kwargs):
            return self.vjp(operation, x, cotangent, **kwargs)

        return mx.vjp(*along(gradient, x, wrt, kwargs), [tangent])[1][0]

    def vmap(self, function, *arrays):
        return mx.vmap(function)(*arrays)


def along(function, x, wrt, kwargs):
    """Return `function` as one of its argument `wrt` alone, and that argument in a list."""
    if wrt == "x":
        return lambda y: function(y, **kwargs), [x]
    return lambda y: function(x, **kwargs | {wrt: y}), [kwargs[wrt]]
