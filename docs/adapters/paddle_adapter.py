"""Call PaddlePaddle for Softmark: paddle.logsumexp, paddle.nn.functional's softmaxes and cross_entropy."""

import paddle
from paddle.nn import functional

from adapters.protocol import DeviceUnavailable, NotProvided


class Adapter:
    """PaddlePaddle on the CPU, eager."""

    name = "paddle"
    version = paddle.__version__
    dtypes = frozenset({"float32", "float64"})  # the CPU has no kernel for 16-bit formats
    features = frozenset({"index_labels", "probability_labels", "class_axis", "reduction", "class_weight"})
    features |= {"ignore_index", "label_smoothing", "vjp", "elementary", "threads", "logsumexp"}
    exp, log = staticmethod(paddle.exp), staticmethod(paddle.log)

    def __init__(self, device="cpu", mode="eager"):
        if device != "cpu":
            raise DeviceUnavailable(f"PaddlePaddle is judged on the CPU, not on {device}")
        if mode != "eager":
            raise ValueError(f"paddle has no mode {mode!r}: choose eager")
        paddle.set_device("cpu")
        self.device, self.mode = device, mode

    def asarray(self, x):
        return paddle.to_tensor(x)

    def to_numpy(self, x):
        return x.detach().numpy()

    def synchronize(self, x):
        """Do nothing: on the CPU a tensor is computed when it is returned."""

    def call(self, function, *arrays):
        return function(*arrays)

    def softmax(self, x, *, axis=-1, where=None):
        if where is not None:
            raise NotProvided("paddle.nn.functional.softmax has no where")
        return functional.softmax(x, axis)

    def log_softmax(self, x, *, axis=-1, where=None):
        if where is not None:
            raise NotProvided("paddle.nn.functional.log_softmax has no where")
        return functional.log_softmax(x, axis)

    def logsumexp(self, x, *, axis=-1):
        return paddle.logsumexp(x, axis)

    def softmax_cross_entropy(self, logits, labels, *, reduction="none", **options):
        given = {name: value for name, value in options.items() if value is not None}
        soft = labels.is_floating_point()
        return functional.cross_entropy(logits, labels, reduction=reduction, soft_label=soft, **given)

    def vjp(self, operation, x, cotangent, *, wrt="x", **kwargs):
        at = {"x": x, **kwargs}
        at[wrt] = point = at[wrt].detach()
        point.stop_gradient = False
        value = getattr(self, operation)(at.pop("x"), **at)
        return paddle.grad(value, point, cotangent)[0]
