"""Faults drawn at random: the reference, wrong in one way where a call has two levels at once.

`adapters.faulty.random:Fault17` is the fault that the seed 17 draws. Some draws are no fault, as where no legal
call has both levels; `reports.power` tells them apart.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from adapters.faulty.random.asked import Asked
from adapters.faulty.random.levels import LEVELS, drawn, level
from adapters.faulty.random.wrongs import NEEDS, WRONGS, changed
from adapters.numpy import Adapter
from adapters.rows import Array


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is None as if left out; an axis of None is another call."""
    return {name: value for name, value in arguments.items() if value is not None or name == "axis"}


class Watched(Adapter):
    """The reference; each of its results passes `give`, which has the call and the result of the one before it.

    The call before is the last one of the same method, operation, format and shape.
    """

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        super().__init__(device, mode)
        self.right = Adapter(device, mode)
        self.kept: dict[tuple[Any, ...], Any] = {}

    def give(self, asked: Asked, right: Any, before: Any) -> Any:
        """Return the right result."""
        return right

    def _watch(self, method: str, operation: str, **given: Any) -> Any:
        asked = Asked(method, operation, _given(given))
        right = asked.answer(self.right)
        last = right[-1] if isinstance(right, tuple) else right
        key = (method, operation, last.shape, last.dtype.name)
        before, self.kept[key] = self.kept.get(key, right), right
        return self.give(asked, right, before)

    def softmax(self, x: Array, **kwargs: Any) -> Any:  # noqa: D102
        return self._watch("softmax", "softmax", x=x, **kwargs)

    def log_softmax(self, x: Array, **kwargs: Any) -> Any:  # noqa: D102
        return self._watch("log_softmax", "log_softmax", x=x, **kwargs)

    def logsumexp(self, x: Array, **kwargs: Any) -> Any:  # noqa: D102
        return self._watch("logsumexp", "logsumexp", x=x, **kwargs)

    def softmax_cross_entropy(self, logits: Array, labels: Array, **kwargs: Any) -> Any:  # noqa: D102
        return self._watch("softmax_cross_entropy", "softmax_cross_entropy", x=logits, labels=labels, **kwargs)

    def kl_divergence(self, x: Array, labels: Array, **kwargs: Any) -> Any:  # noqa: D102
        return self._watch("kl_divergence", "kl_divergence", x=x, labels=labels, **kwargs)

    def focal_loss(self, x: Array, labels: Array, **kwargs: Any) -> Any:  # noqa: D102
        return self._watch("focal_loss", "focal_loss", x=x, labels=labels, **kwargs)

    def top_k(self, x: Array, k: int, **kwargs: Any) -> Any:  # noqa: D102
        return self._watch("top_k", "top_k", x=x, k=k, **kwargs)

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Any:  # noqa: D102
        return self._watch("vjp", operation, x=x, cotangent=cotangent, **kwargs)

    def value_and_vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Any:  # noqa: D102
        return self._watch("value_and_vjp", operation, x=x, cotangent=cotangent, **kwargs)

    def jvp(self, operation: str, x: Array, tangent: Array, **kwargs: Any) -> Any:  # noqa: D102
        return self._watch("jvp", operation, x=x, tangent=tangent, **kwargs)

    def hvp(self, operation: str, x: Array, cotangent: Array, tangent: Array, **kwargs: Any) -> Any:  # noqa: D102
        return self._watch("hvp", operation, x=x, cotangent=cotangent, tangent=tangent, **kwargs)

    def reverse_over_forward(  # noqa: D102
        self, operation: str, x: Array, cotangent: Array, tangent: Array, **kwargs: Any
    ) -> Any:
        return self._watch("reverse_over_forward", operation, x=x, cotangent=cotangent, tangent=tangent, **kwargs)


class Fault(Watched):
    """The fault that `seed` draws: two levels of different factors, and what is wrong where a call has both.

    Where it needs an argument, as one to forget or to misread, that argument's level is one of the two. Of every
    other seed the second is the operation.
    """

    seed = 0

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        super().__init__(device, mode)
        draw = np.random.default_rng(self.seed)
        self.wrong, self.part = str(draw.choice(WRONGS)), int(draw.integers(2))
        needed, among = NEEDS.get(self.wrong, ("", ()))
        first = needed or str(draw.choice([*LEVELS]))
        second = str(draw.choice([factor for factor in LEVELS if factor != first]))
        if self.seed % 2 and first != "operation":
            second = "operation"
        levels = among or LEVELS[first], LEVELS[second]
        self.where = frozenset(zip((first, second), (str(draw.choice(names)) for names in levels), strict=True))
        self.name = f"Fault{self.seed}"

    def give(self, asked: Asked, right: Any, before: Any) -> Any:
        """Return the wrong result where the call has both levels."""
        if drawn(asked) and all(level(asked, factor) == name for factor, name in self.where):
            return changed(self.wrong, self.part, asked, right, before, self.right)
        return right

    def __str__(self) -> str:
        """Return the fault in words."""
        levels = (f"{factor} {name}".removeprefix("layout of ") for factor, name in sorted(self.where))
        return f"{self.wrong}, where {' and '.join(levels)}"


def of_seed(seed: int) -> type[Fault]:
    """Return the class of the fault that `seed` draws."""
    return type(f"Fault{seed}", (Fault,), {"seed": seed})


def __getattr__(name: str) -> type[Fault]:
    found = re.fullmatch(r"Fault(\d+)", name)
    if not found:
        raise AttributeError(name)
    return of_seed(int(found[1]))
