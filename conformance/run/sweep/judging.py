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
from conformance.run.sweep.blocks import Block, Recorder
from conformance.run.sweep.pairs import sign
from conformance.run.sweep.spaces import CHUNK, Chunk, Space, chunks
from conformance.run.sweep.tally import Tally, Worst
from conformance.run.sweep.truths import LABEL, PARTS, Part, sums
from conformance.run.target import Target
from conformance.truth.certified import ulps
from conformance.truth.formats import Floats, exact, format_of

Array = NDArray[Any]
BLOCK = 2**17  # rows at a time
AXES = ("last", "first")


@dataclass(frozen=True)
class Task:
    """One task of a worker, to be sent as it is."""

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
        correct = Recorder(part, chunk.space, allowed)
        floor = 0.0 if chunk.sampled else _floor(task.target, part.operation, part.derivative, chunk.space)
        for numbers in chunk.blocks(BLOCK):
            block = Block.of(numbers, part, chunk.space)
            correct.envelope(block, floor)
            for judge in judges.values():
                judge.look(block)
        for axis, judge in judges.items():
            if not judge.absent:
                judge.tally.merge(correct.tally)
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


@lru_cache(maxsize=8)
def _floor(target: str, operation: str, derivative: str, space: Space) -> float:
    """Return some error over its bound that the whole space attains: a smaller one need not be looked for."""
    allowed = _allowed(target, operation, derivative, space)
    if not allowed.tabulated:
        return 0.0
    recorder = Recorder(allowed.part, space, allowed)
    drawn = np.random.default_rng(0).integers(0, space.rows, min(BLOCK, space.rows))
    recorder.envelope(Block.of(drawn, allowed.part, space))
    return recorder.tally.bound.value


class Judge:
    """The tally of one part along one axis, as it grows block by block."""

    def __init__(self, adapter: Adapter, part: Part, space: Space, axis: str, allowed: Allowed) -> None:
        self.adapter = adapter
        self.part = part
        self.fmt = format_of(space.dtype)
        self.allowed = allowed
        self.recorder = Recorder(part, space, allowed)
        self.tally = self.recorder.tally
        self.axis = 0 if axis == "first" else -1
        self.absent = self.axis == 0 and part.operation == "softmax_cross_entropy"

    def look(self, block: Block) -> None:
        """Judge one block."""
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
        if got.dtype != self.fmt.dtype:
            raise TypeError(f"{self.part.name} of {self.fmt.name} is {got.dtype}")
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
        self.recorder.worst("ulps", ulp, block, rows, values)
        self.recorder.bound(ratio, block, rows, values, error)
        return int(np.count_nonzero(wrong))

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
                witness = self.recorder.witness(block, int(at), 0, float(got[0, place]))
                self.tally.first_wrong.take(Worst(0.0, int(block.numbers[at]), witness))
                return
