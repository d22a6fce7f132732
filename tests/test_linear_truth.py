"""The truth of linear cross-entropy, against fractions and decimals; its bound, against logits that are off."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest

from conformance.operations import linear_cross_entropy as linear
from conformance.operations.labels import Loss
from conformance.operations.linear_cross_entropy import Product, evaluate, logit_error, quantities, tolerance
from conformance.truth.arithmetic import arithmetic
from conformance.truth.formats import Floats, round_to

RANDOM = np.random.default_rng(0)
HIDDEN = round_to(RANDOM.standard_normal((4, 3)), "float32").astype(np.float64)
MATRIX = round_to(RANDOM.standard_normal((5, 3)) * 3, "float32").astype(np.float64)
BIAS = np.array([0.5, -1e-30, 1e4, 0, 3.0])
LABELS = np.array([0, 4, -7, 2])
UPSTREAM = np.array([1.0, -2.0, 0.25, 3.0])
PLAIN = Product(HIDDEN, MATRIX, BIAS, Loss(LABELS, ignore_index=-7))
MEAN = replace(PLAIN, loss=Loss(LABELS, "mean", np.array([1.0, 2, 3, 4, 5]), -7, 0.125))


def decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def residuals(query: Product) -> tuple[list[Decimal], list[list[Decimal]]]:
    """Each row's loss, and its gradient by the logits, in 60 digits from fractions."""
    getcontext().prec = 60
    n, loss = len(query.matrix), query.loss
    weight = np.ones(n) if loss.weight is None else loss.weight
    bias = np.zeros(n) if query.bias is None else query.bias
    counted = [int(y) for y in loss.labels if y != loss.ignore_index]
    share = 1 / Decimal(float(weight[counted].sum())) if loss.reduction == "mean" else Decimal(1)
    losses, gradients = [], []
    for h, y in zip(query.rows, loss.labels, strict=True):
        z = [
            decimal(sum((Fraction(a) * Fraction(b) for a, b in zip(h, w, strict=True)), Fraction(c)))
            for w, c in zip(query.matrix, bias, strict=True)
        ]
        smooth = Decimal(loss.label_smoothing)
        q = [Decimal(float(weight[j])) * ((1 - smooth) * (j == y) + smooth / n) for j in range(n)]
        q = [Decimal(0)] * n if y == loss.ignore_index else q
        total = sum((v.exp() for v in z), Decimal(0))
        losses.append(share * sum(-a * (v - total.ln()) for a, v in zip(q, z, strict=True)))
        gradients.append([share * (v.exp() / total * sum(q) - a) for a, v in zip(q, z, strict=True)])
    return losses, gradients


@pytest.mark.parametrize("query", [PLAIN, replace(PLAIN, bias=None), MEAN], ids=["plain", "no-bias", "mean"])
def test_truth_is_that_of_fractions_and_decimals(query: Product) -> None:
    losses, gradients = residuals(query)
    reduced = query.loss.reduction != "none"
    cotangent = np.asarray(0.5) if reduced else UPSTREAM
    upstream = np.broadcast_to(cotangent, 4)
    r = np.array([[Decimal(float(c)) * v for v in row] for c, row in zip(upstream, gradients, strict=True)])
    hidden, matrix = ([[Decimal(v) for v in row] for row in part.tolist()] for part in (query.rows, query.matrix))
    expected = {"x": r @ np.array(matrix), "matrix": r.T @ np.array(hidden), "bias": r.sum(axis=0)}
    np.testing.assert_array_equal(evaluate(query).value, np.array(sum(losses) if reduced else losses, float))
    for wrt, right in expected.items():
        found = evaluate(replace(query, derivative="vjp", cotangent=cotangent, wrt=wrt))
        assert found.decided.all()
        np.testing.assert_array_equal(found.value, right.astype(np.float64))


def test_an_ignored_row_and_a_single_class_are_exactly_zero() -> None:
    ignored = evaluate(replace(PLAIN, derivative="vjp", cotangent=UPSTREAM))
    assert (ignored.value[2] == 0).all()
    assert (ignored.radius[2] == 0).all()
    single = Product(HIDDEN, MATRIX[:1], None, Loss(np.zeros(4, int)))
    assert (evaluate(single).value == 0).all()
    assert (evaluate(replace(single, derivative="vjp", wrt="matrix")).value == 0).all()


def test_a_row_without_numbers_has_no_truth_and_leaves_the_others() -> None:
    hidden = np.where(np.arange(4)[:, None] == 1, np.inf, HIDDEN)
    spoiled = replace(PLAIN, rows=hidden)
    assert np.isnan(evaluate(spoiled).value).tolist() == [False, True, False, False]
    assert np.isnan(evaluate(replace(spoiled, derivative="vjp", cotangent=UPSTREAM)).value[:, 0]).tolist() == [
        False, True, False, False,
    ]  # fmt: skip
    assert np.isnan(evaluate(replace(spoiled, derivative="vjp", cotangent=UPSTREAM, wrt="matrix")).value).all()


def exact_loss(z: Floats, labels: Floats) -> Floats:
    peak = z.max(axis=1, keepdims=True)
    sums = np.log(np.exp(z - peak).sum(axis=1)) + peak[:, 0]
    return sums - z[np.arange(len(z)), labels.astype(int)]  # type: ignore[no-any-return]  # NumPy's stubs


@pytest.mark.parametrize("grade", ["B", "D"])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_logits_off_by_what_is_granted_stay_within_the_bound(grade: str, scale: float) -> None:
    hidden, labels = HIDDEN * scale, np.array([0, 4, 1, 2])
    query = Product(hidden, MATRIX, None, Loss(labels))
    at, how = quantities(query), arithmetic(grade, "bfloat16", 5)
    off, allowed = logit_error(at, how), tolerance(at, how)
    z = hidden @ MATRIX.T
    every = np.array(np.meshgrid(*[[-1.0, 1.0]] * 5)).reshape(5, -1).T
    moved = np.max(
        [np.abs(exact_loss(z + signs * off, labels) - exact_loss(z, labels)) for signs in every], axis=0
    )
    assert (moved <= allowed).all()
    assert grade == "B" or (moved > allowed / 10).any()  # most of B's bound is the rounding to the output


def test_every_accumulation_format_has_a_term_of_its_own() -> None:
    at = quantities(Product(HIDDEN, MATRIX, None, Loss(np.zeros(4, int))))
    stored, kept, narrow = (
        logit_error(at, arithmetic(grade, dtype, 5)).max() / at.magnitude.max()
        for grade, dtype in (("D", "float16"), ("B", "float16"), ("E", "float16"))
    )
    assert kept < 10 * 2.0**-24 < 2.0**-12 < stored < 3 * 2.0**-11 < narrow
    assert linear.OPERATION.optional
