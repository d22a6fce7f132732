"""One call of an adapter, set beside the truth and the bounds: numbers, no verdicts.

The oracle is asked once per call and its answer kept on disk by content, so that targets share it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.protocol import Adapter, NotProvided
from conformance import operations
from conformance.operations import focal_loss
from conformance.operations import linear_cross_entropy as linear
from conformance.operations import query as questions
from conformance.operations.focused import Focused
from conformance.operations.labels import Loss
from conformance.operations.linear_cross_entropy import Product
from conformance.operations.operation import Setting
from conformance.operations.query import Query
from conformance.truth.arithmetic import GRADES, Arithmetic, Functions, arithmetic
from conformance.truth.formats import Floats, Format, exact, format_of, spacing
from conformance.truth.oracle import Truth

Array = NDArray[Any]


def _hidden(values: Any, where: Array, fill: float) -> Any:
    return None if values is None else np.where(where, values, values.dtype.type(fill))


def provide(adapter: Adapter, operation: str) -> None:
    """Raise NotProvided unless the adapter has the operation: it lists an optional one, and has its method."""
    if operations.get(operation).optional and not (
        operation in adapter.features and callable(getattr(adapter, operation, None))
    ):
        raise NotProvided(f"{adapter.name} has no {operation}")


@dataclass(frozen=True)
class Call:
    """One call as a framework sees it: arrays in the format under test, and the class axis.

    `derivative` is "", "vjp", "jvp" or "hvp", and `method` the adapter's method for it where that has another
    name. `labels` has the logits' shape (probabilities) or that shape without the class axis (integers). A linear
    operation has its hidden rows (r, d) in place of logits, and a `matrix` (n, d), which is what it is told by.
    """

    operation: str
    x: Array
    axis: int | tuple[int, ...] | None = -1  # more than one axis, or none, only to see what is made of it
    derivative: str = ""
    cotangent: Array | None = None
    tangent: Array | None = None
    wrt: str = "x"
    labels: Array | None = None
    options: dict[str, Any] = field(default_factory=dict)  # reduction, weight, ignore_index, label_smoothing
    where: Array | None = None  # of a shape that broadcasts to the logits'
    method: str = ""
    matrix: Array | None = None
    bias: Array | None = None  # (n,)

    @property
    def dtype(self) -> str:
        """The format's name."""
        return self.x.dtype.name

    def run(self, adapter: Adapter) -> Array:
        """Return the answer of the framework, as NumPy in the same format.

        Raises:
            TypeError: there is none.
        """
        native = self.native(adapter)
        if native is None:
            raise TypeError(f"adapter: {self.method or self.derivative or self.operation} returned None")
        return adapter.to_numpy(native)  # type: ignore[no-any-return]  # adapters hold Any

    def native(self, adapter: Adapter) -> Any:
        """Return the answer of the framework, in its own array type."""
        return self.function(adapter)(*self.arrays(adapter))

    @property
    def given(self) -> list[Array]:
        """The logits, labels, cotangent, tangent, weight, `where`, matrix and bias, those that there are."""
        parts = (self.x, self.labels, self.cotangent, self.tangent, self.options.get("weight"), self.where)
        return [part for part in (*parts, self.matrix, self.bias) if part is not None]

    def arrays(self, adapter: Adapter) -> list[Any]:
        """Return `given` as native arrays."""
        return [adapter.asarray(part) for part in self.given]

    def function(self, adapter: Adapter) -> Callable[..., Any]:
        """The call as a function of `arrays`, for a compiler or a mode to be given as a whole.

        It holds no array itself: a compiler takes what a function holds for a part of it.

        Raises:
            NotProvided: the adapter has no such operation or derivative, and maybe not even the method.
        """
        provide(adapter, self.operation)
        if self.derivative and self.derivative not in adapter.features:
            raise NotProvided(f"{adapter.name} has no {self.derivative}")
        labelled, weighted = self.labels is not None, self.options.get("weight") is not None
        masked = self.where is not None
        vectors = (self.cotangent is not None) + (self.tangent is not None)
        operation, derivative = self.operation, self.derivative
        method = getattr(adapter, self.method or derivative or operation)
        linear = [name for name in ("matrix", "bias") if getattr(self, name) is not None]
        fixed = {name: value for name, value in self.options.items() if name != "weight"}
        fixed |= {} if linear or operations.get(operation).kind == "sample" else {"axis": self.axis}
        if derivative in ("vjp", "hvp") and self.wrt != "x":
            fixed["wrt"] = self.wrt

        def run(x: Any, *others: Any) -> Any:
            given = list(others)
            labels = {"labels": given.pop(0)} if labelled else {}
            along = [given.pop(0) for _ in range(vectors)]
            kwargs = fixed | ({"weight": given.pop(0)} if weighted else {})
            kwargs |= {"where": given.pop(0)} if masked else {}
            kwargs |= {name: given.pop(0) for name in linear}
            if linear and not derivative:
                return method(x, **labels, **kwargs)
            if not derivative:
                return method(x, *labels.values(), **kwargs)
            return method(operation, x, *along, **labels, **kwargs)

        return run

    def rows(self, values: Array) -> Floats:
        """`values`, shaped as the logits, as exact rows (r, n)."""
        assert isinstance(self.axis, int), "an oracle's row lies along one axis"
        moved = np.moveaxis(values, self.axis, -1)
        return exact(moved.reshape(-1, moved.shape[-1]))

    @property
    def result_shape(self) -> tuple[int, ...]:
        """The shape of the framework's result."""
        assert isinstance(self.axis, int), "an oracle's row lies along one axis"
        query = self.asked
        if query.reduced and query.per_row:
            return ()
        if isinstance(query, Product):
            return query.shape
        return np.moveaxis(self.x, self.axis, -1).shape[:-1] if query.per_row else self.x.shape

    def shaped(self, values: Array) -> Array:
        """`values` of the oracle, whose class axis is the last, shaped as the framework's result."""
        shape = self.result_shape
        if self.asked.per_row or self.matrix is not None:
            return values.reshape(shape)
        assert isinstance(self.axis, int)
        return np.moveaxis(values.reshape(np.moveaxis(self.x, self.axis, -1).shape), -1, self.axis)

    @property
    def loss(self) -> Loss | None:
        """The label arguments in the oracle's terms."""
        if self.labels is None:
            return None
        dense = self.labels.shape == self.x.shape and self.matrix is None
        labels = self.rows(self.labels) if dense else self.labels.reshape(-1)
        options = {name: value for name, value in self.options.items() if name not in ("chunk", "gamma")}
        if options.get("weight") is not None:
            options["weight"] = exact(options["weight"])
        return Loss(labels, **options)

    @property
    def asked(self) -> Query | Product:
        """The call in the oracle's terms."""
        if self.matrix is None:
            return self.query
        assert self.loss is not None
        bias, cotangent = (None if part is None else exact(part) for part in (self.bias, self.cotangent))
        matrix, wrt = exact(self.matrix), self.wrt
        return Product(exact(self.x), matrix, bias, self.loss, self.derivative, cotangent, wrt)

    @property
    def query(self) -> Query:
        """The call without a matrix: what `where` hides is a logit of −inf that nothing flows to or from."""
        if self.where is not None:
            x, c, t = (
                _hidden(part, self.where, fill)
                for part, fill in ((self.x, -np.inf), (self.cotangent, 0.0), (self.tangent, 0.0))
            )
            return replace(self, where=None, x=x, cotangent=c, tangent=t).query
        cotangent = self.cotangent
        if cotangent is not None:
            cotangent = (
                self.rows(cotangent)
                if cotangent.shape == self.x.shape
                else exact(cotangent).reshape(-1 if cotangent.ndim else ())
            )
        tangent = None if self.tangent is None else self.rows(self.tangent)
        parts = (self.operation, self.rows(self.x), self.derivative, cotangent, tangent, self.wrt, self.loss)
        if self.operation == focal_loss.OPERATION.name:
            return Focused(*parts, self.options.get("gamma", 2.0))
        return Query(*parts)


@dataclass(frozen=True, repr=False)
class Judgement:
    """Errors and bounds of one call, elementwise in the oracle's shape."""

    call: Call
    got: Floats
    truth: Truth
    error: Floats  # |got − truth|; inf where one of them is not finite and they differ
    tolerance: dict[str, Floats]  # by grade
    setting: Setting

    def ratios(self, grade: str) -> Floats:
        """error / tolerance."""
        tolerance = self.tolerance[grade]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.error == 0, 0.0, self.error / tolerance)
        return np.where(np.isnan(ratio), np.inf, ratio)

    def worst(self, grade: str) -> float:
        """The largest error over its bound."""
        return float(np.max(self.ratios(grade), initial=0.0))

    def witness(self, grade: str) -> dict[str, Any]:
        """The element with the largest error over its bound, in hex floats."""
        ratios = self.ratios(grade)
        at = np.unravel_index(int(np.argmax(ratios)), ratios.shape) if ratios.size else ()
        found = {
            "index": [int(i) for i in at],
            "got": float(self.got[at]).hex(),
            "expected": float(self.truth.value[at]).hex(),
            "error": float(self.error[at]).hex(),
            "bound": float(self.tolerance[grade][at]).hex(),
        }
        rows = self.call.rows(self.call.x)
        if at and rows.size and self.call.wrt not in ("matrix", "bias"):
            row = rows[at[0]]
            found["max"] = float(np.max(row)).hex()
            if len(at) == 2:
                found["logit"] = float(row[at[1]]).hex()
        return found

    @property
    def ulps(self) -> Floats:
        """Signed errors in ulps of the format, of the finite elements."""
        fmt = format_of(self.call.dtype)
        finite = np.isfinite(self.got) & np.isfinite(self.truth.value)
        off = (self.got[finite] - self.truth.value[finite]) - self.truth.residual[finite]
        ulps: Floats = off / spacing(self.truth.value[finite], fmt)
        return ulps


@dataclass(frozen=True)
class Traits:
    """The probed traits of a target: whether it flushes subnormals, and its functions by format."""

    flushes: bool = False
    errors: dict[str, Functions] = field(default_factory=dict)

    def arithmetic(self, grade: str, dtype: str, n: int) -> Arithmetic:
        """Return the arithmetic that `grade` grants to such a target."""
        return arithmetic(grade, dtype, n, self.flushes, self.errors)


def judge(adapter: Adapter, call: Call, traits: Traits = Traits()) -> Judgement:
    """Run `call` and measure it against the truth, with the tolerance of every grade."""
    return compare(call, exact(call.run(adapter)), traits)


def compare(call: Call, got: Floats, traits: Traits = Traits()) -> Judgement:
    """Measure `got`, however it was come by, against the truth of `call`."""
    query = call.asked
    if isinstance(query, Product):
        truth, parts, n = linear.truth(query), linear.quantities(query), len(query.matrix)
        at, allowed = parts.setting, partial(linear.tolerance, parts)
    else:
        truth, at, n = questions.truth(query), questions.setting(query), query.rows.shape[1]
        allowed = partial(questions.tolerance, query, at)
        got = got if query.per_row else call.rows(got)
    got = got.reshape(truth.value.shape)
    granted = _tolerances(allowed, n, truth, call.dtype, traits)
    return Judgement(call, got, truth, _errors(got, truth, granted["D"], call.dtype), granted, at)


def _errors(got: Floats, truth: Truth, tolerance: Floats, dtype: str) -> Floats:
    """|got − truth|; 0 for the right infinity, and in rows that have no truth."""
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.maximum(np.abs((got - truth.value) - truth.residual) - truth.radius, 0.0)
        edge = np.abs(truth.value) + tolerance >= format_of(dtype).largest
    same = np.isinf(got) & (np.sign(got) == np.sign(truth.value)) & (np.isinf(truth.value) | edge)
    error = np.where(np.isnan(error), np.inf, error)
    return np.where(same | np.isnan(truth.value), 0.0, error)


def _tolerances(
    allowed: Callable[[Arithmetic], Floats], n: int, truth: Truth, dtype: str, traits: Traits
) -> dict[str, Floats]:
    """The bound of each grade, shaped as the truth."""
    arithmetics = {grade: traits.arithmetic(grade, dtype, n) for grade in GRADES[1:]}
    bounds: dict[Arithmetic, Floats] = {}  # in a wide format several grades are one arithmetic
    for how in arithmetics.values():
        if how not in bounds:
            bounds[how] = allowed(how)
    return {"A": _half_ulp(truth, format_of(dtype))} | {grade: bounds[how] for grade, how in arithmetics.items()}


def _half_ulp(truth: Truth, fmt: Format) -> Floats:
    """Half the spacing where the truth lies: at a power of two, and below it, that of the lower binade.

    Where the truth may lie on either side of its value, the larger one.
    """
    above = (np.sign(truth.value) * np.sign(truth.residual) > 0) | ~truth.decided
    magnitude = np.abs(truth.value)
    half: Floats = spacing(np.where(above, magnitude, np.nextafter(magnitude, 0)), fmt) / 2
    return np.where(np.isfinite(truth.value), half, 0.0)
