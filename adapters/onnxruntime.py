"""ONNX Runtime: a model of one node for each operation.

Its arrays are NumPy's, as its Python API takes and returns them. The runtime computes no derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import onnxruntime
from onnx import helper

from adapters.frameworks import require_mode
from adapters.protocol import Array, DeviceUnavailable, NotProvided

OPSET = 21  # its operators are those of opset 13 or 18, as in all later opsets
IR_VERSION = 10  # of the time of that opset: the onnx package writes newer versions than the runtime reads
PROVIDERS = ("CPUExecutionProvider",)


class Adapter:
    """onnxruntime.InferenceSession on the CPU."""

    name = "onnxruntime"
    version: str = onnxruntime.__version__
    dtypes = frozenset({"float16", "float32", "float64"})  # bfloat16: NOT_IMPLEMENTED on the CPU
    features = frozenset(
        {"index_labels", "reduction", "class_weight", "ignore_index", "elementary", "threads", "logsumexp"}
    )
    asarray = to_numpy = staticmethod(np.asarray)

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        """Raise ValueError for an unknown mode, DeviceUnavailable for an absent device."""
        require_mode("onnxruntime", mode)
        if device != "cpu":
            raise DeviceUnavailable(f"no {device.upper()} device: ONNX Runtime is judged on the CPU")
        self.device = device
        self.mode = mode
        self._session = lru_cache(maxsize=256)(session)

    def synchronize(self, x: Array) -> None:
        """Do nothing: ONNX Runtime returns `x` computed."""

    def softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Run Softmax."""
        if where is not None:
            raise NotProvided("ONNX's Softmax has no where")
        return self._run("Softmax", x, axis=axis)

    def log_softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Run LogSoftmax."""
        if where is not None:
            raise NotProvided("ONNX's LogSoftmax has no where")
        return self._run("LogSoftmax", x, axis=axis)

    def logsumexp(self, x: Array, *, axis: int = -1) -> Array:
        """Run ReduceLogSumExp, which takes its axes as an array and reduces all axes without one."""
        axes = () if axis is None else (np.atleast_1d(np.int64(axis)),)
        return self._run("ReduceLogSumExp", x, *axes, keepdims=0)

    def softmax_cross_entropy(
        self,
        logits: Array,
        labels: Array,
        *,
        axis: int = -1,
        reduction: str = "none",
        weight: Array | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> Array:
        """Run SoftmaxCrossEntropyLoss, whose class axis is 1."""
        if labels.dtype.kind == "f" or label_smoothing:
            raise NotProvided("ONNX's SoftmaxCrossEntropyLoss takes indices, and no smoothing")
        if logits.ndim < 2 or axis not in (1, 1 - logits.ndim):
            raise NotProvided(f"ONNX's SoftmaxCrossEntropyLoss has its classes along axis 1; got {axis}")
        weights = () if weight is None else (weight,)
        return self._run(
            "SoftmaxCrossEntropyLoss", logits, labels, *weights, reduction=reduction, ignore_index=ignore_index
        )

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays)."""
        return function(*arrays)

    def exp(self, x: Array) -> Array:
        """Run Exp."""
        return self._run("Exp", x)

    def log(self, x: Array) -> Array:
        """Run Log."""
        return self._run("Log", x)

    def _run(self, operator: str, *arrays: Array, **attributes: Any) -> Array:
        kinds = tuple((x.dtype, x.ndim) for x in arrays)
        ready = self._session(operator, kinds, **attributes)
        return ready.run(None, {f"x{i}": x for i, x in enumerate(arrays)})[0]


def session(operator: str, kinds: tuple[tuple[np.dtype[Any], int], ...], **attributes: Any) -> Any:
    """Return a session of a model with one node, `operator`, for inputs of these formats and ranks."""
    elements = [helper.np_dtype_to_tensor_dtype(dtype) for dtype, _ in kinds]
    inputs = [
        helper.make_tensor_value_info(f"x{i}", element, [None] * rank)
        for i, (element, (_, rank)) in enumerate(zip(elements, kinds, strict=True))
    ]
    output = helper.make_tensor_value_info("y", elements[0], None)
    node = helper.make_node(operator, [f"x{i}" for i in range(len(kinds))], ["y"], **attributes)
    model = helper.make_model(
        helper.make_graph([node], operator, inputs, [output]),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=list(PROVIDERS))
