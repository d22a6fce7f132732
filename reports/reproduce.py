"""The call of a check as a program of its framework alone, from the expressions that the record keeps.

Text is built here and never run: a record may come from anyone. What is not understood gives None, and the
report shows the input in hex floats instead.
"""

from __future__ import annotations

import ast
import warnings
from functools import lru_cache
from typing import Any

from adapters.frameworks import FRAMEWORKS, Framework, Spelling, function
from conformance import operations
from conformance.record.accuracy_keys import label_form, number
from conformance.record.records import Check
from reports.checks import split_target

DERIVATIVES = {"": (), "vjp": ("cotangent",), "jvp": ("tangent",), "hvp": ("cotangent", "tangent")}
NAMES = {"cotangent": "c", "tangent": "t", "labels": "labels", "weight": "w"}
OPTIONS = {"reduction", "weight", "ignore_index", "label_smoothing", "k", "gamma"}


def reproduction(target: str, check: Check) -> str | None:
    """A program that makes the call of `check` and prints the result; None where the record does not tell it.

    `target` is "torch:cpu:compiled", or "torch" for its first mode.
    """
    adapter, device, mode = split_target(target)
    framework, call = FRAMEWORKS.get(adapter), check.witness.get("call")
    if framework is None or device not in ("", "cpu") or not isinstance(call, dict):
        return None
    try:
        program = _program(framework, mode or framework.usual, check, call)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ):  # the record's call is not of the shape that we know
        return None
    return program if _parses(program) else None


def _program(framework: Framework, mode: str, check: Check, call: dict[str, Any]) -> str:
    spelling, decorator = framework.spelling, framework.modes[mode].decorator
    if spelling is None or spelling.written_out:
        raise ValueError("no public function is called")
    if check.requirement.startswith("CMP") and not call.get("argument"):
        raise ValueError("a composition, of which the record holds one part only")
    if any(call.get(name) for name in ("method", "where", "layouts")):
        raise ValueError("a call that no program here spells")
    op = operations.get(call["operation"])
    dtype, derivative = str(call["dtype"]), call.get("derivative") or ""
    form = label_form(check) or (op.labels[0] if op.labelled and not op.forms else "")
    options = {key: value for key, value in (call.get("options") or {}).items() if value is not None}
    if not options.keys() <= OPTIONS:
        raise ValueError("an option that is not known")
    arrays = _arrays(spelling, call, form, options)
    f = spelling.call(
        op.name,
        form if "labels" in arrays else "",
        x=_expression(call.get("argument") or "x"),
        axis=_axis(call.get("axis", -1)),
        dtype=dtype,
        options={key: "w" if key == "weight" else repr(value) for key, value in options.items()},
    )
    if derivative and op.kind == "selection":
        f = f"{f}[0]"  # the values
    at = call.get("wrt") or "x"
    if at not in arrays:
        raise ValueError("a derivative with respect to what is not given")
    body = spelling.derivatives[derivative].format(f=f, at=at) if derivative else f
    wide = [spelling.float64] if spelling.float64 and dtype == "float64" else []
    made = (f"{name} = {value}" for name, value in arrays.items())
    lines = "\n".join((*wide, *made, *_printed(decorator, body, arrays, element(check, call))))
    before = f"{spelling.before.format(mode=mode)}\n" if spelling.before else ""
    return f"{before}import {', '.join(spelling.needed(lines))}\n{lines}"


def _arrays(spelling: Spelling, call: dict[str, Any], form: str, options: dict[str, Any]) -> dict[str, str]:
    """Return the expression that makes each array of a call, by the array's name."""
    dtype = str(call["dtype"])
    arrays = {"x": _value(spelling, dtype, call["expression"])}
    for name in DERIVATIVES[call.get("derivative") or ""]:
        arrays[NAMES[name]] = _value(spelling, dtype, call[name])
    if form and (call["operation"], form) in spelling.calls:
        arrays["labels"] = _value(spelling, dtype if form == "probability" else "integer", call["labels"])
    if "weight" in options:
        arrays["w"] = _value(spelling, dtype, options["weight"])
    return arrays


def element(check: Check, call: dict[str, Any]) -> str:
    """The subscript of the witness in the result, "" where the record does not tell the logits' shape.

    The witness counts rows: its first index runs over all axes but the class axis, its second over that one.
    """
    index, shape = check.witness.get("index"), call.get("shape")
    reduced = (call.get("options") or {}).get("reduction", "none") != "none"  # one number, of no row
    if not index or not shape or reduced or number(check.witness.get("got")) is None:
        return ""
    axis = int(call.get("axis", -1)) % len(shape)
    place: list[int] = []
    rest = int(index[0])
    for size in reversed(shape[:axis] + shape[axis + 1 :]):
        rest, at = divmod(rest, size)
        place.insert(0, at)
    if len(index) == 2:
        place.insert(axis, int(index[1]))
    return str(place) if place else ""


def _axis(told: Any) -> str:
    """An axis, several, or none: what a call is given, though few frameworks take it."""
    if isinstance(told, list | tuple):
        return repr(tuple(map(int, told)))
    return "None" if told is None else str(int(told))


def _printed(decorator: str, body: str, arrays: dict[str, str], element: str) -> list[str]:
    """`body` printed: as it is in eager mode, and as one compiled function of all arrays in the others."""

    def shown(value: str) -> str:
        return f"print(float({value}{element}))" if element else f"print({value})"

    *statements, value = body.split("\n")
    names = ", ".join(arrays)
    if not decorator:
        return [*statements, shown(value)]
    if not statements:
        return [shown(f"{decorator}(lambda {names}: {value})({names})")]
    return [function("f", list(arrays), body, decorator), shown(f"f({names})")]


def _value(spelling: Spelling, dtype: str, expression: str) -> str:
    """Return the array of an expression in a format; its value is rounded from float32, or from what is wider."""
    if not dtype.isidentifier():
        raise ValueError("not the name of a format")
    text = _expression(expression)
    wide = dtype if dtype in ("float64", "complex64") else "float32"
    return spelling.made(text if dtype == "integer" else f"np.{wide}({text})", dtype)


def _expression(text: str) -> str:
    """`text`, if it is one Python expression on one line."""
    if "\n" in text or not _parses(text, "eval"):
        raise ValueError("not an expression")
    return text.strip()


@lru_cache(maxsize=4096)  # many checks share an expression
def _parses(text: str, mode: str = "exec") -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stray backslash in the text is not ours to report
        try:
            ast.parse(text, mode=mode)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
