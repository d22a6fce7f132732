"""Liger Kernel: liger_softmax and liger_(fused_linear_)cross_entropy, Triton kernels on tensors of PyTorch.

On the CPU they run in Triton's interpreter. Their derivatives are autograd's: torch.func takes none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch

from adapters import interpreter
from adapters.frameworks import require_mode
from adapters.functions import along
from adapters.protocol import Array, NotProvided
from adapters.torch import Adapter as Tensors
from adapters.torch import moved


class Adapter:
    """liger_kernel.transformers.functional on the CPU or one CUDA device."""

    name = "liger"
    dtypes = frozenset({"float16", "bfloat16", "float32"})  # those of its own tests and of torch_to_triton_dtype
    features = frozenset(
        {"index_labels", "reduction", "class_weight", "ignore_index", "label_smoothing", "vjp"}
        | {"linear_cross_entropy"}
    )

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        """Raise ValueError for an unknown mode or a second device, DeviceUnavailable for an absent device."""
        require_mode("liger", mode)
        tensors = Tensors(device)
        self._interpreted = interpreter.choose(device)
        from liger_kernel.transformers import functional

        self.version = version("liger-kernel")
        self.device, self.mode = device, mode
        self.unjudged = interpreter.UNTRUSTED["requirements"] if self._interpreted else {}
        self.to_numpy, self.synchronize = tensors.to_numpy, tensors.synchronize
        self._tensor = tensors.asarray
        self._softmax, self._loss = functional.liger_softmax, functional.liger_cross_entropy
        self._linear_loss = functional.liger_fused_linear_cross_entropy

    def asarray(self, x: Any) -> Array:
        """Make a tensor of memory of its own: the loss writes its gradient into the logits."""
        return moved(self._tensor(x), self.device)

    def softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Call liger_softmax."""
        self._require("liger_softmax", x, axis, {"where": where})
        return self._softmax(x)

    def log_softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Raise NotProvided."""
        raise NotProvided("Liger has no log_softmax")

    def softmax_cross_entropy(self, logits: Array, labels: Array, *, axis: int = -1, **options: Any) -> Array:
        """Call liger_cross_entropy, which takes logits of two axes."""
        self._require("liger_cross_entropy", logits, axis, options)
        if labels.dtype.is_floating_point or logits.ndim != 2:
            raise NotProvided("liger_cross_entropy takes indices, and logits of two axes")
        given = {name: value for name, value in options.items() if value is not None}  # it takes no None
        return self._loss(logits, labels, **{"reduction": "none", **given})

    def linear_cross_entropy(self, hidden: Array, matrix: Array, labels: Array, **options: Any) -> Array:
        """Call liger_fused_linear_cross_entropy, which computes gradients of arrays that require one, at once."""
        self._require("liger_fused_linear_cross_entropy", hidden, -1, options)
        if options.get("chunk") is not None:
            raise NotProvided("liger_fused_linear_cross_entropy sets the number of rows in a chunk itself")
        given = {name: value for name, value in options.items() if value is not None}
        weight = {"ce_weight": given.pop("weight")} if "weight" in given else {}
        return self._linear_loss(hidden, matrix, labels, **{"reduction": "none", **given, **weight})

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        """Call torch.autograd.grad."""
        return self.value_and_vjp(operation, x, cotangent, **kwargs)[1]

    def value_and_vjp(
        self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any
    ) -> tuple[Array, Array]:
        """Record the operation with autograd, and call torch.autograd.grad."""
        function, start = along(wrt, getattr(self, operation), x, kwargs)
        point = start.detach().requires_grad_()
        value = function(point)
        return value.detach(), torch.autograd.grad(value, point, cotangent)[0]

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays)."""
        return function(*arrays)

    def _require(self, function: str, x: Array, axis: int, options: dict[str, Any]) -> None:
        if axis not in (-1, x.ndim - 1) or options.get("where") is not None:
            raise NotProvided(f"{function} has the last axis alone, and no where")
        if self._interpreted:
            interpreter.require_trusted(self.name, x, axis, options)
