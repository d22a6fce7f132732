"""The certified arithmetic against ball arithmetic, on nasty rows: every true value lies within its radius.

200,000 elements by default; SOFTMARK_ELEMENTS asks for more of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
from flint import arb, ctx

from conformance.run.sweep.pairs import coded
from conformance.run.sweep.spaces import values
from conformance.run.sweep.truths import PARTS, by_balls, expected, sums
from conformance.truth.certified import FAR, Sums, exponential, logarithm, nearest
from conformance.truth.formats import Floats, format_of, round_to
from conformance.truth.oracle import Truth

ELEMENTS = int(float(os.environ.get("SOFTMARK_ELEMENTS", 200_000)))
U = 2.0**-53
EVERY = [part for parts in PARTS.values() for part in parts]
LENGTHS = (2, 3, 7, 33, 257, 4097)


def nasty(dtype: str, n: int, rows: int, seed: int) -> Floats:
    """Rows (n, r): of any bits, near one another, at all distances, tied, and at halves of a tiny gap."""
    random = np.random.default_rng(seed)
    known = values(dtype) if format_of(dtype).dtype.itemsize < 4 else random.standard_normal(2**16)
    kinds = [
        random.choice(known, (n, rows)),
        random.standard_normal((n, rows)) * 10.0 ** random.integers(-3, 3, rows),
        10.0 + random.integers(-3, 4, (n, rows)) * 2.0 ** random.integers(-24, 3, rows),
        -(2.0 ** random.uniform(-20, 9, (n, rows))),
    ]
    largest = format_of(dtype).largest
    picked = random.integers(0, len(kinds), rows)
    chosen = np.select([picked == i for i in range(len(kinds))], kinds)
    return round_to(np.clip(chosen, -largest, largest), dtype).astype(np.float64)


def outside(found: Truth, true: Truth) -> np.ndarray:
    """Return the distance of the true values from the found ones, in radii; ≤ 1 within."""
    off = np.abs((true.value - found.value) + (true.residual - found.residual))
    with np.errstate(invalid="ignore"):
        return np.where(off == 0, 0.0, off / (found.radius + 2.0**-100 * np.abs(found.value)))


def samples() -> Iterator[tuple[str, int, int]]:
    share = ELEMENTS // (4 * len(LENGTHS) * len(EVERY))
    for dtype in ("float16", "bfloat16", "float8_e5m2", "float32"):
        for n in LENGTHS:
            yield dtype, n, max(1, share // n)


def test_every_true_value_is_within_its_radius_and_few_roundings_stay_open() -> None:
    looked_at = still_open = 0
    for seed, (dtype, n, rows) in enumerate(samples()):
        x, fmt = nasty(dtype, n, rows, seed), format_of(dtype)
        for part in EVERY:
            found, true = part.truth(sums(x, fmt)), by_balls(part, x)
            assert np.max(outside(found, true)) <= 1, (dtype, n, part.name)
            rounded, right = nearest(found, fmt), nearest(true, fmt)
            # what a residual of 106 bits has lost, the certified one may still have: a tie and e^−2049
            same = (rounded.value == right.value) | ~rounded.decided | ~right.decided
            assert same.all(), (dtype, n, part.name)
            looked_at += found.value.size
            still_open += int(np.count_nonzero(~rounded.decided))
    print(f"{looked_at} elements, 0 outside the radius, {still_open} roundings left to ball arithmetic")
    assert looked_at > 0.4 * ELEMENTS
    assert still_open <= 1e-4 * looked_at


def relative(found: Floats, true: list[arb]) -> float:
    """The largest relative error, in u."""
    with ctx.workprec(1200):
        return max(abs(float((arb(float(v)) / t - 1) / arb(U))) for v, t in zip(found, true, strict=True))


def test_exponential_and_logarithm_are_within_their_proved_errors() -> None:
    random = np.random.default_rng(0)
    gaps = np.concatenate(
        [random.uniform(0, FAR, 4000), 2.0 ** random.uniform(-60, 9.4, 4000), [0, FAR, 2.0**-12]]
    )
    rest = np.concatenate([2.0 ** random.uniform(-1000, 20, 4000), random.uniform(0, 1, 4000), [2.0**-11, 1, 3]])
    low = gaps * U * random.uniform(-1, 1, len(gaps))
    with ctx.workprec(1200):
        powers = [(-arb(float(a)) - arb(float(b))).exp() for a, b in zip(gaps, low, strict=True)]
        logs = [arb(float(s)).log1p() for s in rest]
    assert 1 < relative(exponential(gaps, low), powers) <= 2.1
    assert 1 < relative(logarithm(rest), logs) <= 10


def test_a_radius_of_a_tenth_is_exceeded() -> None:
    x = nasty("float32", 33, 50, 0)
    found, true = Sums.of(x).softmax(), by_balls(EVERY[0], x)
    assert np.max(outside(found, true)) > 0.1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_pairs_are_rounded_as_all_rows_are(dtype: str) -> None:
    x, fmt = nasty(dtype, 2, 20_000, 5), format_of(dtype)
    ties = np.stack([np.abs(x[0]), np.zeros(x.shape[1])])  # whose gaps are numbers of the format
    for part in EVERY:
        for rows in (x, x[::-1].copy(), ties):
            found = nearest(part.truth(sums(rows, fmt)), fmt)
            assert found.decided.all()
            np.testing.assert_array_equal(expected(part, rows, fmt).bits, coded(found.value, fmt))


def test_a_tie_goes_where_the_least_residual_says() -> None:
    x = np.array([[2049.0, 2051.0, 3e4 + 8], [0.0, 0.0, 0.0]])  # gaps halfway between two numbers of float16
    found = nearest(Sums.of(x, exact=True).log_softmax(), format_of("float16"))
    assert found.decided.all()
    assert found.value[1].tolist() == [-2050.0, -2052.0, -30016.0]


def test_a_sum_that_cancels_is_decided_only_where_it_is_known() -> None:
    peak = np.float32(-np.log(2.0))
    near = np.array([peak + k * np.spacing(peak) for k in range(-40, 41)], np.float32).astype(np.float64)
    x = np.stack([near, near])
    part = PARTS["logsumexp"][0]
    found, right = (
        nearest(part.truth(Sums.of(x)), format_of("float32")),
        nearest(by_balls(part, x), format_of("float32")),
    )
    assert not found.decided.all()
    assert (found.value == right.value)[found.decided].all()
