"""Wrong in one mode alone: mapped over a batch, under automatic mixed precision, or compiled for any size."""

# ruff: noqa: D102
# (a method here has nothing to say that its class's docstring does not)

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from adapters.faulty.base import Faulty
from adapters.numpy import Adapter as _Reference
from adapters.rows import Array, Linearised


class _OverLastAxis(_Reference):
    """softmax and log_softmax, and their derivatives, along the last axis while `flat` is true."""

    flat = False

    def _forward(self, function: Any, x: Array, axis: int, *args: Any) -> Array:
        return super()._forward(function, x, -1 if self.flat else axis, *args)

    def _linearised(
        self, operation: str, x: Array, vector: Array, kwargs: Any, tangent: bool = False
    ) -> Linearised:
        if self.flat and operation in ("softmax", "log_softmax"):
            kwargs = kwargs | {"axis": -1}
        return super()._linearised(operation, x, vector, kwargs, tangent)


class VmapOverLastAxis(_OverLastAxis, Faulty):
    """Under vmap every axis is the last: a textbook mistake, the batch's axis counted wrongly."""

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        return self._during("flat", partial(super().vmap, function), arrays)


class VmapForgetsOptions(Faulty):
    """Under vmap a loss is computed without weights and smoothing: pytorch/pytorch#105736."""

    mapped = False

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        return self._during("mapped", partial(super().vmap, function), arrays)

    def softmax_cross_entropy(self, logits: Array, labels: Array, **options: Any) -> Array:
        return super().softmax_cross_entropy(logits, labels, **self._kept(options))

    def _linearised(
        self, operation: str, x: Array, vector: Array, kwargs: Any, tangent: bool = False
    ) -> Linearised:
        return super()._linearised(operation, x, vector, self._kept(kwargs), tangent)

    def _kept(self, options: dict[str, Any]) -> dict[str, Any]:
        forgotten = ("weight", "label_smoothing") if self.mapped else ()
        return {name: value for name, value in options.items() if name not in forgotten}


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


class AutocastOverLastAxis(_OverLastAxis, Faulty):
    """Under automatic mixed precision every axis is the last: a textbook mistake."""

    def autocast(self, function: Callable[..., Any], *arrays: Array) -> Any:
        return self._during("flat", function, arrays)


class GraphOverLastAxis(_OverLastAxis, Faulty):
    """In a graph for any size every axis is the last, as the one that is contiguous: cf. NVIDIA/Fuser#3019."""

    def dynamic(self, function: Callable[..., Any], *arrays: Array) -> Callable[..., Any]:
        return lambda *arrays: self._during("flat", function, arrays)
