"""Compiled and composed: the function together with what makes its logits, in the target's own mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from conformance.cases.gradients import differentiated
from conformance.cases.rows import normal, regimes, with_labels
from conformance.operations import OPERATIONS
from conformance.run.case import Case
from conformance.run.measure import compare
from conformance.run.target import Trial
from conformance.truth.formats import Floats, exact, format_of, round_to

NORMAL = "np.random.default_rng(3).standard_normal((6, 33))"
HIDDEN = "(np.arange(33) % 3 == [[0], [1], [2], [0], [1], [2]])"
SHIFTED_EYE = "(np.arange(33) == 7 * np.arange(6)[:, None] % 33)"
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


def overflowing(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits whose product with 4 overflows to +inf at one position a row.

    Not in float16: a compiler may keep its product in float32, where it does not overflow.
    """
    if format_of(dtype).largest > 2.0**127:
        yield Case("times-4-overflows", f"np.where({SHIFTED_EYE}, MAX / 2, {NORMAL})", argument="x * 4.0")


def producers(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits whose product with 4 is exact, and a cotangent."""
    if dtype == "float32" or (dtype == "float16" and tier != "quick") or tier == "exhaustive":
        yield next(differentiated(Case("times-4", NORMAL, argument="x * 4.0"), "vjp", operation, 33))


def distilled(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits whose quotient by the temperature 4 is exact, and probabilities."""
    if dtype == "float32" or (dtype == "float16" and tier != "quick") or tier == "exhaustive":
        yield next(with_labels(Case("over-4", f"{NORMAL} * 4", argument="x / 4.0"), operation, 6, 33))


def in_16_bits(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits as a 16-bit matrix product leaves them."""
    if dtype in ("float16", "bfloat16"):
        yield next(with_labels(Case("regimes-n33-seed33", regimes(33, seed=33)), operation, 6, 33))


def of_any_size(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Four rows of seven logits, with their gradient; a compiler of any size is asked in few formats."""
    if dtype == "float32" or (dtype == "float16" and tier != "quick") or tier == "exhaustive":
        case = Case("first-4x7", f"{normal(4, 7, seed=4)} * 2")
        if tier != "quick":  # each size is compiled anew by some
            yield next(with_labels(case, operation, 4, 7))
        yield next(differentiated(replace(case, name=f"gradient-{case.name}"), "vjp", operation, 7, 4))


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


def composed(check: Trial, produce: Any, x: Any, constant: Any) -> Floats:
    """function(produce(x, constant)) with everything in one call of the target's mode."""
    adapter = check.adapter
    arrays = [adapter.asarray(part) for part in (x, constant, *labels_of(check))]
    graph = composition(getattr(adapter, check.operation), produce)
    return exact(adapter.to_numpy(adapter.call(graph, *arrays)))


def labels_of(check: Trial) -> list[Any]:
    """Return the labels of six rows of 33 logits, if there are any: indices, or one-hot if it takes none."""
    if not check.op.labelled:
        return []
    form = check.op.labels[0]
    check.need(f"{form}_labels")
    index = np.arange(6) * 7 % 33
    return [index if form == "index" else round_to(np.eye(33)[index], check.dtype)]


def constant(check: Trial) -> Any:
    """The number that the case's composition multiplies or divides by, in the format under test."""
    return round_to(float(str(check.case.argument).split()[-1]), check.dtype)


def stays_a_distribution(check: Trial, got: Floats) -> None:
    """No NaN; a total of one within the bound of the sum; losses finite, and not negative beyond rounding.

    The logits themselves carry the rounding of their product: which distribution it is, is not asked.
    """
    check.show(got, "no NaN, and a total of one")
    assert check.holds(~np.isnan(got), got, "no NaN")
    fmt = format_of(check.dtype)
    if check.op.per_row:
        logits = eval(str(check.case.argument), {"x": exact(check.call.x)})  # our own text, as in `cases`
        lowest = 0 if check.op.labelled else logits.max(axis=-1)
        highest = np.inf if check.op.labelled else lowest + np.log(33) * (1 + 8 * fmt.roundoff)
        rounding = 8 * fmt.roundoff * np.abs(logits).max()
        assert check.holds(np.isfinite(got), got, "a finite number")
        assert check.holds(got >= lowest - rounding, got, lowest)
        assert check.holds(got <= highest + rounding, got, highest)
        return
    totals = (np.exp(got) if check.op.logarithmic else got).sum(axis=-1)
    # 33 addends: 32 additions, an exponential and a division each in the format, grade D; and underflow
    allowed = np.expm1(64 * np.log1p(fmt.roundoff)) + 33 * fmt.smallest_normal
    if check.op.logarithmic:  # its own rounding of values that matter, those above −88
        allowed += 88 * fmt.roundoff
    check.show(got, "no NaN, and a total of one", total=totals.max())
    assert check.holds(np.abs(totals - 1) <= allowed, totals, 1.0)


@pytest.mark.requirement("CMP-01", cases=scaled)
def test_scaled_logits_stay_a_distribution(check: Trial) -> None:
    stays_a_distribution(check, composed(check, product, check.call.x, constant(check)))


@pytest.mark.requirement("CMP-02", cases=cooled)
def test_cooled_logits_stay_a_distribution(check: Trial) -> None:
    stays_a_distribution(check, composed(check, quotient, check.call.x, constant(check)))


@pytest.mark.requirement("CMP-03", cases=added_masks)
def test_added_mask_hides(check: Trial) -> None:
    hidden = np.arange(33) % 3 == np.array([[0], [1], [2], [0], [1], [2]])
    value = -np.inf if check.case.name == "plus-minus-infinity" else -format_of(check.dtype).largest
    mask = round_to(np.where(hidden, value, 0.0), check.dtype)
    got = composed(check, plus, check.call.x, mask)
    spelled = "-np.inf" if value == -np.inf else "-MAX"
    added = f"({check.case.x}) + np.where({HIDDEN}, {spelled}, 0)"
    judgement = check.judgement(replace(check.case, name="added", x=added))
    empty = None if check.op.logarithmic and value != -np.inf else check.op.masked
    check.show(got, judgement.truth.value, replace(check.case, x=added))
    if empty is not None:
        assert check.holds(~hidden | (got == empty), got, empty)
    with np.errstate(invalid="ignore"):
        near = np.abs(got - judgement.truth.value) <= judgement.tolerance["D"]
    assert check.holds(near if check.op.per_row else near | hidden, got, judgement.truth.value)


@pytest.mark.requirement("CMP-04", cases=several)
def test_several_outputs_are_each_right(check: Trial) -> None:
    adapter = check.adapter
    other = next(op.name for op in OPERATIONS.values() if op.kind == "row" and op.name != check.operation)

    def graph(x: Any) -> Any:
        return x, getattr(adapter, check.operation)(x), getattr(adapter, other)(x)

    judgement = check.judgement()  # first: another call would mend a buffer that several results share
    native = adapter.call(graph, adapter.asarray(check.call.x))
    got = exact(adapter.to_numpy(native[1]))
    off = np.abs(got - judgement.truth.value)
    check.show(got, judgement.truth.value)
    first = exact(adapter.to_numpy(native[0]))
    assert check.holds(first == exact(check.call.x), first, exact(check.call.x))
    assert check.holds(off <= judgement.tolerance["D"], got, judgement.truth.value)


@pytest.mark.requirement("CMP-05", cases=overflowing)
def test_overflow_in_the_graph_is_answered_as_infinity(check: Trial) -> None:
    got = composed(check, product, check.call.x, constant(check))
    with np.errstate(over="ignore"):
        x = check.call.x * constant(check)
    assert np.isposinf(exact(x)).any()
    native = map(check.adapter.asarray, [x, *labels_of(check)])
    alone = exact(check.adapter.to_numpy(getattr(check.adapter, check.operation)(*native)))
    check.show(got, alone)
    assert check.holds(np.isnan(got) == np.isnan(alone), got, alone)
    assert check.holds(np.isinf(got) == np.isinf(alone), got, alone)


@pytest.mark.requirement("CMP-06", cases=producers)
def test_gradient_beside_the_producer_is_within_the_bound(check: Trial) -> None:
    check.need("vjp")
    adapter, call = check.adapter, check.call
    arrays, gradient = call.arrays(adapter), call.function(adapter)

    def multiplied_first(x: Any, c: Any, *others: Any) -> Any:
        return gradient(x * c, *others)

    got = adapter.call(multiplied_first, arrays[0], adapter.asarray(constant(check)), *arrays[1:])
    multiplied = replace(check.case, x=f"({check.case.x}) * 4.0")
    assert check.compare(adapter.to_numpy(got), case=multiplied) <= 1


@pytest.mark.requirement("CMP-07", cases=producers)
def test_result_and_gradient_of_one_graph_are_each_right(check: Trial) -> None:
    check.need("vjp")
    adapter, call = check.adapter, check.call
    forward = replace(call, derivative="", cotangent=None).function(adapter)
    gradient = call.function(adapter)

    def with_gradient(x: Any, *others: Any) -> Any:  # the last of them is the cotangent
        return x, forward(x, *others[:-1]), gradient(x, *others)

    native = [adapter.to_numpy(part) for part in adapter.call(with_gradient, *call.arrays(adapter))]
    assert check.holds(exact(native[0]) == exact(call.x), exact(native[0]), exact(call.x))
    assert check.compare(native[2]) <= 1
    assert check.compare(native[1], case=replace(check.case, derivative="", cotangent=None)) <= 1


@pytest.mark.requirement("CMP-09", cases=of_any_size)
def test_one_graph_is_right_for_every_size(check: Trial) -> None:
    check.need("dynamic", *filter(None, [check.case.derivative]))
    adapter, call = check.adapter, check.call
    graph = adapter.dynamic(call.function(adapter), *call.arrays(adapter))
    for rows, n in ((4, 7), (3, 11), (9, 5)):
        sized = next(of_size(check, rows, n))
        arrays = sized.call(check.operation, check.dtype).arrays(adapter)
        assert check.compare(adapter.to_numpy(graph(*arrays)), case=sized) <= 1, f"{rows} rows of {n}"


def of_size(check: Trial, rows: int, n: int) -> Iterator[Case]:
    """The case with another number of rows and classes."""
    case = Case(check.case.name, f"{normal(rows, n, seed=4)} * 2")
    kind = check.case.derivative
    return (
        differentiated(case, kind, check.operation, n, rows)
        if kind
        else with_labels(case, check.operation, rows, n)
    )


@pytest.mark.requirement("CMP-08", cases=in_16_bits)
def test_autocast_has_one_policy(check: Trial) -> None:
    check.need("autocast")
    adapter, call = check.adapter, check.call

    got = adapter.to_numpy(adapter.autocast(call.function(adapter), *call.arrays(adapter)))
    name = got.dtype.name
    widened = replace(call, x=call.x.astype(got.dtype))
    judgement = compare(widened, exact(got), check.target.traits(name))
    check.keep(judgement)
    policy = {check.dtype: "kept", "float32": "widened"}.get(name, name)
    check.choose({"result": policy if judgement.worst("D") <= 1 else f"{name}, outside its bound"})


@pytest.mark.requirement("CMP-10", cases=distilled)
def test_distillation_of_one_graph_is_within_the_bound(check: Trial) -> None:
    check.need("probability_labels")
    adapter, function = check.adapter, getattr(check.adapter, check.operation)

    def softened(x: Any, labels: Any, t: Any) -> Any:
        return function(x / t, labels) * (t * t)

    temperature = constant(check)
    got = adapter.to_numpy(adapter.call(softened, *map(adapter.asarray, (*check.call.given, temperature))))
    divided = replace(check.case, x=f"({check.case.x}) / {temperature}")
    assert check.compare(exact(got) / exact(temperature) ** 2, case=divided) <= 1
