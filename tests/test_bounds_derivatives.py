"""The bounds of derivatives hold for honest arithmetic in either order, and catch a wrong Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from conformance.operations.labels import Loss, Weights
from conformance.operations.operation import Setting
from conformance.operations.query import Query, evaluate
from conformance.truth.arithmetic import Arithmetic, arithmetic
from conformance.truth.bounds import Rows
from conformance.truth.formats import Floats, exact, round_to
from conformance.truth.oracle import Truth
from conformance.truth.running import Running
from tests.emulation import Machine, known_logits, none, random_signs, up, worst

FORMATS = ("float16", "bfloat16", "float32")
LENGTHS = (2, 33, 1000)
Order = Callable[[Machine, Floats, Floats], Floats]
Kept = Callable[[Machine, Floats], Floats]


@dataclass(frozen=True)
class Problem:
    """Rows with a cotangent and one label a row, all in one format, and its arithmetic of grade D."""

    dtype: str
    n: int

    @property
    def x(self) -> Floats:
        return known_logits(self.dtype, self.n).x

    @property
    def cotangent(self) -> Floats:
        return self.random(self.x.shape)

    @property
    def upstream(self) -> Floats:
        return self.random(self.x.shape[:1])

    @property
    def labels(self) -> np.ndarray[Any, Any]:
        return np.repeat([self.n - 1 - (self.n - 1) % 3], len(self.x))  # never a masked class

    @property
    def one_hot(self) -> Floats:
        hot: Floats = (np.arange(self.n) == self.labels[:, None]).astype(np.float64)
        return hot

    def random(self, shape: tuple[int, ...]) -> Floats:
        return exact(round_to(np.random.default_rng(self.n).standard_normal(shape), self.dtype))

    def machines(self) -> list[Machine]:
        how = arithmetic("D", self.dtype, self.n)
        return [Machine(how, signs, pairwise) for signs in (none, up, random_signs) for pairwise in (False, True)]

    def query(self, operation: str) -> Query:
        if operation == "softmax_cross_entropy":
            return Query(operation, self.x, "vjp", self.upstream, loss=Loss(self.labels))
        cotangent = self.upstream if operation == "logsumexp" else self.cotangent
        return Query(operation, self.x, "vjp", cotangent)

    def ratio(self, operation: str, got: Floats, truth: Truth, machine: Machine) -> float:
        weights = Weights(self.one_hot) if operation == "softmax_cross_entropy" else None
        rows = known_logits(self.dtype, self.n).rows
        return worst(got, truth, bound(self.query(operation), rows, weights, machine.how))


def bound(query: Query, rows: Rows, weights: Weights | None, how: Arithmetic) -> Floats:
    cotangent, tangent = Running.magnitude(query.cotangent), Running.magnitude(query.tangent)
    return query.of.tolerance(Setting(rows, cotangent, tangent, weights), how, query.key)


def scaled_difference(m: Machine, g: Floats, c: Floats) -> Floats:
    """g(c − Σ g c)."""
    return m.rounded(g * m.rounded(c - m.total(m.rounded(g * c))))


def difference_of_products(m: Machine, g: Floats, c: Floats) -> Floats:
    """g c − g Σ g c."""
    products = m.rounded(g * c)
    return m.rounded(products - m.rounded(g * m.total(products)))


def diagonal_alone(m: Machine, g: Floats, c: Floats) -> Floats:
    return m.rounded(g * m.rounded(c - m.rounded(g * c)))


def probabilities_kept(m: Machine, x: Floats) -> Floats:
    return m.probabilities(x)


def logarithms_kept(m: Machine, x: Floats) -> Floats:
    return m.exp(m.log_probabilities(x))


@pytest.mark.parametrize("order", [scaled_difference, difference_of_products])
@pytest.mark.parametrize("dtype", FORMATS)
def test_the_gradient_of_softmax_is_within_its_bound(dtype: str, order: Order) -> None:
    found = []
    for n in LENGTHS:
        problem = Problem(dtype, n)
        truth = evaluate(problem.query("softmax"))
        for machine in problem.machines():
            got = order(machine, machine.probabilities(problem.x), problem.cotangent)
            found.append(problem.ratio("softmax", got, truth, machine))
    assert 0.05 < max(found) <= 1


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_jacobian_of_the_diagonal_alone_exceeds_the_bound(dtype: str) -> None:
    for n in LENGTHS:
        problem = Problem(dtype, n)
        truth = evaluate(problem.query("softmax"))
        for machine in problem.machines():
            got = diagonal_alone(machine, machine.probabilities(problem.x), problem.cotangent)
            assert problem.ratio("softmax", got, truth, machine) > 1, n


@pytest.mark.parametrize("kept", [probabilities_kept, logarithms_kept])
@pytest.mark.parametrize("dtype", FORMATS)
def test_the_gradient_of_log_softmax_is_within_its_bound(dtype: str, kept: Kept) -> None:
    found = []
    for n in LENGTHS:
        problem = Problem(dtype, n)
        truth = evaluate(problem.query("log_softmax"))
        for m in problem.machines():
            g, c = kept(m, problem.x), problem.cotangent
            got = m.rounded(c - m.rounded(g * m.total(c)))
            found.append(problem.ratio("log_softmax", got, truth, m))
    assert 0.05 < max(found) <= 1


@pytest.mark.parametrize("kept", [probabilities_kept, logarithms_kept])
@pytest.mark.parametrize("dtype", FORMATS)
def test_the_gradient_of_the_loss_is_within_its_bound(dtype: str, kept: Kept) -> None:
    found = []
    for n in LENGTHS:
        problem = Problem(dtype, n)
        truth = evaluate(problem.query("softmax_cross_entropy"))
        for m in problem.machines():
            residual = m.rounded(kept(m, problem.x) - problem.one_hot)
            got = m.rounded(problem.upstream[:, None] * residual)
            found.append(problem.ratio("softmax_cross_entropy", got, truth, m))
            wrong = m.rounded(problem.upstream[:, None] * kept(m, problem.x))
            assert problem.ratio("softmax_cross_entropy", wrong, truth, m) > 1
    assert 0.05 < max(found) <= 1


@pytest.mark.parametrize("kept", [probabilities_kept, logarithms_kept])
@pytest.mark.parametrize("dtype", FORMATS)
def test_the_gradient_of_log_sum_exp_is_within_its_bound(dtype: str, kept: Kept) -> None:
    found = []
    for n in LENGTHS:
        problem = Problem(dtype, n)
        truth = evaluate(problem.query("logsumexp"))
        for m in problem.machines():
            got = m.rounded(problem.upstream[:, None] * kept(m, problem.x))
            found.append(problem.ratio("logsumexp", got, truth, m))
            unscaled = kept(m, problem.x)
            assert problem.ratio("logsumexp", unscaled, truth, m) > 1
    assert 0.05 < max(found) <= 1


@pytest.mark.parametrize("dtype", FORMATS)
def test_derivatives_along_a_tangent_are_within_their_bounds(dtype: str) -> None:
    for n in LENGTHS:
        problem = Problem(dtype, n)
        t, rows = problem.cotangent, known_logits(dtype, n).rows
        for m in problem.machines():
            g = m.probabilities(problem.x)
            log_step = m.rounded(t - m.total(m.rounded(g * t)))
            residual = m.rounded(g - problem.one_hot)
            loss_step = m.total(m.rounded(residual * t))[:, 0]
            sum_step = m.total(m.rounded(g * t))[:, 0]
            for operation, got in (
                ("softmax", scaled_difference(m, g, t)),
                ("log_softmax", log_step),
                ("softmax_cross_entropy", loss_step),
                ("logsumexp", sum_step),
            ):
                query = replace(problem.query(operation), derivative="jvp", cotangent=None, tangent=t)
                weights = None if query.loss is None else Weights(problem.one_hot)
                tolerance = bound(query, rows, weights, m.how)
                assert worst(got, evaluate(query), tolerance) <= 1, (operation, n)
