"""Blocks of rows with their true results, and the worst errors in them with their witnesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.run.sweep.allowed import DOUBT, REQUIRED, Allowed
from conformance.run.sweep.spaces import FINITE, Space, kinds, values
from conformance.run.sweep.tally import Tally, Worst
from conformance.run.sweep.truths import Expected, Part, expected, sums
from conformance.truth.certified import ulps
from conformance.truth.formats import Floats, exact, format_of

Array = NDArray[Any]
FEW = 64  # rows next to the worst by the table, of which the exact formulas tell the worst


@dataclass(frozen=True)
class Block:
    """Rows of a chunk: their numbers, bits (r, n), kinds and values (n, r), and which of them are special."""

    numbers: NDArray[np.int64]
    bits: Array
    kinds: Array
    x: Floats
    special: Array
    expected: Expected
    largest: float  # error of a correctly rounded result, in ulps

    @staticmethod
    def of(numbers: NDArray[np.int64], part: Part, space: Space) -> Block:
        """Evaluate the truth of rows; that of a special row is that of some other one, and not looked at."""
        bits = space.bits(numbers)
        columns = [np.ascontiguousarray(column) for column in bits.T]
        kind = np.stack([kinds(space.dtype).take(column) for column in columns])
        x = np.stack([values(space.dtype).take(column) for column in columns])
        fmt = format_of(space.dtype)
        true, special = expected(part, x, fmt), np.any(kind != FINITE, axis=0)
        if not fmt.infinite:  # then no number is right past the largest one
            special |= np.any(np.isnan(exact(true.bits.view(fmt.dtype))), axis=0)
        true.off[:, special[true.rows]] = 0.0
        return Block(numbers, bits, kind, x, special, true, float(true.off.max(initial=0.0)))


class Recorder:
    """Keeps the worst errors of one part of a sweep in a tally."""

    def __init__(self, part: Part, space: Space, allowed: Allowed) -> None:
        self.part = part
        self.fmt = format_of(space.dtype)
        self.allowed = allowed
        self.tally = Tally()

    def envelope(self, block: Block, floor: float = 0.0) -> None:
        """Count the errors of correctly rounded results, over the bound from `floor` on.

        They count for every target: where its result is not correctly rounded, it has a larger error.
        """
        bound = max(self.tally.bound.value, floor * (1 - DOUBT)) * self.allowed.least
        off, rows = block.expected.off, block.expected.rows
        if block.largest > self.tally.ulps.value:
            self.worst("ulps", off, block, rows, exact(block.expected.bits[:, rows].view(self.fmt.dtype)))
        if block.largest > bound:
            near = np.flatnonzero((off > bound).any(axis=0))
            rows, off = rows[near], off[:, near]
            x = block.x[:, rows]
            truth = self.part.truth(sums(x, self.fmt))
            error = off * ulps(truth.value, self.fmt)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(error == 0, 0.0, error / self.allowed.quick(x, truth, (REQUIRED,))[0])
            self.bound(ratio, block, rows, exact(block.expected.bits[:, rows].view(self.fmt.dtype)), error)

    def bound(self, ratio: Floats, block: Block, rows: Array, got: Floats, error: Floats) -> None:
        """Keep the worst error over its bound, which the exact formulas give for the worst by the table."""
        best = float(ratio.max(initial=0.0))
        if best * (1 + 2 * DOUBT) < self.tally.bound.value:
            return
        near = np.flatnonzero((ratio >= best * (1 - 2 * DOUBT)).any(axis=0))
        near = near[np.argsort(-ratio[:, near].max(axis=0), kind="stable")[:FEW]]
        bounds = self.allowed.exact(block.x[:, rows[near]], (REQUIRED,))[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            again = np.where(error[:, near] == 0, 0.0, error[:, near] / bounds)
        self.worst("bound", again, block, rows[near], got[:, near])

    def worst(self, name: str, measure: Floats, block: Block, rows: Array, got: Floats) -> None:
        """Keep the largest of a measure (k, m) of some rows of a block, of which `got` came out."""
        if not measure.size:
            return
        top = np.max(measure)
        place = np.flatnonzero((measure == top).any(axis=0))
        at = place[np.argmin(rows[place])]
        j = int(np.argmax(measure[:, at]))
        row = int(block.numbers[rows[at]])
        kept: Worst = getattr(self.tally, name)
        if not kept.beats(float(top), row):
            kept.take(Worst(float(top), row, self.witness(block, int(rows[at]), j, float(got[j, at]))))

    def witness(self, block: Block, at: int, j: int, got: float) -> dict[str, Any]:
        """Return one row of a block, what came out at a position, and what is true there."""
        row = exact(block.bits[at].view(self.fmt.dtype))
        width = 2 * self.fmt.dtype.itemsize
        told = {
            "row": [float(v).hex() for v in row],
            "bits": [f"0x{int(v):0{width}x}" for v in block.bits[at]],
            "position": j,
            "got": got.hex(),
        }
        if not block.special[at]:
            truth = self.part.truth(sums(block.x[:, [at]], self.fmt))
            told["expected"] = float(truth.value[j, 0]).hex()
        return told
