"""The same values as kernels compute them: tiles, lanes, fast functions, the literal arithmetic of a grade."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.honest.base import Honest
from adapters.honest.values import filled, flushed, second_pass
from adapters.rows import Array, Terms

LOG2_E = float(np.log2(np.e))
LOG2_E_SHORT = 739 / 512  # ten bits of it
LOG2_E_REST = LOG2_E - LOG2_E_SHORT


def raised(values: Array, ulps: int) -> Array:
    """Positive numbers other than 1 so many ulps higher."""
    bits = values.view(f"i{values.dtype.itemsize}")
    moved: Array = np.where((values > 0) & (values != 1), bits + ulps, bits).view(values.dtype)
    return np.where(np.isfinite(values), moved, values)


# Exponential and division


class OneProductExp2(Honest, dtypes=("float16", "float32", "float64")):
    """exp2((x − m) · log₂ e), one product in the arithmetic's own format: OpenCL C 3.0 (2020), relaxed."""

    def exponential(self, gap: Array) -> Array:
        power: Array = np.exp2(gap * gap.dtype.type(LOG2_E))
        return power


class TwoConstantExp2(Honest, dtypes=("float16", "float32", "float64")):
    """exp2 of the gap times two parts of log₂ e, and a product of both: Cody, Waite, Prentice-Hall (1980)."""

    def exponential(self, gap: Array) -> Array:
        number = gap.dtype.type
        near = np.maximum(gap, number(-800))  # past the end of float64
        power: Array = np.exp2(near * number(LOG2_E_SHORT)) * np.exp2(near * number(LOG2_E_REST))
        return power


class TwoUlpsExponential(Honest, dtypes=("float16", "float32", "float64")):
    """An exponential one ulp above the nearest number wherever it is not 1: CUDA C++ Guide (2025), expf."""

    def exponential(self, gap: Array) -> Array:
        return raised(np.exp(gap.astype(np.float64)).astype(gap.dtype), 1)


class FourUlpsExponential(Honest, fails=("ACC-08",)):
    """The exponential of a fast mode is up to four ulps off: Intel oneMKL's vector mathematics LA (2024)."""

    def exponential(self, gap: Array) -> Array:
        return raised(np.exp(gap), 3)


class HighReciprocal(Honest, fails=("INV-08",)):
    """Products with a reciprocal one ulp high: rcp.approx.f32 of NVIDIA's PTX ISA (2025)."""

    def probabilities(self, x: Array) -> Array:
        terms = self.terms(x)
        reciprocal = 1 / (1 + terms.rest)
        higher = np.nextafter(reciprocal, reciprocal.dtype.type(np.inf))
        products: Array = terms.exponentials * np.where(np.isfinite(reciprocal), higher, reciprocal)
        return products


class SoftmaxFromLogs(Honest, dtypes=("float16", "float32", "float64"), fails=("ACC-02",)):
    """Softmax is the exponential of log_softmax, which grade B does not grant: a textbook method."""

    def probabilities(self, x: Array) -> Array:
        return self.exponential(self.log_probabilities(x))


# Sum


class OnlineByColumn(Honest, fails=("ACC-02", "ACC-04", "ACC-11")):
    """One pass, one logit at a time, exponentials to two ulps: Milakov, Gimelshein, arXiv:1805.02867."""

    def exponential(self, gap: Array) -> Array:
        return raised(np.exp(gap.astype(np.float64)).astype(gap.dtype), 1)

    def terms(self, x: Array) -> Terms:
        distinct, place = np.unique(x.reshape(-1, x.shape[-1]), axis=0, return_inverse=True)
        states = [self.walked(row) for row in distinct]
        shape = (*x.shape[:-1], 1)
        peak, total = (np.array([state[i] for state in states], x.dtype)[place].reshape(shape) for i in (0, 1))
        gap = x - peak
        return Terms(gap, self.exponential(gap), total - 1)

    def walked(self, row: Array) -> tuple[Any, Any]:
        """Maximum and sum of a row; between two rises of the maximum nothing is rescaled."""
        peak, total = row.dtype.type(-np.inf), row.dtype.type(0)
        if not np.isfinite(np.max(row, initial=-np.inf)):
            return np.max(row, initial=-np.inf), row.dtype.type(np.nan)
        peaks = np.maximum.accumulate(row)
        starts = np.flatnonzero(np.diff(peaks, prepend=-np.inf) > 0)
        for start, end in zip(starts, [*starts[1:], len(row)], strict=True):
            scale = self.exponential(np.array([peak - peaks[start]]))[0] if total else row.dtype.type(0)
            peak = peaks[start]
            added = self.exponential(row[start:end] - peak)
            total = np.add.accumulate(np.concatenate([[total * scale], added]), dtype=row.dtype)[-1]
        return peak, total


class TilesOf16(Honest, dtypes=("bfloat16", "float32")):
    """Tiles of 16 logits, merged one after another into a running sum: Dao et al., arXiv:2205.14135."""

    width = 16

    def terms(self, x: Array) -> Terms:
        count = max(1, -(-x.shape[-1] // self.width))
        tiles = filled(x, count * self.width, self.width, -np.inf)
        peaks, rests = self.shift(tiles), super().terms(tiles).rest
        return second_pass(x, ((peaks[..., i, :], rests[..., i, :]) for i in range(count)))


class TilesOf333(TilesOf16):
    """Tiles that are no power of two, the last one short: Dao et al., arXiv:2205.14135."""

    width = 333


class LanesOf8(Honest, dtypes=("bfloat16", "float32")):
    """Eight lanes that each add every eighth number, and their sums one after another: a textbook method."""

    def total(self, values: Array) -> Array:
        count = max(1, -(-values.shape[-1] // 8))
        lanes = filled(values, count * 8, 8, 0)
        parts = [lanes[..., i : i + 64, :].sum(axis=-2) for i in range(0, count, 64)]  # 64 numbers a lane
        sums = np.sum(np.stack(parts, axis=-1), axis=-1)
        total: Array = np.add.accumulate(sums, axis=-1)[..., -1:]
        return total


class KahanSum(Honest):
    """Adds to each term what the addition before it lost: Kahan, Comm. ACM 8 (1965)."""

    def total(self, values: Array) -> Array:
        total = np.zeros((*values.shape[:-1], 1), values.dtype)
        lost = np.zeros_like(total)
        for i in range(values.shape[-1]):
            added = values[..., i : i + 1] - lost
            sums = total + added
            lost = (sums - total) - added
            total, lost = sums, np.where(np.isfinite(lost), lost, 0)
        return total


# Products and losses


class FusedProducts(Honest):
    """Derivatives by fused multiply-add, of which only the sum is rounded: IEEE 754 (2008)."""

    def jacobian(self, g: Array, v: Array) -> Array:
        wide, along = g.astype(np.float64), v.astype(np.float64)  # in which a product of two is exact
        inner = (wide * along).sum(axis=-1, keepdims=True).astype(g.dtype)
        return np.asarray(wide * along - (g * inner).astype(np.float64)).astype(g.dtype)


class ChunkedLoss(Honest):
    """Losses are scaled, then summed a chunk of rows at a time, as in Liger Kernel: arXiv:2410.10989."""

    def reduce(self, losses: Array, share: float | None) -> Array:
        if share is None:
            return losses
        flat = losses.ravel() * losses.dtype.type(share)
        chunks = [np.sum(flat[i : i + 16]) for i in range(0, flat.size, 16)]
        return np.asarray(np.sum(np.array(chunks, losses.dtype)), losses.dtype)


class LossFromSums(Honest):
    """The loss is (m − x_label) + log Σ, without log-probabilities: Wijmans et al., arXiv:2411.09009."""

    def losses(self, rows: Array, target: Array) -> Array:
        terms = self.terms(rows)
        with np.errstate(invalid="ignore"):
            gaps = np.where(target == 0, 0, target * -terms.gap)
            mass = self.total(target)
            logs = np.where(mass == 0, 0, mass * np.log1p(terms.rest))
        bad = np.isnan(terms.rest)[..., 0] & (target != 0).any(axis=-1)
        return np.where(bad, rows.dtype.type(np.nan), (self.total(gaps) + logs)[..., 0])


# The literal arithmetic of a grade


class GradeD(
    Honest, dtypes=("float16", "bfloat16", "float32"), fails=("ACC-02", "ACC-04", "ACC-11", "LIN-02", "LIN-04")
):
    """Elementwise in the format itself, the sum in float32 and narrowed if it fits: a textbook method."""

    def working(self, x: Array) -> Array:
        super().working(x)  # which refuses what is no floating point
        return x

    def total(self, values: Array) -> Array:
        wide = np.zeros((*values.shape[:-1], values.shape[-1] + 1), np.float32)
        wide[..., 1:] = values
        total = np.add.accumulate(wide, axis=-1)[..., -1:]
        with np.errstate(over="ignore"):
            narrow = total.astype(values.dtype)
        return total if (np.isinf(narrow) & np.isfinite(total)).any() else narrow

    def powers(self, x: Array) -> tuple[Array, Array, Array]:
        """Gap, exponentials, their sum."""
        gap = x - self.shift(x)
        exponentials = self.exponential(gap)
        return gap, exponentials, self.total(exponentials)

    def terms(self, x: Array) -> Terms:
        gap, exponentials, total = self.powers(x)
        return Terms(gap, exponentials, total - total.dtype.type(1))

    def probabilities(self, x: Array) -> Array:
        _, exponentials, total = self.powers(x)
        quotients: Array = exponentials / total
        return quotients

    def log_probabilities(self, x: Array) -> Array:
        gap, _, total = self.powers(x)
        logs: Array = gap - np.log(total)
        return logs

    def log_sums(self, x: Array) -> Array:
        peak = self.shift(x)
        sums: Array = np.where(np.isinf(peak), peak, peak + np.log(self.powers(x)[2]))
        return sums[..., 0]


class GradeDFlushing(
    GradeD,
    dtypes=("float16", "bfloat16", "float32"),
    fails=("ACC-02", "ACC-04", "ACC-11", "ACC-07", "LIN-02", "LIN-04"),
):
    """Grade D where subnormal logits, gaps, exponentials and results are zero: PTX ISA (2025), .ftz."""

    def working(self, x: Array) -> Array:
        return flushed(super().working(x))

    def exponential(self, gap: Array) -> Array:
        return flushed(super().exponential(flushed(gap)))

    def finish(self, value: Array, x: Array) -> Array:
        return flushed(super().finish(value, x))


class GradeE(
    GradeD,
    dtypes=("float16", "bfloat16"),
    fails=(
        *(
            "ACC-01",
            "ACC-02",
            "ACC-03",
            "ACC-04",
            "ACC-11",
            "ACC-05",
            "ACC-07",
            "GRD-01",
            "GRD-02",
            "GRD-03",
            "GRD-07",
        ),
        *("GRD-12", "IFC-03", "LBL-33", "LIN-02", "LIN-04", "RNG-01", "SPV-01", "USE-06"),
    ),
):
    """Everything in the format itself, which long rows are too much for: a textbook method."""

    def total(self, values: Array) -> Array:
        total = np.zeros((*values.shape[:-1], 1), values.dtype)
        for i in range(values.shape[-1]):
            total = total + values[..., i : i + 1]
        return total
