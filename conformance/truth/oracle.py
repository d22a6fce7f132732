"""True values and their enclosures, by ball arithmetic from the exact bits of the input.

Every quantity is computed in python-flint's `arb`, whose balls provably contain the true value, and the
precision is raised until the ball decides the rounding to float64. Rows are two-dimensional, class axis
last. A row with a NaN or +inf, or of −inf alone, has no true value here: all of it is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from conformance.truth.formats import Floats
from conformance.truth.labels import Loss, Target, targets

PRECISIONS = (128, 320, 1280)  # bits; the last resolves float64's subnormals beside numbers of order one
ZERO = 2.0**-256  # a ball that still holds zero and is smaller than this is taken for an exact cancellation


@dataclass(frozen=True)
class Truth:
    """True values: |true − (value + residual)| ≤ radius, elementwise.

    `value` is the true value correctly rounded to float64 (±inf where it overflows), `residual` what that
    rounding left, rounded again: together about 106 bits.
    """

    value: Floats
    residual: Floats
    radius: Floats


@dataclass(frozen=True)
class Query:
    """What is asked: an operation or a derivative of it, on rows (r, n) of exact float64.

    `derivative` is "", "vjp", "jvp" or "hvp"; `cotangent` and `tangent` have the shapes of the result and
    of `rows`; `wrt` is "x" or "labels" as in `adapters.protocol`.
    """

    operation: str
    rows: Floats
    derivative: str = ""
    cotangent: Floats | None = None
    tangent: Floats | None = None
    wrt: str = "x"
    loss: Loss | None = None

    @property
    def per_row(self) -> bool:
        """Whether the result has one number a row (a loss or its derivative along a tangent)."""
        return self.operation == "softmax_cross_entropy" and self.derivative in ("", "jvp")


class Row:
    """One row at one precision: gaps, exponentials and their sum, each distinct logit computed once."""

    def __init__(self, x: Floats) -> None:
        distinct, self.inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
        finite = np.isfinite(distinct)
        self.masked = int(np.count_nonzero(~finite))  # −inf sorts first, and is one distinct value
        logits = [arb(float(v)) for v in distinct[finite]]
        peak = logits[-1]
        gaps = [peak - v for v in logits]
        exponentials = [(-gap).exp() for gap in gaps]
        rest = arb(int(counts[-1]) - 1)
        for e, count in zip(exponentials[:-1], counts[finite][:-1], strict=True):
            rest += e * int(count)
        total = rest + 1
        log_total = rest.log1p()  # accurate also where one logit holds nearly all the mass
        self._g = [arb(0)] * self.masked + [e / total for e in exponentials]
        self._l = [arb.neg_inf()] * self.masked + [-gap - log_total for gap in gaps]

    def softmax(self) -> list[arb]:
        """Probabilities of the distinct logits, in ascending order."""
        return self._g

    def log_softmax(self) -> list[arb]:
        """Log-probabilities of the distinct logits, in ascending order; −inf for −inf."""
        return self._l

    @property
    def g(self) -> list[arb]:
        """Probability at each position."""
        return [self._g[i] for i in self.inverse]

    def log_probability(self, j: int) -> arb:
        """Log-probability at position j."""
        return self._l[self.inverse[j]]


def evaluate(query: Query) -> Truth:
    """The true values of `query`, shaped as the framework's result with the class axis last."""
    rows = query.rows
    asked: Sequence[Target | None] = [None] * len(rows)
    if query.loss is not None:
        asked = targets(query.loss, rows.shape)
    if query.loss is not None and query.loss.reduction != "none" and query.per_row:
        return _reduced(query, asked)
    results = [_decided_row(query, i, target) for i, target in enumerate(asked)]
    shape = rows.shape[:-1] if query.per_row else rows.shape
    value, residual, radius = (
        np.array([getattr(result, name) for result in results], np.float64).reshape(shape)
        for name in ("value", "residual", "radius")
    )
    return Truth(value, residual, radius)


def _decided_row(query: Query, i: int, target: Target | None) -> Truth:
    x = query.rows[i]
    if not _has_truth(x):
        undefined = np.full(1 if query.per_row else len(x), np.nan)
        return Truth(undefined, undefined, undefined)
    truth = _decide(lambda: _row_values(query, i, Row(x), target))
    if query.per_row or query.derivative:
        return truth
    inverse = np.unique(x, return_inverse=True)[1]
    return Truth(truth.value[inverse], truth.residual[inverse], truth.radius[inverse])


def _reduced(query: Query, asked: Sequence[Target | None]) -> Truth:
    if not all(_has_truth(x) for x in query.rows):
        undefined = np.full((), np.nan)
        return Truth(undefined, undefined, undefined)

    def total() -> list[arb]:
        parts = (_row_values(query, i, Row(x), asked[i])[0] for i, x in enumerate(query.rows))
        return [_sum(parts)]

    truth = _decide(total)
    return Truth(truth.value[0], truth.residual[0], truth.radius[0])


def _has_truth(x: Floats) -> bool:
    return bool(len(x) and np.isfinite(np.max(x)))


def _row_values(query: Query, i: int, row: Row, target: Target | None) -> list[arb]:
    """One row's result: distinct values for softmax and log_softmax, else one per position, or one."""
    tangent = [] if query.tangent is None else _balls(query.tangent[i])
    if target is not None:
        return _loss_values(query, row, target, _upstream(query.cotangent, i), tangent)
    if query.derivative == "":
        return row.softmax() if query.operation == "softmax" else row.log_softmax()
    cotangent = [] if query.cotangent is None else _balls(query.cotangent[i])
    return _VECTOR[query.operation, query.derivative](row.g, cotangent, tangent)


def _upstream(cotangent: Floats | None, i: int) -> arb:
    """What a row's loss is multiplied by: its own cotangent, or the one of the reduced loss."""
    if cotangent is None:
        return arb(1)
    return arb(float(cotangent if cotangent.ndim == 0 else cotangent[i]))


def _loss_values(query: Query, row: Row, target: Target, c: arb, tangent: list[arb]) -> list[arb]:
    scale = c * target.share
    if query.derivative == "":
        return [target.share * _sum(-q * row.log_probability(j) for j, q in target.q.items() if q != 0)]
    g = row.g
    mass = _sum(target.q.values())
    if query.wrt == "labels":
        if query.derivative == "vjp":
            slope = [-row.log_probability(j) for j in range(len(g))]
        else:
            inner = _dot(g, tangent)
            slope = [inner - t for t in tangent]
        return [scale * w * s for w, s in zip(target.label_scale(len(g)), slope, strict=True)]
    if query.derivative == "hvp":
        return [scale * mass * s for s in _jacobian(g, tangent)]
    residual = [p * mass - target.q.get(j, 0) for j, p in enumerate(g)]
    if query.derivative == "jvp":
        return [target.share * _dot(residual, tangent)]
    return [scale * r for r in residual]


def _jacobian(g: list[arb], v: list[arb]) -> list[arb]:
    """(diag g − g gᵀ) v."""
    inner = _dot(g, v)
    return [p * (w - inner) for p, w in zip(g, v, strict=True)]


def _softmax_hvp(g: list[arb], c: list[arb], t: list[arb]) -> list[arb]:
    step, inner = _jacobian(g, t), _dot(g, c)
    along = _dot(step, c)
    return [s * (w - inner) - p * along for s, w, p in zip(step, c, g, strict=True)]


def _log_softmax_vjp(g: list[arb], c: list[arb], t: list[arb]) -> list[arb]:
    total = _sum(c)
    return [w - p * total for w, p in zip(c, g, strict=True)]


def _log_softmax_jvp(g: list[arb], c: list[arb], t: list[arb]) -> list[arb]:
    inner = _dot(g, t)
    return [w - inner for w in t]


def _log_softmax_hvp(g: list[arb], c: list[arb], t: list[arb]) -> list[arb]:
    total = _sum(c)
    return [-s * total for s in _jacobian(g, t)]


_VECTOR: dict[tuple[str, str], Callable[[list[arb], list[arb], list[arb]], list[arb]]] = {
    ("softmax", "vjp"): lambda g, c, t: _jacobian(g, c),
    ("softmax", "jvp"): lambda g, c, t: _jacobian(g, t),
    ("softmax", "hvp"): _softmax_hvp,
    ("log_softmax", "vjp"): _log_softmax_vjp,
    ("log_softmax", "jvp"): _log_softmax_jvp,
    ("log_softmax", "hvp"): _log_softmax_hvp,
}


def _balls(values: Floats) -> list[arb]:
    return [arb(float(v)) for v in values]


def _sum(values: Iterable[arb]) -> arb:
    return sum(values, arb(0))


def _dot(a: list[arb], b: list[arb]) -> arb:
    return _sum(p * q for p, q in zip(a, b, strict=True))


def _decide(compute: Callable[[], list[arb]]) -> Truth:
    """Values rounded to float64, at the first precision that decides every rounding."""
    before = ctx.prec
    try:
        for precision in PRECISIONS:
            ctx.prec = precision
            rounded = [_rounded(ball) for ball in compute()]
            if all(decided for *_, decided in rounded):
                break
    finally:
        ctx.prec = before
    columns: NDArray[np.float64] = np.array([row[:3] for row in rounded], np.float64).reshape(-1, 3)
    return Truth(columns[:, 0], columns[:, 1], columns[:, 2])


def _rounded(ball: arb) -> tuple[float, float, float, bool]:
    """(value, residual, radius, whether the rounding of value is decided)."""
    value = float(ball)
    if not np.isfinite(value):
        infinite = not ball.is_finite() or float(ball.lower()) == float(ball.upper())
        return value, 0.0, 0.0, infinite
    if ball.is_exact() and ball == value:
        return value, 0.0, 0.0, True
    size = float(ball.abs_upper())
    if size < ZERO and ball.contains(0) and ctx.prec > PRECISIONS[0]:
        return 0.0, 0.0, float(np.nextafter(size, np.inf)), True
    left = ball - value
    residual = float(left)
    radius = float(np.nextafter(float((left - residual).abs_upper()), np.inf))
    return value, residual, radius, float(ball.lower()) == float(ball.upper())
