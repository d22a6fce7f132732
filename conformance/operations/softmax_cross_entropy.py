"""softmax_cross_entropy: a row's loss Σ_j −q_j · log_softmax(x)_j, labels being indices or probabilities."""

from __future__ import annotations

import numpy as np
from flint import arb, fmpq

from conformance.operations.labels import LabelRow, Weights
from conformance.operations.operation import Argument, Form, Operation, Point, Setting
from conformance.truth.arithmetic import Arithmetic
from conformance.truth.bounds import log_error
from conformance.truth.forms import centred, common_mean, jacobian, remainder, unsure
from conformance.truth.oracle import total
from conformance.truth.running import Running, jacobian_product, saved


def _target(at: Point) -> LabelRow:
    assert at.target is not None
    return at.target


def _scale(at: Point) -> arb:
    return at.cotangent[0] * _target(at).share


def value(at: Point) -> list[arb]:
    """share · Σ −q l."""
    target = _target(at)
    return [target.share * total(-arb(q) * at.row.log_probability(j) for j, q in target.q.items() if q != 0)]


def vjp(at: Point) -> list[arb]:
    """c · share · (g Σ q − q)."""
    scale = -_scale(at)
    labels = _target(at).dense(len(at.row.inverse))
    return [scale * r for r in remainder(at.row, [arb(q) for q in labels], lambda: labels)]


def jvp(at: Point) -> list[arb]:
    """−share · Σ q (t − Σ g t): 0 where Σ q t is the mean of t over each set of equal logits, times Σ q."""
    target = _target(at)
    off = centred(at.row, at.tangent)
    found = total(arb(q) * off[j] for j, q in target.q.items())
    if unsure(found):
        along = sum((q * at.tangent[j].fmpq() for j, q in target.q.items()), fmpq(0))
        mean = common_mean(at.row, at.tangent)
        if target.mass == along == 0 or (mean is not None and along == mean * target.mass):
            found = arb(0)
    return [-target.share * found]


def hvp(at: Point) -> list[arb]:
    """c · share · Σ q · (diag g − g gᵀ) t."""
    scale = _scale(at) * arb(_target(at).mass)
    return [scale * s for s in jacobian(at.row, at.tangent)]


def vjp_by_labels(at: Point) -> list[arb]:
    """c · share · ∂q/∂label · −l."""
    return _by_labels(at, [-at.row.log_probability(j) for j in range(len(at.row.inverse))])


def hvp_by_labels(at: Point) -> list[arb]:
    """c · share · ∂q/∂label · (Σ g t − t)."""
    return _by_labels(at, [-t for t in centred(at.row, at.tangent)])


def _by_labels(at: Point, slope: list[arb]) -> list[arb]:
    scale, weights = _scale(at), _target(at).label_scale(len(slope))
    return [scale * w * s for w, s in zip(weights, slope, strict=True)]


# Bounds. The gradient, g·Σq − q, is evaluated with its signs: its last rounding is relative to what cancels.


def _weights(at: Setting) -> Weights:
    assert at.weights is not None
    return at.weights


def value_bound(at: Setting, how: Arithmetic) -> Running:
    """Each row's Σ_j −q_j·l_j, (r,), with its error: that of l, one product and h additions more."""
    weights = _weights(at)
    counted = weights.q != 0
    magnitude = np.where(counted, np.abs(at.rows.l), 0.0)
    logs = Running(magnitude, np.where(counted, log_error(at.rows, how), 0.0))
    single = np.count_nonzero(counted, axis=-1).max(initial=0) <= 1
    loss = weights.running(how).times(logs).rounded(how, 2).total(how, 0 if single else None).flat()
    return _reduced(loss, at, how) if at.reduced else loss


def _reduced(loss: Running, at: Setting, how: Arithmetic) -> Running:
    """`share` times the sum over the rows, each addition in the format of the sums.

    k copies of a loss l with the error e add k·l and k·e: what they sum to exactly, and how far off the sum of
    the computed ones is. Only the number of additions on a path is then that of k times as many rows.
    """
    many = Running(loss.value * at.copies, loss.error * at.copies)
    whole = many.total(how, how.path(len(loss.value) * at.copies)).times(_share(at))
    return whole.rounded(how, 2).flat()


def _share(at: Setting) -> Running:
    return Running(np.asarray(abs(_weights(at).share)))


def _upstream(at: Setting, how: Arithmetic) -> Running:
    """Return the factor of a row's gradient: its cotangent, times the share of a reduction."""
    c = at.cotangent
    upstream = c if c.value.ndim == 0 else Running(c.value[..., None])
    if _weights(at).share == 1:
        return upstream
    return upstream.times(_share(at)).rounded(how, 2 + len(at.rows.g))  # the mean's own divisor is a sum


def vjp_bound(at: Setting, how: Arithmetic) -> Running:
    """`vjp` with the signs of its difference."""
    q, mass = _weights(at).running(how), _weights(at).mass(how)
    negative = Running(-q.value, q.error)
    residual = saved(at.rows, how).times(mass).rounded(how).plus(negative).rounded(how)
    return residual.times(_upstream(at, how)).rounded(how, 2)


def jvp_bound(at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `jvp`."""
    q, t = _weights(at).running(how), at.tangent
    inner = saved(at.rows, how).times(t).rounded(how).total(how)
    along = q.times(t.plus(inner).rounded(how)).rounded(how, 2).total(how).flat()
    return _reduced(along, at, how) if at.reduced else along


def hvp_bound(at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `hvp`."""
    step = jacobian_product(saved(at.rows, how), at.tangent, how)
    return step.times(_weights(at).mass(how)).rounded(how, 2).times(_upstream(at, how)).rounded(how)


def vjp_by_labels_bound(at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `vjp_by_labels`."""
    return _by_labels_bound(at, how, Running(np.abs(at.rows.l), log_error(at.rows, how)))


def hvp_by_labels_bound(at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `hvp_by_labels`."""
    t = at.tangent
    inner = saved(at.rows, how).times(t).rounded(how).total(how)
    return _by_labels_bound(at, how, inner.plus(t).rounded(how))


def _by_labels_bound(at: Setting, how: Arithmetic, slope: Running) -> Running:
    scale = Running(np.abs(_weights(at).scale) + np.zeros_like(at.rows.g)).rounded(how)
    return slope.times(scale).rounded(how).times(_upstream(at, how)).rounded(how)


OPERATION = Operation(
    name="softmax_cross_entropy",
    title="cross-entropy",
    kind="loss",
    truths={
        "": value,
        "vjp": vjp,
        "jvp": jvp,
        "hvp": hvp,
        "vjp, by labels": vjp_by_labels,
        "hvp, by labels": hvp_by_labels,
    },
    bounds={
        "": value_bound,
        "vjp": vjp_bound,
        "jvp": jvp_bound,
        "hvp": hvp_bound,
        "vjp, by labels": vjp_by_labels_bound,
        "hvp, by labels": hvp_by_labels_bound,
    },
    range=lambda rows: (0.0, np.inf),
    single=lambda rows: np.zeros(len(rows)),
    forms=(
        Form(
            name="index",
            cell="cross_entropy_index",
            title="cross-entropy with index labels",
            column="cross-entropy",
            traffic={"forward": 1, "forward+backward": 2},
        ),
        Form(
            name="probability",
            cell="cross_entropy_probability",
            title="cross-entropy with probability labels",
            column="cross-entropy p",
            traffic={"forward": 2, "forward+backward": 3},
        ),
    ),
    arguments=(
        Argument("weight", "class_weight"),
        Argument("ignore_index", "ignore_index"),
        Argument("label_smoothing", "label_smoothing"),
        Argument("reduction", "reduction"),
    ),
)
