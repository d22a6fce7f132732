"""logsumexp: log Σ exp(x), one result a row."""

from __future__ import annotations

import numpy as np
from flint import arb

from conformance.operations.operation import Form, Operation, Point, Setting
from conformance.truth.arithmetic import Arithmetic
from conformance.truth.bounds import log_total_error
from conformance.truth.forms import average, jacobian
from conformance.truth.running import Running, jacobian_product, saved


def value(at: Point) -> list[arb]:
    """m + log Σ exp(x − m)."""
    return [at.row.peak + at.row.log_total]


def vjp(at: Point) -> list[arb]:
    """c · g: the gradient is the softmax."""
    return [at.cotangent[0] * p for p in at.row.g]


def jvp(at: Point) -> list[arb]:
    """Σ g t."""
    return [average(at.row, at.tangent)]


def hvp(at: Point) -> list[arb]:
    """c · (diag g − g gᵀ) t."""
    return [at.cotangent[0] * s for s in jacobian(at.row, at.tangent)]


def value_bound(at: Setting, how: Arithmetic) -> Running:
    """m + log Σ, with the error A of log Σ and one addition.

    m is one of the logits, and exact. With b = log Σ exp(−gap) and the D, L and u_p of `truth.bounds`, the
    computed logarithm is off by A = D + L·u_p·(b + D) at most, and the addition rounds m + b + A:

        |L̂ − (m + b)| ≤ A + u_p(|m + b| + A).

    The bound is absolute: m and b may cancel, and A does not shrink with their sum.
    """
    a = log_total_error(at.rows, how)
    exact = Running(at.rows.peak + at.rows.log_total, a)
    return exact.rounded(how).flat()


def _upstream(at: Setting) -> Running:
    return Running(at.cotangent.value[..., None])


def vjp_bound(at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `vjp`, for a softmax computed from the gaps or as exp(x − m − log Σ).

    exp(x − L̂) is not granted its error: L̂ has lost the digits of log Σ beside a large m.
    """
    return saved(at.rows, how).times(_upstream(at)).rounded(how, 2)


def jvp_bound(at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `jvp`: a framework may multiply before it divides by Σ, hence a second rounding."""
    return saved(at.rows, how).times(at.tangent).rounded(how, 2).total(how).flat()


def hvp_bound(at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `hvp`."""
    return jacobian_product(saved(at.rows, how), at.tangent, how).times(_upstream(at)).rounded(how, 2)


OPERATION = Operation(
    name="logsumexp",
    title="log-sum-exp",
    kind="reduction",
    optional=True,
    truths={"": value, "vjp": vjp, "jvp": jvp, "hvp": hvp},
    bounds={"": value_bound, "vjp": vjp_bound, "jvp": jvp_bound, "hvp": hvp_bound},
    range=lambda rows: (rows.max(axis=-1), np.inf),
    single=lambda rows: rows[:, 0],
    shift=1.0,
    forms=(Form("logsumexp", "log-sum-exp", "log-sum-exp", {"forward": 1, "forward+backward": 2}),),
    formula=lambda z: np.log(np.exp(z).sum(axis=-1)),
)
