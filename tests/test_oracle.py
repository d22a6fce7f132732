"""The oracle against decimal arithmetic: its balls contain the truth, its values are the truth rounded."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np
import pytest
from flint import ctx

from conformance import operations
from conformance.operations.labels import Loss
from conformance.operations.query import Query, evaluate
from conformance.truth import oracle
from conformance.truth.formats import Floats, exact
from conformance.truth.oracle import Truth
from tests import decimals

INF, NAN, LARGEST = np.inf, np.nan, np.finfo(np.float64).max
LOSS = "softmax_cross_entropy"

ROWS: dict[str, list[float]] = {
    "one": [3.5],
    "equal": [1.25, 1.25, 1.25],
    "ties-and-others": [2.0, -1.0, 2.0, -1.0, 0.1],
    "gap-1e-300": [1e-300, 0.0, -1e-300],
    "gap-subnormal": [5e-324, 0.0],
    "gap-1e-17": [1.0, 1 - 2.0**-53, 0.0],
    "gap-40": [0.0, -40.0, -39.999],
    "gap-690": [0.0, -690.7755278982137, -691.0],  # the first log-probability is near −1e-300
    "gap-745": [0.0, -744.0, -745.2],
    "gap-1e308": [1e308, 0.0, 1.0, -1.0],
    "gap-overflows": [LARGEST, -LARGEST, 1e300],
    "largest-equal": [LARGEST, LARGEST],
    "offset": [1e8, 1e8 + 1.5, 1e8 - 3.25],
    "spread": [float(v) for v in np.random.default_rng(0).standard_normal(40) * 30],
}
X = np.array([[0.3, -1.7, 2.0, 0.3], [5.0, -20.0, 1e-3, 4.999]])
VECTORS = np.random.default_rng(1).standard_normal((2, *X.shape))


def expected(query: Query, digits: int = decimals.DIGITS) -> list[Decimal]:
    with decimals.digits(digits):
        return decimals.evaluate(query)


def assert_true(truth: Truth, true: list[Decimal], digits: int) -> None:
    """Correctly rounded, and enclosed; `digits` are those to which `true` is known."""
    values, residuals, radii = (np.ravel(part) for part in (truth.value, truth.residual, truth.radius))
    assert len(values) == len(true)
    with decimals.digits():
        for value, residual, radius, exact in zip(values, residuals, radii, true, strict=True):
            assert value == float(exact)
            if np.isfinite(value):
                off = abs(exact - (Decimal(float(value)) + Decimal(float(residual))))
                assert off <= Decimal(float(radius)) + abs(exact) * Decimal(10) ** -digits
                assert radius <= 1e-30 * abs(value) + 1e-323


@pytest.mark.parametrize("operation", ["softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize("name", ROWS)
def test_values_are_correctly_rounded_and_enclosed(operation: str, name: str) -> None:
    query = Query(operation, np.array([ROWS[name]]))
    assert_true(evaluate(query), expected(query), 390)


@pytest.mark.parametrize("name", [name for name in ROWS if name != "spread"])
def test_the_loss_of_every_class_is_correctly_rounded_and_enclosed(name: str) -> None:
    row = ROWS[name]
    query = Query(LOSS, np.array([row] * len(row)), loss=Loss(np.arange(len(row))))
    assert_true(evaluate(query), expected(query), 390)


LABELS: dict[str, np.ndarray] = {
    "index": np.array([2, 1]),
    "ignored": np.array([2, -100]),
    "probability": np.array([[0.1, 0.2, 0.3, 0.4], [0.0, 0.7, 0.0, 0.5]]),
}
WEIGHT = np.array([0.3, 2.0, 1.7, 0.0])
OPTIONS = list(product(LABELS, ("none", "sum", "mean"), (False, True), (0.0, 0.1)))


def loss_of(form: str, reduction: str, weighted: bool, smoothing: float) -> Loss:
    ignored = -100 if form == "ignored" else None
    return Loss(LABELS[form], reduction, WEIGHT if weighted else None, ignored, smoothing)


@pytest.mark.parametrize(("form", "reduction", "weighted", "smoothing"), OPTIONS)
def test_labels_weights_smoothing_and_reductions_are_those_of_the_definition(
    form: str, reduction: str, weighted: bool, smoothing: float
) -> None:
    query = Query(LOSS, X, loss=loss_of(form, reduction, weighted, smoothing))
    assert_true(evaluate(query), expected(query, 100), 90)


def derived(operation: str, kind: str, loss: Loss | None = None) -> Query:
    rows = X.shape[:1] if operations.get(operation).per_row else X.shape
    shape = () if loss is not None and loss.reduction != "none" else rows
    cotangent = VECTORS[0].ravel()[: int(np.prod(shape))].reshape(shape)
    return Query(
        operation,
        X,
        kind,
        cotangent if kind != "jvp" else None,
        VECTORS[1] if kind != "vjp" else None,
        loss=loss,
    )


@pytest.mark.parametrize("kind", ["vjp", "jvp", "hvp"])
@pytest.mark.parametrize("operation", ["softmax", "log_softmax", "logsumexp"])
def test_derivatives_are_central_differences(operation: str, kind: str) -> None:
    query = derived(operation, kind)
    assert_true(evaluate(query), expected(query, 240), 60)


@pytest.mark.parametrize("kind", ["vjp", "jvp", "hvp"])
@pytest.mark.parametrize(("form", "reduction", "weighted", "smoothing"), OPTIONS[::3])
def test_derivatives_of_the_loss_are_central_differences(
    kind: str, form: str, reduction: str, weighted: bool, smoothing: float
) -> None:
    query = derived(LOSS, kind, loss_of(form, reduction, weighted, smoothing))
    assert_true(evaluate(query), expected(query, 240), 60)


@pytest.mark.parametrize("kind", ["vjp", "hvp"])
def test_derivatives_with_respect_to_labels_are_differences_of_a_linear_function(kind: str) -> None:
    loss = loss_of("probability", "mean", True, 0.1)
    labels = loss.labels
    plain = derived(LOSS, "" if kind == "vjp" else "jvp", loss)
    query = derived(LOSS, kind, loss)
    found = evaluate(Query(LOSS, X, kind, query.cotangent, query.tangent, "labels", loss)).value
    for at in np.ndindex(labels.shape):
        step = np.where(
            np.arange(labels.size).reshape(labels.shape) == np.ravel_multi_index(at, labels.shape), 1, 0
        )
        ahead = Query(
            LOSS, X, plain.derivative, None, plain.tangent, "x", Loss(labels + step, "mean", WEIGHT, None, 0.1)
        )
        here = Query(LOSS, X, plain.derivative, None, plain.tangent, "x", loss)
        with decimals.digits(240):
            (after,), (before,) = decimals.evaluate(ahead), decimals.evaluate(here)
            slope = (after - before) * Decimal(float(np.asarray(query.cotangent)))
        np.testing.assert_allclose(found[at], float(slope), rtol=1e-14)  # labels + 1 is rounded


@pytest.mark.parametrize("bad", [[NAN, 1.0], [INF, 1.0], [INF, INF], [-INF, -INF], [NAN, INF], []])
def test_a_row_with_nan_or_plus_infinity_or_of_minus_infinity_alone_has_no_truth(bad: list[float]) -> None:
    x = np.array([bad])
    for operation in ("softmax", "log_softmax", "logsumexp"):
        found = evaluate(Query(operation, x))
        assert found.decided.all()
        for part in (found.value, found.residual, found.radius):
            shape = x.shape[:1] if operation == "logsumexp" else x.shape
            assert part.shape == found.decided.shape == shape
            assert np.isnan(part).all()
    if bad:
        assert np.isnan(evaluate(Query(LOSS, x, loss=Loss(np.array([0])))).value).all()
        beside = np.array([bad, [0.0, 1.0]])
        assert np.isfinite(evaluate(Query("softmax", beside)).value[1]).all()


def test_minus_infinity_has_probability_zero_and_leaves_the_others() -> None:
    masked, plain = np.array([[-INF, 1.0, -INF, 3.0]]), np.array([[1.0, 3.0]])
    for operation, hidden in (("softmax", 0.0), ("log_softmax", -INF)):
        found, alone = (evaluate(Query(operation, x)) for x in (masked, plain))
        assert (found.value[0, [0, 2]] == hidden).all()
        assert (found.value[0, [1, 3]] == alone.value[0]).all()
    found, alone = (evaluate(Query("logsumexp", x)) for x in (masked, plain))
    assert found.value == alone.value
    found = evaluate(Query(LOSS, masked, loss=Loss(np.array([2]))))
    assert found.value[0] == INF


HARD = np.array([[2.0**-46, -128.0]])  # −(128 + 2^−46) is halfway between floats; log1p(e^−128) decides


def test_precision_rises_until_the_rounding_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    query = Query("log_softmax", HARD)
    assert evaluate(query).value[0, 1] == float(expected(query)[1]) == -(128 + 2.0**-45)
    monkeypatch.setattr(oracle, "PRECISIONS", oracle.PRECISIONS[:1])
    monkeypatch.setattr(oracle, "MOST", 0)
    found = evaluate(query)
    assert not found.decided[0, 1]
    assert found.value[0, 1] == -128


def test_a_rounding_that_no_precision_decides_is_enclosed_and_marked() -> None:
    query = Query("log_softmax", np.array([[2.0**53, -1.0]]))  # log1p(e^−9e15)
    found = evaluate(query)
    assert found.decided.tolist() == [[True, False]]
    assert found.value[0, 1] in (-(2.0**53), -(2.0**53 + 2))
    assert (found.value[0, 1] + 2.0**53) + (found.residual[0, 1] + 1) == 0


def test_precision_rises_as_far_as_the_gaps_ask_for() -> None:
    found = evaluate(Query("softmax", np.array([[2.0**15, 2.0**15, 0]]), "vjp", np.array([[1.0, 2.0**-54, 0]])))
    assert found.decided.all()  # 1/4 − 2^−56, and a little more: e^−32768
    assert found.value[0, 0] == 0.25


def zeros() -> Iterator[tuple[str, Query, Any]]:
    """Derivatives that are 0 for a reason, each with the element that is."""
    ties, masked = np.array([[1.5, 0.1, 1.5, 0.1, 0.1]]), np.array([[0.3, -INF, 2.0, 0.3, 0.3]])
    means = np.array([[3.0, 2, 1, 5, -1]])  # 2 over either logit: 0 where it is 2
    for x, v, at in (
        (ties, np.full((1, 5), 0.1), slice(0, 5)),
        (masked, np.full((1, 5), 1e300), slice(0, 5)),
        (ties, means, slice(1, 2)),
        (np.zeros((1, 3)), np.array([[-1e300, 0.0, 1e300]]), slice(1, 2)),
    ):
        other = np.linspace(-1, 2, x.size)[None]
        yield "log_softmax", Query("log_softmax", x, "jvp", None, v), at
        yield "softmax", Query("softmax", x, "vjp", v), at
        yield "curved", Query("log_softmax", x, "hvp", other, v), at
    yield "curved both", Query("softmax", ties, "hvp", means, np.full((1, 5), 7.0)), slice(0, 5)
    balanced = np.array([[1e300, 0, -1e300, 1e-300, -1e-300]])
    yield "no mass", Query("log_softmax", ties, "vjp", balanced), slice(1, 2)
    yield "no mass twice", Query("log_softmax", ties, "hvp", balanced, means), slice(0, 5)
    yield "mean", Query("log_softmax", np.full((1, 3), 9.7), "vjp", np.array([[0.2, 0.1, 0.0]])), slice(1, 2)
    uniform = Loss(np.full((1, 3), 0.1))
    yield "uniform labels", Query(LOSS, np.zeros((1, 3)), "vjp", np.ones(1), loss=uniform), slice(0, 3)
    smoothed = Loss(np.array([1]), label_smoothing=0.3, weight=np.array([0.7, 0.7, 0.7]))
    flat = Query(LOSS, np.array([[0.0, 1, 2]]), "jvp", None, np.full((1, 3), 0.1), loss=smoothed)
    yield "flat tangent", flat, slice(0, 1)
    yield "logsumexp", Query("logsumexp", np.array([[5.0, 5, 1]]), "jvp", None, np.array([[0.1, -0.1, 0]])), 0


@pytest.mark.parametrize(
    ("query", "at"), [made[1:] for made in zeros()], ids=lambda v: getattr(v, "operation", "")
)
def test_an_exact_zero_is_proved(query: Query, at: Any) -> None:
    found = evaluate(query).part((0, at) if not query.per_row else at)
    assert (found.value == 0).all()
    assert (found.residual == 0).all()
    assert (found.radius == 0).all()


def test_what_is_nearly_zero_is_not_taken_for_it() -> None:
    x = exact(np.array([[700, 1.837113, 0.193373]], np.float32))
    found = evaluate(Query("log_softmax", x, "hvp", np.full((1, 3), 1 / 3), np.array([[0.0, 1, 2]])))
    assert (found.value != 0).all()
    assert abs(found.value[0, 0]) < 1e-300
    far = evaluate(Query("softmax", np.array([[2000.0, 0]]), "vjp", np.array([[0.0, 1]])))
    assert (found.radius > 0).all()
    assert (far.value == 0).all()  # of e^−2000 in float64
    assert (far.radius > 0).all()
    nearly = np.nextafter(0.1, 1)
    close = evaluate(Query("softmax", np.array([[0.1, 0.2, 0.3]]), "vjp", np.array([[0.1, 0.1, nearly]])))
    assert (close.value != 0).all()


@pytest.mark.parametrize("precision", [10, 53, 2000])
def test_the_answer_does_not_depend_on_the_precision_outside(precision: int) -> None:
    queries = [
        *(
            derived(operation, kind)
            for operation in ("softmax", "log_softmax", "logsumexp")
            for kind in ("", "hvp")
        ),
        *(derived(LOSS, kind, loss_of(*options)) for kind in ("", "vjp") for options in OPTIONS),
    ]
    plain = [evaluate(query) for query in queries]
    before = ctx.prec
    ctx.prec = precision
    try:
        again = [evaluate(query) for query in queries]
        assert ctx.prec == precision
    finally:
        ctx.prec = before
    for one, other in zip(plain, again, strict=True):
        assert bits(one) == bits(other)


def bits(truth: Truth) -> bytes:
    parts: list[Floats] = [truth.value, truth.residual, truth.radius]
    return np.stack([*parts, truth.decided]).tobytes()


@pytest.mark.parametrize("label", [4, -1, 100])
def test_a_label_out_of_range_has_no_loss(label: int) -> None:
    with pytest.raises(ValueError, match=rf"label {label} is outside \[0, 4\)"):
        evaluate(Query(LOSS, X, loss=Loss(np.array([0, label]), ignore_index=-100)))
