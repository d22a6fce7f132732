"""Top-k that are right in other ways: a heap, a partition, a network of comparisons, integers for keys."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

import heapq

import numpy as np

from adapters.honest.base import Honest
from adapters.rows import Array


class TopKByHeap(Honest, only="top_k"):
    """A heap of k elements, of equal ones the higher place first, in int32: Knuth, TAOCP 3, 5.2.3 (1998)."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        if not 0 <= k <= x.shape[axis]:
            raise ValueError(f"k is {k}, for {x.shape[axis]} elements")
        rows = np.moveaxis(self.working(x), axis, -1)
        found = np.zeros((*rows.shape[:-1], k), np.int32)
        for at in np.ndindex(rows.shape[:-1]):
            keys = ((not np.isnan(v), v, i) for i, v in enumerate(rows[at].tolist()))  # NaN is the least
            found[at] = [i for _, _, i in heapq.nlargest(k, keys)]
        places = np.moveaxis(found, -1, axis)
        return np.take_along_axis(x, places, axis), places


class TopKByPartition(Honest, only="top_k"):
    """A partition, whose k elements are then sorted, of equal ones in any order: Hoare, Algorithm 65 (1961)."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        if not 0 < k <= x.shape[axis]:
            return super().top_k(x, k, axis=axis)
        rows = -np.moveaxis(self.working(x), axis, -1)
        chosen = np.argpartition(rows, k - 1, axis=-1)[..., :k][..., ::-1]  # NaN is the last
        order = np.argsort(np.take_along_axis(rows, chosen, axis=-1), axis=-1, kind="stable")
        places = np.moveaxis(np.take_along_axis(chosen, order, axis=-1), -1, axis)
        return np.take_along_axis(x, places, axis), places


class TopKByNetwork(Honest, only="top_k"):
    """Batcher's bitonic network, which leaves equal elements where they meet: Batcher, AFIPS 32 (1968)."""

    def ranking(self, rows: Array) -> Array:
        n = rows.shape[-1]
        size = 1 << max(n - 1, 1).bit_length()
        keys = np.full((*rows.shape[:-1], size), -np.inf)
        keys[..., :n] = np.where(np.isnan(rows), np.inf, rows)
        # padding is behind −inf, and NaN before +inf
        side = np.concatenate([np.isnan(rows), np.full((*rows.shape[:-1], size - n), -1)], axis=-1) * 1
        places = np.broadcast_to(np.arange(size), keys.shape).copy()
        step = 2
        at = np.arange(size)
        while step <= size:
            apart = step // 2
            while apart:
                other = at ^ apart
                above = (keys > keys[..., other]) | ((keys == keys[..., other]) & (side > side[..., other]))
                below = (keys < keys[..., other]) | ((keys == keys[..., other]) & (side < side[..., other]))
                first = (at < other) == ((at & step) == 0)  # the greater of the two belongs here
                source = np.where(np.where(first, below, above), other, at)
                keys, side, places = (np.take_along_axis(a, source, axis=-1) for a in (keys, side, places))
                apart //= 2
            step *= 2
        return places[..., :n]


class TopKByRadix(Honest, only="top_k"):
    """Bits as integers, NaN and zeros by their signs, as in XLA: IEEE 754's totalOrder (2019)."""

    def ranking(self, rows: Array) -> Array:
        bits = np.ascontiguousarray(rows).view(f"i{rows.itemsize}")
        keys = np.where(bits < 0, ~(bits & np.iinfo(bits.dtype).max), bits)
        return np.argsort(~keys, axis=-1, kind="stable")


class TopKFlushing(Honest, only="top_k"):
    """Subnormal elements are compared as zeros, as processors that flush them do: a textbook method."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        compared = np.where(np.abs(x) < np.finfo(x.dtype).smallest_normal, x.dtype.type(0), x)
        places = super().top_k(compared, k, axis=axis)[1]
        return np.take_along_axis(x, places, axis), places
