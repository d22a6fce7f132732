"""Named inputs, each a NumPy expression: what a failing case prints runs by itself, without this suite.

An expression may use `np` and `MAX`, the format's largest finite number. Its value is rounded to float32 and
then to the format under test (`formats.round_to`), which every framework's own conversion does alike. Randomness
has its seed in the expression. A layout is an expression in the array `a`: the view of it that is passed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from conformance.run.measure import Call
from conformance.truth.formats import format_of, round_to


@dataclass(frozen=True)
class Case:
    """The arguments of one call, as expressions; `options` are the operation's own, weight an expression.

    `layouts` maps the name of an array ("x", "labels", "weight", …) to its layout, where it has one of its own.
    """

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
    where: str | None = None
    method: str = ""  # as in `Call`
    layouts: dict[str, str] = field(default_factory=dict)
    then: Case | None = None  # a second call of the same function
    matrix: str | None = None  # of a linear operation, whose hidden rows are `x`
    bias: str | None = None

    def call(self, operation: str, dtype: str) -> Call:
        """The call with its arrays in format `dtype`."""
        options = dict(self.options)
        if "weight" in options:
            options["weight"] = self._viewed("weight", _rounded(options["weight"], dtype))
        labels = _value(self.labels, dtype)
        if labels is not None and labels.dtype.kind == "f":
            labels = _rounded(self.labels, dtype)
        return Call(
            operation=operation,
            x=self._viewed("x", _rounded(self.x, dtype)),
            axis=self.axis,
            derivative=self.derivative,
            cotangent=self._viewed("cotangent", _rounded(self.cotangent, dtype)),
            tangent=self._viewed("tangent", _rounded(self.tangent, dtype)),
            wrt=self.wrt,
            labels=self._viewed("labels", labels),
            options=options,
            where=self._viewed("where", _value(self.where, dtype)),
            method=self.method,
            matrix=_rounded(self.matrix, dtype),
            bias=_rounded(self.bias, dtype),
        )

    def _viewed(self, name: str, array: Any) -> Any:
        layout = self.layouts.get(name)
        return array if array is None or layout is None else eval(layout, {"np": np, "a": array})

    def _stored(self, name: str, expression: str, dtype: str) -> str:
        """Return the array as an expression that runs by itself, with its layout in memory."""
        spelled = _spelled(expression, dtype)
        return (
            re.sub(r"\ba\b", f"np.asarray({spelled})", self.layouts.get(name, "a")) if self.layouts else spelled
        )

    def describe(self, call: Call) -> dict[str, Any]:
        """`call`, which is this case's, as plain data, for a record and for those who reproduce it."""
        dtype = call.dtype
        parts = {
            "operation": call.operation,
            "dtype": dtype,
            "expression": self._stored("x", self.x, dtype),
            "shape": list(call.x.shape),
            "axis": self.axis,
            "derivative": self.derivative,
            "wrt": self.wrt,
            "options": {k: self._stored(k, v, dtype) if k == "weight" else v for k, v in self.options.items()},
        }
        if call.labels is not None:
            parts["form"] = "index" if call.labels.dtype.kind in "iu" else "probability"
        if self.argument is not None:
            parts["argument"] = self.argument
        for name in ("labels", "cotangent", "tangent", "where", "matrix", "bias"):
            expression = getattr(self, name)
            if expression is not None:
                parts[name] = self._stored(name, expression, dtype)
        for name in ("method", "layouts"):
            if getattr(self, name):
                parts[name] = getattr(self, name)
        return parts


@lru_cache(maxsize=4096)
def label_form(labels: str) -> str:
    """Return "index" or "probability", the form of labels that are given by an expression."""
    return "index" if _evaluated(labels, "float32").dtype.kind in "iub" else "probability"


def _spelled(expression: str, dtype: str) -> str:
    return expression.replace("MAX", repr(format_of(dtype).largest))


def _value(expression: str | None, dtype: str) -> Any:
    return None if expression is None else _evaluated(expression, dtype).copy()  # the caller may write into it


def _rounded(expression: str | None, dtype: str) -> Any:
    return None if expression is None else _evaluated_and_rounded(expression, dtype).copy()


# A check asks for its arrays several times, and many checks share a row: few are enough to keep.
@lru_cache(maxsize=256)
def _evaluated(expression: str, dtype: str) -> np.ndarray[Any, Any]:
    # Our own text, from this repository: evaluated so that the case and its reproduction are one thing.
    return np.asarray(eval(expression, {"np": np, "MAX": format_of(dtype).largest}), order="C")


@lru_cache(maxsize=256)
def _evaluated_and_rounded(expression: str, dtype: str) -> np.ndarray[Any, Any]:
    return round_to(_evaluated(expression, dtype), dtype)
