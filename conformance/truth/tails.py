"""Tails of binomial counts: how unlikely a number of draws is, by a bound that holds for every number of them.

Of N draws k fall into a set of probability p. With f = k/N and

    kl(f, p) = f ln(f/p) + (1 − f) ln((1 − f)/(1 − p)),

P(K ≥ k) ≤ exp(−N kl(f, p)) where f ≥ p, and P(K ≤ k) ≤ exp(−N kl(f, p)) where f ≤ p: W. Hoeffding, J. Amer.
Statist. Assoc. 58 (1963), Theorem 1. kl grows with the distance of p from f, so of an interval that p lies in,
the nearer end bounds both tails.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conformance.truth.formats import Floats

FALSE_ALARM = 1e-13  # of all sets of a check together; a run has fewer than 10⁴ checks of frequencies
SLACK = 2.0**-40  # over the rounding errors of float64 sums


@dataclass(frozen=True)
class Tail:
    """One set of classes: its place, its draws, its least and largest probability, and ln of the tail's bound."""

    first: int
    last: int
    sorted: bool  # places are those in ascending order of the probabilities
    count: int
    low: float
    high: float
    log: float


def log_tail(counts: NDArray[np.int64], draws: int, low: Floats, high: Floats) -> Floats:
    """Return ln of the bound for each set, 0 where the frequency lies between `low` and `high`."""
    f = counts / draws
    p = np.clip(f, np.clip(low * (1 - SLACK), 0, 1), np.clip(high * (1 + SLACK), 0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        hit = np.where(f > 0, f * np.log(f / p), 0.0)
        missed = np.where(f < 1, (1 - f) * (np.log1p(-f) - np.log1p(-p)), 0.0)
    return np.where(f == p, 0.0, -draws * (hit + missed))


def halves(values: NDArray[np.float64]) -> Iterator[Floats]:
    """Yield the sums of blocks of 1, 2, 4, … neighbours, the last of which may be shorter."""
    yield values
    while len(values) > 1:
        values = np.append(values, np.zeros(len(values) % 2)).reshape(-1, 2).sum(axis=1)
        yield values


def unlikeliest(counts: NDArray[np.int64], low: Floats, high: Floats) -> Tail:
    """Return the most unlikely set of one row's classes, by counts and the interval of each probability.

    Sets are the blocks of `halves` in the order of the classes, and in that of their probabilities: no more than
    4n + 64 of them, with two tails each.
    """
    draws = int(counts.sum())
    found = []
    for by_size in (False, True):
        order = np.argsort(low + high, kind="stable") if by_size else np.arange(len(counts))
        parts = zip(*(halves(np.asarray(part[order], np.float64)) for part in (counts, low, high)), strict=True)
        for k, (count, least, most) in enumerate(parts):
            logs = log_tail(count.astype(np.int64), draws, least, most)
            at = int(np.argmin(logs))
            place = at << k, min((at + 1) << k, len(counts)) - 1
            found.append(
                Tail(*place, by_size, int(count[at]), float(least[at]), float(most[at]), float(logs[at]))
            )
    return min(found, key=lambda tail: tail.log)


def allowed(rows: int, n: int) -> float:
    """Return the least ln of a tail's bound that is no alarm: FALSE_ALARM shared among all tails of the rows."""
    return math.log(FALSE_ALARM) - math.log(2 * rows * (4 * n + 64))
