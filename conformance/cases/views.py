"""Views of logits and of labels: the same numbers in another place or order in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LINE = 64  # bytes of a line of the cache
VIEWS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "offset": lambda x: np.concatenate([x[:, :1], x], axis=1)[:, 1:],
    "reversed": lambda x: np.ascontiguousarray(x[:, ::-1])[:, ::-1],
    "rows-strided": lambda x: np.repeat(x, 3, axis=0)[::3],
}

LABEL_VIEWS: dict[str, Callable[[Any], Any]] = {
    "strided": lambda labels: np.stack([labels, labels + 1], axis=-1)[..., 0],
    "reversed": lambda labels: labels[::-1].copy()[::-1],
    "broadcast": lambda labels: np.broadcast_to(labels[0], labels.shape),
    "transposed": lambda labels: np.ascontiguousarray(labels.T).T,
}


def misaligned(x: Any) -> Any:
    """`x` from an address that is no multiple of a vector's or a cache line's size, only of an element's."""
    room = np.empty(x.size + 1, x.dtype)
    room[1:] = x.ravel()
    return room[1:].reshape(x.shape)


def aligned(x: Any) -> Any:
    """Return a copy of `x` at a multiple of a cache line, where a framework that shares memory always does."""
    room = np.empty(x.nbytes + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    copy = room[start : start + x.nbytes].view(x.dtype).reshape(x.shape)
    copy[...] = x
    return copy
