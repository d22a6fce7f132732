"""Functions of functions that the adapters of several frameworks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.protocol import Array


def as_is(function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
    """Return `function` itself, in place of a compiler."""
    return function


def along(
    wrt: str, function: Callable[..., Any], x: Array, kwargs: dict[str, Any]
) -> tuple[Callable[[Array], Any], Array]:
    """Return `function` as a function of its argument `wrt` alone, and the value of that argument."""
    if wrt == "x":
        return lambda value: function(value, **kwargs), x
    return lambda value: function(x, **{**kwargs, wrt: value}), kwargs[wrt]
