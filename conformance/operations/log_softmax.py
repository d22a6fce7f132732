"""log_softmax: x − log Σ exp(x)."""

from __future__ import annotations

import numpy as np
from flint import arb

from conformance.operations.operation import Argument, Form, Operation, Point, Setting
from conformance.truth.arithmetic import Arithmetic
from conformance.truth.bounds import log_error
from conformance.truth.forms import centred, fractions, jacobian, remainder, whole
from conformance.truth.running import Running, jacobian_product, saved


def vjp(at: Point) -> list[arb]:
    """c − g Σ c."""
    return remainder(at.row, at.cotangent, lambda: fractions(at.cotangent))


def jvp(at: Point) -> list[arb]:
    """t − Σ g t."""
    return centred(at.row, at.tangent)


def hvp(at: Point) -> list[arb]:
    """−(diag g − g gᵀ) t · Σ c."""
    scale = -whole(at.cotangent)
    return [s * scale for s in jacobian(at.row, at.tangent)]


def vjp_bound(at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `vjp`."""
    g, c = saved(at.rows, how), at.cotangent
    return c.plus(g.times(c.total(how)).rounded(how)).rounded(how)


def jvp_bound(at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `jvp`."""
    g, t = saved(at.rows, how), at.tangent
    return t.plus(g.times(t).rounded(how).total(how)).rounded(how)


def hvp_bound(at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `hvp`."""
    return jacobian_product(saved(at.rows, how), at.tangent, how).times(at.cotangent.total(how)).rounded(how)


OPERATION = Operation(
    name="log_softmax",
    title="log_softmax",
    kind="row",
    truths={"": lambda at: at.row.log_softmax(), "vjp": vjp, "jvp": jvp, "hvp": hvp},
    bounds={
        "": lambda at, how: Running(at.rows.l, log_error(at.rows, how)),
        "vjp": vjp_bound,
        "jvp": jvp_bound,
        "hvp": hvp_bound,
    },
    range=lambda rows: (-np.inf, 0.0),
    single=np.zeros_like,
    forms=(Form("log_softmax", "log_softmax", "log_softmax", {"forward": 2, "forward+backward": 5}),),
    arguments=(Argument("where", "where"),),
    masked=-np.inf,
    logarithmic=True,
    formula=lambda z: np.log(np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)),
)
