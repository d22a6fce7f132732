"""The bounds hold for honest arithmetic, are nearly attained, and are exceeded by the faults they are for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import product

import numpy as np
import pytest

from conformance import operations
from conformance.operations.labels import Weights
from conformance.operations.operation import Setting
from conformance.truth import bounds
from conformance.truth.arithmetic import EXPONENTIAL, LOGARITHM, Arithmetic, Functions, arithmetic
from conformance.truth.formats import Floats, exact, format_of, round_to
from tests import decimals
from tests.emulation import (
    Known,
    Machine,
    first_down,
    known,
    known_logits,
    nearest,
    none,
    random_signs,
    up,
    worst,
)

FORMATS = ("float8_e4m3fn", "float8_e5m2", "float16", "bfloat16", "float32", "float64")
LENGTHS = (1, 2, 3, 7, 33, 128, 129, 1000, 2049, 4097)
SEEDS = (0, 1)
NARROW = [(dtype, grade) for dtype in FORMATS for grade in "BCDE"]


def softmax(rows: bounds.Rows, how: Arithmetic) -> Floats:
    return operations.get("softmax").tolerance(Setting(rows), how)


def log_softmax(rows: bounds.Rows, how: Arithmetic) -> Floats:
    return operations.get("log_softmax").tolerance(Setting(rows), how)


def mean(rows: bounds.Rows, weights: Weights, how: Arithmetic, copies: int = 1) -> Floats:
    setting = Setting(rows, weights=weights, reduced=True, copies=copies)
    return operations.get("softmax_cross_entropy").tolerance(setting, how)


def logsumexp(rows: bounds.Rows, how: Arithmetic) -> Floats:
    return operations.get("logsumexp").tolerance(Setting(rows), how)


def ratios(machine: Machine, case: Known) -> tuple[float, ...]:
    """Worst error over bound of softmax, of log_softmax and of logsumexp."""
    with np.errstate(all="ignore"):
        p = machine.finish(machine.probabilities(case.x))
        l = machine.finish(machine.log_probabilities(case.x))  # noqa: E741 -- the letter of the formulas
        sums = machine.finish(machine.log_sums(case.x))
        return (
            worst(p, case.softmax, softmax(case.rows, machine.how)),
            worst(l, case.log_softmax, log_softmax(case.rows, machine.how)),
            worst(sums, case.logsumexp, logsumexp(case.rows, machine.how)),
        )


def lengths(dtype: str, grade: str) -> tuple[int, ...]:
    """float8_e4m3fn ends at 448: a longer sum overflows it, which no bound covers."""
    return tuple(n for n in LENGTHS if n < 448 or grade in "BC" or dtype != "float8_e4m3fn")


@pytest.mark.parametrize(("dtype", "grade"), NARROW)
def test_correctly_rounded_functions_stay_within_their_grade(dtype: str, grade: str) -> None:
    for n, seed in product(lengths(dtype, grade), SEEDS):
        how = arithmetic(grade, dtype, n)
        for pairwise in (True,) if grade == "B" else (True, False):
            assert max(ratios(Machine(how, none, pairwise), known_logits(dtype, n, seed))) <= 1, (n, seed)


@pytest.mark.parametrize(("dtype", "grade"), NARROW)
def test_functions_as_bad_as_granted_come_near_the_bound_and_stay_within(dtype: str, grade: str) -> None:
    found = {
        (n, seed, signs.__name__): ratios(
            Machine(arithmetic(grade, dtype, n), signs, grade == "B"), known_logits(dtype, n, seed)
        )
        for n, seed, signs in product(lengths(dtype, grade), SEEDS, (up, first_down, random_signs))
    }
    for operation in range(3):
        assert 0.3 <= max(triple[operation] for triple in found.values()) <= 1, found


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_flushed_subnormals_stay_within_the_bound_that_grants_them(dtype: str) -> None:
    below = math.log(format_of(dtype).smallest_normal) - 0.1
    for n in (2, 1000, 20001, 50257):
        how = arithmetic("D", dtype, n, flushes=True)
        case = known(np.where(np.arange(n) == 0, 0, below)[None], dtype)
        assert max(ratios(Machine(how, none, True), case)) <= 1, n


def test_flushing_adds_the_smallest_normal() -> None:
    for dtype in ("float16", "float32", "float64"):
        fmt = format_of(dtype)
        rows = known([[0.0, math.log(fmt.smallest_normal) + 1]], dtype).rows
        for bound in (softmax, bounds.confident):
            kept, flushed = (bound(rows, arithmetic("B", dtype, 2, flushes)) for flushes in (False, True))
            at = ... if bound is bounds.confident else (0, 1)
            unit = arithmetic("B", dtype, 2).element.smallest_normal
            assert (np.asarray(flushed - kept)[at] >= unit * (1 - 2.0**-20)).all()


@pytest.mark.parametrize("bound", [softmax, log_softmax])
def test_a_bound_grows_with_the_additions_and_with_the_unit_roundoff(
    bound: Callable[[bounds.Rows, Arithmetic], Floats],
) -> None:
    rows = known_logits("bfloat16", 33).rows
    how = arithmetic("C", "float64", 33)
    live = rows.g > 0
    for changed in (
        replace(how, additions=64),
        replace(how, total=format_of("float32")),
        replace(how, element=format_of("float32"), total=format_of("float32")),
        replace(how, output=format_of("float32")),
    ):
        assert (bound(rows, changed) > bound(rows, how))[live].all()
        assert (bound(rows, changed) == 0)[np.isinf(rows.gap)].all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_log_sum_exp_that_misses_a_logit_or_an_epsilon_exceeds_its_bound(dtype: str) -> None:
    case, how = known_logits(dtype, 33), arithmetic("D", dtype, 33)
    e = np.exp(case.x - case.x.max(axis=-1, keepdims=True))
    for wrong in (e[:, :-1].sum(axis=-1), e.sum(axis=-1) * (1 + 256 * how.u)):
        got = case.x.max(axis=-1) + np.log(wrong)
        assert worst(got, case.logsumexp, logsumexp(case.rows, how)) > 1


@pytest.mark.parametrize("n", [2, 33, 1000])
def test_the_bound_is_to_first_order_the_sharpened_constant(n: int) -> None:
    rows = known_logits("float32", n).rows
    how = arithmetic("C", "float64", n)
    g, gap = rows.g, np.where(np.isinf(rows.gap), 0, rows.gap)
    entropy = -np.sum(np.where(g > 0, g * np.where(g > 0, rows.l, 0), 0), axis=-1, keepdims=True)
    b = rows.log_total
    by_division, by_logarithm = 3, LOGARITHM * b + gap + b
    constant = gap + entropy - b + 2 * EXPONENTIAL + how.additions + np.maximum(by_division, by_logarithm)
    constant = constant + (EXPONENTIAL + 1) * bounds.rescalings(rows, how)
    normal = g > 1e-290
    np.testing.assert_allclose(softmax(rows, how)[normal], (g * how.u * constant)[normal], rtol=0.01)


def test_the_confident_entry_is_relatively_accurate_also_where_the_rest_is_subnormal() -> None:
    for n, gap in ((3, 20.0), (3, 103.0), (1000, 103.0), (1000, 30.0), (4097, 12.0)):
        case = known(np.where(np.arange(n) == 0, 0, -gap)[None], "float32")
        how = arithmetic("B", "float32", n)
        machine = Machine(how, pairwise=True)
        rest = machine.total(machine.exp(machine.gap(case.x))[:, 1:])
        got = -nearest(np.log1p(rest), how.element)
        granted = bounds.confident(case.rows, how)
        assert (np.abs(got - case.log_softmax.value)[:, 0] <= granted).all()
        assert granted[0] <= max(1e-5 * float(rest[0, 0]), (2 * n + 2) * how.element.smallest_subnormal)


def rising(row: list[Decimal]) -> int:
    """The length of the longest subsequence that rises."""
    longest: list[int] = []
    for i, value in enumerate(row):
        longest.append(1 + max((longest[j] for j in range(i) if row[j] < value), default=0))
    return max(longest)


def test_a_row_is_rescaled_as_often_as_it_can_rise() -> None:
    x = np.array([[0.0, 1, 2, 3], [3, 2, 1, 0], [1, 1, 1, 1], [0, 9, 1, 2], [0, -np.inf, 1, 0]])
    rows, how = known(x, "float32").rows, arithmetic("D", "float32", 4)
    assert bounds.rescalings(rows, replace(how, additions=99)).ravel().tolist() == [3, 3, 0, 3, 2]
    assert (bounds.rescalings(rows, how) == np.array([[3], [3], [0], [3], [2]])).all()  # no more than additions
    assert (bounds.rescalings(rows, arithmetic("B", "float32", 4)) == 0).all()


def formula(case: Known, how: Arithmetic) -> list[tuple[Floats, Floats, float, float]]:
    """Each row's bounds of softmax and log_softmax, ln S_max and −ln S_min: the module's formulas in decimals."""
    found = []
    with decimals.digits(60):
        own = how.functions
        e, e1, big_l, u, u_s = map(
            Decimal, (own.exponential, own.slope, own.logarithm, how.u, how.total.roundoff)
        )
        kappa = (1 + u) * (1 + e1 * u) - 1
        narrowing = u if how.narrowed else Decimal(0)
        for row in case.x:
            x = decimals.decimals(row)
            g, logs = decimals.softmax(x), decimals.log_softmax(x)
            gap = [max(x) - v for v in x]
            wide, close = (sum(p * (s * kappa * d).exp() for p, d in zip(g, gap, strict=True)) for s in (1, -1))
            merged = max(rising(x), rising(x[::-1])) - 1 + math.ceil(math.log2(len(x)))
            r = 0 if how.blocked or how.total.precision < 24 else min(how.additions, merged, len(set(x)) - 1)
            division = 1 if how.plain else 3
            s_max = wide * (1 + e * u) * (1 + u_s) ** how.additions * (1 + narrowing)
            s_min = close * (1 - e * u) * (1 - u_s) ** how.additions * (1 - narrowing)
            s_max, s_min = s_max * ((1 + e * u_s) * (1 + u_s)) ** r, s_min * ((1 - e * u_s) * (1 - u_s)) ** r
            p_bound, l_bound = [], []
            for p, log_p, d in zip(g, logs, gap, strict=True):
                lower = p * (-kappa * d).exp() * (1 - e * u) * (1 - u) ** division / s_max
                upper = p * (kappa * d).exp() * (1 + e * u) * (1 + u) ** division / s_min
                widest = max(s_max.ln(), -s_min.ln())
                a = u * d + widest + big_l * u * (-max(logs) + widest)
                l_bound.append(float(a + u * (abs(log_p) + a)))
                moved = a + u * (abs(log_p) + a)
                moved += -(1 - e * u).ln() + e1 * u * (abs(log_p) + moved)
                by_logarithm = 0 if how.plain else p * (moved.exp() - 1)
                p_bound.append(float(max(upper - p, p - lower, by_logarithm)))
            found.append((np.array(p_bound), np.array(l_bound), float(s_max.ln()), float(-s_min.ln())))
    return found


@pytest.mark.parametrize(("dtype", "grade"), NARROW)
def test_the_bounds_are_their_formulas_evaluated_exactly(dtype: str, grade: str) -> None:
    case = known(np.random.default_rng(3).standard_normal((5, 7)) * [[0.1], [1], [4], [10], [40]], dtype)
    how = arithmetic(grade, dtype, 7)
    element = replace(how.element, smallest_subnormal=0.0)
    how = replace(how, element=element, output=element)  # no underflow and no rounding at the end
    if grade != "B":
        how = replace(how, functions=Functions(5.0, 1.25, 6.0))
    off = bounds.spread(case.rows, how)
    p_bound, l_bound = softmax(case.rows, how), log_softmax(case.rows, how)
    for i, (p, l, above, below) in enumerate(formula(case, how)):  # noqa: E741 -- the letter of the formulas
        np.testing.assert_allclose(p_bound[i], p, rtol=1e-8)
        np.testing.assert_allclose(l_bound[i], l, rtol=1e-8)
        np.testing.assert_allclose([off.up[i, 0], off.down[i, 0]], [above, below], rtol=1e-8)


# Faults


def test_a_sum_accumulated_in_sixteen_bits_exceeds_grade_d() -> None:
    for dtype, n in (("bfloat16", 2049), ("float16", 4097)):  # they count to 256 and to 2048
        case = known(np.zeros((1, n)), dtype)
        honest, stalled = arithmetic("D", dtype, n), arithmetic("E", dtype, n)
        got = Machine(stalled).probabilities(case.x)
        assert worst(got, case.softmax, softmax(case.rows, honest)) > 10
        assert worst(got, case.softmax, softmax(case.rows, stalled)) <= 1


def test_a_sequential_sum_of_a_long_row_exceeds_grade_b_and_not_c() -> None:
    case = known(np.where(np.arange(100001) == 0, 0, -1.3)[None], "float32")
    blocked, sequential = (arithmetic(grade, "float32", 100001) for grade in "BC")
    got = Machine(sequential).probabilities(case.x)
    assert worst(got, case.softmax, softmax(case.rows, blocked)) > 1
    assert worst(got, case.softmax, softmax(case.rows, sequential)) <= 1


def coarse_exponential(x: Floats) -> Floats:
    e = np.exp(x - np.max(x)) * (1 + 2.0**-14 * np.cos(np.arange(x.size)))
    p: Floats = e / e.sum()
    return p


def bfloat16_output(x: Floats) -> Floats:
    e = np.exp(x - np.max(x))
    return exact(round_to(e / e.sum(), "bfloat16"))


def one_less_in_the_sum(x: Floats) -> Floats:
    e = np.exp(x - np.max(x))
    p: Floats = e / e.ravel()[:-1].sum()
    return p


@pytest.mark.parametrize("fault", [coarse_exponential, bfloat16_output, one_less_in_the_sum])
def test_a_faulty_float32_softmax_exceeds_grade_d(fault: Callable[[Floats], Floats]) -> None:
    for n in (33, 129):
        case = known(np.random.default_rng(n).standard_normal((1, n)), "float32")
        how = arithmetic("D", "float32", n)
        assert worst(fault(case.x), case.softmax, softmax(case.rows, how)) > 1, n


def log_of_softmax(x: Floats) -> Floats:
    e = np.exp(x - np.max(x)).astype(np.float32)
    return np.log(exact(e / e.sum()))


def maximum_added_back(x: Floats) -> Floats:
    peak = np.max(x)
    return x - exact(np.float32(peak + np.log(np.exp(x - peak).sum())))


def no_shift(x: Floats) -> Floats:
    return x - np.log(exact(np.exp(x.astype(np.float32)).sum()))


@pytest.mark.parametrize(
    ("fault", "logits"),
    [
        (log_of_softmax, [[0.0, -110, -1]]),
        (maximum_added_back, [[1e4, 1e4 + 1, 1e4 - 2]]),
        (no_shift, [[100.0, 1, 0]]),
    ],
)
def test_a_textbook_log_softmax_exceeds_grade_d(
    fault: Callable[[Floats], Floats], logits: list[list[float]]
) -> None:
    case = known(logits, "float32")
    how = arithmetic("D", "float32", 3)
    with np.errstate(all="ignore"):
        assert worst(fault(case.x), case.log_softmax, log_softmax(case.rows, how)) > 1


@pytest.mark.parametrize("grade", ["B", "C", "D"])
def test_the_mean_of_copies_has_the_bound_of_as_many_rows(grade: str) -> None:
    how = arithmetic(grade, "bfloat16", 33)
    one, many = (known_logits("bfloat16", 33).rows for _ in range(2))
    parts = [part for part in vars(one).values() if isinstance(part, np.ndarray)]
    one = bounds.Rows(*(part[:1] for part in parts))
    many = bounds.Rows(*(np.repeat(part[:1], 700, axis=0) for part in parts))
    labels = np.full((1, 33), 1 / 32)
    expected = mean(many, Weights(np.repeat(labels, 700, axis=0), 1 / 700), how)
    got = mean(one, Weights(labels, 1 / 700), how, copies=700)
    assert got == pytest.approx(float(expected), rel=1e-12)
    assert got < mean(one, Weights(labels, 1 / 700), how, copies=70000)
