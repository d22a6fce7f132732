"""kl_divergence: KL(p ‖ softmax(x)) = Σ_j p_j · (log p_j − log_softmax(x)_j), where 0 · log 0 = 0.

Its entropy is constant in x: every derivative by x is that of softmax_cross_entropy.
"""

from __future__ import annotations

import numpy as np
from flint import arb, fmpq

from conformance.operations import softmax_cross_entropy as cross_entropy
from conformance.operations.labels import LabelRow
from conformance.operations.operation import Operation, Point, Setting
from conformance.truth.arithmetic import Arithmetic
from conformance.truth.bounds import log_error
from conformance.truth.forms import unsure
from conformance.truth.oracle import Row, total
from conformance.truth.running import Running


def value(at: Point) -> list[arb]:
    """Σ p (log p − l) over the classes with a probability: 0 where p is the softmax of equal logits."""
    assert at.target is not None
    row, p = at.row, {j: q for j, q in at.target.q.items() if q != 0}
    found = total(arb(q) * (arb(q).log() - row.log_probability(j)) for j, q in p.items())
    return [arb(0) if unsure(found) and _uniform(row, at.target) else found]


def _uniform(row: Row, target: LabelRow) -> bool:
    """Return True if all finite logits are equal, and as probable as the label says."""
    equal = len(row.counts) == row.masked + 1
    return equal and all(
        target.q.get(j, fmpq(0)) == (fmpq(1, row.counts[-1]) if i >= row.masked else 0)
        for j, i in enumerate(row.inverse)
    )


def value_bound(at: Setting, how: Arithmetic) -> Running:
    """Each row's Σ p (λ − l), (r,), where λ = log p and l = log_softmax(x), with its error.

    p is stored, and exact. λ is off by L·u_p·|λ| at most, and l by the A of `truth.bounds`. With their difference
    and its product by p each rounded once, a term is p(λ − l) to within

        p · (L·u_p·|λ| + A) (1 + u_p)³ + ((1 + u_p)³ − 1) · p · (|λ| + |l|);

    and so it is for p·λ − p·l, two products and their difference. All is in magnitudes: Σ p·λ and Σ p·l may be
    two sums of h additions each, their difference one rounding more, of the three. The bound is absolute: λ and
    l cancel where p is near the softmax, and A does not shrink with their difference.

    Where the target flushes, a subnormal p may count as 0, which loses its term.
    """
    assert at.weights is not None
    p = at.weights.q
    counted = p != 0
    safe, log = np.where(counted, p, 1.0), np.where(counted, at.rows.l, 0.0)
    entropy = np.log(safe)
    logs = Running(np.abs(entropy), how.functions.logarithm * how.u * np.abs(entropy))
    own = Running(np.abs(log), np.where(counted, log_error(at.rows, how), 0.0))
    terms = Running(np.abs(p)).times(logs.plus(own).rounded(how)).rounded(how, 2)
    if how.flushes:
        lost = np.where(p < how.element.smallest_normal, terms.value, 0.0)
        terms = Running(terms.value, terms.error + lost)
    single = np.count_nonzero(counted, axis=-1).max(initial=0) <= 1
    whole = terms.total(how, 0 if single else None).flat()
    return Running(np.sum(p * (entropy - log), axis=-1), whole.error)


OPERATION = Operation(
    name="kl_divergence",
    title="Kullback–Leibler divergence",
    kind="loss",
    optional=True,
    labels=("probability",),
    truths={"": value, "vjp": cross_entropy.vjp, "jvp": cross_entropy.jvp, "hvp": cross_entropy.hvp},
    bounds={
        "": value_bound,
        "vjp": cross_entropy.vjp_bound,
        "jvp": cross_entropy.jvp_bound,
        "hvp": cross_entropy.hvp_bound,
    },
    range=lambda rows: (0.0, np.inf),
    single=lambda rows: np.zeros(len(rows)),
    forms=(),  # it is not timed
)
