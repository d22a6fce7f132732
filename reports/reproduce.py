"""The call of a check as a program of its framework alone, from the expressions that the record keeps.

Text is built here and never run: a record may come from anyone. What is not understood gives None, and the
report shows the input in hex floats instead.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from conformance.record.accuracy_keys import label_form, number
from conformance.record.records import Check
from reports.checks import split_target

DERIVATIVES = {"": (), "vjp": ("cotangent",), "jvp": ("tangent",), "hvp": ("cotangent", "tangent")}
NAMES = {"cotangent": "c", "tangent": "t", "labels": "labels", "weight": "w"}
OPTIONS = {"reduction", "weight", "ignore_index", "label_smoothing"}
FOREIGN = ("bfloat16", "float8_e4m3fn", "float8_e5m2")


@dataclass(frozen=True)
class Framework:
    """How one framework spells a call of x (logits), c (cotangent), t (tangent), w (weight), labels."""

    imports: str
    value: str  # of an expression rounded to the format; {wide} is float32 or float64
    index: str  # of an integer array
    operations: dict[str, str]
    derivatives: dict[str, str]  # of {f}, an operation; {at} is the argument that is varied
    modes: dict[str, str]  # the decorator of each mode
    double: str = ""  # a line that float64 needs


TORCH = Framework(
    imports="import numpy as np, torch, torch.nn.functional as F",
    value="torch.tensor(np.{wide}({expression})).to(torch.{dtype})",
    index="torch.tensor({expression})",
    operations={
        "softmax": "F.softmax({x}, dim={axis})",
        "log_softmax": "F.log_softmax({x}, dim={axis})",
        "index": "F.cross_entropy({x}, labels{options})",
        "probability": "F.cross_entropy({x}, labels{options})",
    },
    derivatives={
        "vjp": "torch.func.vjp(lambda {at}: {f}, {at})[1](c)[0]",
        "jvp": "torch.func.jvp(lambda x: {f}, (x,), (t,))[1]",
        "hvp": "torch.func.vjp(lambda {at}: torch.func.vjp(lambda x: {f}, x)[1](c)[0], {at})[1](t)[0]",
    },
    modes={"eager": "", "compiled": "torch.compile"},
)
JAX = Framework(
    imports="import numpy as np, jax, jax.numpy as jnp, optax",
    value="jnp.asarray(np.{wide}({expression}), jnp.{dtype})",
    index="jnp.asarray({expression})",
    operations={
        "softmax": "jax.nn.softmax({x}, axis={axis})",
        "log_softmax": "jax.nn.log_softmax({x}, axis={axis})",
        "index": "optax.softmax_cross_entropy_with_integer_labels({x}, labels, axis={axis})",
        "probability": "optax.softmax_cross_entropy({x}, labels, axis={axis})",
    },
    derivatives={
        "vjp": "jax.vjp(lambda {at}: {f}, {at})[1](c)[0]",
        "jvp": "jax.jvp(lambda x: {f}, (x,), (t,))[1]",
        "hvp": "jax.vjp(lambda {at}: jax.vjp(lambda x: {f}, x)[1](c)[0], {at})[1](t)[0]",
    },
    modes={"eager": "", "jit": "jax.jit"},
    double='jax.config.update("jax_enable_x64", True)',
)
TAPE = "with tf.GradientTape() as tape:\n    tape.watch({at})\n"
TENSORFLOW = Framework(
    imports="import numpy as np, tensorflow as tf",
    value="tf.constant(np.{wide}({expression}), tf.{dtype})",
    index="tf.constant({expression})",
    operations={
        "softmax": "tf.nn.softmax({x}, axis={axis})",
        "log_softmax": "tf.nn.log_softmax({x}, axis={axis})",
        "index": "tf.nn.sparse_softmax_cross_entropy_with_logits(labels, {x})",
        "probability": "tf.nn.softmax_cross_entropy_with_logits(labels, {x}, axis={axis})",
    },
    derivatives={  # the last line is the value, those before it are statements
        "vjp": TAPE + "    y = {f}\ntape.gradient(y, {at}, c)",
        "jvp": "with tf.autodiff.ForwardAccumulator(x, t) as along:\n    y = {f}\nalong.jvp(y)",
        "hvp": TAPE
        + "    with tf.GradientTape() as inner:\n        inner.watch(x)\n        y = {f}\n"
        + "    g = inner.gradient(y, x, c)\ntape.gradient(g, {at}, t)",
    },
    modes={"eager": "", "graph": "tf.function", "xla": "tf.function(jit_compile=True)"},
)
SCIPY = Framework(
    imports="import numpy as np, scipy.special",
    value="np.{wide}({expression}).astype({quoted})",
    index="np.asarray({expression})",
    operations={
        "softmax": "scipy.special.softmax({x}, axis={axis})",
        "log_softmax": "scipy.special.log_softmax({x}, axis={axis})",
    },
    derivatives={},
    modes={"eager": ""},
)
FRAMEWORKS = {"scipy": SCIPY, "torch": TORCH, "tensorflow": TENSORFLOW, "jax": JAX}


def reproduction(target: str, check: Check) -> str | None:
    """A program that makes the call of `check` and prints the result; None where the record does not tell it.

    `target` is "torch:cpu:compiled", or "torch" for its first mode.
    """
    adapter, device, mode = split_target(target)
    framework, call = FRAMEWORKS.get(adapter), check.witness.get("call")
    if framework is None or device not in ("", "cpu") or not isinstance(call, dict):
        return None
    try:
        program = _program(framework, mode or "eager", check, call)
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
    form, at_witness = label_form(check) or "", element(check, call)
    derivative = call.get("derivative") or ""
    if check.requirement.startswith("CMP") and not call.get("argument"):
        raise ValueError("a composition, of which the record holds one part only")
    if any(call.get(name) for name in ("method", "where", "layouts")):
        raise ValueError("a call that no program here spells")
    options = {key: value for key, value in (call.get("options") or {}).items() if value is not None}
    if not options.keys() <= OPTIONS or (options and framework is not TORCH):
        raise ValueError("an option that the framework's own function does not take")
    arrays = {"x": _value(framework, call, call["expression"])}
    for name in DERIVATIVES[derivative]:
        arrays[NAMES[name]] = _value(framework, call, call[name])
    loss = call["operation"] == "softmax_cross_entropy"
    if loss:
        make = _value if form == "probability" else _index
        arrays["labels"] = make(framework, call, call["labels"])
    if "weight" in options:
        arrays["w"] = _value(framework, call, options["weight"])
    f = framework.operations[form if loss else call["operation"]].format(
        x=_expression(call.get("argument") or "x"), axis=_axis(call.get("axis", -1)), options=_options(options)
    )
    at = call.get("wrt") or "x"
    if at not in arrays:
        raise ValueError("a derivative with respect to what is not given")
    body = framework.derivatives[derivative].format(f=f, at=at) if derivative else f
    return "\n".join(
        (*_head(framework, call), *_lines(arrays), *_printed(framework.modes[mode], body, arrays, at_witness))
    )


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


def _head(framework: Framework, call: dict[str, Any]) -> list[str]:
    extra = ", ml_dtypes" if framework is SCIPY and call["dtype"] in FOREIGN else ""
    return [
        framework.imports + extra,
        *([framework.double] if framework.double and call["dtype"] == "float64" else []),
    ]


def _lines(arrays: dict[str, str]) -> list[str]:
    return [f"{name} = {value}" for name, value in arrays.items()]


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
    inner = (f"    {line}" for line in (*statements, f"return {value}"))
    return [f"@{decorator}", f"def f({names}):", *inner, shown(f"f({names})")]


def _value(framework: Framework, call: dict[str, Any], expression: str) -> str:
    dtype = str(call["dtype"])
    if not dtype.isidentifier():
        raise ValueError("not the name of a format")
    quoted = f"ml_dtypes.{dtype}" if dtype in FOREIGN else f"np.{dtype}"
    wide = dtype if dtype in ("float64", "complex64") else "float32"
    return framework.value.format(wide=wide, dtype=dtype, quoted=quoted, expression=_expression(expression))


def _index(framework: Framework, call: dict[str, Any], expression: str) -> str:
    return framework.index.format(expression=_expression(expression))


def _expression(text: str) -> str:
    """`text`, if it is one Python expression on one line."""
    if "\n" in text or not _parses(text, "eval"):
        raise ValueError("not an expression")
    return text.strip()


def _options(options: dict[str, Any]) -> str:
    """The keyword arguments of torch.nn.functional.cross_entropy, whose own default is a mean."""
    spelled = {"reduction": "none", **options}
    given = {key: "w" if key == "weight" else repr(value) for key, value in spelled.items()}
    return "".join(f", {key}={value}" for key, value in given.items())


@lru_cache(maxsize=4096)  # many checks share an expression
def _parses(text: str, mode: str = "exec") -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stray backslash in the text is not ours to report
        try:
            ast.parse(text, mode=mode)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
