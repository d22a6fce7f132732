"""Functions that the adapters of several frameworks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.protocol import Array, NotProvided

AS_IF_LEFT_OUT = (("reduction", "none"), ("label_smoothing", 0))  # beside None, the default of the others


def refuse(functions: str, options: dict[str, Any]) -> None:
    """Raise NotProvided for an option of a cross-entropy, unless its value is the default."""
    for name, value in options.items():
        if value is not None and (name, value) not in AS_IF_LEFT_OUT:
            raise NotProvided(f"{functions} have no {name}")


def as_is(function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
    """Return `function` itself, in place of a compiler."""
    return function


def along(
    wrt: str, function: Callable[..., Any], x: Array, kwargs: dict[str, Any]
) -> tuple[Callable[[Array], Any], Array]:
    """Return `function` as a function of its argument `wrt` alone, and the value of that argument."""
    if wrt == "x":
        return lambda value: first(function(value, **kwargs)), x
    return lambda value: function(x, **{**kwargs, wrt: value}), kwargs[wrt]


def first(result: Any) -> Array:
    """Return `result`, or of several the first, which is what is differentiated."""
    return result[0] if isinstance(result, tuple | list) else result
