"""Named inputs, each a NumPy expression: what a failing case prints runs by itself, without this suite.

An expression may use `np` and `MAX`, the format's largest finite number. Its value is rounded to float32 and
then to the format under test (`ulp.round_to`), which every framework's own conversion does alike. Randomness
has its seed in the expression.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.run.measure import Call
from conformance.truth.formats import format_of, round_to


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
