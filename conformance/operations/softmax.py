"""softmax: exp(x) / Σ exp(x)."""

from __future__ import annotations

import numpy as np
from flint import arb

from conformance.operations.operation import Argument, Form, Operation, Point, Setting
from conformance.truth.arithmetic import Arithmetic
from conformance.truth.bounds import probability_error
from conformance.truth.forms import centred, jacobian
from conformance.truth.oracle import dot
from conformance.truth.running import Running, jacobian_product


def hvp(at: Point) -> list[arb]:
    """g ∘ (t′ ∘ c′ − Σ g t′ c′) with t′ = t − Σ g t and c′ = c − Σ g c."""
    g = at.row.g
    crossed = [t * c for t, c in zip(centred(at.row, at.tangent), centred(at.row, at.cotangent), strict=True)]
    inner = dot(g, crossed)
    return [p * (w - inner) for p, w in zip(g, crossed, strict=True)]


def probabilities(at: Setting, how: Arithmetic) -> Running:
    """The probabilities, which are also what a derivative starts from, and their error."""
    return Running(at.rows.g, probability_error(at.rows, how))


def hvp_bound(at: Setting, how: Arithmetic) -> Running:
    """Magnitudes of `hvp`, which are those of the adjoint order too."""
    g, c = probabilities(at, how), at.cotangent
    step = jacobian_product(g, at.tangent, how)
    first = step.times(c.plus(g.times(c).rounded(how).total(how)).rounded(how)).rounded(how, 2)
    second = g.times(step.times(c).rounded(how).total(how)).rounded(how, 2)
    return first.plus(second).rounded(how)


OPERATION = Operation(
    name="softmax",
    title="softmax",
    kind="row",
    truths={
        "": lambda at: at.row.softmax(),
        "vjp": lambda at: jacobian(at.row, at.cotangent),
        "jvp": lambda at: jacobian(at.row, at.tangent),
        "hvp": hvp,
    },
    bounds={
        "": probabilities,
        "vjp": lambda at, how: jacobian_product(probabilities(at, how), at.cotangent, how),
        "jvp": lambda at, how: jacobian_product(probabilities(at, how), at.tangent, how),
        "hvp": hvp_bound,
    },
    range=lambda rows: (0.0, 1.0),
    excess=2.5,  # a quotient's: OpenCL C 3.0, 7.4, and WGSL, 15.7.4.1
    single=np.ones_like,
    forms=(Form("softmax", "softmax", "softmax", {"forward": 2, "forward+backward": 5}),),
    arguments=(Argument("where", "where"),),
    masked=0.0,
    formula=lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True),
)
