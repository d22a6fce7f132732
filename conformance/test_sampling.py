"""Sampling: classes drawn from logits, and Gumbel-softmax.

Frequencies are judged by `truth.tails`: exact tail bounds for sets of classes whose probabilities lie within the
bound of softmax, so that a run of right frameworks has a false alarm with a probability below 10⁻⁹.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conformance.cases.rows import normal
from conformance.operations import noisy
from conformance.operations import query as questions
from conformance.operations.query import Query
from conformance.run.case import Case
from conformance.run.target import Refused, Trial
from conformance.truth import tails
from conformance.truth.formats import exact, format_of

SEED, COUNT = 17, 2048
LONG = 131072
SMALLEST = 1e-6  # a temperature
BOUNDED = 2**17  # entries of samples of which totals are judged
HIDDEN = (
    "(lambda k: np.stack([k == 0, k == {n} - 1, k < {n} // 2, k >= {n} // 2, k % 2 == 0, k != {n} - 1]))"
    "(np.arange({n}))"
)
GAPS = "-np.array([[0.0, 0], [1, 0], [3, 0], [0, 5], [0, 7], [0, 9]])"
Draws = NDArray[np.int64]

# Compilers take longer than the draws, so that few shapes, numbers of draws and temperatures serve most cases.


def drawing(operation: str, name: str, x: str, count: int = COUNT) -> Case:
    """Ask for `count` draws of each row, or for as many samples of it; for no more than are quick."""
    if operation == "categorical":
        return Case(name, x, options={"count": count, "seed": SEED})
    return Case(name, f"np.tile({x}, ({min(count, 512)}, 1))", options={"seed": SEED})


def some(dtype: str, tier: str) -> bool:
    """Return whether a format is asked for what tells formats apart no more than the other cases do."""
    return tier != "quick" or dtype == "float32"


def many(operation: str, tier: str) -> tuple[int, ...]:
    """Return numbers of classes past what coarse noise tells apart; whole samples of the most take long."""
    if operation == "categorical":
        return (LONG,)
    return (4097,) if tier == "quick" else (4097, LONG)


def masked(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows with −inf at the first class, at the last, in either half, at every second one, at all but one."""
    if not format_of(dtype).infinite:
        return
    for n in (33, *([2] if some(dtype, tier) else [])):
        x = f"np.where({HIDDEN.format(n=n)}, -np.inf, {normal(6, n, seed=n)})"
        yield drawing(operation, f"masked-n{n}", x)
    for n in many(operation, tier):
        yield drawing(operation, f"masked-n{n}", f"np.where(np.arange({n}) % 2, -np.inf, np.zeros((1, {n})))", 32)
    if tier != "quick":  # noise that is infinite once in 2²⁵ times
        for seed in (1, 2):
            options = {"seed": seed} | ({"count": 1} if operation == "categorical" else {})
            x = f"np.tile(np.where(np.arange({LONG}) == 0, 0, -np.inf), (64, 1))"
            yield Case(f"one-class-n{LONG}-seed{seed}", x, options=options)


def extremes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows of the largest number, of the smallest, of both, and of one finite logit."""
    low = "-np.inf" if format_of(dtype).infinite else "-MAX"
    for n in (33, *([2, LONG] if tier != "quick" else [])):
        only = [f"np.where(np.arange({n}) == {k}, MAX, {low})" for k in (0, n // 2, n - 1)]
        whole = [f"np.full({n}, MAX)", f"np.full({n}, -MAX)", f"np.where(np.arange({n}) % 2, MAX, -MAX)"]
        yield drawing(operation, f"largest-n{n}", f"np.stack([{', '.join(whole + only)}])", min(COUNT, LONG // n))


def frequencies(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Few classes and many, equal ones, rare ones, and rows that are alike."""
    yield drawing(operation, "normal-n33", f"{normal(6, 33)} * 2")
    if some(dtype, tier):
        yield drawing(operation, "gaps-n2", GAPS)
        if operation == "categorical":
            yield Case("alike-n33", f"np.tile({normal(1, 33)}, (2048, 1))", options={"count": 1, "seed": SEED})
    for n in many(operation, tier):
        yield drawing(operation, f"equal-n{n}", f"np.zeros((1, {n}))", 32)
        # nine tenths of the draws fall on the others together
        yield drawing(operation, f"rare-n{n}", f"np.log(9 / {n}) * (np.arange({n}) != 0)[None]", 32)
    if tier != "quick":
        for n in (3, 1000, 4097):
            yield drawing(operation, f"normal-n{n}", f"{normal(2, n, seed=n)} * 3", min(COUNT, 2**20 // n))


def seeded(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows of many classes of similar probability."""
    yield drawing(operation, "normal-n33", normal(6, 33))


def shifted(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Whole numbers plus an offset that leaves them whole."""
    bits = format_of(dtype).precision - 1
    for name, offset in (("64", 64), ("minus-64", -64), (f"two-to-{bits}", 2.0**bits)):
        yield drawing(operation, f"plus-{name}", f"{offset} - np.tile(np.arange(33) % 5, (6, 1))")


def samples(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Temperatures whose quotients are finite, down to 10⁻⁶, and a masked class."""
    x = f"{normal(3072, 33)} * 4"
    for temperature in (1.0, SMALLEST):
        if 64 / temperature < format_of(dtype).largest:
            options = {"seed": SEED, "temperature": temperature}
            yield Case(f"temperature-{temperature:g}-n33", x, options=options)
    if format_of(dtype).infinite:
        yield Case("masked-n33", f"np.where(np.arange(33) % 3, {x}, -np.inf)", options={"seed": SEED})
    if tier != "quick":
        for seed in (1, 2):
            yield Case(f"equal-n{LONG}-seed{seed}", f"np.zeros((64, {LONG}))", options={"seed": seed})


def overflowing(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A temperature that takes logits and noise past the largest number."""
    if format_of(dtype).largest < 64 / SMALLEST:
        options = {"seed": SEED, "temperature": SMALLEST}
        yield Case(f"temperature-{SMALLEST:g}-n33", f"{normal(3072, 33)} * 4", options=options)


def hard(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Hard samples of many classes, whose largest entry is below a half."""
    for n, rows in ((33, 3072), *([(1000, 128)] if tier != "quick" else [])):
        yield Case(f"hard-n{n}", normal(rows, n, seed=n), options={"seed": SEED, "hard": True})


def hard_gradients(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Hard samples with a cotangent."""
    case = next(soft(operation, dtype, tier))
    case = replace(case, name="hard-vjp-n33", options=case.options | {"hard": True})
    yield replace(case, cotangent=normal(6, 33, seed=1), derivative="vjp")


def soft(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Soft samples and their gradients, at a temperature that every format holds."""
    case = Case("soft-n33", f"{normal(6, 33)} * 2", options={"seed": SEED, "temperature": 0.5})
    yield case
    yield replace(case, name="soft-vjp-n33", cotangent=normal(6, 33, seed=1), derivative="vjp")


def improper(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows that have no distribution."""
    if format_of(dtype).infinite:
        one = "np.where(np.arange(33) == 1, {}, np.zeros((6, 33)))"
        rows = {"all-minus-inf": "np.full((6, 33), -np.inf)"}
        rows |= {name: one.format(f"np.{name}") for name in ("nan", "inf")}
        for name, x in rows.items():
            yield drawing(operation, name, x)


def drawn(check: Trial) -> Draws:
    """Return the classes drawn for each row, (rows, count): of samples, where each is largest."""
    got = check.call.run(check.adapter)
    if check.operation == "categorical":
        return np.asarray(got).reshape(len(check.call.x), -1).astype(np.int64)
    largest: Draws = np.argmax(exact(got), axis=-1)[:, None]
    return largest


@pytest.mark.requirement("SMP-01", cases=masked)
def test_a_class_at_minus_infinity_is_never_drawn(check: Trial) -> None:
    logits = exact(check.call.x)
    check.describe(check.case)
    if check.operation == "categorical":
        draws = drawn(check)
        taken = np.take_along_axis(logits, np.clip(draws, 0, logits.shape[1] - 1), axis=1)
        assert check.holds(~np.isneginf(taken), draws, "a class of a finite logit")
    else:
        got = check.result()
        assert check.holds(~np.isneginf(logits) | (got == 0), got, 0.0)


@pytest.mark.requirement("SMP-02", cases=extremes)
def test_each_draw_is_a_class_of_its_row(check: Trial) -> None:
    got = np.asarray(check.call.run(check.adapter))
    (rows, n), count = check.call.x.shape, check.case.options["count"]
    check.show(f"{got.dtype} {got.shape}", f"integers ({rows}, {count})")
    assert got.dtype.kind in "iu"
    assert got.shape == (rows, count)
    assert check.holds((got >= 0) & (got < n), got, f"a class from 0 to {n - 1}")


@pytest.mark.requirement("SMP-03", cases=frequencies)
def test_frequencies_are_those_of_the_probabilities(check: Trial) -> None:
    assert usual(check)


@pytest.mark.requirement("SMP-04", cases=seeded)
def test_a_seed_repeats_its_draws_and_another_has_others(check: Trial) -> None:
    other = replace(check.case, options=check.case.options | {"seed": SEED + 1})
    calls = [case.call(check.operation, check.dtype) for case in (check.case, check.case, other)]
    first, again, others = (np.asarray(call.run(check.adapter)) for call in calls)
    check.describe(check.case)
    assert check.holds(first == again, again, first)
    check.show("the same draws by another seed", "others")
    assert not np.array_equal(first, others)


@pytest.mark.requirement("SMP-05", cases=shifted)
def test_an_exact_offset_changes_no_frequency(check: Trial) -> None:
    assert usual(check)


def usual(check: Trial) -> bool:
    """Return whether no set of classes has been drawn as often, or as seldom, as is all but impossible."""
    x, draws = exact(check.call.x), drawn(check)
    alike: dict[bytes, list[int]] = {}
    for i, row in enumerate(x):
        alike.setdefault(row.tobytes(), []).append(i)
    rows, n = x[[places[0] for places in alike.values()]], x.shape[1]
    how = check.target.traits(check.dtype).arithmetic("D", check.dtype, n)
    asked = Query("softmax", rows)
    g, off = questions.truth(asked).value, questions.tolerance(asked, questions.setting(asked), how)
    taken = (np.clip(draws[places], 0, n - 1).ravel() for places in alike.values())
    counts = [np.bincount(of_row, minlength=n) for of_row in taken]
    sets = (tails.unlikeliest(*of_row) for of_row in zip(counts, g - off, g + off, strict=True))
    found = min(sets, key=attrgetter("log"))
    least = tails.allowed(len(rows), n)
    where = f"places {found.first} to {found.last}" + " in order of probability" * found.sorted
    got = f"{found.count} of {int(counts[0].sum())} draws at {where}"
    check.show(
        got, f"a probability from {found.low:.3g} to {found.high:.3g}", ln_tail=found.log, ln_allowed=least
    )
    return found.log >= least


def is_a_distribution(check: Trial) -> None:
    """No NaN; entries from 0 to 1; a total of one within twice the bound of softmax, in some rows."""
    got = check.result()
    check.show(got, "no NaN, and a total of one")
    assert check.holds(~np.isnan(got), got, "no NaN")
    got = got[: max(1, BOUNDED // got.shape[-1])]
    # the logits and the noise are not known, but the sample is nearly the softmax of its own logarithms
    least = format_of(check.dtype).smallest_subnormal
    how = check.target.traits(check.dtype).arithmetic("D", check.dtype, got.shape[-1])
    asked = Query("softmax", np.log(np.maximum(got, least)))
    allowed = 2 * questions.tolerance(asked, questions.setting(asked), how).sum(axis=-1)
    assert check.holds((got >= 0) & (got <= 1 + allowed[:, None]), got, "an entry from 0 to 1")
    totals = got.sum(axis=-1)
    check.show(got, "a total of one", ratio=float(np.max(np.abs(totals - 1) / allowed)))
    assert check.holds(np.abs(totals - 1) <= allowed, totals, 1.0)


@pytest.mark.requirement("SMP-06", cases=samples)
def test_a_sample_is_a_distribution(check: Trial) -> None:
    is_a_distribution(check)


@pytest.mark.requirement("SMP-07", cases=overflowing)
def test_a_sample_is_a_distribution_where_its_logits_overflow(check: Trial) -> None:
    is_a_distribution(check)


@pytest.mark.requirement("SMP-08", cases=hard)
def test_a_hard_sample_is_one_hot(check: Trial) -> None:
    got = check.result()
    relaxed = check.result(replace(check.case, options=check.case.options | {"hard": False}))
    check.describe(check.case)
    assert check.holds((got == 0) | (got == 1), got, "0 or 1")
    assert check.holds(np.count_nonzero(got, axis=-1) == 1, np.count_nonzero(got, axis=-1), 1)
    assert check.holds(
        relaxed[got == 1] == relaxed.max(axis=-1), "another class", "the largest of the soft sample"
    )


@pytest.mark.requirement("SMP-09", cases=hard_gradients)
def test_a_hard_sample_has_the_gradient_of_the_soft_one(check: Trial) -> None:
    check.need("vjp")
    options = check.case.options | {"hard": False}
    got, soft = check.result(), check.result(replace(check.case, options=options))
    y = check.result(replace(check.case, options=options, derivative="", cotangent=None))
    c = np.abs(exact(check.call.cotangent))
    fmt = format_of(check.dtype)
    # both start from one sample: the Jacobian product has n − 1 additions and no more than eight roundings
    size = y * (c + (y * c).sum(axis=-1, keepdims=True)) / check.case.options["temperature"]
    allowed = 2 * np.expm1((y.shape[-1] + 8) * np.log1p(fmt.roundoff)) * size + 64 * fmt.smallest_normal
    check.describe(check.case)
    assert check.holds(np.abs(got - soft) <= allowed, got, soft)


@pytest.mark.requirement("SMP-10", cases=soft)
def test_a_sample_is_the_softmax_of_logits_and_noise_over_the_temperature(check: Trial) -> None:
    check.need("gumbel_noise", *([check.case.derivative] if check.case.derivative else []))
    call, temperature = check.call, check.case.options["temperature"]
    noise = exact(check.adapter.to_numpy(check.adapter.gumbel_noise(check.adapter.asarray(call.x), seed=SEED)))
    cotangent = None if call.cotangent is None else exact(call.cotangent)
    asked = noisy.asked(exact(call.x), noise, temperature, cotangent)
    how = check.target.traits(check.dtype).arithmetic("D", check.dtype, call.x.shape[-1])
    scale = temperature if check.case.derivative else 1.0
    expected = questions.truth(asked).value / scale
    allowed = noisy.tolerance(asked, how) / scale + how.unit(how.output)
    got = check.result()
    error = np.abs(got - expected)
    check.show(got, expected, ratio=float(np.max(error / allowed)), noise=float(np.max(np.abs(noise))))
    assert check.holds(error <= allowed, got, expected)


@pytest.mark.requirement("SMP-11", cases=improper)
def test_what_is_drawn_where_there_is_no_distribution(check: Trial) -> None:
    answer: Any = check.attempt(lambda: drawn(check))
    refused = isinstance(answer, Refused)
    n = check.call.x.shape[1]
    check.observed = f"raises {answer.error.partition(':')[0]}" if refused else described(answer, n)
    check.describe(check.case)


def described(draws: Draws, n: int) -> str:
    """Return which classes were drawn, in words."""
    outside = (draws < 0) | (draws >= n)
    if outside.any():
        return f"out of range: {draws[outside][0]} of {n} classes"
    return f"class {draws.flat[0]}" if (draws == draws.flat[0]).all() else "several classes"
