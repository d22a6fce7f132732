"""linear_cross_entropy: the cross-entropy of logits z = hidden · matrixᵀ + bias, which the caller never sees.

hidden is (r, d), matrix (n, d), bias (n,). The truth starts from the exact z, a sum of products of the stored
numbers; what follows is softmax_cross_entropy. A gradient mixes rows, so this operation has a query of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from flint import arb, arb_mat, fmpz_mat

from conformance.operations import labels, softmax_cross_entropy
from conformance.operations.labels import LabelRow, Loss, Weights, targets
from conformance.operations.operation import Operation, Setting
from conformance.truth import cache, oracle
from conformance.truth.arithmetic import Arithmetic
from conformance.truth.bounds import Rows
from conformance.truth.formats import Floats
from conformance.truth.oracle import PRECISIONS, Truth, decide, total
from conformance.truth.running import Running

OPERATION = Operation(
    name="linear_cross_entropy",
    title="linear cross-entropy",
    kind="linear",
    truths={},  # those of a `Product`
    bounds={},
    range=lambda rows: (0.0, np.inf),
    single=lambda rows: np.zeros(len(rows)),
    forms=(),  # it is not timed
    arguments=softmax_cross_entropy.OPERATION.arguments,
    optional=True,
)
SOURCES = tuple(Path(str(path)) for path in (__file__, labels.__file__, oracle.__file__))


@dataclass(frozen=True)
class Product:
    """The loss, or with `derivative` "vjp" its gradient, asked on exact float64.

    `wrt` is "x" (hidden), "matrix" or "bias". A row with a NaN or an infinity has no true loss unless it is
    ignored.
    """

    rows: Floats
    matrix: Floats
    bias: Floats | None
    loss: Loss
    derivative: str = ""
    cotangent: Floats | None = None  # (r,), or () where losses are reduced
    wrt: str = "x"

    @property
    def per_row(self) -> bool:
        """Return True if the result has one number a row."""
        return not self.derivative

    @property
    def reduced(self) -> bool:
        """Return True if losses are reduced to one number."""
        return self.loss.reduction != "none"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an unreduced result."""
        of_losses = self.rows.shape[:1]
        of_gradients = {"x": self.rows.shape, "matrix": self.matrix.shape, "bias": self.matrix.shape[:1]}
        return of_gradients[self.wrt] if self.derivative else of_losses

    @property
    def targets(self) -> list[LabelRow]:
        """The target of each row."""
        return targets(self.loss, (len(self.rows), len(self.matrix)))

    @property
    def augmented(self) -> tuple[Floats, Floats]:
        """Hidden and matrix with one column more: ones, and the bias; the product of both is the logits."""
        if self.bias is None:
            return self.rows, self.matrix
        return np.hstack([self.rows, np.ones((len(self.rows), 1))]), np.hstack([self.matrix, self.bias[:, None]])


@dataclass(frozen=True)
class Logits:
    """Exact logits (r, n), integers to be multiplied by 2^exponent; `known` says which rows have any."""

    integers: list[list[int]]
    exponent: int
    known: list[bool]

    @staticmethod
    def of(query: Product) -> Logits:
        """hidden · matrixᵀ + bias, as one product of integers."""
        hidden, matrix = query.augmented
        known = [bool(np.isfinite(row).all() and np.isfinite(matrix).all()) for row in hidden]
        left, low = _integers(_finite(hidden))
        right, high = _integers(_finite(matrix))
        product = fmpz_mat(left) * fmpz_mat(right).transpose()
        return Logits([[int(z) for z in row] for row in product.table()], low + high, known)

    def gaps(self, i: int) -> list[int]:
        """The distance of each logit of row i from the largest."""
        peak = max(self.integers[i])
        return [peak - z for z in self.integers[i]]

    def floats(self, rows: list[list[int]]) -> Floats:
        """Integers times 2^exponent, each correctly rounded."""
        up, down = 1 << max(self.exponent, 0), 1 << max(-self.exponent, 0)
        return np.array([[z * up / down for z in row] for row in rows])


def _finite(values: Floats) -> Floats:
    """0 in place of what is no number."""
    return np.where(np.isfinite(values), values, 0.0)


def _integers(values: Floats) -> tuple[list[list[int]], int]:
    fractions, exponents = np.frexp(values)
    least = int(np.min(exponents, initial=0, where=values != 0))
    whole = np.ldexp(fractions, 53).astype(np.int64)
    return [
        [m << (e - least) if m else 0 for m, e in zip(*row, strict=True)]
        for row in zip(whole.tolist(), exponents.tolist(), strict=True)
    ], least - 53


def truth(query: Product) -> Truth:
    """The true values of `query`, from the cache or computed."""
    return cache.truth(query, evaluate, SOURCES)


def evaluate(query: Product) -> Truth:
    """The true values of `query`, shaped as the framework's result."""
    logits, asked = Logits.of(query), query.targets
    if not query.derivative:
        found = decide(lambda: _losses(query, logits, asked), lambda: PRECISIONS[-1])
        return found.part(0) if query.reduced else found
    found = decide(lambda: _gradient(query, logits, asked), lambda: PRECISIONS[-1])
    return found.part(np.arange(math.prod(query.shape)).reshape(query.shape))


def _exponentials(logits: Logits, i: int) -> tuple[list[arb], arb]:
    """exp(z − max) of row i, and their sum less that of the maximum."""
    gaps = logits.gaps(i)
    found = [(-arb((gap, logits.exponent))).exp() for gap in gaps]
    top = gaps.index(0)
    return found, total(e for j, e in enumerate(found) if j != top)


def _losses(query: Product, logits: Logits, asked: list[LabelRow]) -> list[arb]:
    losses = [_loss(logits, i, target) for i, target in enumerate(asked)]
    return [total(losses)] if query.reduced else losses


def _loss(logits: Logits, i: int, target: LabelRow) -> arb:
    """share · Σ q (gap + log Σ exp(−gap))."""
    if not target.q or not logits.known[i]:
        return target.share * (arb(0) if not target.q else arb.nan())
    gaps, log_total = logits.gaps(i), _exponentials(logits, i)[1].log1p()
    return target.share * total(
        arb(q) * (arb((gaps[j], logits.exponent)) + log_total) for j, q in target.q.items() if q != 0
    )


def _residual(logits: Logits, i: int, target: LabelRow) -> list[arb]:
    """share · (g Σ q − q)."""
    n = len(logits.integers[i])
    if not target.q or not logits.known[i]:
        return [arb(0) if not target.q else arb.nan()] * n
    exponentials, rest = _exponentials(logits, i)
    mass = arb(target.mass) / (1 + rest)
    return [target.share * (e * mass - arb(q)) for e, q in zip(exponentials, target.dense(n), strict=True)]


def _gradient(query: Product, logits: Logits, asked: list[LabelRow]) -> list[arb]:
    """residual · matrix, residualᵀ · hidden, or the sum of the residuals over the rows."""
    upstream = np.broadcast_to(np.ones(()) if query.cotangent is None else query.cotangent, len(asked)).tolist()
    residual = arb_mat(
        [
            [arb(c) * r for r in _residual(logits, i, t)]
            for i, (c, t) in enumerate(zip(upstream, asked, strict=True))
        ]
    )
    if query.wrt == "x":
        return list((residual * _balls(query.matrix)).entries())
    other = query.rows if query.wrt == "matrix" else np.ones((len(asked), 1))
    return list((residual.transpose() * _balls(other)).entries())


def _balls(values: Floats) -> arb_mat:
    return arb_mat([[arb(v) for v in row] for row in values.tolist()])


# Bounds


@dataclass(frozen=True)
class Quantities:
    """The quantities of a bound: those of the exact logits z, and Σ |h w| + |b| and |z| + |b| of each, (r, n)."""

    query: Product
    setting: Setting
    magnitude: Floats
    size: Floats


def quantities(query: Product) -> Quantities:
    """Return the quantities that the bounds of `query` are made of; what has no true value is taken for 0."""
    logits = Logits.of(query)
    gap = logits.floats([logits.gaps(i) for i in range(len(query.rows))])
    peak = logits.floats([[max(row)] for row in logits.integers])
    rest = np.exp(-gap).sum(axis=-1, keepdims=True) - 1
    log_total = np.log1p(rest)
    rows = Rows(gap, np.exp(-gap) / (1 + rest), -gap - log_total, log_total, peak)
    weights = Weights.of(query.targets, gap.shape, query.loss)
    signed = Running(np.ones(()) if query.cotangent is None else query.cotangent)
    at = Setting(rows, signed, weights=weights, reduced=query.reduced)
    hidden, matrix = (np.abs(_finite(part)) for part in query.augmented)
    bias = 0.0 if query.bias is None else np.abs(_finite(query.bias))
    return Quantities(query, at, hidden @ matrix.T, np.abs(logits.floats(logits.integers)) + bias)


def logit_error(at: Quantities, how: Arithmetic) -> Floats:
    """Δ: the largest |ẑ − z| of each logit, (r, n), as far as it does not shift a whole row.

    Hypotheses: Σ h w + b is added in any order in the format of the sums, whose roundoff is u_s, from products
    that are rounded to it at most. No term takes more than d + 1 roundings (d without a bias), and

        |ẑ − z| ≤ ((1 + u_s)^(d+1) − 1) · (Σ |h w| + |b|),

    plus the underflow of each operation. In grade B too: every matrix product adds along its depth one after
    another. Inputs cut to fewer bits (TF32, or bfloat16 for float32) are not granted, nor a sum below float32.

    One of two hypotheses follows. Grades B and C keep the logit in the format of the sum, as a fused kernel does.
    Grade D stores the product, and its sum with the bias, in the format of hidden: a rounding u_p of each. It is
    what a matrix product followed by a cross-entropy comes to, so *must* grants it and *should* does not.

    A kernel that meets the classes in blocks keeps log Σ exp(z) = m + b and takes z from it, for the loss and for
    exp(z − (m + b)): a rounding u_s of at most |m| + log n. Every grade grants it: z itself is no more accurate.
    """
    u, terms = how.total.roundoff, at.query.augmented[0].shape[1]
    error = math.expm1(terms * math.log1p(u)) * at.magnitude + 2 * terms * how.unit(how.total)
    if how.narrowed:
        for _ in range(1 if at.query.bias is None else 2):
            error = error + how.u * (at.size + error) + how.unit(how.element)
    rows = at.setting.rows
    largest = np.abs(rows.peak) + _shift(rows, error) + math.log(len(at.query.matrix))
    kept: Floats = error + u * largest + how.unit(how.total)
    return kept


def _shift(rows: Rows, error: Floats) -> Floats:
    """The most that the computed maximum is off, (r, 1): the Δ of what is far below it is no part of this."""
    above = np.max(error - rows.gap, axis=-1, keepdims=True)
    below = np.min(error + rows.gap, axis=-1, keepdims=True)
    shift: Floats = np.maximum(above, below)
    return shift


def _moved(at: Quantities, how: Arithmetic) -> Setting:
    """The setting of a cross-entropy of logits that are off by Δ: `truth.bounds` says what a row's Δ does."""
    error, rows = logit_error(at, how), at.setting.rows
    return replace(at.setting, rows=replace(rows, off=error, shift=_shift(rows, error)))


def value_bound(at: Quantities, how: Arithmetic) -> Running:
    """The bound of softmax_cross_entropy, in which every logit is off by Δ besides.

    The loss is Σ q (log Σ exp(z) − z), which moves by no more than Σ q (Δ + log Σ g exp(Δ)): exactly, so with no
    term of second order left out.
    """
    return softmax_cross_entropy.value_bound(_moved(at, how), how)


def vjp_bound(at: Quantities, how: Arithmetic) -> Running:
    """The residual r = c · share · (g Σ q − q) with the bound of softmax_cross_entropy, times matrix or hidden.

    The product has n terms for hidden, r terms for the others, each of which takes as many roundings at most:
    |computed − exact| ≤ |e| · |W| + ((1 + u_s)^n − 1) (|r| + |e|) · |W| where e bounds the error of r. One more
    is its narrowing, and one the upstream factor where it comes last.
    """
    query = at.query
    residual = softmax_cross_entropy.vjp_bound(_moved(at, how), how)
    value, error = residual.value, residual.error + np.zeros_like(residual.value)
    if query.wrt != "x":
        value, error = value.T, error.T
    by = {"x": query.matrix, "matrix": query.rows, "bias": np.ones((len(query.rows), 1))}[query.wrt]
    by = _finite(by)
    terms = value.shape[-1]
    carried = error @ np.abs(by)
    growth = math.expm1(terms * math.log1p(how.total.roundoff))
    grown = growth * (np.abs(value) @ np.abs(by) + carried) + 2 * terms * how.unit(how.total)
    found = Running(value @ by, carried + grown).rounded(how, 2)
    return found.flat() if query.wrt == "bias" else found


def tolerance(at: Quantities, how: Arithmetic) -> Floats:
    """The largest |computed − true| of each result that `how` allows, shaped as the truth."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        found = (vjp_bound if at.query.derivative else value_bound)(at, how)
        allowed = how.rounded(found.value, found.error + np.zeros_like(found.value))
        granted: Floats = np.nan_to_num(allowed, nan=0.0, posinf=np.inf)
        return granted
