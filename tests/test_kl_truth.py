"""The truth of the divergence, against decimals; its bound, against computations that use it up."""

from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np
import pytest

from conformance.operations import query as questions
from conformance.operations.labels import Loss
from conformance.operations.query import Query
from conformance.truth.arithmetic import arithmetic
from conformance.truth.formats import Floats, round_to

NAME = "kl_divergence"
X = round_to(np.random.default_rng(0).standard_normal((4, 5)) * [[1.0], [8], [40], [0.01]], "float16").astype(
    float
)
P = round_to(np.random.default_rng(1).dirichlet(np.ones(5), 4), "float16").astype(float)
P[1, 2] = 0.0


def asked(x: Floats, p: Floats) -> Query:
    return Query(NAME, np.asarray(x, float), loss=Loss(np.asarray(p, float)))


def decimals(x: Floats, p: Floats) -> list[Decimal]:
    """Each row's divergence, to 60 digits."""
    getcontext().prec = 60
    found = []
    for logits, labels in zip(x, p, strict=True):
        powers = [Decimal(float(v)).exp() for v in logits]
        terms = zip(labels, powers, strict=True)
        whole = sum(powers)
        found.append(sum((Decimal(q) * (Decimal(q) * whole / e).ln() for q, e in terms if q), Decimal(0)))
    return found


def test_truth_is_that_of_decimals() -> None:
    found = questions.evaluate(asked(X, P))
    assert found.decided.all()
    np.testing.assert_array_equal(found.value, np.array(decimals(X, P), float))


@pytest.mark.parametrize(
    ("x", "p", "expected"),
    [
        ([0.5, 0.5, 0.5, 0.5], [0.25] * 4, 0.0),
        ([0.5, -np.inf, 0.5], [0.5, 0, 0.5], 0.0),
        ([0.5, -np.inf, 2], [0, 0, 0], 0.0),
        ([3.0], [1.0], 0.0),
        ([0.0, -np.inf], [0.5, 0.5], np.inf),
        ([0.0, np.nan], [0.5, 0.5], np.nan),
    ],
)
def test_what_is_exact_is_decided(x: list[float], p: list[float], expected: float) -> None:
    found = questions.evaluate(asked(np.array([x]), np.array([p])))
    assert found.decided.all()
    np.testing.assert_array_equal(found.value, [expected])


def test_derivatives_are_those_of_cross_entropy() -> None:
    vectors = {"cotangent": np.array([1.0, -2, 0.5, 3]), "tangent": X[::-1].copy()}
    for derivative, names in {"vjp": ["cotangent"], "jvp": ["tangent"], "hvp": [*vectors]}.items():
        given = {name: vectors[name] for name in names}
        one, other = (
            questions.evaluate(Query(name, X, derivative, loss=Loss(P), **given))  # type: ignore[arg-type]
            for name in (NAME, "softmax_cross_entropy")
        )
        np.testing.assert_array_equal(one.value, other.value)


def in_format(x: Floats, p: Floats, dtype: str, steps: int) -> Floats:
    """The divergence with every step rounded to a format, but for sums: in one sum of terms, or in two."""

    def fl(values: Floats) -> Floats:
        return round_to(values, dtype).astype(float)

    gap = fl(x - x.max(axis=-1, keepdims=True))
    logs = fl(gap - fl(np.log(fl(np.exp(gap)).sum(axis=-1, keepdims=True))))
    entropy = np.where(p == 0, 0.0, fl(np.log(np.where(p == 0, 1, p))))
    if steps == 1:
        return fl(fl(p * fl(entropy - logs)).sum(axis=-1))
    return fl(fl(fl(p * entropy).sum(axis=-1)) - fl(fl(p * logs).sum(axis=-1)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("steps", [1, 2])
def test_arithmetic_in_the_format_stays_within_its_bound_and_uses_it(dtype: str, steps: int) -> None:
    random = np.random.default_rng(2)
    x = round_to(random.standard_normal((400, 9)) * 4, dtype).astype(float)
    p = round_to(random.dirichlet(np.ones(9), 400), dtype).astype(float)
    query = asked(x, p)
    allowed = questions.tolerance(query, questions.setting(query), arithmetic("D", dtype, 9))
    ratio = np.abs(in_format(x, p, dtype, steps) - questions.evaluate(query).value) / allowed
    assert 0.1 < ratio.max() <= 1


def test_entropy_that_is_left_out_is_far_outside_the_bound() -> None:
    query = asked(X, P)
    allowed = questions.tolerance(query, questions.setting(query), arithmetic("D", "float16", 5))
    entropy = -np.sum(P * np.log(np.where(P == 0, 1, P)), axis=-1)
    assert (entropy > 20 * allowed).any()
