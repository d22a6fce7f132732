"""Shifted softmax and log_softmax in the arithmetic of each grade, every operation rounded as it says.

Values are held in float64 and rounded after each operation: for one addition, product or quotient that is the
rounding of the format itself, since 53 ≥ 2p + 2 for p ≤ 24.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from conformance.operations.query import Query, evaluate
from conformance.truth.arithmetic import EXPONENTIAL, LOGARITHM, Arithmetic
from conformance.truth.bounds import Rows
from conformance.truth.formats import Floats, Format, exact, round_to, spacing
from conformance.truth.oracle import Truth

SCALES = (0.01, 0.1, 1, 4, 10, 40)
Signs = Callable[[Floats], Floats]


@cache
def logits(dtype: str, n: int, seed: int = 0) -> Floats:
    """Rows of n logits in format `dtype`: six scales, ties, one far ahead, and one with −inf."""
    random = np.random.default_rng([seed, n])
    x = random.standard_normal((9, n)) * np.array([[s] for s in (*SCALES, 4, 1, 4)])
    x[6] = np.round(x[6])
    x[7, n // 2] += 9
    rows = exact(round_to(x, dtype))
    if dtype != "float8_e4m3fn":  # which has no infinity
        rows[8, 1::3] = -np.inf
    return rows


@dataclass(frozen=True)
class Known:
    """Rows with the truth of three functions."""

    x: Floats
    softmax: Truth
    log_softmax: Truth
    logsumexp: Truth

    @property
    def rows(self) -> Rows:
        """What the bounds need."""
        return Rows.of(self.x, self.softmax, self.log_softmax)


def known(x: Any, dtype: str) -> Known:
    """The truths of rows x, (r, n), rounded to format `dtype`."""
    rows = exact(round_to(x, dtype))
    return Known(rows, *(evaluate(Query(name, rows)) for name in ("softmax", "log_softmax", "logsumexp")))


@cache
def known_logits(dtype: str, n: int, seed: int = 0) -> Known:
    """The truths of `logits`."""
    return known(logits(dtype, n, seed), dtype)


def worst(got: Floats, truth: Truth, tolerance: Floats) -> float:
    """The largest error over its bound; inf for a NaN, or a nonzero error where none is granted."""
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs((got - truth.value) - truth.residual)
        ratio = np.where((got == truth.value) | (error <= truth.radius), 0.0, error / tolerance)
    return float(np.max(np.where(np.isnan(ratio), np.inf, ratio)))


def nearest(value: Floats, fmt: Format, flushes: bool = False) -> Floats:
    """`value` rounded once to `fmt`; zero for a subnormal result where they are flushed."""
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = exact(value.astype(fmt.dtype))
    return np.where(np.abs(rounded) < fmt.smallest_normal, 0.0, rounded) if flushes else rounded


def none(value: Floats) -> Floats:
    return np.zeros_like(value)


def up(value: Floats) -> Floats:
    return np.ones_like(value)


def first_down(value: Floats) -> Floats:
    """The first element too small, all others too large: the worst for its probability."""
    return np.where(np.arange(value.shape[-1]) == 0, -1.0, 1.0) + np.zeros_like(value)


def random_signs(value: Floats) -> Floats:
    return np.random.default_rng(value.shape[-1]).uniform(-1, 1, value.shape)


@dataclass(frozen=True)
class Machine:
    """An arithmetic, with elementary functions whose errors take these signs at 0.99 of what is granted."""

    how: Arithmetic
    signs: Signs = none
    pairwise: bool = False

    def rounded(self, value: Floats) -> Floats:
        """After one elementwise operation."""
        return nearest(value, self.how.element, self.how.flushes)

    def function(self, true: Floats, allowed: float) -> Floats:
        """`true` with an error of up to 0.99 · allowed · u, or correctly rounded where the signs are 0."""
        most = 0.99 * allowed * self.how.u
        pushed = self.rounded(true * (1 + self.signs(true) * most))
        off = pushed - true
        inward = pushed - np.copysign(spacing(pushed, self.how.element), off)
        within = np.abs(off) <= np.maximum(most, self.how.u) * np.abs(true)
        normal = np.abs(true) >= self.how.element.smallest_normal
        steady = within & normal if allowed else np.zeros(true.shape, bool)
        kept = np.where(np.abs(inward - true) <= most * np.abs(true), inward, self.rounded(true))
        return np.where(steady, pushed, np.where(normal, kept, self.rounded(true)))

    def exp(self, x: Floats) -> Floats:
        return self.function(np.exp(x), EXPONENTIAL)

    def log(self, x: Floats) -> Floats:
        return self.function(np.log(x), LOGARITHM)

    def total(self, values: Floats) -> Floats:
        """The sum along the last axis in its format, then narrowed to the elementwise one."""
        terms = values.astype(self.how.total.dtype)
        if not self.pairwise:
            whole = np.add.accumulate(terms, axis=-1)[..., -1:]
            return self.rounded(exact(whole))
        while terms.shape[-1] > 1:
            if terms.shape[-1] % 2:
                terms = np.concatenate([terms, np.zeros((*terms.shape[:-1], 1), terms.dtype)], axis=-1)
            terms = terms[..., ::2] + terms[..., 1::2]
        return self.rounded(exact(terms))

    def gap(self, x: Floats) -> Floats:
        """x − max."""
        return self.rounded(x - np.max(x, axis=-1, keepdims=True))

    def probabilities(self, x: Floats) -> Floats:
        """Shifted softmax before the rounding to the output."""
        e = self.exp(self.gap(x))
        return self.rounded(e / self.total(e))

    def log_probabilities(self, x: Floats) -> Floats:
        """(x − max) − log Σ before the rounding to the output."""
        gap = self.gap(x)
        return self.rounded(gap - self.log(self.total(self.exp(gap))))

    def log_sums(self, x: Floats) -> Floats:
        """max + log Σ before the rounding to the output."""
        peak = np.max(x, axis=-1, keepdims=True)
        return self.rounded(peak + self.log(self.total(self.exp(self.gap(x)))))[..., 0]

    def finish(self, value: Floats) -> Floats:
        """Rounded to the output."""
        return nearest(value, self.how.output, self.how.flushes)
