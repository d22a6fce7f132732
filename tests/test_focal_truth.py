"""The truth of the focal loss, against decimals; its bound, against computations that use it up."""

from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np
import pytest

from conformance.operations import focal_loss
from conformance.operations import query as questions
from conformance.operations.focused import Focused
from conformance.operations.labels import Loss
from conformance.operations.query import Query
from conformance.truth.arithmetic import arithmetic
from conformance.truth.formats import Floats, round_to

GAMMAS = [0.0, 0.5, 1.0, 2.0, 5.0]
X = round_to(np.random.default_rng(0).standard_normal((4, 5)) * [[1.0], [8], [40], [0.01]], "float16").astype(
    float
)
Q = round_to(np.random.default_rng(1).dirichlet(np.ones(5), 4), "float16").astype(float)
Q[1] = [0, 0, 1, 0, 0]
UPSTREAM = np.array([1.0, -2, 0.5, 3])


def asked(gamma: float, x: Floats = X, q: Floats = Q, derivative: str = "", **vectors: Floats) -> Focused:
    return Focused("focal_loss", x, derivative, loss=Loss(q), gamma=gamma, **vectors)  # type: ignore[arg-type]


def losses(gamma: float, x: Floats, q: Floats) -> list[Decimal]:
    """Each row's loss, to 60 digits."""
    getcontext().prec = 60
    found = []
    for logits, labels in zip(x, q, strict=True):
        powers = [Decimal(float(v)).exp() for v in logits]
        whole = sum(powers)
        terms = [
            -Decimal(p) * ((whole - e) / whole) ** Decimal(gamma) * (e / whole).ln()
            for p, e in zip(labels, powers, strict=True)
            if p
        ]
        found.append(sum(terms, Decimal(0)))
    return found


@pytest.mark.parametrize("gamma", GAMMAS)
def test_truth_is_that_of_decimals(gamma: float) -> None:
    found = questions.evaluate(asked(gamma))
    assert found.decided.all()
    np.testing.assert_array_equal(found.value, np.array(losses(gamma, X, Q), float))


@pytest.mark.parametrize("gamma", GAMMAS)
def test_derivatives_are_those_of_differences(gamma: float) -> None:
    step = 2.0**-40
    tangent = np.random.default_rng(2).standard_normal(X.shape)
    moved = [np.array([float(v) for v in row]) for row in X]
    for j in range(5):
        up, down = ([row + sign * step * (np.arange(5) == j) for row in moved] for sign in (1, -1))
        slopes = [
            float((a - b) / Decimal(2 * step))
            for a, b in zip(losses(gamma, np.array(up), Q), losses(gamma, np.array(down), Q), strict=True)
        ]
        found = questions.evaluate(asked(gamma, derivative="vjp", cotangent=UPSTREAM)).value[:, j]
        # the quotient of differences is off by about step², 1e-24, whatever the gradient is
        np.testing.assert_allclose(found, UPSTREAM * slopes, rtol=1e-9, atol=1e-20)
    gradient = questions.evaluate(asked(gamma, derivative="vjp", cotangent=np.ones(4))).value
    along = questions.evaluate(asked(gamma, derivative="jvp", tangent=tangent)).value
    np.testing.assert_allclose(along, (gradient * tangent).sum(axis=-1), rtol=1e-9, atol=1e-20)


def test_gamma_of_zero_is_cross_entropy() -> None:
    for derivative, vectors in {
        "": {},
        "vjp": {"cotangent": UPSTREAM},
        "jvp": {"tangent": X[::-1].copy()},
    }.items():
        one = questions.evaluate(asked(0.0, derivative=derivative, **vectors))
        other = questions.evaluate(Query("softmax_cross_entropy", X, derivative, loss=Loss(Q), **vectors))  # type: ignore[arg-type]
        np.testing.assert_array_equal(one.value, other.value)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_a_single_class_and_a_masked_label_are_decided(gamma: float) -> None:
    single = questions.evaluate(asked(gamma, np.array([[3.0]]), np.ones((1, 1))))
    assert single.value == 0
    assert single.decided
    masked = asked(gamma, np.array([[0.0, -np.inf]]), np.array([[0.0, 1]]))
    assert np.isposinf(questions.evaluate(masked).value)


def in_format(gamma: float, x: Floats, q: Floats, dtype: str) -> Floats:
    """The loss by 1 − softmax with every step rounded to a format, but for sums."""

    def fl(values: Floats) -> Floats:
        return round_to(values, dtype).astype(float)

    gap = fl(x - x.max(axis=-1, keepdims=True))
    powers = fl(np.exp(gap))
    whole = fl(powers.sum(axis=-1, keepdims=True))
    logs = fl(gap - fl(np.log(whole)))
    weight = fl(fl(1 - fl(powers / whole)) ** gamma)
    return fl(-fl(q * fl(weight * logs)).sum(axis=-1))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("gamma", GAMMAS)
def test_arithmetic_in_the_format_stays_within_its_bound_and_uses_it(gamma: float, dtype: str) -> None:
    random = np.random.default_rng(2)
    x = round_to(random.standard_normal((400, 5)) * 3, dtype).astype(float)
    q = np.eye(5)[random.integers(5, size=400)]
    query = asked(gamma, x, q)
    allowed = questions.tolerance(query, questions.setting(query), arithmetic("D", dtype, 5))
    ratio = np.abs(in_format(gamma, x, q, dtype) - questions.evaluate(query).value) / allowed
    assert 0.03 < ratio.max() <= 1


def test_a_power_stays_within_its_error_wherever_its_base_is() -> None:
    how = arithmetic("B", "float32", 5)
    w = np.linspace(0.001, 1, 500)
    for gamma in GAMMAS:
        bound = focal_loss.power(w, w * 1e-3, gamma, how)
        for moved in (w * (1 - 1e-3), np.minimum(w * (1 + 1e-3), 1)):
            assert (np.abs(moved**gamma - w**gamma) <= bound.error).all()


def test_a_clipped_softmax_is_outside_the_bound() -> None:
    query = asked(2.0, np.array([[0.0, 200]]), np.array([[1.0, 0]]))
    allowed = questions.tolerance(query, questions.setting(query), arithmetic("D", "float32", 2))
    truth = questions.evaluate(query).value
    np.testing.assert_allclose(truth, 200)
    assert abs(truth - -np.log(1e-7)) > 1e5 * allowed
