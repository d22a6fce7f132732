"""The true results of rows of finite logits, rounded to their format: certified, and by balls where that is
open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.operations import query as questions
from conformance.operations.labels import Loss
from conformance.operations.query import Query
from conformance.run.sweep.pairs import coded, pairs, sign, wide_range
from conformance.truth.certified import Sums, nearest
from conformance.truth.formats import Floats, Format
from conformance.truth.oracle import Truth

Array = NDArray[Any]
LABEL = 0  # the class that every row of a loss names


@dataclass(frozen=True)
class Part:
    """An operation or its derivative, as a sweep asks for it: results (k, r) of rows (n, r)."""

    operation: str
    derivative: str
    truth: Callable[[Sums], Truth]

    @property
    def base(self) -> str:
        """The operation whose results on pairs these are, but for order and sign."""
        if self.operation != "softmax_cross_entropy":
            return self.operation
        return "softmax" if self.derivative else "log_softmax"

    @property
    def name(self) -> str:
        """ "softmax", "softmax_cross_entropy vjp"."""
        return f"{self.operation} {self.derivative}".strip()

    def query(self, x: Floats) -> Query:
        """The same question of the oracle, of rows (n, r)."""
        loss = Loss(np.full(x.shape[1], LABEL)) if self.operation == "softmax_cross_entropy" else None
        cotangent = np.ones(x.shape[1]) if self.derivative else None
        return Query(self.operation, np.ascontiguousarray(x.T), self.derivative, cotangent, loss=loss)


def _negative(truth: Truth) -> Truth:
    return replace(truth, value=-truth.value, residual=-truth.residual)


def _stacked(*truths: Truth) -> Truth:
    return Truth(*(np.stack([getattr(one, part.name) for one in truths]) for part in fields(Truth)))


def _gradient(sums: Sums) -> Truth:
    """g − t, where t is 1 at the label: −(1 − g) there."""
    g = sums.softmax()
    others = [g.part(j) for j in range(len(g.value)) if j != LABEL]
    return _stacked(_negative(sums.rest(LABEL)), *others)


PARTS: dict[str, tuple[Part, ...]] = {
    "softmax": (Part("softmax", "", Sums.softmax),),
    "log_softmax": (Part("log_softmax", "", Sums.log_softmax),),
    "logsumexp": (Part("logsumexp", "", lambda sums: sums.logsumexp().part(np.newaxis)),),
    "softmax_cross_entropy": (
        Part("softmax_cross_entropy", "", lambda sums: _negative(sums.log_softmax().part([LABEL]))),
        Part("softmax_cross_entropy", "vjp", _gradient),
    ),
}


BASES = {name: PARTS[name][0] for name in ("softmax", "log_softmax")}


@dataclass(frozen=True)
class Expected:
    """The true results of rows in their format, as bits (k, r); a zero has no sign.

    `off` is how far `rows` of them are from the true values, in ulps (k, m); all others are less than half so.
    `undecided` is the number of results, or of pairs, that took ball arithmetic.
    """

    bits: Array
    rows: NDArray[np.intp]
    off: Floats
    undecided: int


def expected(part: Part, x: Floats, fmt: Format) -> Expected:
    """The only right results of rows (n, r) of finite logits."""
    if len(x) != 2 or part.operation == "logsumexp":
        value, off, undecided = rounded(part, x, fmt)
        return Expected(coded(value, fmt), np.arange(x.shape[1]), off, undecided)
    logarithmic = part.base == "log_softmax"
    found = pairs(x, fmt, logarithmic)
    bits, off = found.bits, found.off
    if len(found.undecided):
        settled = rounded(BASES[part.base], x[:, found.undecided], fmt)[0]
        bits[:, found.undecided] = coded(settled, fmt)
    if part.base != part.operation:
        bits, off = _of_loss(part, bits, fmt), off[[1 - LABEL] * 2 if part.derivative else [LABEL]]
    rows = np.arange(x.shape[1]) if found.rows is None else found.rows
    return Expected(bits, rows, off, len(found.undecided))


def _of_loss(part: Part, bits: Array, fmt: Format) -> Array:
    """The bits of a loss, −l at the label, or of its gradient, −(1 − g) at the label and g elsewhere."""
    if not part.derivative:
        positive: Array = bits[[LABEL]] & ~sign(fmt)
        return positive
    other = bits[1 - LABEL]
    return np.stack([np.where(other == 0, other, other | sign(fmt)), other])


def rounded(part: Part, x: Floats, fmt: Format) -> tuple[Floats, Floats, int]:
    """The true results, how far they are from the true values in ulps, and how many took ball arithmetic."""
    found = nearest(part.truth(sums(x, fmt)), fmt)
    doubtful = np.flatnonzero(~found.decided.all(axis=0))
    if len(doubtful):
        settled = nearest(by_balls(part, x[:, doubtful]), fmt)
        assert settled.decided.all(), "ball arithmetic decides every rounding"
        found.value[:, doubtful], found.off[:, doubtful] = settled.value, settled.off
    return found.value, found.off, int(np.count_nonzero(~found.decided))


def sums(x: Floats, fmt: Format) -> Sums:
    """The sums of rows; no gap of a format with few exponents needs rounding in float64."""
    return Sums.of(x, exact=not wide_range(fmt))


def by_balls(part: Part, x: Floats) -> Truth:
    """The truth of rows (n, r) by ball arithmetic, (k, r)."""
    found = questions.evaluate(part.query(x))
    return Truth(*(np.atleast_2d(getattr(found, one.name).T) for one in fields(Truth)))
