"""The same values by other arithmetic: sums, running maxima, exponentials, logarithms and derivatives."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from typing import Any

import ml_dtypes
import numpy as np

from adapters.honest.base import Honest
from adapters.rows import Array, Linearised, Terms, hidden, last

LOG_2_LESS = -2.1219444005469058e-4  # ln 2 − 355/512
State = tuple[Array, Array]  # of a part of a row: its maximum, and Σ exp(x − maximum) less the maximum's own 1


# Sum


class Float64Inside(Honest, dtypes=("float8_e5m2", "float16", "bfloat16", "float32")):
    """Everything is computed in float64 and rounded once: a textbook method."""

    def working(self, x: Array) -> Array:
        return super().working(x).astype(np.float64)


class CompensatedSum(Honest):
    """The error of every addition is added up too: Sum2 of Ogita, Rump, Oishi, SIAM J. Sci. Comput. 26 (2005)."""

    def total(self, values: Array) -> Array:
        if not values.shape[-1]:
            return super().total(values)
        sums = np.add.accumulate(values, axis=-1)
        before, after, added = sums[..., :-1], sums[..., 1:], values[..., 1:]
        taken = after - before
        lost = (before - (after - taken)) + (added - taken)  # exactly: TwoSum
        correction = np.add.accumulate(np.pad(lost, [(0, 0)] * (lost.ndim - 1) + [(1, 0)]), axis=-1)[..., -1:]
        return sums[..., -1:] + np.where(np.isfinite(correction), correction, 0)


class BlockedSum(Honest, dtypes=("bfloat16", "float32")):
    """Blocks of 8 one after another, then pairs: Blanchard, Higham, Mary, SIAM J. Sci. Comput. 42 (2020)."""

    def total(self, values: Array) -> Array:
        sums = np.add.accumulate(filled(values, 8 * power_of_two(-(-values.shape[-1] // 8)), 8, 0), axis=-1)
        return halved(sums[..., -1])


class SequentialWide(Honest, dtypes=("bfloat16", "float32")):
    """One addition after another, but in float64: a textbook method."""

    def total(self, values: Array) -> Array:
        wide = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
        wide[..., 1:] = values
        return np.add.accumulate(wide, axis=-1)[..., -1:].astype(values.dtype)


class ReciprocalMultiply(Honest):
    """The exponentials are multiplied by the reciprocal of their sum: a textbook method."""

    def probabilities(self, x: Array) -> Array:
        terms = self.terms(x)
        products: Array = terms.exponentials * (1 / (1 + terms.rest))
        return products


def power_of_two(n: int) -> int:
    """The first power of two that is no less than n."""
    return 1 << max(n - 1, 0).bit_length()


def filled(x: Array, n: int, width: int, value: float) -> Array:
    """Rows with `value` behind them up to length n, as (…, n / width, width)."""
    missing = np.full((*x.shape[:-1], n - x.shape[-1]), value, x.dtype)
    return np.concatenate([x, missing], axis=-1).reshape(*x.shape[:-1], n // width, width)


def halved(sums: Array) -> Array:
    """The sum of a power of two of numbers, in pairs."""
    while sums.shape[-1] > 1:
        half = sums.shape[-1] // 2
        sums = sums[..., :half] + sums[..., half:]
    return sums


# Running maximum


def merged(one: State, other: State) -> State:
    """The state of two parts together; a part of −inf alone adds nothing."""
    (first, rest), (second, rest_of_second) = one, other
    peak, below = np.maximum(first, second), np.minimum(first, second)
    ahead = first >= second
    kept, scaled = np.where(ahead, rest, rest_of_second), np.where(ahead, rest_of_second, rest)
    return peak, kept + np.where(np.isneginf(below), 0, (1 + scaled) * np.exp(below - peak))


def second_pass(x: Array, states: Iterable[State]) -> Terms:
    """The terms of rows whose parts have `states`, merged in order."""
    peak, rest = reduce(merged, states)
    gap = x - peak
    return Terms(gap, np.exp(gap), rest)


class OnlineSoftmax(Honest):
    """One pass in lanes of at most 8 logits each, which merge in pairs: Milakov, Gimelshein, arXiv:1805.02867."""

    def terms(self, x: Array) -> Terms:
        lanes = power_of_two(-(-x.shape[-1] // 8))
        steps = max(1, -(-x.shape[-1] // lanes))
        logits = filled(x, steps * lanes, lanes, -np.inf)
        state = reduce(merged, ((logits[..., i, :], np.zeros_like(logits[..., i, :])) for i in range(steps)))
        while state[0].shape[-1] > 1:
            peaks, rests = (np.split(part, 2, axis=-1) for part in state)
            state = merged((peaks[0], rests[0]), (peaks[1], rests[1]))
        return second_pass(x, [state])


class ChunkedOnlineSoftmax(Honest, dtypes=("bfloat16", "float32")):
    """Chunks of 64 logits, or 16 chunks, merged in order as in FlashAttention: Dao et al., arXiv:2205.14135."""

    def terms(self, x: Array) -> Terms:
        width = max(64, -(-x.shape[-1] // 16))
        count = max(1, -(-x.shape[-1] // width))
        chunks = filled(x, count * width, width, -np.inf)
        peaks, rests = self.shift(chunks), super().terms(chunks).rest
        return second_pass(x, ((peaks[..., i, :], rests[..., i, :]) for i in range(count)))


# Exponential and logarithm


class Base2Exponential(Honest, dtypes=("float16", "float32", "float64")):
    """exp(x) is 2^k · exp2(r · log₂ e), with r = x − k · ln 2: Cody, Waite, Prentice-Hall (1980)."""

    def exponential(self, gap: Array) -> Array:
        number = gap.dtype.type
        x = np.clip(gap, -800, 800)  # past both ends of float64
        k = np.rint(x * number(np.log2(np.e)))
        r = (x - k * number(355 / 512)) - k * number(LOG_2_LESS)  # the first product is exact
        power: Array = np.ldexp(np.exp2(r * number(np.log2(np.e))), np.nan_to_num(k).astype(np.int32))
        return power


class Log1pForm(Honest):
    """log1p of the sum of the row without its maximum, which is taken out: scipy/scipy#19521."""

    def terms(self, x: Array) -> Terms:
        if not x.shape[-1]:
            return super().terms(x)
        gap = x - self.shift(x)
        exponentials = self.exponential(gap)
        others = np.arange(x.shape[-1]) != np.argmax(x, axis=-1, keepdims=True)
        kept = exponentials[others].reshape(*x.shape[:-1], x.shape[-1] - 1)
        return Terms(gap, exponentials, self.total(kept))

    def losses(self, rows: Array, target: Array) -> Array:
        products = np.where(target == 0, 0, target * self.log_probabilities(rows))
        losses: Array = 0 - self.total(products)[..., 0]  # beside a +inf no NaN
        return losses


# Derivatives


class PlainLogSumExp(Honest):
    """max + log Σ exp(x − max), an infinite maximum replaced by 0: a textbook method."""

    def log_sums(self, x: Array) -> Array:
        shift = self.shift(x)
        peak = np.where(np.isinf(shift), x.dtype.type(0), shift)
        sums: Array = peak + np.log(self.total(self.exponential(x - peak)))
        return sums[..., 0]


class GradientFromLogs(Honest):
    """Derivatives of log_softmax and the loss take exp(log_softmax) for softmax: a textbook method."""

    def _linearised(self, operation: str, x: Array, *args: Any, **kwargs: Any) -> Linearised:
        at = super()._linearised(operation, x, *args, **kwargs)
        if operation == "softmax":
            return at
        rows = hidden(last(self.working(x), at.axis), at.shown, -np.inf)
        return replace(at, g=np.exp(self.log_probabilities(rows)))


class ExpandedJacobian(Honest):
    """g v − g Σ g v in place of g (v − Σ g v): a textbook method."""

    def jacobian(self, g: Array, v: Array) -> Array:
        product: Array = g * v - g * self.total(g * v)
        return product


# Range


class FlushingToZero(Honest, dtypes=("float16", "bfloat16", "float32")):
    """Subnormal exponentials and results are zero, as behind ggml-org/llama.cpp#7154."""

    def exponential(self, gap: Array) -> Array:
        return flushed(super().exponential(gap))

    def finish(self, value: Array, x: Array) -> Array:
        return flushed(super().finish(value, x))


def flushed(x: Array) -> Array:
    """`x` with 0 for its subnormal numbers."""
    return np.where(np.abs(x) < ml_dtypes.finfo(x.dtype).smallest_normal, x.dtype.type(0), x)
