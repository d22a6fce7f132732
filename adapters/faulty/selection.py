"""Wrong top-k: orders, places, axes, and what is done with NaN, infinities and a k out of range."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.faulty.base import Faulty, as_stored
from adapters.rows import Array, back, last
from adapters.selection import NAME

BLOCK = 1024  # elements


class TopKSmallest(Faulty, ranking=lambda right, x: right(-x)):
    """The smallest elements are chosen: a textbook mistake."""


class TopKUnsorted(Faulty):
    """The k largest are listed as they stand in the row: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        places = np.sort(super().top_k(x, k, axis=axis)[1], axis=axis)
        return np.take_along_axis(x, places, axis), places


class TopKOneLater(Faulty):
    """The largest element is left out, and the (k + 1)-th is there instead: a textbook mistake."""

    def ranking(self, rows: Array) -> Array:
        return np.roll(super().ranking(rows), -1, axis=-1)


class TopKPackedIndex(Faulty):
    """A value's last three bits hold its place: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        values, places = super().top_k(x, k, axis=axis)
        bits = np.ascontiguousarray(values).view(f"u{values.itemsize}")
        packed = (bits & ~bits.dtype.type(7) | (places & 7).astype(bits.dtype)).view(values.dtype)
        return np.where(np.isfinite(values) & (np.abs(values) > 1e-3), packed, values), places


class TopKOfBlocks(Faulty):
    """No more than four elements of a block of 1024 are looked at: cf. sgl-project/sglang#36807."""

    def ranking(self, rows: Array) -> Array:
        places: Array = super().ranking(rows)
        if rows.shape[-1] < BLOCK:
            return places
        block, late = places // BLOCK, np.zeros(places.shape, bool)
        for i in range(int(block.max(initial=0)) + 1):
            late |= (block == i) & (np.cumsum(block == i, axis=-1) > 4)
        return np.take_along_axis(places, np.argsort(late, axis=-1, kind="stable"), axis=-1)


class TopKIndexWithinTile(Faulty):
    """A place is that within its block of 1024 elements: cf. pytorch/pytorch#95455."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        values, places = super().top_k(x, k, axis=axis)
        return values, places % BLOCK


class TopKIndexInFormat(Faulty):
    """Places are counted in the format of the logits, float16 up to 2048: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        values, places = super().top_k(x, k, axis=axis)
        return values, np.minimum(places, 65504).astype(x.dtype).astype(np.int64)


class TopKWidenedValues(Faulty):
    """The values have the format of the computation: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        values, places = super().top_k(x, k, axis=axis)
        return self.working(values), places


class TopKFirstOfEqual(Faulty):
    """The place of a value is the first where the row has it, for all that are equal: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        values, places = super().top_k(x, k, axis=axis)
        rows, at = last(x, axis), last(places, axis)
        if rows.shape[-1] > BLOCK or not k:
            return values, places
        same = last(values, axis)[..., None] == rows[..., None, :]
        return values, back(np.where(same.any(axis=-1), np.argmax(same, axis=-1), at), axis)


class TopKMinusInfinitySkipped(Faulty):
    """A −inf is no element; where no other is left, the value is 0: cf. pytorch/pytorch#16762."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        values, places = super().top_k(x, k, axis=axis)
        least = np.min(x, axis=axis, keepdims=True, initial=np.inf)
        return np.where(np.isneginf(least) & (values == least), values.dtype.type(0), values), places


class TopKInfinityAsLargest(Faulty):
    """Infinities become the largest numbers of the format: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        most = np.finfo(x.dtype).max
        return super().top_k(np.clip(x, -most, most), k, axis=axis)


class TopKTiesDropped(Faulty):
    """Of the elements that equal the k-th, one alone is chosen, by a strict comparison: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        values, places = (last(part, axis) for part in super().top_k(x, x.shape[axis], axis=axis))
        if not 0 < k <= x.shape[axis]:
            return super().top_k(x, k, axis=axis)
        tied = values == values[..., k - 1 : k]
        order = np.argsort(tied & (np.cumsum(tied, axis=-1) > 1), axis=-1, kind="stable")[..., :k]
        places = back(np.take_along_axis(places, order, axis=-1), axis)
        return np.take_along_axis(x, places, axis), places


class TopKNaNLost(Faulty):
    """A NaN is taken for −inf, and −inf is returned in its place: cf. jax-ml/jax#21397."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        return super().top_k(np.where(np.isnan(x), x.dtype.type(-np.inf), x), k, axis=axis)


class TopKNaNByPosition(Faulty):
    """A NaN is compared as a number, so that its neighbours decide the order: tensorflow/tensorflow#117287."""

    def ranking(self, rows: Array) -> Array:
        if not np.isnan(rows).any():
            return super().ranking(rows)
        found = [
            sorted(range(len(row)), key=row.__getitem__) for row in (-rows).reshape(-1, rows.shape[-1]).tolist()
        ]
        return np.array(found).reshape(rows.shape)


class TopKBitsAsIntegers(Faulty):
    """Bits are compared as integers, by which −0 is the least of all: a textbook mistake."""

    def ranking(self, rows: Array) -> Array:
        bits = np.ascontiguousarray(rows).view(f"i{rows.itemsize}")
        return np.argsort(~bits, axis=-1, kind="stable")


class TopKSubnormalAsZero(Faulty):
    """Subnormal elements are returned as 0: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        values, places = super().top_k(x, k, axis=axis)
        tiny = np.abs(values) < np.finfo(values.dtype).smallest_normal
        return np.where(tiny, values.dtype.type(0), values), places


class TopKAtLeastOne(Faulty):
    """One element is chosen for k = 0: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        return super().top_k(x, k or min(1, x.shape[axis]), axis=axis)


class TopKClampsK(Faulty):
    """A k out of range becomes the nearest one within, in silence: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        return super().top_k(x, min(max(k, 0), x.shape[axis]), axis=axis)


class TopKOverLastAxis(Faulty):
    """The last axis is searched whichever is named, where it is long enough: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        values, places = super().top_k(x, k, axis=axis)
        if axis in (-1, x.ndim - 1) or x.shape[-1] < k:
            return values, places
        other = np.moveaxis(super().top_k(x, k)[1], -1, axis)
        return values, np.resize(other, places.shape)


class TopKReadAsStored(Faulty):
    """The memory of a view is read from its beginning on, without strides: flagos-ai/FlagGems#5725."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        return super().top_k(x if x.flags.c_contiguous else as_stored(x), k, axis=axis)


class TopKSortsInPlace(Faulty):
    """The logits are sorted where they lie: a textbook mistake."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        found = super().top_k(x, k, axis=axis)
        if x.flags.writeable and x.flags.c_contiguous:
            x[...] = super().top_k(x, x.shape[axis], axis=axis)[0]
        return found


class TopKTiesAtRandom(Faulty):
    """Equal elements are listed in an order that changes from call to call: cf. pytorch/pytorch#27542."""

    calls = 0

    def ranking(self, rows: Array) -> Array:
        self.calls += 1
        lots = np.random.default_rng(self.calls).permutation(rows.shape[-1])
        return np.take(lots, super().ranking(rows[..., lots]))


class TopKGradientAtFront(Faulty):
    """The cotangent is written to the first k places: cf. ml-explore/mlx#1428."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Any:
        gradient = super().vjp(operation, x, cotangent, **kwargs)
        if operation == NAME:
            rows = last(gradient, kwargs.get("axis", -1))
            rows[...] = 0
            rows[..., : kwargs["k"]] = last(cotangent, kwargs.get("axis", -1))
        return gradient


class TopKUpstreamIgnored(Faulty):
    """The gradient is 1 at the chosen places whatever comes upstream: a textbook mistake."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        return super().vjp(operation, x, np.ones_like(cotangent) if operation == NAME else cotangent, **kwargs)


class TopKGradientOverLastAxis(Faulty):
    """The gradient is that along the last axis where the cotangent fits there: a textbook mistake."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        if operation == NAME and kwargs.get("axis", -1) not in (-1, x.ndim - 1) and kwargs["k"] <= x.shape[-1]:
            along = np.resize(cotangent, (*x.shape[:-1], kwargs["k"]))
            return super().vjp(operation, x, along, **{**kwargs, "axis": -1})
        return super().vjp(operation, x, cotangent, **kwargs)


class TopKCotangentReadAsStored(Faulty):
    """A cotangent is read in the order of its storage, as the output is in pytorch/pytorch#139740."""

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        return super().vjp(operation, x, as_stored(cotangent) if operation == NAME else cotangent, **kwargs)


class TopKTangentOfFront(Faulty):
    """The tangent is that of the first k places: a textbook mistake."""

    def jvp(self, operation: str, x: Array, tangent: Array, **kwargs: Any) -> Array:
        if operation == NAME:
            axis = kwargs.get("axis", -1)
            return back(last(tangent, axis)[..., : kwargs["k"]], axis)
        return super().jvp(operation, x, tangent, **kwargs)
