"""Named inputs, each a NumPy expression: what a failing case prints runs by itself, without this suite.

An expression may use `np` and `MAX`, the format's largest finite number. Its value is rounded to float32 and
then to the format under test (`ulp.round_to`), which every framework's own conversion does alike. Randomness
has its seed in the expression.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from conformance.measure import Call
from conformance.ulp import format_of, round_to

TIERS = ("quick", "full", "exhaustive")


@dataclass(frozen=True)
class Case:
    """The arguments of one call, as expressions; `options` are a cross-entropy's own, weight an expression."""

    name: str
    x: str
    axis: int = -1
    labels: str | None = None
    cotangent: str | None = None
    tangent: str | None = None
    derivative: str = ""
    wrt: str = "x"
    options: dict[str, Any] = field(default_factory=dict)
    argument: str | None = None  # of a composition: an expression in `x`, "x * 1.7"

    def call(self, operation: str, dtype: str) -> Call:
        """The call with its arrays in format `dtype`."""
        options = dict(self.options)
        if "weight" in options:
            options["weight"] = round_to(_value(options["weight"], dtype), dtype)
        labels = None if self.labels is None else _value(self.labels, dtype)
        if labels is not None and labels.dtype.kind == "f":
            labels = round_to(labels, dtype)
        return Call(
            operation=operation,
            x=round_to(_value(self.x, dtype), dtype),
            axis=self.axis,
            derivative=self.derivative,
            cotangent=_array(self.cotangent, dtype),
            tangent=_array(self.tangent, dtype),
            wrt=self.wrt,
            labels=labels,
            options=options,
        )

    def describe(self, operation: str, dtype: str) -> dict[str, Any]:
        """The call as plain data, for a record and for those who reproduce it."""
        call = self.call(operation, dtype)
        parts = {
            "operation": operation,
            "dtype": dtype,
            "expression": _spelled(self.x, dtype),
            "shape": list(call.x.shape),
            "axis": self.axis,
            "derivative": self.derivative,
            "wrt": self.wrt,
            "options": {k: _spelled(v, dtype) if k == "weight" else v for k, v in self.options.items()},
        }
        if call.labels is not None:
            parts["form"] = "index" if call.labels.dtype.kind in "iu" else "probability"
        if self.argument is not None:
            parts["argument"] = self.argument
        for name in ("labels", "cotangent", "tangent"):
            expression = getattr(self, name)
            if expression is not None:
                parts[name] = _spelled(expression, dtype)
        return parts


def _spelled(expression: str, dtype: str) -> str:
    return expression.replace("MAX", repr(format_of(dtype).largest))


def _value(expression: str, dtype: str) -> np.ndarray[Any, Any]:
    # Our own text, from this repository: evaluated so that the case and its reproduction are one thing.
    return np.asarray(eval(expression, {"np": np, "MAX": format_of(dtype).largest}), order="C")


def _array(expression: str | None, dtype: str) -> np.ndarray[Any, Any] | None:
    return None if expression is None else round_to(_value(expression, dtype), dtype)


# Building blocks

SCALES = "[[0.01], [1], [4], [10], [20], [40]]"  # no gap beyond what float8_e4m3fn holds


def normal(rows: int, n: int, seed: int = 0) -> str:
    """Standard normal logits (rows, n)."""
    return f"np.random.default_rng({seed}).standard_normal(({rows}, {n}))"


def regimes(n: int, seed: int = 0) -> str:
    """Six rows of n logits, from nearly equal to one that dominates; two rows where n is large."""
    return f"{normal(6, n, seed)} * {SCALES}" if n <= 5000 else f"{normal(2, n, seed)} * [[1], [4]]"


def rows_of(n: int) -> int:
    """How many rows `regimes` has."""
    return 6 if n <= 5000 else 2


def index_labels(rows: int, n: int) -> str:
    """One class a row."""
    return f"np.arange({rows}) * 7 % {n}"


def soft_labels(rows: int, n: int, seed: int = 5) -> str:
    """Probabilities (rows, n): a softmax themselves, exact powers aside."""
    return f"np.random.default_rng({seed}).dirichlet(np.ones({n}), {rows})"


def with_labels(case: Case, operation: str, rows: int, n: int) -> Iterator[Case]:
    """`case` itself, or for a cross-entropy its index and its probability form."""
    if operation != "softmax_cross_entropy":
        yield case
        return
    yield replace(case, name=f"index-{case.name}", labels=index_labels(rows, n))
    yield replace(case, name=f"probability-{case.name}", labels=soft_labels(rows, n))


# Row lengths where kernels switch: within and past a vector, a block, a cache, a grid; and real vocabularies
SHORT = (1, 2, 3, 7, 31, 32, 33, 127, 128, 129)
MIDDLE = (1000, 1023, 1024, 1025, 2047, 2048, 2049, 4097)
LONG = (32000, 50257, 100001, 128256, 131071)
HUGE = (262144, 1048577)  # the exhaustive tier's
# the quick tier's are few, since a compiler is asked anew for each; so are the full one's in a format but float32
QUICK = {"float32": (3, 33, 129, 1000, 2049, 50257)}
QUICK_OTHERS = (33, 1000)
FULL_OTHERS = (1, 7, 33, 129, 1000, 1025, 2049, 4097, 50257, 131071)


def lengths(dtype: str, tier: str) -> tuple[int, ...]:
    """The row lengths a tier tries in a format."""
    if tier == "quick":
        return QUICK.get(dtype, QUICK_OTHERS)
    if tier == "full" and dtype != "float32":
        return FULL_OTHERS
    return SHORT + MIDDLE + LONG + (HUGE if tier == "exhaustive" else ())


def accuracy(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every regime at every row length; probability labels at those of the quick tier and a few more."""
    dense = (*lengths(dtype, "quick"), 1, 1025, 4097)
    for n in lengths(dtype, tier):
        case = Case(f"regimes-n{n}-seed{n}", regimes(n, seed=n))
        made = with_labels(case, operation, rows_of(n), n)
        yield from made if n in dense or tier == "exhaustive" else [next(made)]
