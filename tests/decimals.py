"""The functions and their derivatives once more, in decimal arithmetic, without the oracle's formulas.

Derivatives are central differences: at 240 digits and steps of 1e-50 they are right to more than 60.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Context, Decimal, Overflow, localcontext
from fractions import Fraction

import numpy as np

from conformance.operations.labels import Loss
from conformance.operations.query import Query
from conformance.truth.formats import Floats

DIGITS = 700  # for 1e308 beside 1e-300
STEP = Decimal("1e-50")
Row = list[Decimal]


@contextmanager
def digits(number: int = DIGITS) -> Iterator[Context]:
    """Decimal arithmetic of so many digits."""
    with localcontext() as context:
        context.prec = number
        context.traps[Overflow] = False
        yield context


def decimals(values: Floats) -> Row:
    return [Decimal(float(v)) for v in values]


def quotient(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def exponentials(x: Row) -> Row:
    peak = max(x)
    return [(v - peak).exp() for v in x]


def softmax(x: Row) -> Row:
    e = exponentials(x)
    return [v / sum(e) for v in e]


def log_softmax(x: Row) -> Row:
    log_total = sum(exponentials(x)).ln()  # type: ignore[union-attr]  # of at least one exponential
    return [v - max(x) - log_total for v in x]


def logsumexp(x: Row) -> Row:
    return [max(x) + sum(exponentials(x)).ln()]  # type: ignore[union-attr]  # likewise


def losses(loss: Loss, rows: list[Row]) -> Row:
    """Each row's loss, or the one loss they are reduced to; the definition of torch's documentation."""
    n = len(rows[0])
    weight = [Fraction(1)] * n if loss.weight is None else [Fraction(float(w)) for w in loss.weight]
    smoothing = Fraction(loss.label_smoothing)
    found, divisor = [], Fraction(0)
    for row, label in zip(rows, loss.labels, strict=True):
        if loss.labels.ndim == 1 and label == loss.ignore_index:
            found.append(Decimal(0))
            continue
        dense = loss.labels.ndim == 2
        plain = [Fraction(float(t)) for t in label] if dense else [Fraction(int(j == label)) for j in range(n)]
        divisor += 1 if dense else weight[label]
        q = [w * ((1 - smoothing) * t + smoothing / n) for w, t in zip(weight, plain, strict=True)]
        terms = (-quotient(v) * log_p for v, log_p in zip(q, log_softmax(row), strict=True) if v)
        found.append(sum(terms, Decimal(0)))
    if loss.reduction == "none":
        return found
    total = sum(found, Decimal(0))
    return [total if loss.reduction == "sum" else total / quotient(divisor)]


def forward(query: Query, rows: list[Row]) -> Row:
    """All values of the operation, in one list."""
    if query.loss is not None:
        return losses(query.loss, rows)
    function = {"softmax": softmax, "log_softmax": log_softmax, "logsumexp": logsumexp}[query.operation]
    return [value for row in rows for value in function(row)]


def evaluate(query: Query) -> Row:
    """What the oracle is asked, flattened."""
    rows = [decimals(x) for x in query.rows]
    if query.derivative == "":
        return forward(query, rows)
    tangent = None if query.tangent is None else [decimals(t) for t in query.tangent]
    if query.derivative == "jvp":
        assert tangent is not None
        ahead, behind = (forward(query, moved(rows, tangent, sign * STEP)) for sign in (1, -1))
        return [(a - b) / (2 * STEP) for a, b in zip(ahead, behind, strict=True)]
    assert query.cotangent is not None
    cotangent = decimals(np.ravel(query.cotangent))

    def paired(at: list[Row]) -> Decimal:
        return sum((c * v for c, v in zip(cotangent, forward(query, at), strict=True)), Decimal(0))

    def scalar(at: list[Row]) -> Decimal:
        if tangent is None:
            return paired(at)
        return (paired(moved(at, tangent, STEP)) - paired(moved(at, tangent, -STEP))) / (2 * STEP)

    return gradient(scalar, rows)


def moved(rows: list[Row], along: list[Row], step: Decimal) -> list[Row]:
    return [[v + step * t for v, t in zip(x, d, strict=True)] for x, d in zip(rows, along, strict=True)]


def gradient(function: Callable[[list[Row]], Decimal], rows: list[Row]) -> Row:
    found = []
    for i, row in enumerate(rows):
        for j in range(len(row)):
            unit = [[Decimal(int((i, j) == (a, b))) for b in range(len(r))] for a, r in enumerate(rows)]
            ahead, behind = (function(moved(rows, unit, sign * STEP)) for sign in (1, -1))
            found.append((ahead - behind) / (2 * STEP))
    return found
