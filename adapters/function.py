"""A single function as an adapter, for `python -m conformance judge`.

The function gets native arrays of a framework, or of any library with DLPack. Of the protocol it has one
operation and, where a gradient is declared, its vjp; all else is absent. It may not refuse what is declared.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from adapters import interpreter
from adapters.protocol import OPERATIONS, Adapter, Array, NotProvided

VARIABLE = "SOFTMARK_FUNCTION"  # holds what is declared of the function, for the process that judges it
AXES = ("axis", "dim")
OPTIONS = {
    "reduction": "reduction",
    "weight": "class_weight",
    "ignore_index": "ignore_index",
    "label_smoothing": "label_smoothing",
    "where": "where",
}  # parameter → feature
GIVEN: dict[str, Callable[..., Any]] = {}  # name → function that no module has, of `conformance.judge`


@dataclass(frozen=True)
class Declared:
    """The declaration of a function.

    `gradient` is "autograd", "module:function" or "" for none. `labels` are of "index" and "probability".
    `ranks` are the numbers of axes that it takes, none for all; `contiguous` says that it takes no other layout.
    """

    name: str
    operation: str
    arrays: str = "numpy"
    dtypes: tuple[str, ...] = ("float32",)
    gradient: str = ""
    labels: tuple[str, ...] = ("index",)
    ranks: tuple[int, ...] = ()
    contiguous: bool = False

    def to_environment(self) -> None:
        """Let this process and those that it starts know what is declared."""
        os.environ[VARIABLE] = json.dumps(asdict(self))


def declared(name: str) -> Declared | None:
    """Return what is declared of the function `name`, if anything."""
    told = json.loads(os.environ.get(VARIABLE, "null"))
    if told is None or told["name"] != name:
        return None
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in told.items()
    }
    return Declared(**values)


def adapter(
    told: Declared,
    base: type,
    function: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    device: str,
    mode: str,
) -> Adapter:
    """Return the function as an adapter on the arrays of `base`, the class of another adapter.

    Raises:
        ValueError: the library has no such device or mode, or no autograd.
    """
    others = dict.fromkeys(OPERATIONS, _other)
    made = type("Function", (_Function, base), {**others, told.operation: _asked, "declared": told})
    judged: Adapter = made(function, gradient, device, mode)
    return judged


class _Function:
    """One operation of the protocol by the declared function, and its vjp."""

    declared: Declared
    features: frozenset[str]

    def __init__(
        self, function: Callable[..., Any], gradient: Callable[..., Any] | None, device: str, mode: str
    ) -> None:
        super().__init__(device, mode)  # type: ignore[call-arg]  # the framework's own adapter
        told = self.declared
        for name in (*OPERATIONS, told.operation, *(("vjp", "value_and_vjp") if gradient else ())):
            vars(self).pop(name, None)  # the framework's own, which its adapter made
        self._function, self._gradient = function, gradient
        self._parameters = parameters(function)
        self._axis = next((name for name in AXES if name in self._parameters), None)
        module = inspect.getmodule(function)
        self.name = told.name.partition(":")[0].partition(".")[0]
        self.version = str(getattr(module, "__version__", "0"))
        self.dtypes = frozenset(told.dtypes)
        features = {told.operation} - set(OPERATIONS)
        features |= {f"{form}_labels" for form in told.labels}
        features |= {feature for option, feature in OPTIONS.items() if option in self._parameters}
        features |= {"class_axis"} if self._axis else set()
        interpreted = told.arrays == "torch" and interpreter.runs(device)
        self.unjudged = interpreter.UNTRUSTED["requirements"] if interpreted else {}
        self.features = frozenset(features | ({"vjp"} if told.gradient else set()))

    def value_and_vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> tuple[Array, Array]:
        """Call the function and its gradient."""
        if self._gradient is None:
            both: tuple[Array, Array] = super().value_and_vjp(operation, x, cotangent, **kwargs)  # type: ignore[misc]
            return both
        return getattr(self, operation)(x, **kwargs), self.vjp(operation, x, cotangent, **kwargs)

    def vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        """Call the gradient with the function's arguments and the cotangent, or differentiate the function."""
        if wrt != "x" and (wrt == "labels" or self._gradient):
            raise NotProvided(f"{self.declared.name} is judged with its gradient by logits or hidden alone")
        if self._gradient is None:
            by = {} if wrt == "x" else {"wrt": wrt}
            return self.value_and_vjp(operation, x, cotangent, **by, **kwargs)[1]
        if operation != self.declared.operation:
            return _other(self)
        return self.answer(x, **kwargs, cotangent=cotangent)

    def answer(
        self,
        x: Array,
        labels: Array | None = None,
        *,
        matrix: Array | None = None,
        cotangent: Array | None = None,
        axis: int = -1,
        **options: Any,
    ) -> Array:
        """Call the function, or its gradient where there is a cotangent, with what it takes of the arguments.

        Raises:
            NotProvided: it is not declared to take them.
        """
        told, rank = self.declared, len(x.shape)
        if format_name(x) not in told.dtypes:
            raise NotProvided(f"{told.name} takes {', '.join(told.dtypes)}, not {format_name(x)}")
        if labels is not None and (form := _form(labels)) not in told.labels:
            raise NotProvided(f"{told.name} takes no {form} labels")
        if self.unjudged:
            interpreter.require_trusted(told.name, x, axis, options)
        given = self._options(rank, axis, options)
        arrays = [array for array in (x, matrix, labels, cotangent) if array is not None]
        if told.contiguous and not all(map(contiguous, arrays)):
            raise NotProvided(f"{told.name} takes contiguous arrays alone")
        function = self._gradient if cotangent is not None and self._gradient else self._function
        if not told.ranks or rank in told.ranks:
            return function(*arrays, **given)
        if rank == 1 and 2 in told.ranks and cotangent is None:  # a row alone, as the only one
            given |= {self._axis: -1} if self._axis else {}
            return function(*(array[None] for array in arrays), **given)[0]
        raise NotProvided(f"{told.name} takes {' or '.join(map(str, told.ranks))} axes, not {rank}")

    def _options(self, rank: int, axis: int, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments of a call; what the function lacks may not be asked of it."""
        given: dict[str, Any] = {}
        if self._axis:
            given[self._axis] = axis
        elif axis not in (-1, rank - 1):
            raise NotProvided(f"{self.declared.name} takes no axis")
        for name, value in options.items():
            if name in self._parameters and (value is not None or name == "reduction"):
                given[name] = value
            elif not (value is None or (isinstance(value, str | float) and value in ("none", 0.0))):
                raise NotProvided(f"{self.declared.name} takes no {name}")
        if "reduction" in self._parameters:
            given.setdefault("reduction", "none")
        return given


def _asked(self: _Function, x: Array, *labels: Array, **options: Any) -> Array:
    """Answer as the operation that is judged."""
    return self.answer(x, *labels, **options)


def _other(self: _Function, *arrays: Array, **options: Any) -> Array:
    """Answer as any other operation."""
    raise NotProvided(f"{self.declared.name} is judged as {self.declared.operation} alone")


def parameters(function: Callable[..., Any]) -> frozenset[str]:
    """Return the names of a function's parameters, none where it does not tell them."""
    try:
        return frozenset(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return frozenset()


def _form(labels: Array) -> str:
    return "probability" if "float" in format_name(labels) else "index"


def format_name(x: Array) -> str:
    """Return the name of an array's format as NumPy spells it."""
    return str(getattr(x.dtype, "name", x.dtype)).rpartition(".")[2]


def contiguous(x: Array) -> bool:
    """Return whether an array lies in memory in the order of its axes, as far as it tells."""
    if hasattr(x, "is_contiguous"):
        return bool(x.is_contiguous())
    return bool(x.flags.c_contiguous) if hasattr(x, "flags") else True
