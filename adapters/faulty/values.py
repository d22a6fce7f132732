"""Wrong values: the shift, the sum, the exponential, the logarithm and special values."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from adapters.faulty.base import Faulty
from adapters.numpy import Adapter as Reference
from adapters.rows import Array, Linearised, Terms, is_floating, last

ORDERS = np.random.default_rng(0)  # of ShuffledSum's additions


# Shift


class NoShift(Faulty, shift=lambda right, x: np.zeros_like(x[..., :1])):
    """exp without subtracting the maximum: a textbook mistake, and pytorch/pytorch#62897."""


class MeanShift(Faulty, shift=lambda right, x: np.mean(x, axis=-1, keepdims=True)):
    """The mean is subtracted instead of the maximum: a textbook mistake."""


class BatchMaximum(Faulty, shift=lambda right, x: np.full_like(right(x), np.max(x, initial=-np.inf))):
    """One maximum for the whole batch: a textbook mistake."""


class MaximumOfFirst128(Faulty, shift=lambda right, x: right(x[..., :128])):
    """The maximum misses part of a row, as in the second vector lane of pytorch/pytorch#156379."""


class ShiftRoundedElsewhere(Faulty):
    """In a composition the maximum, past 2^31, is that of logits rounded otherwise: jax-ml/jax#37234."""

    def shift(self, x: Array) -> Array:
        peak = super().shift(x)
        return np.where(self.fused & (np.abs(peak) > 2**31), np.nextafter(peak, np.inf), peak)


# Sum


class SumWithoutTail(Faulty, total=lambda right, row: right(row[..., : row.shape[-1] // 8 * 8 or None])):
    """The sum skips the last n mod 8 columns, a silent tail as in microsoft/onnxruntime#32299."""


class WrongAxisSum(Faulty):
    """The sum runs along the axis before the class axis: a textbook mistake; cf. onnx/onnx#3244."""

    def terms(self, x: Array) -> Terms:
        terms = super().terms(x)
        return replace(terms, rest=np.sum(terms.exponentials, axis=max(-2, -x.ndim), keepdims=True) - 1)


class EpsilonDenominator(Faulty):
    """Softmax divides by the sum plus 1e-5, an ε such as pytorch/pytorch#55056 asks for."""

    def probabilities(self, x: Array) -> Any:
        terms = self.terms(x)
        return terms.exponentials / (1 + 1e-5 + terms.rest)


class Float16Accumulation(Faulty, dtypes=("float16",)):
    """The exponentials are added up in float16, which stalls at 2048: huggingface/candle#3727."""

    def terms(self, x: Array) -> Terms:
        terms = super().terms(x)
        total = np.add.accumulate(terms.exponentials, axis=-1, dtype=np.float16)[..., -1:]
        return replace(terms, rest=total.astype(x.dtype) - 1)


class SequentialSum(Faulty, total=lambda right, values: np.add.accumulate(values, axis=-1)[..., -1:]):
    """The sum is taken one addition after the other in float32: pytorch/pytorch#55657."""


class ShuffledSum(Faulty, total=lambda right, values: right(ORDERS.permutation(values, axis=-1))):
    """The order of the sum changes from call to call, as that of the atomics in pytorch/pytorch#17350."""


class DeterministicInName(Faulty):
    """The deterministic mode alone changes the order of its sum, cf. tensorflow/tensorflow#47925."""

    def total(self, values: Array) -> Array:
        return super().total(ORDERS.permutation(values, axis=-1) if self.repeatable else values)


# Exponential


class ClampedExponent(Faulty, exponential=lambda right, gap: right(np.maximum(gap, -15))):
    """exp is clamped at −15 and never reaches 0, as at −87.3 in huggingface/funes#160."""


class CoarseExponential(Faulty, exponential=lambda right, gap: right(np.round(gap * 2**13) / 2**13)):
    """exp is a table's, good to 2^−14; torch/nn#804 is about another such approximation."""


class TailExponential(Faulty):
    """The last n mod 8 columns have an exp of their own, off by 1e-6; cf. pytorch/pytorch#62897."""

    def exponential(self, gap: Array) -> Array:
        values: Array = np.exp(gap)
        values[..., values.shape[-1] // 8 * 8 :] *= 1 - 1e-6
        return values


class FlooredProbabilities(Faulty, probabilities=lambda right, x: np.maximum(right(x), 1e-7)):
    """Softmax is clipped from below at 1e-7: a textbook mistake."""


# Logarithm


class FastLogarithm(Faulty, logarithm=lambda right, values: right(values) * np.float32(1 + 2**-18)):
    """The framework's logarithm, which its log_softmax does not use, is good to 2^−18; cf. torch/nn#804."""


class LogOfSoftmax(Faulty):
    """log_softmax is the logarithm of softmax: pytorch/pytorch#94043."""

    def log_probabilities(self, x: Array) -> Any:
        return np.log(self.probabilities(x))


class LogOfClippedSoftmax(Faulty):
    """log_softmax is the logarithm of a softmax clipped at 1e-7, as behind tensorflow/tensorflow#43997."""

    def log_probabilities(self, x: Array) -> Any:
        return np.log(np.clip(self.probabilities(x), 1e-7, 1))


class NoLog1p(Faulty):
    """log(1 + rest) in place of log1p(rest) loses what is near zero: scipy/scipy#19521."""

    def log_probabilities(self, x: Array) -> Any:
        terms = self.terms(x)
        return terms.gap - np.log(1 + terms.rest)


class LogSumExpFirst(Faulty):
    """x − (max + log Σ), in log_softmax and the index form of the loss alone: google-deepmind/optax#1792."""

    def log_probabilities(self, x: Array) -> Any:
        return x - (self.shift(x) + np.log1p(self.terms(x).rest))

    def softmax_cross_entropy(self, logits: Array, labels: Array, **kwargs: Any) -> Array:
        if is_floating(labels):
            return Reference().softmax_cross_entropy(logits, labels, **kwargs)
        return super().softmax_cross_entropy(logits, labels, **kwargs)


# Special values


class NaNAsMasked(Faulty, terms=lambda right, x: right(np.where(np.isnan(x), -np.inf, x))):
    """A NaN is taken for −inf and leaves no trace beside it: mindspore-ai/mindspore#378."""


class NegativeNaNAsMasked(Faulty):
    """Logits are ordered by their bits, by which a NaN with its sign set is below −inf: a textbook mistake."""

    def terms(self, x: Array) -> Terms:
        return super().terms(np.where(np.isnan(x) & np.signbit(x), -np.inf, x))


class InfinityAsMasked(Faulty, terms=lambda right, x: right(np.where(np.isposinf(x), -np.inf, x))):
    """+inf is taken for −inf, which leaves a plausible distribution, as in tenstorrent/tt-metal#56056."""


class AllMaskedUniform(Faulty):
    """A row of −inf alone becomes uniform, as in tenstorrent/tt-metal#56056."""

    def terms(self, x: Array) -> Terms:
        return super().terms(np.where(np.isneginf(x).all(axis=-1, keepdims=True), 0, x))


class LogSoftmaxOwnInfinity(Faulty):
    """log_softmax has −inf beside a +inf where softmax has NaN: SciPy's, found beside scipy/scipy#23225."""

    def log_probabilities(self, x: Array) -> Array:
        return np.where(np.isposinf(self.shift(x)) & (x < np.inf), -np.inf, super().log_probabilities(x))


class WhereMultiplies(Faulty):
    """The logits are multiplied by `where`, so that what is masked still counts: jax-ml/jax#16208."""

    def _forward(self, function: Any, x: Array, axis: int, where: Array | None, masked: float) -> Array:
        return super()._forward(function, x if where is None else x * where, axis, None, masked)


class MaskedTimesInfinity(Faulty):
    """0 · (−inf) is NaN: in losses google-deepmind/optax#896, in derivatives tensorflow/tensorflow#11756."""

    def losses(self, rows: Array, target: Array) -> Any:
        return 0 - self.total(target * self.log_probabilities(rows))[..., 0]

    def _linearised(self, operation: str, x: Array, *args: Any, **kwargs: Any) -> Linearised:
        at = super()._linearised(operation, x, *args, **kwargs)
        return replace(at, g=at.g + 0 * last(self.working(x), at.axis))


class OtherAxisRunningMaximum(Faulty):
    """Along an axis but the last, −inf before all else is NaN: gabrieldemarmiesse/torch-mojo-backend#319."""

    last_axis = True

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        self.last_axis = axis in (-1, x.ndim - 1)
        return super()._forward(function, x, axis, *args)

    def terms(self, x: Array) -> Terms:
        terms = super().terms(x)
        undefined = np.isneginf(x[..., :1]) & (not self.last_axis)  # −inf − (−inf), the running maximum's
        return replace(terms, rest=np.where(undefined, x.dtype.type(np.nan), terms.rest))


class OtherRanksEmptyRow(Faulty):
    """A row of −inf alone is 0 in a matrix and NaN in other ranks, as at other lengths in ml-explore/mlx#1467."""

    matrix = True

    def _forward(self, function: Any, x: Array, *args: Any) -> Array:
        self.matrix = x.ndim == 2
        return super()._forward(function, x, *args)

    def terms(self, x: Array) -> Terms:
        terms = super().terms(x)
        empty = np.isneginf(x).all(axis=-1, keepdims=True) & self.matrix
        gap = np.where(empty, x.dtype.type(-np.inf), terms.gap)
        return Terms(gap, np.where(empty, 0, terms.exponentials), np.where(empty, 0, terms.rest))


class WhereOfFirstRow(Faulty):
    """A `where` of one row for all hides in the first row alone: a textbook mistake."""

    def _forward(self, function: Any, x: Array, axis: int, where: Array | None, masked: float) -> Array:
        if where is not None and where.ndim < x.ndim:
            where = np.where(np.arange(len(x))[:, None] == 0, where, True)
        return super()._forward(function, x, axis, where, masked)


class NaNLossDropped(Faulty):
    """A loss of NaN becomes 0, as nan_to_num makes it, over which pytorch/pytorch#71502 argues."""

    def losses(self, rows: Array, target: Array) -> Array:
        losses = super().losses(rows, target)
        return np.where(np.isnan(losses), losses.dtype.type(0), losses)
