"""Wrong in one mode alone: mapped over a batch, under automatic mixed precision, or compiled for any size."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from adapters.faulty.base import Faulty
from adapters.rows import Array


class VmapOverLastAxis(Faulty):
    """Under vmap every axis is the last: a textbook mistake, the batch's axis counted wrongly."""

    mapped = False

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        return self._during("mapped", partial(super().vmap, function), arrays)

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        return super()._forward(function, x, -1 if self.mapped else axis, *args)


class VmapForgetsOptions(Faulty):
    """Under vmap a loss is computed without its options: pytorch/pytorch#105736."""

    mapped = False

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        return self._during("mapped", partial(super().vmap, function), arrays)

    def softmax_cross_entropy(self, logits: Array, labels: Array, *, axis: int = -1, **options: Any) -> Array:
        kept = {"reduction": options.get("reduction", "none")} if self.mapped else options
        return super().softmax_cross_entropy(logits, labels, axis=axis, **kept)


class VmapUpstreamOfFirst(Faulty):
    """Under vmap every gradient is that of the first upstream gradient: a textbook mistake."""

    first: Array | None = None
    mapped = False

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        self.first = None
        return self._during("mapped", partial(super().vmap, function), arrays)

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        if self.mapped and self.first is None:
            self.first = cotangent
        upstream = cotangent if not self.mapped or self.first is None else self.first
        return super().vjp(operation, x, upstream, **kwargs)


class AutocastOverLastAxis(Faulty):
    """Under automatic mixed precision every axis is the last: a textbook mistake."""

    cast = False

    def autocast(self, function: Callable[..., Any], *arrays: Array) -> Any:
        return self._during("cast", function, arrays)

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        return super()._forward(function, x, -1 if self.cast else axis, *args)


class GraphOverLastAxis(Faulty):
    """In a graph for any size every axis is the last, as the one that is contiguous: cf. NVIDIA/Fuser#3019."""

    traced = False

    def dynamic(self, function: Callable[..., Any], *arrays: Array) -> Callable[..., Any]:
        return lambda *arrays: self._during("traced", function, arrays)

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        return super()._forward(function, x, -1 if self.traced else axis, *args)
