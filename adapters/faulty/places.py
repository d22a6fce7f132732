"""Wrong in one place alone: along an axis, at a rank, in a layout, with an option, past a length."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.faulty.base import Faulty, as_stored
from adapters.rows import Array, Linearised, is_floating


class GradientOverLastAxis(Faulty):
    """The derivatives alone take the last axis whatever axis is named: SKaiNET-developers/SKaiNET#863."""

    def _linearised(
        self, operation: str, x: Array, vector: Array, kwargs: Any, tangent: bool = False
    ) -> Linearised:
        if operation in ("softmax", "log_softmax"):
            kwargs = kwargs | {"axis": -1}
        return super()._linearised(operation, x, vector, kwargs, tangent)


class OtherAxisOfFour(Faulty):
    """In four axes and more, the one before the named one is taken: cf. apache/tvm#9078."""

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        return super()._forward(function, x, axis - 1 if x.ndim > 3 and axis > 0 else axis, *args)


class MiddleCutReadOn(Faulty):
    """Of three axes, the middle one cut short, the rows are read without the gap: pytorch/pytorch#80006."""

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        cut = x.ndim > 2 and x.strides[0] > x.shape[1] * x.strides[1] > 0
        return super()._forward(function, as_stored(x) if cut else x, axis, *args)


class LossLogitsReadAsStored(Faulty):
    """A loss reads its logits with unit stride: unslothai/unsloth#10713."""

    def softmax_cross_entropy(self, logits: Array, labels: Array, **kwargs: Any) -> Array:
        return super().softmax_cross_entropy(as_stored(logits), labels, **kwargs)


class SoftLabelsReadAsStored(Faulty):
    """Probability labels are read with unit stride, as logits are in unslothai/unsloth#10713."""

    def target(self, rows: Array, labels: Array, *args: Any, **kwargs: Any) -> Array:
        return super().target(rows, as_stored(labels) if is_floating(labels) else labels, *args, **kwargs)


class WeightReadAsStored(Faulty):
    """Class weights are read with unit stride, as logits are in unslothai/unsloth#10713."""

    def softmax_cross_entropy(self, logits: Array, labels: Array, **kwargs: Any) -> Array:
        weight = kwargs.pop("weight", None)
        stored = None if weight is None else as_stored(weight)
        return super().softmax_cross_entropy(logits, labels, weight=stored, **kwargs)


class ExpandedUpstreamOnce(Faulty):
    """Of an upstream gradient of stride 0 the first element alone is read: Dao-AILab/quack#126."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        if 0 in cotangent.strides and cotangent.size > 1:
            cotangent = np.where(np.arange(cotangent.size).reshape(cotangent.shape) == 0, cotangent, 0)
            cotangent = cotangent.astype(x.dtype)
        return super().vjp(operation, x, cotangent, **kwargs)


class ForwardForgetsOptions(Faulty):
    """Forward mode and second derivatives have no weights and no smoothing: cf. pytorch/pytorch#105736."""

    def jvp(self, operation: str, x: Array, tangent: Array, **kwargs: Any) -> Array:
        return super().jvp(operation, x, tangent, **_without_options(kwargs))

    def hvp(self, operation: str, x: Array, cotangent: Array, tangent: Array, **kwargs: Any) -> Array:
        return super().hvp(operation, x, cotangent, tangent, **_without_options(kwargs))


def _without_options(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if name not in ("weight", "label_smoothing")}


class ConstantUpstreamOf16Bits(Faulty):
    """In float16 the gradient for a constant upstream is p times it, not 0: Intel-tensorflow/tensorflow#22."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        right = super().vjp(operation, x, cotangent, **kwargs)
        if operation != "softmax" or x.dtype != np.float16 or not cotangent.size or np.ptp(cotangent):
            return right
        return self.softmax(x, **{name: value for name, value in kwargs.items() if name != "wrt"}) * cotangent


class SixAxesRefused(Faulty):
    """Six axes and more are an error, where TensorFlow 2.21 ends the process: a textbook mistake."""

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        if x.ndim > 5:
            raise ValueError("at most five axes")
        return super()._forward(function, x, axis, *args)


class BlockOfInfinity(Faulty):
    """A leading block of −inf leaves −inf − (−inf) in the online maximum: cf. linkedin/Liger-Kernel#968."""

    def shift(self, x: Array) -> Array:
        n = x.shape[-1]
        lost = n > 1 and np.isneginf(x[..., : (n + 1) // 2]).all(axis=-1, keepdims=True)
        return np.where(lost, np.asarray(np.nan, x.dtype), super().shift(x))


class SecondBlockUnwritten(Faulty):
    """Of rows between 512 and 1000 long, what is past 512 is not written: cf. pytorch/pytorch#147284."""

    def probabilities(self, x: Array) -> Array:
        found = super().probabilities(x)
        late = np.arange(x.shape[-1]) >= 512
        return np.where(late, 0, found) if 512 < x.shape[-1] < 1000 else found


class LossOfMaximumClass(Faulty):
    """The loss of a label at the row's maximum is that of one alone there, 0: a textbook mistake."""

    def losses(self, rows: Array, target: Array) -> Array:
        right = super().losses(rows, target)
        if not rows.shape[-1]:
            return right
        named = (target != 0).sum(axis=-1) == 1
        at_peak = np.argmax(target != 0, axis=-1) == np.argmax(rows, axis=-1)
        return np.where(named & at_peak, 0, right).astype(right.dtype)


class SquareTransposed(Faulty):
    """Of square logits the axis is taken for the other, which the shape does not tell: a textbook mistake."""

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        if x.ndim == 2 and x.shape[0] == x.shape[1]:
            axis = -1 - axis if axis < 0 else 1 - axis
        return super()._forward(function, x, axis, *args)


class MisalignedFromAligned(Faulty):
    """Logits that begin between two aligned addresses are read from the one before: a textbook mistake."""

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        begins_later = isinstance(x.base, np.ndarray) and x.base.ctypes.data != x.ctypes.data
        read = as_stored(x) if x.flags.c_contiguous and begins_later else x
        return super()._forward(function, read, axis, *args)
