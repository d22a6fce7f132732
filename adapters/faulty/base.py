"""The base of the gallery. In a class's head, `shift=lambda right, x: …` replaces the step `shift`.

The lambda is given the reference's own step and the arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from adapters.numpy import Adapter as Reference
from adapters.rows import Array


class Faulty(Reference):
    """The reference with some steps replaced, under the name of the class and in few formats, to be quick.

    `fused` says that a composition is being computed, `repeatable` that the deterministic mode is on.
    """

    fused = False
    repeatable = False

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """function(*arrays), during which `fused` is true."""
        return self._during("fused", function, arrays)

    def deterministic(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """function(*arrays), during which `repeatable` is true."""
        return self._during("repeatable", function, arrays)

    def _during(self, flag: str, function: Callable[..., Any], arrays: tuple[Array, ...]) -> Any:
        setattr(self, flag, True)
        try:
            return function(*arrays)
        finally:
            setattr(self, flag, False)

    def __init_subclass__(cls, dtypes: tuple[str, ...] = ("float16", "float32"), **steps: Any) -> None:
        """Replace `steps`: each is a function of the reference's own and of the arguments."""
        cls.name, cls.dtypes = cls.__name__, frozenset(dtypes)
        for name, wrong in steps.items():
            setattr(cls, name, _method(wrong, getattr(Reference, name)))


def _method(wrong: Callable[..., Any], right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: wrong(partial(right, self), *args, **kwargs)


def as_stored(x: Array) -> Array:
    """Return the memory behind `x` from its beginning on, in the shape of `x`."""
    return np.resize((x if x.base is None else x.base).ravel(order="K"), x.shape)


def zero_in(argument: str) -> Callable[..., Any]:
    """A derivative that is 0 in `argument`, and right in the other."""
    return lambda right, f, x, *v, wrt="x", **k: (
        np.zeros_like(x) if wrt == argument else right(f, x, *v, wrt=wrt, **k)
    )
