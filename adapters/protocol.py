"""The adapter protocol, and the guide to writing one.

An adapter says how one framework is called, and nothing else. It calls the framework's own public
functions: no upcasting, no masking, no clamping, no emulation. For what the framework lacks it raises
`NotProvided`, which the suite records as *absent*: neither a pass nor a failure.

To judge a new backend, write a class with the attributes and methods of `Adapter` (a plain class; there
is nothing to inherit from) and name it on the command line:

    python -m conformance --targets my_package.my_module:MyAdapter:cpu:eager

1. `__init__(device, mode)` imports the framework; raise `DeviceUnavailable` where the device is absent
   and `ValueError` for a mode that the framework does not have, listing those it has.
2. `asarray` and `to_numpy` move bits, never values: bfloat16 and float8 arrive and leave as `ml_dtypes`
   arrays. Where the framework has strides, `asarray` keeps those of the NumPy view it is given.
3. The mode belongs to the object: in a compiled mode every operation, derivative and `call` is compiled,
   as a whole, and never falls back to another mode silently. The same shapes are not compiled twice.
4. `dtypes` holds the formats in which its functions run; `features` the optional abilities, from
   `FEATURES`. An argument outside the features raises `NotProvided`; a wrong argument (an axis out of
   range, a label out of range) goes to the framework untouched, since the suite judges the framework's answer.
5. A method whose feature is not listed is never called and may be left out: `vjp` and `value_and_vjp`, `jvp`,
   `hvp`, `exp` and `log` ("elementary"), `vmap`, `autocast`, `deterministic`, `residual_bytes` ("residuals"),
   `dynamic`, `gumbel_noise`.
   `reverse_over_forward` goes with `hvp` and `jvp`, and may be left out by itself, as `value_and_vjp` may.
   "threads" has no method: it says that the CPU computes in several threads.
6. An operation beyond the three of `OPERATIONS`, such as `logsumexp`, is optional: it is a method of its name
   and a feature of its name. Where an adapter lacks either, the operation is recorded as absent.
7. An optional attribute `unjudged` maps the ids of requirements that are not to be judged to the reasons why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

OPERATIONS = ("softmax", "log_softmax", "softmax_cross_entropy")

FEATURES = frozenset(
    {
        "vjp",
        "jvp",
        "hvp",
        "index_labels",
        "probability_labels",
        "class_axis",
        "reduction",
        "class_weight",
        "ignore_index",
        "label_smoothing",
        "where",
        "elementary",
        "vmap",
        "autocast",
        "deterministic",
        "residuals",
        "dynamic",
        "threads",
        "logsumexp",
        "linear_cross_entropy",
        "kl_divergence",
        "focal_loss",
        "categorical",
        "gumbel_softmax",
        "gumbel_noise",
        "top_k",
    }
)

Array = Any  # a framework's own array type, which this module does not import


class NotProvided(Exception):
    """The framework has no such function, argument or derivative, and the check is recorded as absent."""


class NoAnswer(Exception):
    """The framework's process gave nothing that can be read, which is no refusal; the next call has a new one."""


class Died(NoAnswer):
    """The framework's process ended instead of answering; the message says how."""


class DeviceUnavailable(Exception):
    """The framework finds no such device on this machine."""


class Adapter(Protocol):
    """One framework on one device in one mode.

    Attributes:
        name: the adapter's name, "torch".
        version: the framework's own version string.
        device: "cpu" or "cuda".
        mode: "eager", "jit", "graph", "xla", "compiled".
        dtypes: the formats it holds on this device, by NumPy or ml_dtypes name.
        features: the optional abilities it has, of `FEATURES`.
    """

    name: str
    version: str
    device: str
    mode: str
    dtypes: frozenset[str]
    features: frozenset[str]

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None: ...

    def asarray(self, x: Any) -> Array:
        """Convert a NumPy array to a native array on the device, bit for bit."""

    def to_numpy(self, x: Array) -> Any:
        """Convert a native array to a NumPy array of the same format, bit for bit."""

    def synchronize(self, x: Array | tuple[Array, ...]) -> None:
        """Wait until `x` is computed, or every array of a tuple."""

    def softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Return exp(x) / Σ exp(x) along `axis`; the boolean `where` selects the entries that count."""

    def log_softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Return x − log Σ exp(x) along `axis`; `where` is as in `softmax`."""

    def softmax_cross_entropy(
        self,
        logits: Array,
        labels: Array,
        *,
        axis: int = -1,
        reduction: str = "none",
        weight: Array | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> Array:
        """Return −Σ_j q_j · log_softmax(logits)_j, one loss for each row.

        `labels` is an integer array without the class axis, or an array of the logits' shape and format
        that holds probabilities. `weight` has one entry for each class. `reduction` is "none", "sum" or "mean".
        """

    def logsumexp(self, x: Array, *, axis: int = -1) -> Array:
        """Return log Σ exp(x) along `axis`, without that axis."""

    def linear_cross_entropy(
        self,
        hidden: Array,
        matrix: Array,
        labels: Array,
        *,
        bias: Array | None = None,
        chunk: int | None = None,
        reduction: str = "none",
        weight: Array | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> Array:
        """Return the cross-entropy of hidden · matrixᵀ + bias, as one function that shows no logits.

        hidden is (r, d), `matrix` (n, d), `bias` (n,), `labels` (r,) of integers; the rest is as in
        `softmax_cross_entropy`. Where the caller sets how many rows, or classes, make a chunk, it is `chunk`.
        Its vjp is asked with `wrt` "x" (hidden), "matrix" and "bias".
        """

    def kl_divergence(self, x: Array, labels: Array, *, axis: int = -1) -> Array:
        """Return Σ_j p_j · (log p_j − log_softmax(x)_j), one number for each row; p are the `labels`."""

    def focal_loss(self, x: Array, labels: Array, *, axis: int = -1, gamma: float = 2.0) -> Array:
        """Return Σ_j −q_j (1 − p_j)^γ log p_j with p = softmax(x), one number a row; q are the `labels`."""

    def categorical(self, x: Array, *, count: int, seed: int) -> Array:
        """Return `count` classes drawn by softmax(x) for each row (…, n): integers (…, count)."""

    def gumbel_softmax(self, x: Array, *, seed: int, temperature: float = 1.0, hard: bool = False) -> Array:
        """Return softmax((x + noise) / temperature) of rows (…, n), its noise standard Gumbel's.

        With `hard`, the one-hot row of its largest entry, whose gradient is that of the soft sample.
        """

    def gumbel_noise(self, x: Array, *, seed: int) -> Array:
        """Return the noise that `gumbel_softmax` adds to `x` with this seed."""

    def top_k(self, x: Array, k: int, *, axis: int = -1) -> tuple[Array, Array]:
        """Return the k largest elements along `axis` in descending order, and their places.

        Its derivatives are those of the elements.
        """

    def vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        """Return the gradient of ⟨operation(x, **kwargs), cotangent⟩ with respect to `wrt`.

        `operation` is the name of an operation, `kwargs` its own keyword arguments (axis, labels, …), `wrt` is
        "x" or, for cross-entropy on probabilities, "labels", or an array of a linear cross-entropy.
        """

    def value_and_vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> tuple[Array, Array]:
        """Return operation(x, **kwargs) and its vjp with respect to x, computed as in one step of training."""

    def jvp(self, operation: str, x: Array, tangent: Array, **kwargs: Any) -> Array:
        """Return the derivative of operation(x, **kwargs) along `tangent`, in forward mode."""

    def hvp(
        self,
        operation: str,
        x: Array,
        cotangent: Array,
        tangent: Array,
        *,
        wrt: str = "x",
        **kwargs: Any,
    ) -> Array:
        """Return the gradient with respect to `wrt` of ⟨vjp(operation, x, cotangent), tangent⟩.

        With wrt="x" this is the derivative of the gradient along `tangent` (a Hessian-vector product); with
        wrt="labels" the mixed second derivative of a cross-entropy on probabilities.
        """

    def reverse_over_forward(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, **kwargs: Any
    ) -> Array:
        """Return the gradient of ⟨jvp(operation, x, tangent), cotangent⟩: `hvp` by the other order of modes."""

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays) in this mode, for compositions such as softmax(x * c)."""

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Map `function` over the first axis of every array with the framework's own vmap, in this mode."""

    def autocast(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays) in this mode under automatic mixed precision to the format of `arrays[0]`."""

    def deterministic(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays) in the framework's deterministic mode, and leave that mode as it was."""

    def dynamic(self, function: Callable[..., Any], *arrays: Array) -> Callable[..., Any]:
        """Return `function` compiled once, for arrays like `arrays` with axes of any size.

        Axes of `arrays` that have one size have one size together in every call.
        """

    def exp(self, x: Array) -> Array:
        """Return the framework's own exponential of each element."""

    def log(self, x: Array) -> Array:
        """Return the framework's own natural logarithm of each element."""

    def residual_bytes(self, operation: str, x: Array, **kwargs: Any) -> int:
        """Count the bytes that operation(x, **kwargs) keeps for the backward pass, outputs included."""
