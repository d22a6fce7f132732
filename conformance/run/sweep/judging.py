"""Judge a chunk: run the framework on its rows, compare bits with the true results, and measure what differs.

A result is compared as bits with the true value correctly rounded. Only what differs is measured, against the
bounds of the grades. What does not differ is off by half an ulp at most, which is within every grade; the
largest of these errors, over the bound too, count for the worst like all others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import adapters
from adapters.protocol import Adapter, NotProvided
from conformance.run.measure import Call
from conformance.run.processes import machine, supervisor
from conformance.run.sweep import specials
from conformance.run.sweep.allowed import DOUBT, GRADES, Allowed
from conformance.run.sweep.pairs import sign
from conformance.run.sweep.spaces import CHUNK, FINITE, Chunk, Space, chunks, kinds, values
from conformance.run.sweep.tally import Tally, Worst
from conformance.run.sweep.truths import LABEL, PARTS, Expected, Part, expected, sums
from conformance.run.target import Target
from conformance.truth.certified import ulps
from conformance.truth.formats import Floats, exact, format_of

Array = NDArray[Any]
BLOCK = 2**17  # rows at a time
AXES = ("last", "first")
FINAL = "D"  # the grade whose bound errors are divided by
FEW = 64


@dataclass(frozen=True)
class Task:
    """What one worker does at a time, to be sent as it is."""

    target: str
    domain: str
    operation: str
    chunk: int
    sample: int | None = None
    axes: tuple[str, ...] = AXES
    size: int = CHUNK  # rows of a chunk


def run(task: Task) -> dict[str, Any]:
    """Return what judged a chunk, in how many seconds, and the tallies by part, all as JSON."""
    began = time.monotonic()
    adapter = _target(task.target).adapter
    framework = {"name": adapter.name, "version": adapter.version, "build": machine.build(adapter)}
    found = tallies(task, chunks(task.domain, task.sample, task.size)[task.chunk])
    told = {name: tally.told() for name, tally in found.items()}
    return {"framework": framework, "seconds": round(time.monotonic() - began, 3), "parts": told}


def tallies(task: Task, chunk: Chunk) -> dict[str, Tally]:
    """Judge the rows of a chunk, by part; one that the framework lacks is not there."""
    target = _target(task.target)
    if chunk.space.dtype not in target.adapter.dtypes:
        return {}
    found: dict[str, Tally] = {}
    for part in PARTS[task.operation]:
        allowed = _allowed(task.target, part.operation, part.derivative, chunk.space)
        judges = {axis: Judge(target.adapter, part, chunk.space, axis, allowed) for axis in task.axes}
        floor = 0.0 if chunk.sampled else _floor(task.target, part.operation, part.derivative, chunk.space)
        for numbers in chunk.blocks(BLOCK):
            _block(judges, part, chunk.space, numbers, floor)
        for axis, judge in judges.items():
            if not judge.absent:
                found[f"{part.name} {chunk.space.dtype} n={chunk.space.n} {axis}"] = judge.tally
    return found


@lru_cache(maxsize=1)
def _target(name: str) -> Target:
    adapter, device, mode = supervisor.parse(name)
    return Target(name, adapters.load(adapter, device, mode))


@lru_cache(maxsize=8)
def _allowed(target: str, operation: str, derivative: str, space: Space) -> Allowed:
    part = next(part for part in PARTS[operation] if part.derivative == derivative)
    return Allowed(part, space.dtype, space.n, _target(target).traits(space.dtype))


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


def _block(
    judges: dict[str, Judge], part: Part, space: Space, numbers: NDArray[np.int64], floor: float = 0.0
) -> None:
    block = Block.of(numbers, part, space)
    for judge in judges.values():
        judge.look(block, floor)


@lru_cache(maxsize=8)
def _floor(target: str, operation: str, derivative: str, space: Space) -> float:
    """Return some error over its bound that the whole space attains: a smaller one need not be looked for."""
    allowed = _allowed(target, operation, derivative, space)
    judge = Judge(_target(target).adapter, allowed.part, space, "last", allowed)
    drawn = np.random.default_rng(0).integers(0, space.rows, min(BLOCK, space.rows))
    judge.envelope(Block.of(drawn, allowed.part, space), 0.0)
    return judge.tally.bound.value


class Judge:
    """The tally of one part along one axis, as it grows block by block."""

    def __init__(self, adapter: Adapter, part: Part, space: Space, axis: str, allowed: Allowed) -> None:
        self.adapter = adapter
        self.part = part
        self.fmt = format_of(space.dtype)
        self.axis = 0 if axis == "first" else -1
        self.allowed = allowed
        self.tally = Tally()
        self.absent = self.axis == 0 and part.operation == "softmax_cross_entropy"

    def look(self, block: Block, floor: float) -> None:
        """Judge one block; an error of correct results over its bound counts from `floor` on."""
        if self.absent:
            return
        try:
            got = self._called(block.bits)
        except NotProvided:
            self.absent = True
            return
        ordinary = ~block.special
        bits, right = got.view(block.bits.dtype), block.expected.bits
        differ = (bits != right) & ordinary
        differ &= (bits != sign(self.fmt)) | (right != 0)
        total = len(got) * int(np.count_nonzero(ordinary))
        wrong = np.flatnonzero(differ.any(axis=0))
        if len(wrong):
            total -= self._measured(block, got, wrong, differ[:, wrong])
        self.tally.counts["correct"] += total
        self.tally.undecided += block.expected.undecided
        self.envelope(block, floor)
        special = np.flatnonzero(block.special)
        if len(special):
            self._special(block, exact(got[:, special]), special)

    def _called(self, bits: Array) -> Array:
        """The framework's results, (k, r) in its format."""
        x = bits.view(self.fmt.dtype)
        if self.axis == 0:
            x = np.ascontiguousarray(x.T)
        labels = np.full(len(bits), LABEL) if self.part.operation == "softmax_cross_entropy" else None
        cotangent = np.ones(len(bits), self.fmt.dtype) if self.part.derivative else None
        call = Call(self.part.operation, x, self.axis, self.part.derivative, cotangent, labels=labels)
        got = np.asarray(call.run(self.adapter))
        if got.ndim == 1:
            return got[None]
        return got if self.axis == 0 else got.T

    def _measured(self, block: Block, got: Array, rows: Array, wrong: Array) -> int:
        """Measure rows of which some results are `wrong`, (k, r), and return the number of those."""
        x = block.x[:, rows]
        truth = self.part.truth(sums(x, self.fmt))
        values = exact(got[:, rows])
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.abs((values - truth.value) - truth.residual)
        error = np.where(wrong, np.where(np.isnan(error), np.inf, error), 0.0)
        bounds = self.allowed.quick(x, truth)
        doubtful = np.flatnonzero(
            np.any(wrong & np.any(np.abs(error - bounds) <= DOUBT * bounds, axis=0), axis=0)
        )
        if len(doubtful):
            bounds[:, :, doubtful] = self.allowed.exact(x[:, doubtful])
        within = error <= bounds
        edge = np.isinf(values) & (np.sign(values) == np.sign(truth.value))
        edge &= np.abs(truth.value) + bounds[-1] >= self.fmt.largest
        error = np.where(edge, 0.0, error)
        within |= edge
        left = wrong.copy()
        for name, inside in zip((*GRADES, "beyond"), (*within, np.ones_like(wrong)), strict=True):
            self.tally.counts[name] += int(np.count_nonzero(left & inside))
            left &= ~inside
        ulp = error / ulps(truth.value, self.fmt)
        ratio = np.where(error == 0, 0.0, error / np.maximum(bounds[-1], 5e-324))
        self._worst("ulps", ulp, block, rows, values)
        self._bound(ratio, block, rows, values, error)
        return int(np.count_nonzero(wrong))

    def envelope(self, block: Block, floor: float) -> None:
        """Count the errors of correctly rounded results; where one was not, it had a larger error."""
        bound = max(self.tally.bound.value, floor * (1 - DOUBT))
        for name, beaten in (("ulps", self.tally.ulps.value), ("bound", bound * self.allowed.least)):
            if block.largest > beaten:
                self._envelope_of(block, name, np.flatnonzero((block.expected.off > beaten).any(axis=0)))

    def _envelope_of(self, block: Block, name: str, near: Array) -> None:
        rows, off = block.expected.rows[near], block.expected.off[:, near]
        got = exact(block.expected.bits[:, rows].view(self.fmt.dtype))
        if name == "ulps":
            self._worst(name, off, block, rows, got)
            return
        x = block.x[:, rows]
        truth = self.part.truth(sums(x, self.fmt))
        error = off * ulps(truth.value, self.fmt)
        bounds = self.allowed.quick(x, truth)[-1]
        self._bound(np.where(error == 0, 0.0, error / bounds), block, rows, got, error)

    def _bound(self, ratio: Floats, block: Block, rows: Array, got: Floats, error: Floats) -> None:
        """Keep the worst error over its bound, which the exact formulas give for the worst by the table."""
        best = float(ratio.max(initial=0.0))
        if best * (1 + 2 * DOUBT) < self.tally.bound.value:
            return
        near = np.flatnonzero((ratio >= best * (1 - 2 * DOUBT)).any(axis=0))
        near = near[np.argsort(-ratio[:, near].max(axis=0), kind="stable")[:FEW]]
        bounds = self.allowed.exact(block.x[:, rows[near]])[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            again = np.where(error[:, near] == 0, 0.0, error[:, near] / bounds)
        self._worst("bound", again, block, rows[near], got[:, near])

    def _worst(self, name: str, measure: Floats, block: Block, rows: Array, got: Floats) -> None:
        if not measure.size:
            return
        top = np.max(measure)
        place = np.flatnonzero((measure == top).any(axis=0))
        at = place[np.argmin(rows[place])]
        j = int(np.argmax(measure[:, at]))
        row = int(block.numbers[rows[at]])
        kept: Worst = getattr(self.tally, name)
        if not kept.beats(float(top), row):
            kept.take(Worst(float(top), row, self._witness(block, int(rows[at]), j, float(got[j, at]))))

    def _witness(self, block: Block, at: int, j: int, got: float) -> dict[str, Any]:
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

    def _special(self, block: Block, got: Floats, rows: Array) -> None:
        kind = block.kinds[:, rows]
        found = specials.tallied(kind, got, block.x[:, rows].sum(axis=0))
        for (held, answers), count in found.items():
            self.tally.special[specials.name(held, answers)] += count
            if not specials.legal(self.part.name, held, answers):
                self.tally.wrong += count
        if self.tally.wrong and self.tally.first_wrong.row < 0:
            self._first_wrong(block, kind, got, rows)

    def _first_wrong(self, block: Block, kind: Array, got: Floats, rows: Array) -> None:
        for place, at in enumerate(rows):
            ((held, answers),) = specials.tallied(kind[:, [place]], got[:, [place]], block.x[:, [at]].sum(axis=0))
            if not specials.legal(self.part.name, held, answers):
                witness = self._witness(block, int(at), 0, float(got[0, place]))
                self.tally.first_wrong.take(Worst(0.0, int(block.numbers[at]), witness))
                return
