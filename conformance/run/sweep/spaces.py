"""Domains of sweeps: every row of two or three logits of a format, numbered by the bits of the row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.truth.formats import Floats, exact, format_of

Array = NDArray[Any]
CHUNK = 2**24  # rows: a second's work and more
FINITE, NAN, POSITIVE, NEGATIVE = range(4)  # kinds of logits


@dataclass(frozen=True)
class Space:
    """Rows of `free` logits, each of any bits of the format, and of fixed ones behind them."""

    dtype: str
    free: int
    fixed: tuple[float, ...] = ()

    @property
    def n(self) -> int:
        """The length of a row."""
        return self.free + len(self.fixed)

    @property
    def width(self) -> int:
        """The bits of a logit."""
        return 8 * format_of(self.dtype).dtype.itemsize

    @property
    def rows(self) -> int:
        """The number of rows."""
        return 1 << (self.width * self.free)

    def bits(self, numbers: NDArray[np.int64]) -> Array:
        """The bits of rows by their numbers, (r, n): the first logit has the highest bits of the number."""
        kind = np.dtype(f"u{self.width // 8}")
        out = np.empty((len(numbers), self.n), kind)
        for j in range(self.free):
            out[:, j] = numbers >> (self.width * (self.free - 1 - j))
        out[:, self.free :] = np.asarray(self.fixed, format_of(self.dtype).dtype).view(kind)
        return out


DOMAINS: dict[str, tuple[Space, ...]] = {
    "float16-pairs": (Space("float16", 2),),
    "bfloat16-pairs": (Space("bfloat16", 2),),
    "float8-triples": tuple(Space(dtype, n) for dtype in ("float8_e4m3fn", "float8_e5m2") for n in (2, 3)),
    "float16-rows-of-3": (Space("float16", 2, (0.0,)),),
}


@dataclass(frozen=True)
class Chunk:
    """A part of a domain: rows from `start` to `stop` of one space, or as many drawn at random."""

    number: int
    space: Space
    start: int
    stop: int
    sampled: bool = False

    def blocks(self, size: int) -> Iterator[NDArray[np.int64]]:
        """Yield the numbers of the rows, ascending, at most `size` at a time."""
        if self.sampled:
            random = np.random.default_rng((self.number, self.stop - self.start))
            drawn = np.sort(random.integers(0, self.space.rows, self.stop - self.start))
            yield from (drawn[at : at + size] for at in range(0, len(drawn), size))
        else:
            for at in range(self.start, self.stop, size):
                yield np.arange(at, min(at + size, self.stop), dtype=np.int64)


def chunks(domain: str, sample: int | None = None, size: int = CHUNK) -> list[Chunk]:
    """The chunks of so many rows of a domain, or of `sample` rows drawn from each of its spaces."""
    found: list[Chunk] = []
    for space in DOMAINS[domain]:
        count = space.rows if sample is None else sample
        for start in range(0, count, size):
            stop = min(start + size, count)
            found.append(Chunk(len(found), space, start, stop, sample is not None))
    return found


@cache
def values(dtype: str) -> Floats:
    """The value of each bit pattern of a format; 0 for NaN and infinity."""
    every = exact(_patterns(dtype))
    return np.where(np.isfinite(every), every, 0.0)


@cache
def kinds(dtype: str) -> NDArray[np.uint8]:
    """The kind of each bit pattern."""
    every = exact(_patterns(dtype))
    found = np.where(np.isnan(every), NAN, np.where(np.isposinf(every), POSITIVE, NEGATIVE))
    return np.where(np.isfinite(every), FINITE, found).astype(np.uint8)


def _patterns(dtype: str) -> Array:
    kind = format_of(dtype).dtype
    return np.arange(1 << (8 * kind.itemsize), dtype=f"u{kind.itemsize}").view(kind)
