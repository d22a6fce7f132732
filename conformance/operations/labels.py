"""The arguments of a cross-entropy, and the exact weight that each class has in each row's loss.

Every form reduces to L_i = share · Σ_j −q_ij · log_softmax(x_i)_j, with q exact: for labels t (one-hot for
an index), smoothing ε and class weights w it is q_j = w_j · ((1 − ε) · t_j + ε/n), and 0 in ignored rows.
The conventions are those of torch.nn.functional.cross_entropy: a mean over indices divides by the summed
weights of the rows that count, a mean over probabilities by the number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb, fmpq
from numpy.typing import NDArray

from conformance.truth.arithmetic import Arithmetic
from conformance.truth.formats import Floats
from conformance.truth.running import Running


@dataclass(frozen=True)
class Loss:
    """The arguments of a cross-entropy besides its logits: labels (r,) of integers or (r, n) exact float64."""

    labels: NDArray[Any]
    reduction: str = "none"
    weight: Floats | None = None
    ignore_index: int | None = None
    label_smoothing: float = 0.0


@dataclass(frozen=True)
class LabelRow:
    """One row's exact q, where it is not zero by construction, and what the row's loss is multiplied by."""

    q: dict[int, fmpq]
    ratio: fmpq | None  # none where nothing counts, and 0/0 is no number
    weight: Floats | None
    keep: fmpq  # 1 − ε

    @property
    def share(self) -> arb:
        """Return the factor of the row's loss, in the precision of the moment."""
        return arb.nan() if self.ratio is None else arb(self.ratio)

    @cached_property
    def mass(self) -> fmpq:
        """Σ q."""
        return sum(self.q.values(), fmpq(0))

    def dense(self, n: int) -> list[fmpq]:
        """q of each class."""
        return [self.q.get(j, fmpq(0)) for j in range(n)]

    def label_scale(self, n: int) -> list[arb]:
        """∂q_j/∂t_j for each class."""
        weights = np.ones(n) if self.weight is None else self.weight
        return [arb(float(w)) * arb(self.keep) for w in weights]


def targets(loss: Loss, shape: tuple[int, ...]) -> list[LabelRow]:
    """One target a row of logits shaped (r, n).

    Raises:
        ValueError: an index outside [0, n) that is not the ignored one; it has no true loss.
    """
    rows, n = shape
    dense = loss.labels.dtype.kind == "f"
    keep = fmpq(1) - _exact(loss.label_smoothing)
    floor = _exact(loss.label_smoothing) / n if n else fmpq(0)
    weights = [fmpq(1)] * n if loss.weight is None else [_exact(float(w)) for w in loss.weight]
    exact_rows: list[dict[int, fmpq]] = []
    mass = fmpq(0)
    for i in range(rows):
        if dense:
            labels = {j: _exact(float(t)) for j, t in enumerate(loss.labels[i])}
            mass += 1
        else:
            y = int(loss.labels[i])
            if y == loss.ignore_index:
                exact_rows.append({})
                continue
            if not 0 <= y < n:
                raise ValueError(f"label {y} is outside [0, {n})")
            labels = {y: fmpq(1)}
            mass += weights[y]
        positions = range(n) if floor != 0 else labels
        exact_rows.append({j: weights[j] * (keep * labels.get(j, fmpq(0)) + floor) for j in positions})
    ratio = fmpq(1) if loss.reduction != "mean" else None if mass == 0 else 1 / mass
    return [LabelRow(row, ratio, loss.weight, keep) for row in exact_rows]


def _exact(value: float) -> fmpq:
    return fmpq(*value.as_integer_ratio())


def _rounded(value: fmpq | None) -> float:
    return math.nan if value is None else int(value.p) / int(value.q)


@dataclass(frozen=True)
class Weights:
    """A loss's weights q of `LabelRow` in float64, (r, n), and what its rows are multiplied by."""

    q: Floats
    share: float = 1.0
    roundings: int = 0  # in computing q from labels, smoothing and class weights
    scale: Floats | float = 1.0  # ∂q/∂label

    def running(self, how: Arithmetic) -> Running:
        """q with the error of its own computation."""
        exact = Running(self.q)
        return exact.rounded(how, self.roundings) if self.roundings else exact

    def mass(self, how: Arithmetic) -> Running:
        """Σ_j q_j, (r, 1); exact where a row has one label."""
        dense = np.count_nonzero(self.q, axis=-1).max(initial=0) > 1
        return self.running(how).total(how, None if dense else 0)

    @staticmethod
    def of(asked: Sequence[LabelRow], shape: tuple[int, ...], loss: Loss) -> Weights:
        """The weights of the targets of rows shaped (r, n)."""
        q = np.zeros(shape)
        for i, target in enumerate(asked):
            for j, value in target.q.items():
                q[i, j] = _rounded(value)
        share = _rounded(asked[0].ratio) if asked else math.nan
        roundings = 4 if loss.label_smoothing else 1 if loss.weight is not None else 0
        scale = np.array([float(s) for s in asked[0].label_scale(shape[1])]) if asked else 1.0
        return Weights(q, share, roundings, scale)
