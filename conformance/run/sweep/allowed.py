"""The bounds of grades B, C and D of rows, as a sweep needs them: by the exact formulas, and fast for pairs.

The error that a grade allows a pair, before the last rounding, depends on the gap alone. It is tabulated, and
where an error is within a thousandth of the bound that the table gives, the formulas say on which side.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from conformance import operations
from conformance.operations.labels import Weights
from conformance.operations.operation import Setting
from conformance.run.measure import Traits
from conformance.run.sweep.truths import LABEL, Part, sums
from conformance.truth.arithmetic import Arithmetic
from conformance.truth.bounds import Rows, log_total_error
from conformance.truth.certified import ulps
from conformance.truth.formats import Floats, format_of
from conformance.truth.oracle import Truth
from conformance.truth.running import Running

GRADES = ("B", "C", "D")
REQUIRED = "D"  # the grade whose bound errors are divided by
LEAST, MIDDLE = 2.0**-16, 2.0**8  # gaps with many places in the table; beyond, the bounds are next to linear
FINE, COARSE = 13, 8  # bits of the gap behind its leading one that number a place
DOUBT = 1e-3
MOST = 2**14  # rows whose bounds are computed at a time


class Allowed:
    """The errors that grades allow the results of one part in one format and row length."""

    def __init__(self, part: Part, dtype: str, n: int, traits: Traits) -> None:
        self.part = part
        self.fmt = format_of(dtype)
        self.n = n
        self.how: dict[str, Arithmetic] = {grade: traits.arithmetic(grade, dtype, n) for grade in GRADES}

    @property
    def tabulated(self) -> bool:
        """Return True if there is a table: rows are pairs."""
        return self.n == 2

    def exact(self, x: Floats, grades: Sequence[str] = GRADES) -> Floats:
        """The bounds of rows (n, r), (grades, k, r)."""
        pieces = [self._exact(x[:, at : at + MOST], grades) for at in range(0, x.shape[1], MOST)]
        return np.concatenate(pieces, axis=-1)

    def _exact(self, x: Floats, grades: Sequence[str]) -> Floats:
        at = self._setting(x)
        operation = operations.get(self.part.operation)
        found = [operation.tolerance(at, self.how[grade], self.part.derivative) for grade in grades]
        return np.nan_to_num(np.stack([np.atleast_2d(one.T) for one in found]), nan=0.0, posinf=np.inf)

    def quick(self, x: Floats, truth: Truth, grades: Sequence[str] = GRADES) -> Floats:
        """The same to a relative 10^−4 where there is a table."""
        if not self.tabulated:
            return self.exact(x, grades)
        first, second = x
        gap = np.abs(first - second)
        above = first >= second
        place, part = _place(gap)
        found = np.empty((len(grades), *truth.value.shape))
        for g, grade in enumerate(grades):
            table = self._table[GRADES.index(grade)]
            for j, (one, other) in enumerate(zip(table[0], table[1], strict=True)):
                low, high = (np.where(above, one[at], other[at]) for at in (place, place + 1))
                found[g, j] = self._rounded(truth.value[j], low + part * (high - low), self.how[grade])
        return found

    def _rounded(self, value: Floats, error: Floats, how: Arithmetic) -> Floats:
        """The bound of a result from what the table holds: of a log-sum-exp, the error of the logarithm alone."""
        if self.part.operation == "logsumexp":
            error = Running(value, error).rounded(how).error + np.zeros_like(value)
        return how.rounded(value, error)

    @cached_property
    def least(self) -> float:
        """Return a number that the bound of grade D is never below, in ulps of the result."""
        if not self.tabulated or self.part.operation == "logsumexp":
            return 0.0
        gaps = _gaps(self.fmt.largest)
        least = np.inf
        for side, pair in enumerate(((gaps * 0, -gaps), (-gaps, gaps * 0))):
            value = self.part.truth(sums(np.stack(pair), self.fmt)).value
            ulp = ulps(np.abs(value) * (1 + 2.0**-8), self.fmt)
            bound = self.how["D"].rounded(value, self._table[-1, side])
            least = min(least, float(np.min(bound / ulp)))
        return least * (1 - 2.0**-6)

    @cached_property
    def _table(self) -> Floats:
        """(grades, which logit is larger, k, places)."""
        gaps, zeros = _gaps(self.fmt.largest), np.zeros_like(_gaps(self.fmt.largest))
        sides = [self._errors(np.stack(pair)) for pair in ((zeros, -gaps), (-gaps, zeros))]
        return np.stack(sides, axis=1)

    def _errors(self, x: Floats) -> Floats:
        bound = operations.get(self.part.operation).bounds[self.part.derivative]
        bound = _of_logarithm if self.part.operation == "logsumexp" else bound
        found = []
        for how in self.how.values():
            pieces = []
            for at in range(0, x.shape[1], MOST):
                one = bound(self._setting(x[:, at : at + MOST]), how)
                pieces.append(np.atleast_2d((one.error + np.zeros_like(one.value)).T))
            found.append(np.concatenate(pieces, axis=-1))
        return np.stack(found)

    def _setting(self, x: Floats) -> Setting:
        known = sums(x, self.fmt)
        g, l = known.softmax().value, known.log_softmax().value  # noqa: E741 -- the letter of the formulas
        b, _ = known.log_total()
        rows = Rows(known.gap.T, g.T, l.T, b[:, None], known.peak[:, None])
        if self.part.operation != "softmax_cross_entropy":
            return Setting(rows)
        labels = np.zeros(rows.g.shape)
        labels[:, LABEL] = 1
        return Setting(rows, Running.magnitude(np.ones(len(labels))), weights=Weights(labels))


def _of_logarithm(at: Setting, how: Arithmetic) -> Running:
    return Running(at.rows.log_total, log_total_error(at.rows, how)).flat()


def _gaps(largest: float) -> Floats:
    """The gaps of the places, ascending, but the first: that of no gap at all."""
    fine = np.arange(_key(LEAST, FINE), _key(MIDDLE, FINE)) << (52 - FINE)
    coarse = np.arange(_key(MIDDLE, COARSE), _key(4 * largest, COARSE)) << (52 - COARSE)
    ascending = np.concatenate([fine, coarse]).view(np.float64)
    return np.concatenate([[0.0, 0.0], ascending])


def _key(value: float, bits: int) -> int:
    return int(np.float64(value).view(np.int64)) >> (52 - bits)


def _place(gap: Floats) -> tuple[np.ndarray, Floats]:
    """The place at or below each gap, and how far it is from there to the next."""
    bits = np.maximum(gap, LEAST).view(np.int64)
    fine, coarse = bits >> (52 - FINE), bits >> (52 - COARSE)
    near = gap < MIDDLE
    start = 2 + _key(MIDDLE, FINE) - _key(LEAST, FINE) - _key(MIDDLE, COARSE)
    place = np.where(near, fine - (_key(LEAST, FINE) - 2), coarse + start)
    mask = np.where(near, np.int64(2 ** (52 - FINE) - 1), np.int64(2 ** (52 - COARSE) - 1))
    part = (bits & mask) / (mask + 1.0)
    return np.where(gap == 0, 0, place), np.where(gap == 0, 0.0, part)
