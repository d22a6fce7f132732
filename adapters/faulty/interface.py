"""Wrong axes, views, formats, shapes and buffers."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from ml_dtypes import bfloat16

from adapters.faulty.base import Faulty, as_stored
from adapters.rows import Array, Linearised, Terms, back, last


class AxisModulo(Faulty, _forward=lambda right, f, x, axis, *rest: right(f, x, axis % max(x.ndim, 1), *rest)):
    """An axis out of range wraps around: tensorflow/tensorflow#22793."""


class TrailingAxisOfOne(Faulty):
    """A last axis of size one is taken for the class axis: jax-ml/jax#20856."""

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        return super()._forward(function, x, -1 if x.shape[-1:] == (1,) else axis, *args)


class ViewReadAsStored(Faulty, _forward=lambda right, f, x, *rest: right(f, as_stored(x), *rest)):
    """Logits are read in the order of their storage: tracel-ai/burn#4815."""


class IntegerShift(Faulty):
    """Integer logits wrap around in x − max: a textbook mistake, which SciPy 1.17 makes for uint8."""

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        if x.dtype.kind in "iu":
            x = (x - np.max(x, axis=axis, keepdims=True)).astype(np.float32)
        return super()._forward(function, x, axis, *args)


class SingleClassSigmoid(Faulty):
    """A single class, or a logit without an axis, has the sigmoid of its logit: a textbook mistake."""

    def _forward(self, function: Any, x: Array, *args: Any) -> Array:
        return super()._forward(function, np.atleast_1d(x), *args).reshape(x.shape)

    def terms(self, x: Array) -> Terms:
        return replace(super().terms(x), rest=np.exp(-x)) if x.shape[-1] == 1 else super().terms(x)


class NoClassesOneResult(Faulty):
    """Rows of no classes have one result; they ended the process in pytorch/pytorch#17262."""

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        if 0 in last(x, axis).shape[-1:]:
            x = back(np.zeros((*last(x, axis).shape[:-1], 1), x.dtype), axis)
        return super()._forward(function, x, axis, *args)


class EmptyBatchRefused(Faulty):
    """A batch of no rows is an error; it ended the process in tensorflow/tensorflow#6766."""

    def terms(self, x: Array) -> Terms:
        if 0 in x.shape[:-1]:
            raise ValueError("the batch has no rows")
        return super().terms(x)


class KeptClassAxis(Faulty):
    """The loss keeps a class axis of one, a shape such as pytorch/pytorch#79531 found documented wrongly."""

    def softmax_cross_entropy(self, logits: Array, labels: Array, *, axis: int = -1, **kwargs: Any) -> Array:
        loss = super().softmax_cross_entropy(logits, labels, axis=axis, **kwargs)
        return np.expand_dims(loss, axis) if loss.ndim else loss


class InPlaceShift(Faulty):
    """The caller's logits are shifted in place, like those that linkedin/Liger-Kernel#968 overwrites."""

    def terms(self, x: Array) -> Terms:
        return super().terms(np.subtract(x, self.shift(x), out=x if x.flags.writeable else None))


class WidenedOutput(Faulty, finish=lambda right, value, x: value):
    """The result keeps the format of the computation, float32 for float16: a textbook mistake."""


class Bfloat16Output(Faulty, dtypes=("float32",), finish=lambda right, v, x: right(v.astype(bfloat16), x)):
    """A float32 result has been narrowed to bfloat16; vllm-project/vllm#55249 narrows one to float16."""


class TruncatedOutput(Faulty, dtypes=("bfloat16",)):
    """The result is truncated to bfloat16, not rounded: a textbook mistake; cf. pytorch/pytorch#24457."""

    def finish(self, value: Array, x: Array) -> Array:
        kept = value.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
        return kept.view(np.float32).astype(x.dtype)


class ReusedBuffer(Faulty):
    """Results of one shape share their memory, so that one overwrites another; cf. pytorch/pytorch#114225."""

    shared = staticmethod(cache(np.empty))

    def finish(self, value: Array, x: Array) -> Array:
        result: Array = self.shared(value.shape, x.dtype)
        result[...] = value
        return result


class OtherAxisNoShift(Faulty):
    """Along any axis but the last nothing is subtracted; that path alone failed in pytorch/pytorch#158310."""

    last_axis = True

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        self.last_axis = axis in (-1, x.ndim - 1)
        return super()._forward(function, x, axis, *args)

    def shift(self, x: Array) -> Array:
        return super().shift(x) if self.last_axis else np.zeros_like(x[..., :1])


class UnbatchedAsBatch(Faulty):
    """A single row's loss has an axis of one, the shape that pytorch/pytorch#79531 is about."""

    def softmax_cross_entropy(self, logits: Array, labels: Array, **kwargs: Any) -> Array:
        loss = super().softmax_cross_entropy(logits, labels, **kwargs)
        return np.atleast_1d(loss) if logits.ndim == 1 else loss


class FirstOfAxes(Faulty):
    """Of several axes the first is taken, of none the last one or two: keras-team/keras#20021."""

    def _forward(self, function: Any, x: Array, axis: Any, *args: Any) -> Array:
        chosen = axis[0] if isinstance(axis, tuple) else -min(2, x.ndim) if axis is None else axis
        return super()._forward(function, x, chosen, *args)


class ImaginaryDropped(Faulty):
    """Complex logits lose their imaginary part: pytorch/pytorch#59336."""

    def _forward(self, function: Any, x: Array, *args: Any) -> Array:
        return super()._forward(function, np.real(x), *args)


class IndexOf16Bits(Faulty):
    """Elements past the 2¹⁶th are not written, as past the 2³¹st in microsoft/onnxruntime#32299."""

    def _forward(self, function: Any, x: Array, *args: Any) -> Array:
        result = super()._forward(function, x, *args)
        result.reshape(-1)[2**16 :] = 0
        return result


class GradientIndexOf16Bits(Faulty):
    """Elements of a gradient past the 2¹⁶th are not written: microsoft/onnxruntime#32299 of a derivative."""

    def vjp(self, *args: Any, **kwargs: Any) -> Array:
        gradient = super().vjp(*args, **kwargs)
        gradient.reshape(-1)[2**16 :] = 0
        return gradient


class LossRowsOf16Bits(Faulty):
    """The number of a row is kept in 16 bits, so the losses begin again: cf. tensorflow/tensorflow#61639."""

    def losses(self, rows: Array, target: Array) -> Array:
        losses = super().losses(rows, target)
        return losses.reshape(-1)[np.arange(losses.size) % 2**16].reshape(losses.shape)


class VmapLeavesTail(Faulty):
    """vmap computes four rows at a time and repeats the last of them for what is left: a textbook mistake."""

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        rows = super().vmap(function, *arrays)
        rows[len(rows) // 4 * 4 :] = rows[len(rows) // 4 * 4 - 1]
        return rows


class OverflowClampedInGraph(Faulty):
    """In a composition a product that overflows is cut to the largest number: pytorch/pytorch#184046."""

    def terms(self, x: Array) -> Terms:
        cut = self.fused & np.isposinf(x)
        return super().terms(np.where(cut, np.finfo(np.float32).max, x))


class CastInGraph(Faulty):
    """In a composition a gradient starts from bfloat16 probabilities; cf. pytorch/pytorch#152309."""

    def _linearised(self, *args: Any, **kwargs: Any) -> Linearised:
        at = super()._linearised(*args, **kwargs)
        return replace(at, g=at.g.astype(bfloat16).astype(at.g.dtype)) if self.fused else at


class AutocastRoundsTwice(Faulty):
    """Under automatic mixed precision the result is rounded to bfloat16 on its way; cf. pytorch/xla#8509."""

    def autocast(self, function: Callable[..., Any], *arrays: Array) -> Any:
        return function(*arrays).astype(bfloat16).astype(arrays[0].dtype)
