"""An operation as data: its name, its true value, its bounds, and all that depends on which operation it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

from conformance.operations.labels import LabelRow, Weights
from conformance.truth.arithmetic import Arithmetic
from conformance.truth.bounds import Rows
from conformance.truth.formats import Floats
from conformance.truth.oracle import Row
from conformance.truth.running import Running

NOTHING = Running.magnitude(None)
KINDS = {
    "row": "one result a logit",
    "loss": "one result a row, from logits and labels",
    "reduction": "one result a row, from logits alone",
    "selection": "some of a row's logits and their places",
    "linear": "one result a row, from hidden rows, a matrix that makes logits of them, and labels",
    "sample": "classes drawn for each row, from logits and a seed",
}


@dataclass(frozen=True)
class Argument:
    """An optional argument of an operation, and the feature that an adapter lists if it takes it."""

    name: str
    feature: str


@dataclass(frozen=True)
class Form:
    """One form of an operation's labels, or all there is of an operation without labels, as it is timed.

    `traffic` says for each direction how many arrays of the size of the logits must move. The backward pass of an
    operation of kind "row" reads the result and the cotangent and writes the gradient. (One kernel for both
    directions would have the result at hand: one less.) What is one number a row is not counted.
    """

    cell: str  # the operation's name in a benchmark's cells
    title: str
    column: str  # a short title
    traffic: Mapping[str, int]
    name: str = ""  # "index" or "probability"


@dataclass(frozen=True)
class Point:
    """One row in balls, with what multiplies its results, and for a loss its target."""

    row: Row
    cotangent: list[arb]  # one ball for each result of the row
    tangent: list[arb]
    target: LabelRow | None = None


@dataclass(frozen=True)
class Setting:
    """The quantities of a bound: the rows, magnitudes of their factors, and for a loss its weights.

    `reduced` says that `copies` of the losses are reduced to one number.
    """

    rows: Rows
    cotangent: Running = NOTHING
    tangent: Running = NOTHING
    weights: Weights | None = None
    reduced: bool = False
    copies: int = 1


@dataclass(frozen=True)
class Operation:
    """One operation. Truths and bounds are keyed by derivative: "" for the value, "vjp", "hvp, by labels", ….

    The true value of kind "row" is one ball for each distinct logit in ascending order; a derivative's is one for
    each position.
    """

    name: str  # also the adapter's method, and its feature where an adapter may lack it
    title: str
    kind: str  # of KINDS
    truths: Mapping[str, Callable[[Point], list[arb]]]
    bounds: Mapping[str, Callable[[Setting, Arithmetic], Running]]
    range: Callable[[Floats], tuple[Any, Any]]  # rows (r, n) → the least and the largest result
    single: Callable[[Floats], Floats]  # rows (r, 1) → the exact results of a single class
    forms: tuple[Form, ...]
    excess: float = 0.0  # ulps by which a result may leave its range, and that of a single class be off
    shift: float = 0.0  # by what results grow where all logits of a row grow by one
    arguments: tuple[Argument, ...] = ()
    masked: float | None = None  # the result at a logit of −inf, where there is one result a logit
    logarithmic: bool = False  # results are log-probabilities
    formula: Callable[[Any], Any] | None = None  # complex rows (r, n) → results, as it is defined
    optional: bool = False  # an adapter lists a feature of the operation's name
    labels: tuple[str, ...] = ("index", "probability")  # the forms of its labels, if it takes any

    @property
    def per_row(self) -> bool:
        """Return True if there is one result a row."""
        return self.kind != "row"

    @property
    def labelled(self) -> bool:
        """Return True if it takes labels."""
        return self.kind in ("loss", "linear")

    def tolerance(self, setting: Setting, how: Arithmetic, derivative: str = "") -> Floats:
        """Largest |computed − true| of each result; 0 at a logit of −inf where there is one result a logit."""
        found = self.bounds[derivative](setting, how)
        tolerance = how.rounded(found.value, found.error + np.zeros_like(found.value))
        if derivative or self.per_row:
            return tolerance
        return np.where(np.isinf(setting.rows.gap), 0.0, tolerance)
