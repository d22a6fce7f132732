"""PyTorch: torch.nn.functional's (log_)softmax, (linear_)cross_entropy, kl_div; logsumexp, topk and torch.func.

Mode "compiled" is torch.compile of each operation, derivative and composition as one graph. A function
that cannot be compiled as one graph raises; nothing falls back to eager.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import ml_dtypes
import numpy as np
import torch
from torch.nn import functional

from adapters.frameworks import require_mode
from adapters.functions import along, as_is
from adapters.protocol import FEATURES, Array, DeviceUnavailable, NotProvided

# ml_dtypes' formats → (a NumPy format of the same width, the PyTorch format)
FOREIGN = {
    "bfloat16": (np.int16, torch.bfloat16),
    "float8_e4m3fn": (np.uint8, torch.float8_e4m3fn),
    "float8_e5m2": (np.uint8, torch.float8_e5m2),
}


class Adapter:
    """torch.nn.functional on the CPU or one CUDA device."""

    name = "torch"
    version: str = torch.__version__
    dtypes = frozenset({"float16", "bfloat16", "float32", "float64"})  # float8: storage only, no kernels
    features: frozenset[str]

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        """Raise ValueError for an unknown mode, DeviceUnavailable for an absent device."""
        require_mode("torch", mode)
        if device != "cpu" and (device != "cuda" or not torch.cuda.is_available()):
            raise DeviceUnavailable(f"no {device.upper()} device: PyTorch sees none")
        self.device = device
        self.mode = mode
        self.features = FEATURES - {"where", "focal_loss"} - ({"dynamic"} if mode == "eager" else set())
        if not hasattr(functional, "linear_cross_entropy"):  # until 2.12
            self.features -= {"linear_cross_entropy"}
        compiled = whole() if mode == "compiled" else as_is
        self._compiled = lru_cache(maxsize=64)(compiled)
        self._mapped = lru_cache(maxsize=64)(lambda function: compiled(torch.func.vmap(function)))
        self.exp = compiled(torch.exp)
        self.log = compiled(torch.log)
        self._softmax = compiled(functional.softmax)
        self._log_softmax = compiled(functional.log_softmax)
        self._logsumexp = compiled(torch.logsumexp)
        self._cross_entropy = compiled(functional.cross_entropy)
        self._linear_cross_entropy = compiled(getattr(functional, "linear_cross_entropy", as_is))
        self._kl_divergence = compiled(divergence)
        self._categorical = compiled(draws)
        self._gumbel_softmax = compiled(functional.gumbel_softmax)
        self._gumbel_noise = compiled(noise)
        self._top_k = compiled(torch.topk)
        self._vjp = compiled(self._plain_vjp)
        self._jvp = compiled(self._plain_jvp)
        self._hvp = compiled(self._plain_hvp)
        self._reverse_over_forward = compiled(self._plain_reverse_over_forward)

    def asarray(self, x: Any) -> Array:
        """Make a tensor over the same memory with the same strides, or a copy if a stride is negative."""
        storage, dtype = FOREIGN.get(x.dtype.name, (x.dtype, None))
        x = np.asarray(x).view(storage)
        if any(stride < 0 for stride in x.strides):
            x = x.copy()
        with warnings.catch_warnings():  # of read-only arrays, which from_dlpack of older releases refuses
            warnings.simplefilter("ignore")
            tensor = torch.from_numpy(x)
        tensor = tensor if dtype is None else tensor.view(dtype)
        return tensor if self.device == "cpu" else moved(tensor, self.device)

    def to_numpy(self, x: Array) -> Any:
        """Make an array over the same memory, or over a copy on the host."""
        name = str(x.dtype).removeprefix("torch.")
        if name in FOREIGN:
            x = x.view(torch.uint8 if x.itemsize == 1 else torch.int16)
        array = x.detach().cpu().numpy()
        return array.view(getattr(ml_dtypes, name)) if name in FOREIGN else array

    def synchronize(self, x: Array) -> None:
        """Wait for the CUDA device; on the CPU `x` is computed when it is returned."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Call torch.nn.functional.softmax."""
        if where is not None:
            raise NotProvided("torch.nn.functional.softmax has no where")
        return self._softmax(x, dim=axis)

    def log_softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Call torch.nn.functional.log_softmax."""
        if where is not None:
            raise NotProvided("torch.nn.functional.log_softmax has no where")
        return self._log_softmax(x, dim=axis)

    def logsumexp(self, x: Array, *, axis: int = -1) -> Array:
        """torch.logsumexp."""
        return self._logsumexp(x, dim=axis)

    def softmax_cross_entropy(
        self, logits: Array, labels: Array, *, axis: int = -1, reduction: str = "none", **options: Any
    ) -> Array:
        """Call torch.nn.functional.cross_entropy, whose class axis is 1, or 0 for a single row."""
        require_class_axis(logits, axis)
        given = {name: value for name, value in options.items() if value is not None}  # it takes no None
        return self._cross_entropy(logits, labels, reduction=reduction, **given)

    def linear_cross_entropy(
        self,
        hidden: Array,
        matrix: Array,
        labels: Array,
        *,
        bias: Array | None = None,
        chunk: int | None = None,
        reduction: str = "none",
        **options: Any,
    ) -> Array:
        """Call torch.nn.functional.linear_cross_entropy, which is chunked where `chunk` is given."""
        if chunk is not None:
            options["options"] = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=chunk, chunking_method=None)
        function = self._linear_cross_entropy
        return function(hidden, matrix, labels, linear_bias=bias, reduction=reduction, **options)

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        """Call torch.nn.functional.kl_div of log_softmax, and sum its terms along `axis`."""
        return self._kl_divergence(x, labels, axis)

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        """Sample torch.distributions.Categorical of logits."""
        torch.manual_seed(seed)
        return self._categorical(x, count)

    def gumbel_softmax(self, x: Array, *, seed: int, temperature: float = 1.0, hard: bool = False) -> Array:
        """Call torch.nn.functional.gumbel_softmax."""
        torch.manual_seed(seed)
        return self._gumbel_softmax(x, tau=temperature, hard=hard, dim=-1)

    def gumbel_noise(self, x: Array, *, seed: int) -> Array:
        """Draw the noise of torch.nn.functional.gumbel_softmax with its own generator."""
        torch.manual_seed(seed)
        return self._gumbel_noise(x)

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        """Call torch.topk."""
        values, places = self._top_k(x, k, dim=axis)
        return values, places

    def vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        """Call torch.func.vjp, or autograd for what is chunked or seeded, which torch.func does not take."""
        require(operation, x, **kwargs)
        if kwargs.get("chunk") is not None or "seed" in kwargs:
            return self.value_and_vjp(operation, x, cotangent, wrt=wrt, **kwargs)[1]
        return self._vjp(operation, x, cotangent, wrt=wrt, **kwargs)

    def value_and_vjp(
        self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any
    ) -> tuple[Array, Array]:
        """Record the operation with autograd, and call torch.autograd.grad."""
        require(operation, x, **kwargs)
        function, start = along(wrt, getattr(self, operation), x, kwargs)
        point = start.detach().requires_grad_()
        value = function(point)
        return value.detach(), torch.autograd.grad(value, point, cotangent)[0]

    def jvp(self, operation: str, x: Array, tangent: Array, **kwargs: Any) -> Array:
        """Call torch.func.jvp."""
        require(operation, x, **kwargs)
        return self._jvp(operation, x, tangent, **kwargs)

    def hvp(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, *, wrt: str = "x", **kwargs: Any
    ) -> Array:
        """Call torch.func.vjp of torch.func.vjp."""
        require(operation, x, **kwargs)
        return self._hvp(operation, x, cotangent, tangent, wrt=wrt, **kwargs)

    def reverse_over_forward(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, **kwargs: Any
    ) -> Array:
        """torch.func.vjp of torch.func.jvp."""
        require(operation, x, **kwargs)
        return self._reverse_over_forward(operation, x, cotangent, tangent, **kwargs)

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays), compiled whole in mode "compiled"."""
        return self._compiled(function)(*arrays)

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call torch.func.vmap of `function`, compiled whole in mode "compiled"."""
        return self._mapped(function)(*arrays)

    def autocast(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays) within torch.autocast to the format of `arrays[0]`."""
        with torch.autocast(self.device, dtype=arrays[0].dtype):
            return self.call(function, *arrays)

    def dynamic(self, function: Callable[..., Any], *arrays: Array) -> Callable[..., Any]:
        """torch.compile of `function` with dynamic=True."""
        compiled: Callable[..., Any] = torch.compile(function, fullgraph=True, dynamic=True)
        return compiled

    def deterministic(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays) with torch.use_deterministic_algorithms."""
        before = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(True)
        try:
            return self.call(function, *arrays)
        finally:
            torch.use_deterministic_algorithms(before)

    def residual_bytes(self, operation: str, x: Array, **kwargs: Any) -> int:
        """Count the bytes of the tensors that autograd saves, each storage once."""
        kept: dict[int, int] = {}

        def pack(saved: Array) -> Array:
            kept[saved.untyped_storage().data_ptr()] = saved.nbytes
            return saved

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved):
            value = getattr(self, operation)(x.detach().requires_grad_(), **kwargs)
        del value  # kept until here: the next storage could take the address of one that is freed
        return sum(kept.values())

    def _plain_vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        function, point = along(wrt, getattr(self, operation), x, kwargs)
        return torch.func.vjp(function, point)[1](cotangent)[0]

    def _plain_jvp(self, operation: str, x: Array, tangent: Array, **kwargs: Any) -> Array:
        function, point = along("x", getattr(self, operation), x, kwargs)
        return torch.func.jvp(function, (point,), (tangent,))[1]

    def _plain_hvp(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, *, wrt: str = "x", **kwargs: Any
    ) -> Array:
        def gradient(x: Array, **kwargs: Any) -> Array:
            return self._plain_vjp(operation, x, cotangent, **kwargs)

        function, point = along(wrt, gradient, x, kwargs)
        return torch.func.vjp(function, point)[1](tangent)[0]

    def _plain_reverse_over_forward(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, **kwargs: Any
    ) -> Array:
        function = partial(self._plain_jvp, operation, tangent=tangent, **kwargs)
        return torch.func.vjp(function, x)[1](cotangent)[0]


def whole() -> Callable[..., Any]:
    """Return torch.compile set up to compile a function as one graph, or to raise."""
    # By default, PyTorch stops compiling at the ninth shape of a function:
    # https://docs.pytorch.org/docs/stable/compile/programming_model.recompilation.html
    config = torch._dynamo.config  # these names are of PyTorch 2.6 and older; newer releases keep them as aliases
    config.cache_size_limit = 1_000_000
    config.accumulated_cache_size_limit = 1_000_000
    if hasattr(config, "fail_on_cache_limit_hit"):  # PyTorch 2.3 raises without it
        config.fail_on_cache_limit_hit = True
    # With dynamic=False, each shape is compiled by itself: no result depends on the shapes that came before.
    compiled: Callable[..., Callable[..., Any]] = partial(torch.compile, fullgraph=True, dynamic=False)

    def framed(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return compiled(function)
        except AssertionError:  # PyTorch 2.3 compiles its own functions only within another
            return compiled(lambda *args, **kwargs: function(*args, **kwargs))

    return framed


def divergence(x: Array, labels: Array, axis: int) -> Array:
    """Return the sum of torch.nn.functional.kl_div along an axis."""
    return functional.kl_div(functional.log_softmax(x, dim=axis), labels, reduction="none").sum(dim=axis)


def draws(x: Array, count: int) -> Array:
    """Return `count` samples of torch.distributions.Categorical along a new last axis."""
    return torch.distributions.Categorical(logits=x).sample((count,)).movedim(0, -1)


def noise(x: Array) -> Array:
    """Return what torch.nn.functional.gumbel_softmax adds to its logits."""
    return -torch.empty_like(x, memory_format=torch.legacy_contiguous_format).exponential_().log()


def require(operation: str, x: Array, *, axis: int = -1, where: Array | None = None, **_: Any) -> None:
    """Raise NotProvided before tracing begins: Dynamo would wrap the exception in its own."""
    if where is not None:
        raise NotProvided(f"torch.nn.functional.{operation} has no where")
    if operation == "softmax_cross_entropy":
        require_class_axis(x, axis)


def require_class_axis(logits: Array, axis: int) -> None:
    """Raise NotProvided when `axis` exists but is not cross_entropy's class axis."""
    ndim = logits.ndim
    if -ndim <= axis < ndim and axis % ndim != min(1, ndim - 1):
        raise NotProvided(f"torch.nn.functional.cross_entropy has its class axis at 1, not at {axis}")


def moved(tensor: Array, device: str) -> Array:
    """Copy `tensor` onto `device` with its strides, which Tensor.to keeps only when they leave no gaps."""
    storage = tensor.as_strided((tensor.untyped_storage().nbytes() // tensor.itemsize,), (1,), 0)
    return storage.to(device, copy=True).as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
