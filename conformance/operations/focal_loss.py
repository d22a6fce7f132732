"""focal_loss: Σ_j −q_j · (1 − g_j)^γ · l_j for each row, with g = softmax(x), l = log g and probability labels q.

Lin et al., arXiv:1708.02002. With γ = 0 it is cross-entropy. With w = 1 − g the derivative of w^γ · l by l
is s = w^γ − γ · g · w^(γ − 1) · l, so that a derivative by x is that of cross-entropy with q · s in place of q.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache, partial

import numpy as np
from flint import arb

from conformance.operations.labels import LabelRow
from conformance.operations.operation import Argument, Operation, Point, Setting
from conformance.truth import bounds
from conformance.truth.arithmetic import Arithmetic
from conformance.truth.bounds import drift, log_error, probability_error, spread, sum_of_rows
from conformance.truth.formats import Floats
from conformance.truth.forms import centred
from conformance.truth.oracle import total
from conformance.truth.running import Running, saved


def _target(at: Point) -> LabelRow:
    assert at.target is not None
    return at.target


def _powers(gamma: float, at: Point) -> dict[int, tuple[arb, arb, arb]]:
    """q, w^γ and l of each class with a label. w = −expm1(l) keeps its digits, however near to 1 g is."""
    found = {}
    for j, q in _target(at).q.items():
        if q != 0:
            log = at.row.log_probability(j)
            rest = arb(0) if log == 0 else -log.expm1() if log.is_finite() else arb(1)
            power = arb(1) if gamma == 0 else arb(0) if log == 0 else rest ** arb(gamma)
            found[j] = arb(q), power, log
    return found


def value(gamma: float, at: Point) -> list[arb]:
    """share · Σ −q w^γ l."""
    return [-_target(at).share * total(q * power * log for q, power, log in _powers(gamma, at).values())]


def _slopes(gamma: float, at: Point) -> dict[int, arb]:
    """q · s of each class with a label."""
    found = {}
    for j, (q, power, log) in _powers(gamma, at).items():
        flat = gamma == 0 or log == 0 or not log.is_finite()
        found[j] = q * power * (1 + (arb(0) if flat else arb(gamma) * log.exp() * log / log.expm1()))
    return found


def vjp(gamma: float, at: Point) -> list[arb]:
    """c · share · (g Σ q s − q s)."""
    slopes, scale = _slopes(gamma, at), at.cotangent[0] * _target(at).share
    whole = total(slopes.values())
    return [scale * (p * whole - slopes.get(j, arb(0))) for j, p in enumerate(at.row.g)]


def jvp(gamma: float, at: Point) -> list[arb]:
    """−share · Σ q s (t − Σ g t)."""
    off = centred(at.row, at.tangent)
    return [-_target(at).share * total(s * off[j] for j, s in _slopes(gamma, at).items())]


# Bounds


def _rest(at: Setting) -> Floats:
    """w, with all its digits."""
    found: Floats = -np.expm1(at.rows.l)
    return found


def _of_others(at: Setting, how: Arithmetic) -> Floats:
    """The error of w as the sum of the other exponentials over Σ.

    Each exponential is off by its argument's error and E₀, which moves w_j by Σ_{i≠j} g_i (exp(κ·gap_i) − 1) at
    most; then come h additions, the error D of Σ, and the division. An underflow loses a slip for each class.
    """
    rows, w = at.rows, _rest(at)
    argument = drift(rows, how)
    moved = np.exp(np.where(rows.g == 0, -np.inf, rows.l) + argument) * -np.expm1(-argument)
    of_others = np.maximum(sum_of_rows(moved) - moved, 0.0)
    log = np.log1p(np.where(w > 0, of_others / np.where(w > 0, w, 1.0), 0.0)) + spread(rows, how).widest
    log = log + math.log1p(how.exponential) + how.additions * math.log1p(how.total.roundoff)
    log = log + (how.division + how.narrowed) * math.log1p(how.u)
    error: Floats = w * np.expm1(log) + rows.gap.shape[-1] * how.slip / np.exp(rows.log_total)
    return error


def power(w: Floats, error: Floats, gamma: float, how: Arithmetic) -> Running:
    """w^γ for a w that is off by `error`, as exp(γ · log w) or better.

    The logarithm's L·u_p and the product's u_p are an error of the exponent, γ·|log w|·(L + 1)·u_p, and the
    exponential adds E₀·u_p. x^γ · γ|log x| is largest, 1/e, at x = e^(−1/γ): over an interval it is so at an end,
    or there.
    """
    if gamma == 0:
        return Running(np.ones_like(w))
    low, high = np.maximum(w - error, 0.0), np.minimum(w + error, 1.0)
    moved = np.maximum(high**gamma - w**gamma, w**gamma - low**gamma)
    ends = [np.where(x > 0, x**gamma * gamma * -np.log(np.where(x > 0, x, 1.0)), 0.0) for x in (low, high)]
    inside = (low <= math.exp(-1 / gamma)) & (math.exp(-1 / gamma) <= high)
    steepest = np.where(inside, 1 / math.e, np.maximum(*ends))
    own = how.u * ((how.functions.logarithm + 1) * steepest + how.functions.exponential * high**gamma)
    return Running(w**gamma, moved + own * (1 + 16 * how.u) + how.unit(how.element))


def value_bound(gamma: float, at: Setting, how: Arithmetic) -> Running:
    """Each row's Σ q w^γ |l|, (r,), with its error: that of w^γ, that of l, three products and h additions.

    w may be 1 − p̂, off by the error of a probability and a rounding, or the sum of the other classes over Σ. The
    first is an absolute error: w has no digits left where p̂ is 1, but |l| and so the term are as small.
    """
    assert at.weights is not None
    counted = at.weights.q != 0
    w, off = _rest(at), probability_error(at.rows, how)
    off = np.maximum(off + how.u * (w + off), _of_others(at, how))
    logs = Running(np.where(counted, np.abs(at.rows.l), 0.0), np.where(counted, log_error(at.rows, how), 0.0))
    terms = power(w, off, gamma, how).times(logs).rounded(how).times(Running(at.weights.q)).rounded(how, 2)
    return terms.total(how).flat()


def _slope(gamma: float, at: Setting, how: Arithmetic) -> Running:
    """q · s with its error, for a w that is the sum of the other classes over Σ.

    1 − p̂ is not granted: for γ < 1 its power of γ − 1 is infinite where p̂ is 1.
    """
    assert at.weights is not None
    rows, q = at.rows, at.weights.q
    w, off = _rest(at), _of_others(at, how)
    inverse = np.where(w > 0, 1 / np.where(w > 0, w, 1.0), 0.0)
    relative = np.minimum(off * inverse, 0.5)
    logs = Running(np.where(rows.g == 0, 0.0, np.abs(rows.l)), log_error(rows, how))
    ratio = saved(rows, how).times(logs).rounded(how)
    ratio = ratio.times(Running(inverse, inverse * relative / (1 - relative))).rounded(how)
    steep = ratio.times(Running(np.asarray(gamma))).rounded(how).plus(Running(np.ones(()))).rounded(how)
    return power(w, off, gamma, how).times(steep).rounded(how).times(Running(q)).rounded(how)


def vjp_bound(gamma: float, at: Setting, how: Arithmetic) -> Running:
    """c (g Σ q s − q s), with the signs of its difference."""
    slope = _slope(gamma, at, how)
    negative = Running(-slope.value, slope.error)
    residual = saved(at.rows, how).times(slope.total(how)).rounded(how).plus(negative).rounded(how)
    return residual.times(Running(at.cotangent.value[..., None])).rounded(how, 2)


def jvp_bound(gamma: float, at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `jvp`."""
    inner = saved(at.rows, how).times(at.tangent).rounded(how).total(how)
    return _slope(gamma, at, how).times(at.tangent.plus(inner).rounded(how)).rounded(how).total(how).flat()


def confident(gamma: float, at: Setting, how: Arithmetic) -> Floats:
    """Largest error of each row whose label is its maximum, (r,): relative to the loss (grade R).

    By `bounds.confident` l is relatively off by ρ, and so is w, the mass that l is a logarithm of: w^γ · l is off
    by (1 + ρ)^(1 + γ). A power and three products add their own.
    """
    peak = np.argmax(at.rows.g, axis=-1)[:, None]
    log, w = (np.take_along_axis(part, peak, axis=-1)[:, 0] for part in (np.abs(at.rows.l), _rest(at)))
    exact = w**gamma * log
    relative = bounds.confident(at.rows, replace(how, output=how.element)) / log
    own = how.u * (how.functions.exponential + (how.functions.logarithm + 1) * gamma * np.abs(np.log(w)) + 4)
    off = np.expm1((1 + gamma) * np.log1p(relative) + own)
    return how.rounded(exact, exact * off + 4 * how.unit(how.element))


@cache
def of(gamma: float) -> Operation:
    """Return the operation for one γ."""
    return Operation(
        name="focal_loss",
        title="focal loss",
        kind="loss",
        optional=True,
        labels=("probability",),
        truths={"": partial(value, gamma), "vjp": partial(vjp, gamma), "jvp": partial(jvp, gamma)},
        bounds={
            "": partial(value_bound, gamma),
            "vjp": partial(vjp_bound, gamma),
            "jvp": partial(jvp_bound, gamma),
        },
        range=lambda rows: (0.0, np.inf),
        single=lambda rows: np.zeros(len(rows)),
        forms=(),  # it is not timed
        arguments=(Argument("gamma", "focal_loss"),),
    )


OPERATION = of(2.0)  # Keras's default
