"""Bounds of tails, against exact ones in fractions, and what they notice."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from conformance.truth.formats import Floats
from conformance.truth.tails import FALSE_ALARM, allowed, halves, log_tail, unlikeliest


def exact_tail(k: int, draws: int, p: Fraction) -> Fraction:
    """P(K ≥ k) where k is above the mean, and P(K ≤ k) elsewhere."""
    counts = range(k, draws + 1) if k >= draws * p else range(k + 1)
    return sum((math.comb(draws, i) * p**i * (1 - p) ** (draws - i) for i in counts), Fraction(0))


def log_of(value: Fraction) -> float:
    return math.log(value.numerator) - math.log(value.denominator)


def bound(k: int, draws: int, low: float, high: float) -> float:
    return float(log_tail(np.array([k]), draws, np.array([low]), np.array([high]))[0])


@pytest.mark.parametrize("draws", [1, 7, 60])
@pytest.mark.parametrize("p", [Fraction(1, 1024), Fraction(1, 4), Fraction(1, 2), Fraction(15, 16)])
def test_no_tail_is_larger_than_its_bound(draws: int, p: Fraction) -> None:
    for k in range(draws + 1):
        logs = bound(k, draws, float(p), float(p))
        assert log_of(exact_tail(k, draws, p)) <= logs + 1e-9
        # and no bound is far from its tail: Chernoff's is within a factor of √(8N) and so (Ash, 1965)
        assert logs <= log_of(exact_tail(k, draws, p)) + math.log(8 * draws + 8)


def test_what_has_no_probability_is_never_drawn() -> None:
    assert bound(1, 100, 0.0, 0.0) == -math.inf
    assert bound(0, 100, 0.0, 0.0) == 0.0
    assert bound(99, 100, 1.0, 1.0) < -20  # a float64 sum of 1 may be one that is a little less
    assert bound(100, 100, 1.0, 1.0) == 0.0


def test_a_frequency_between_the_two_probabilities_is_usual() -> None:
    assert bound(30, 100, 0.2, 0.4) == 0.0
    assert bound(45, 100, 0.2, 0.4) == pytest.approx(bound(45, 100, 0.4, 0.4))
    assert bound(15, 100, 0.2, 0.4) == pytest.approx(bound(15, 100, 0.2, 0.2))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64, 1000])
def test_blocks_of_every_size_have_the_whole_for_a_sum(n: int) -> None:
    values = np.arange(float(n))
    parts = list(halves(values))
    assert all(part.sum() == values.sum() for part in parts)
    assert len(parts[-1]) == 1
    assert 2 * sum(map(len, parts)) <= 4 * n + 64


def drawn(p: Floats, draws: int, seed: int) -> Floats:
    return np.random.default_rng(seed).multinomial(draws, p).astype(float)


def log_of_least(counts: Floats, p: Floats) -> float:
    return unlikeliest(counts.astype(np.int64), p, p).log


@pytest.mark.parametrize("n", [2, 33, 4097])
def test_right_draws_are_no_alarm(n: int) -> None:
    p = np.random.default_rng(n).dirichlet(np.full(n, 0.3))
    for seed in range(50):
        assert log_of_least(drawn(p, 2048, seed), p) > allowed(1, n) / 2


def test_the_false_alarms_of_all_sets_together_are_as_stated() -> None:
    n, rows = 33, 6
    sets = rows * 2 * sum(map(len, halves(np.zeros(n))))
    assert 2 * sets * math.exp(allowed(rows, n)) <= FALSE_ALARM <= 1e-9 / 1e4


def test_a_class_a_fifth_too_frequent_and_rare_classes_that_are_missing_are_seen() -> None:
    p = np.full(32, 1 / 32)
    wrong = np.where(np.arange(32) < 16, 1.2 / 32, 0.8 / 32)
    assert log_of_least(drawn(wrong, 2048, 0), p) < allowed(1, 32)
    rare = np.where(np.arange(1000) == 500, 0.9, 0.1 / 999)  # no one class of these tells
    found = unlikeliest(drawn(np.where(rare > 0.5, 1.0, 0.0), 2048, 0).astype(np.int64), rare, rare)
    assert found.log < allowed(1, 1000)
    assert found.count in (0, 2048)
