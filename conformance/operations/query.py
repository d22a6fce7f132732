"""A question, its true answer and its bounds: an operation, or a derivative of it, on rows of exact logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from conformance import operations
from conformance.operations import labels, log_softmax, softmax
from conformance.operations.labels import LabelRow, Loss, Weights, targets
from conformance.operations.operation import Operation, Point, Setting
from conformance.truth import cache, forms, oracle
from conformance.truth.arithmetic import Arithmetic
from conformance.truth.bounds import Rows
from conformance.truth.formats import Floats
from conformance.truth.oracle import Row, Truth, balls, decide, limit, total
from conformance.truth.running import Running

# what computes a true value, beside the operation's own module
SOURCES = tuple(Path(str(path)) for path in (oracle.__file__, forms.__file__, labels.__file__, __file__))


@dataclass(frozen=True)
class Query:
    """An operation or a derivative of it, asked on rows (r, n) of exact float64.

    Rows have their class axis last. A row with a NaN or +inf, or of −inf alone, has no true value: all of it is
    NaN. `derivative` is "", "vjp", "jvp" or "hvp"; `cotangent` and `tangent` have the shapes of the result and of
    `rows`; `wrt` is "x" or "labels" as in `adapters.protocol`.
    """

    operation: str
    rows: Floats
    derivative: str = ""
    cotangent: Floats | None = None
    tangent: Floats | None = None
    wrt: str = "x"
    loss: Loss | None = None

    @property
    def of(self) -> Operation:
        """The operation."""
        return operations.get(self.operation)

    @property
    def key(self) -> str:
        """The derivative as an operation's truths and bounds are keyed by it."""
        return self.derivative if self.wrt == "x" else f"{self.derivative}, by {self.wrt}"

    @property
    def per_row(self) -> bool:
        """Return True if the result has one number a row (a loss or its derivative along a tangent)."""
        return self.of.per_row and self.derivative in ("", "jvp")

    @property
    def reduced(self) -> bool:
        """Return True if losses are reduced to one number."""
        return self.loss is not None and self.loss.reduction != "none"

    @property
    def targets(self) -> Sequence[LabelRow | None]:
        """A loss's target of each row."""
        return [None] * len(self.rows) if self.loss is None else targets(self.loss, self.rows.shape)


def truth(query: Query) -> Truth:
    """The true values of `query`, from the cache or computed."""
    return cache.truth(query, evaluate, (*SOURCES, Path(__file__).with_name(f"{query.operation}.py")))


def evaluate(query: Query) -> Truth:
    """The true values of `query`, shaped as the framework's result with the class axis last."""
    rows = query.rows
    asked = query.targets
    if query.reduced and query.per_row:
        return _reduced(query, asked)
    results = [_row(query, i, target) for i, target in enumerate(asked)]
    shape = rows.shape[:-1] if query.per_row else rows.shape
    parts = ([getattr(result, part.name) for result in results] for part in fields(Truth))
    return Truth(*(np.concatenate(part or [[]]).reshape(shape) for part in parts))


def _row(query: Query, i: int, target: LabelRow | None) -> Truth:
    x = query.rows[i]
    if not _has_truth(x):
        return Truth.undefined((1 if query.per_row else len(x),))
    found = decide(lambda: query.of.truths[query.key](_point(query, i, target)), lambda: _limit(query, i))
    if query.per_row or query.derivative:
        return found
    return found.part(np.unique(x, return_inverse=True)[1])


def _reduced(query: Query, asked: Sequence[LabelRow | None]) -> Truth:
    if not all(_has_truth(x) for x in query.rows):
        return Truth.undefined(())
    value = query.of.truths[query.key]
    return decide(
        lambda: [total(value(_point(query, i, target))[0] for i, target in enumerate(asked))],
        lambda: max(_limit(query, i) for i in range(len(query.rows))),
    ).part(0)


def _has_truth(x: Floats) -> bool:
    return bool(len(x) and np.isfinite(np.max(x)))


def _limit(query: Query, i: int) -> int:
    labels = None if query.loss is None or query.loss.labels.ndim < 2 else query.loss.labels[i]
    weight = None if query.loss is None else query.loss.weight
    cotangent = None if query.cotangent is None else np.atleast_1d(query.cotangent)
    tangent = None if query.tangent is None else query.tangent[i]
    return limit(query.rows[i], labels, weight, cotangent, tangent)


def _point(query: Query, i: int, target: LabelRow | None) -> Point:
    """Row i; what is reduced has one cotangent for all rows."""
    cotangent = np.ones(1) if query.cotangent is None else query.cotangent
    along = np.atleast_1d(cotangent if cotangent.ndim == 0 or query.cotangent is None else cotangent[i])
    return Point(
        Row(query.rows[i]), balls(along), [] if query.tangent is None else balls(query.tangent[i]), target
    )


def rows(query: Query) -> Rows:
    """Return the true probabilities and their logarithms, which the bounds need."""
    plain = replace(query, derivative="", cotangent=None, tangent=None, wrt="x", loss=None)
    asked = (replace(plain, operation=module.OPERATION.name) for module in (softmax, log_softmax))
    return Rows.of(query.rows, *map(truth, asked))


def setting(query: Query) -> Setting:
    """Return the quantities that the bounds of `query` are made of."""
    asked = [target for target in query.targets if target is not None]
    return Setting(
        rows(query),
        Running.magnitude(query.cotangent),
        Running.magnitude(query.tangent),
        None if query.loss is None else Weights.of(asked, query.rows.shape, query.loss),
        query.reduced,
    )


def tolerance(query: Query, at: Setting, how: Arithmetic) -> Floats:
    """The largest |computed − true| of each result that `how` allows, shaped as the truth."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return np.nan_to_num(query.of.tolerance(at, how, query.key), nan=0.0, posinf=np.inf)
