"""The oracle against MPFR at a precision of its own, on nasty rows: no value that it calls decided is another.

The formulas are written here once more, in plain sums over a row, and call nothing of ours but the oracle. 20,000
elements by default; SOFTMARK_ELEMENTS asks for more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import gmpy2
import numpy as np

from conformance.operations.labels import Loss
from conformance.operations.query import Query, evaluate
from conformance.truth.formats import Floats

ELEMENTS = int(os.environ.get("SOFTMARK_ELEMENTS", 20_000))
BITS = 8000  # e^−5000 is 7200 bits away from 1
LOSS = "softmax_cross_entropy"
LARGEST, LEAST = float(np.finfo(np.float64).max), 5e-324
Number = Any  # gmpy2.mpfr
Numbers = list[Any]


# MPFR


def exact(values: Floats) -> Numbers:
    return [gmpy2.mpfr(v) for v in np.asarray(values, np.float64).tolist()]


@dataclass
class Terms:
    """One row: x − max, exponentials, their sum, probabilities, log-probabilities."""

    x: Numbers
    g: Numbers = field(init=False)
    l: Numbers = field(init=False)  # noqa: E741 -- as everywhere
    log_sum: Number = field(init=False)

    def __post_init__(self) -> None:
        peak = max(self.x)
        powers = [gmpy2.exp(v - peak) for v in self.x]
        others = sum(sorted(powers)[:-1], gmpy2.mpfr(0))
        log_others = gmpy2.log1p(others)
        self.g = [e / (1 + others) for e in powers]
        self.l = [v - peak - log_others for v in self.x]
        self.log_sum = peak + log_others

    def mean(self, v: Numbers) -> Number:
        """Σ g v."""
        return sum((p * w for p, w in zip(self.g, v, strict=True)), gmpy2.mpfr(0))

    def covariance(self, *several: Numbers) -> Number:
        """Of two quantities, or the third central moment of three."""
        means = [self.mean(v) for v in several]
        found = gmpy2.mpfr(0)
        for p, *values in zip(self.g, *several, strict=True):
            for value, mean in zip(values, means, strict=True):
                p = p * (value - mean)
            found += p
        return found

    def unit(self, j: int) -> Numbers:
        return [gmpy2.mpfr(int(i == j)) for i in range(len(self.x))]


# Each derivative of g_j is a covariance with the indicator of j; of log Σ exp, the mean, the covariance and the
# third moment.


def softmax(row: Terms, kind: str, c: Numbers, t: Numbers) -> Numbers:
    places = [row.unit(j) for j in range(len(row.x))]
    if kind == "":
        return row.g
    if kind == "hvp":
        return [row.covariance(c, t, place) for place in places]
    return [row.covariance(c if kind == "vjp" else t, place) for place in places]


def log_softmax(row: Terms, kind: str, c: Numbers, t: Numbers) -> Numbers:
    if kind == "":
        return row.l
    if kind == "jvp":
        return [w - row.mean(t) for w in t]
    mass = gmpy2.fsum(c)
    if kind == "vjp":
        return [w - p * mass for w, p in zip(c, row.g, strict=True)]
    return [-mass * row.covariance(t, row.unit(j)) for j in range(len(t))]


def logsumexp(row: Terms, kind: str, c: Numbers, t: Numbers) -> Numbers:
    if kind == "":
        return [row.log_sum]
    if kind == "jvp":
        return [row.mean(t)]
    if kind == "vjp":
        return [c[0] * p for p in row.g]
    return [c[0] * row.covariance(t, row.unit(j)) for j in range(len(t))]


def quotient(value: Fraction) -> Number:
    return gmpy2.mpfr(value.numerator) / gmpy2.mpfr(value.denominator)


def shares(loss: Loss, n: int) -> tuple[list[list[Fraction]], Fraction]:
    """q of each class in each row, and what the losses are multiplied by."""
    smoothing = Fraction(loss.label_smoothing)
    weight = [Fraction(1)] * n if loss.weight is None else [Fraction(w) for w in loss.weight.tolist()]
    rows, counted = [], Fraction(0)
    for label in loss.labels.tolist():
        if isinstance(label, list):
            plain, mass = [Fraction(v) for v in label], Fraction(1)
        else:
            ignored = label == loss.ignore_index
            plain = [Fraction(int(j == label)) for j in range(n)]
            mass = Fraction(0) if ignored else weight[label]
            if ignored:
                rows.append([Fraction(0)] * n)
                continue
        counted += mass
        rows.append([w * (v * (1 - smoothing) + smoothing / n) for w, v in zip(weight, plain, strict=True)])
    return rows, 1 / counted if loss.reduction == "mean" else Fraction(1)


def losses(query: Query) -> Numbers:
    """Values or derivatives of the loss of all rows."""
    loss, n = query.loss, query.rows.shape[1]
    assert loss is not None
    every, share = shares(loss, n)
    found: list[Numbers] = []
    for i, weights in enumerate(every):
        row, q = Terms(exact(query.rows[i])), [quotient(v) for v in weights]
        t = exact(query.tangent[i]) if query.tangent is not None else []
        along = np.ravel(query.cotangent) if query.cotangent is not None else np.ones(1)
        c = gmpy2.mpfr(float(along[i % len(along)])) * quotient(share)
        mass = quotient(sum(weights, Fraction(0)))
        if query.wrt == "labels":
            slope = [-v for v in row.l] if query.derivative == "vjp" else [row.mean(t) - v for v in t]
            scale = 1 - Fraction(loss.label_smoothing)
            w = np.ones(n) if loss.weight is None else loss.weight
            found.append([c * quotient(Fraction(float(v)) * scale) * s for v, s in zip(w, slope, strict=True)])
        elif query.derivative == "":
            found.append([quotient(share) * gmpy2.fsum([-v * s for v, s in zip(q, row.l, strict=True)])])
        elif query.derivative == "vjp":
            found.append([c * (p * mass - v) for p, v in zip(row.g, q, strict=True)])
        elif query.derivative == "jvp":
            inner = [v * s for v, s in zip(q, t, strict=True)]
            found.append([quotient(share) * (mass * row.mean(t) - gmpy2.fsum(inner))])
        else:
            found.append([c * mass * row.covariance(t, row.unit(j)) for j in range(n)])
    flat = [value for row in found for value in row]
    return [gmpy2.fsum(flat)] if query.per_row and loss.reduction != "none" else flat


def answer(query: Query) -> Numbers:
    if query.loss is not None:
        return losses(query)
    function: Callable[..., Numbers] = globals()[query.operation]
    found = []
    for i, x in enumerate(query.rows):
        c, t = (
            [] if part is None else exact(np.atleast_1d(part[i])) for part in (query.cotangent, query.tangent)
        )
        found += function(Terms(exact(x)), query.derivative, c, t)
    return found


# What is asked


def logits(random: np.random.Generator, n: int) -> Floats:
    """A row of one nasty kind."""
    signs = random.choice([-1.0, 1.0], n)
    kinds: dict[str, Callable[[], Any]] = {
        "plain": lambda: random.standard_normal(n) * random.choice([0.01, 1, 30]),
        "ties": lambda: random.integers(-2, 3, n).astype(float),
        "equal": lambda: np.full(n, random.standard_normal()),
        "subnormal": lambda: signs * LEAST * random.integers(0, 9, n),
        "every exponent": lambda: signs * 2.0 ** random.uniform(-1074, 1023, n),
        "huge gaps": lambda: signs * random.choice([LARGEST, 1e300, 1e17, 1.0, LEAST], n),
        "subnormal results": lambda: random.uniform(-760, -690, n) * (np.arange(n) != random.integers(n)),
        "far": lambda: random.uniform(-2500, -100, n) * (np.arange(n) != random.integers(n)),
        "neighbours": lambda: 1 + random.integers(0, 3, n) * 2.0**-52,
        "halfway": lambda: np.where(np.arange(n) == random.integers(n), 2.0**53, random.integers(-3, 4, n)),
        "halfway, near": lambda: np.where(
            np.arange(n) == random.integers(n), 2.0**-46, -128.0 - random.integers(0, 3, n)
        ),
        "offset": lambda: 1e8 + random.integers(-40, 40, n) / 8,
    }
    return np.asarray(kinds[str(random.choice(list(kinds)))](), np.float64)


def vector(random: np.random.Generator, n: int) -> Floats:
    """A cotangent or a tangent of one nasty kind."""
    signs = random.choice([-1.0, 1.0], n)
    base = random.standard_normal()
    kinds: tuple[Callable[[], Any], ...] = (
        lambda: random.standard_normal(n),
        lambda: np.full(n, base),
        lambda: base * (1 + random.integers(-1, 2, n) * 2.0**-52),  # nearly constant
        lambda: np.eye(n)[random.integers(n)],
        lambda: np.linspace(-1, 1, n),
        lambda: signs * 2.0 ** random.uniform(-500, 300, n),
        lambda: random.integers(-2, 3, n).astype(float),
        lambda: signs * LEAST * random.integers(0, 3, n),
        lambda: signs * LARGEST,
    )
    return np.asarray(kinds[random.integers(len(kinds))](), np.float64)


def option(random: np.random.Generator, rows: int, n: int) -> Loss:
    dense = random.random() < 0.5
    labels = (
        np.stack(
            [vector(random, n) if random.random() < 0.3 else random.dirichlet(np.ones(n)) for _ in range(rows)]
        )
        if dense
        else random.integers(0, n, rows)
    )
    return Loss(
        labels,
        str(random.choice(["none", "sum", "mean"])),
        np.abs(vector(random, n)) + random.choice([0.0, 0.7]) if random.random() < 0.4 else None,
        int(random.integers(-1, n)) if random.random() < 0.4 and not dense else None,
        float(random.choice([0.0, 0.0, 0.1, 1.0, 2.0**-60])),
    )


KEYS = [
    *((operation, kind, "x") for operation in ("softmax", "log_softmax", "logsumexp", LOSS)
      for kind in ("", "vjp", "jvp", "hvp")),
    (LOSS, "vjp", "labels"),
    (LOSS, "hvp", "labels"),
]  # fmt: skip


def queries(elements: int) -> Iterator[Query]:
    """Questions of every kind in turn, until they have so many elements."""
    random = np.random.default_rng(20)
    asked = 0
    while asked < elements:
        for operation, kind, wrt in KEYS:
            rows, n = int(random.integers(1, 5)), int(random.integers(1, 9))
            loss = option(random, rows, n) if operation == LOSS else None
            x = np.stack([logits(random, n) for _ in range(rows)])
            vectors = [np.stack([vector(random, n) for _ in range(rows)]) for _ in range(2)]
            c = vectors[0] if operation in ("softmax", "log_softmax") else vectors[0][:, 0]
            if loss is not None and loss.reduction != "none":
                c = c[0]
            query = Query(
                operation, x, kind,
                c if kind in ("vjp", "hvp") else None,
                vectors[1] if kind in ("jvp", "hvp") else None,
                wrt, loss,
            )  # fmt: skip
            if loss is not None and loss.reduction == "mean" and not _counts(loss):
                continue
            asked += rows * (1 if query.per_row else n)
            yield query


def _counts(loss: Loss) -> bool:
    """Return True if the mean has a divisor."""
    if loss.labels.ndim == 2:
        return True
    kept = loss.labels[loss.labels != loss.ignore_index]
    return bool(len(kept) and (loss.weight is None or loss.weight[kept].any()))


def test_no_decided_value_is_another_in_mpfr() -> None:
    count: Counter[str] = Counter()
    wrong = []
    with gmpy2.context(gmpy2.get_context(), precision=BITS):
        for query in queries(ELEMENTS):
            found = evaluate(query)
            parts = (found.value, found.residual, found.radius, found.decided)
            for i, (true, value, residual, radius, decided) in enumerate(
                zip(answer(query), *(np.ravel(part).tolist() for part in parts), strict=True)
            ):
                count["elements"] += 1
                count["undecided"] += not decided
                if not np.isfinite(value):
                    same = float(true) == value
                elif decided and float(true) != value:
                    same = False
                else:
                    off = abs(true - gmpy2.mpfr(value) - gmpy2.mpfr(residual))
                    same = off <= radius + (1 + abs(true)) * gmpy2.mpfr(2) ** -2000  # its own rounding
                if not same:
                    wrong.append((query.operation, query.derivative, query.wrt, i, value, float(true), query))
    assert wrong == []
    assert count["elements"] >= ELEMENTS // 2
    assert count["undecided"] < count["elements"] / 100, count
