"""Compiled and composed: the function together with what makes its logits, in the target's own mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from conformance.cases import Case, regimes
from conformance.target import Check
from conformance.ulp import Floats, exact, format_of, round_to

NORMAL = "np.random.default_rng(3).standard_normal((6, 33))"
HIDDEN = "(np.arange(33) % 3 == [[0], [1], [2], [0], [1], [2]])"
FACTORS = (1.7, 1e3, 3.3e9, 1e14)
TEMPERATURES = (0.7, 3e-3, 3e-10)


def scaled(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits and factors whose products are finite."""
    for factor in FACTORS:
        if 8 * factor < format_of(dtype).largest:
            yield Case(f"times-{factor:g}", NORMAL, argument=f"x * {factor}")


def cooled(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits and temperatures whose quotients are finite, large logits included."""
    for size in (1.0, 1e10):
        for temperature in TEMPERATURES:
            if 8 * size / temperature < format_of(dtype).largest:
                name = f"size-{size:g}-over-{temperature:g}"
                yield Case(name, f"{NORMAL} * {size}", argument=f"x / {temperature}")


def added_masks(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Masks to be added to the logits."""
    if format_of(dtype).infinite:
        yield Case("plus-minus-infinity", regimes(33, seed=33))
    yield Case("plus-minus-largest", "np.random.default_rng(3).uniform(0, 1, (6, 33))")


def several(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits that are an output too."""
    yield Case("regimes-n33-seed33", regimes(33, seed=33))


def product(x: Any, c: Any) -> Any:
    """x · c."""
    return x * c


def quotient(x: Any, t: Any) -> Any:
    """x / T."""
    return x / t


def plus(x: Any, mask: Any) -> Any:
    """x + mask."""
    return x + mask


@cache
def composition(function: Any, produce: Any) -> Any:
    """function(produce(x, c), labels …): one object for all cases, so that a compiler is asked once."""
    return lambda x, c, *labels: function(produce(x, c), *labels)


def composed(check: Check, produce: Any, x: Any, constant: Any) -> Floats:
    """function(produce(x, constant)) with everything in one call of the target's mode."""
    adapter = check.adapter
    arrays = [adapter.asarray(x), adapter.asarray(constant)]
    if check.operation == "softmax_cross_entropy":
        check.need("index_labels")
        arrays.append(adapter.asarray(np.arange(6) * 7 % 33))
    graph = composition(getattr(adapter, check.operation), produce)
    return exact(adapter.to_numpy(adapter.call(graph, *arrays)))


def constant(check: Check) -> Any:
    """The number that the case's composition multiplies or divides by, in the format under test."""
    return round_to(float(str(check.case.argument).split()[-1]), check.dtype)


def stays_a_distribution(check: Check, got: Floats) -> None:
    """No NaN; a total of one within the bound of the sum; losses finite, and not negative beyond rounding.

    The logits themselves carry the rounding of their product: which distribution it is, is not asked.
    """
    check.show(got, "no NaN, and a total of one")
    assert not np.isnan(got).any()
    fmt = format_of(check.dtype)
    if check.operation == "softmax_cross_entropy":
        logits = eval(str(check.case.argument), {"x": exact(check.call.x)})  # our own text, as in `cases`
        assert np.isfinite(got).all()
        assert (got >= -8 * fmt.roundoff * np.abs(logits).max()).all()
        return
    totals = (np.exp(got) if check.operation == "log_softmax" else got).sum(axis=-1)
    # 33 addends: 32 additions, an exponential and a division each in the format, grade D; and underflow
    allowed = np.expm1(64 * np.log1p(fmt.roundoff)) + 33 * fmt.smallest_normal
    if check.operation == "log_softmax":  # its own rounding of values that matter, those above −88
        allowed += 88 * fmt.roundoff
    check.show(got, "no NaN, and a total of one", total=totals.max())
    assert (np.abs(totals - 1) <= allowed).all()


@pytest.mark.requirement("CMP-01", cases=scaled)
def test_scaled_logits_stay_a_distribution(check: Check) -> None:
    stays_a_distribution(check, composed(check, product, check.call.x, constant(check)))


@pytest.mark.requirement("CMP-02", cases=cooled)
def test_cooled_logits_stay_a_distribution(check: Check) -> None:
    stays_a_distribution(check, composed(check, quotient, check.call.x, constant(check)))


@pytest.mark.requirement("CMP-03", cases=added_masks)
def test_added_mask_hides(check: Check) -> None:
    hidden = np.arange(33) % 3 == np.array([[0], [1], [2], [0], [1], [2]])
    value = -np.inf if check.case.name == "plus-minus-infinity" else -format_of(check.dtype).largest
    mask = round_to(np.where(hidden, value, 0.0), check.dtype)
    got = composed(check, plus, check.call.x, mask)
    spelled = "-np.inf" if value == -np.inf else "-MAX"
    added = f"({check.case.x}) + np.where({HIDDEN}, {spelled}, 0)"
    judgement = check.judgement(replace(check.case, name="added", x=added))
    empty = 0.0 if check.operation == "softmax" else -np.inf if value == -np.inf else None
    check.show(got, judgement.truth.value, replace(check.case, x=added))
    if empty is not None:
        assert (got[hidden] == empty).all()
    off = np.abs(got[~hidden] - judgement.truth.value[~hidden])
    assert (off <= judgement.tolerance["D"][~hidden]).all()


@pytest.mark.requirement("CMP-04", cases=several)
def test_several_outputs_are_each_right(check: Check) -> None:
    adapter = check.adapter
    other = "log_softmax" if check.operation == "softmax" else "softmax"

    def graph(x: Any) -> Any:
        return x, getattr(adapter, check.operation)(x), getattr(adapter, other)(x)

    native = adapter.call(graph, adapter.asarray(check.call.x))
    judgement = check.judgement()
    got = exact(adapter.to_numpy(native[1]))
    off = np.abs(got - judgement.truth.value)
    check.show(got, judgement.truth.value)
    assert (exact(adapter.to_numpy(native[0])) == exact(check.call.x)).all()
    assert (off <= judgement.tolerance["D"]).all()
