"""The reference: softmax, log_softmax, logsumexp and losses in plain NumPy.

NumPy has none of them, so this module is not thin: it is the implementation that meets every requirement,
which proves that they can be met together. It computes formats below float32 in float32 and rounds once, adds
along the last axis with NumPy's pairwise sum, and uses log1p for results near zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adapters import linear, losses, sampling, selection
from adapters.frameworks import require_mode
from adapters.protocol import FEATURES, DeviceUnavailable
from adapters.rows import Array, Linearised, Terms, back, hidden, is_floating, labelled, last, selected

REDUCTIONS = ("none", "sum", "mean")
OWN: dict[str, Callable[..., Array]] = {part.NAME: part.gradient for part in (linear, sampling, selection)}


class Adapter:
    """Plain NumPy on the CPU, with every feature of the protocol except threads."""

    name = "numpy"
    version = np.__version__
    dtypes = frozenset({"float8_e4m3fn", "float8_e5m2", "float16", "bfloat16", "float32", "float64"})
    features = FEATURES - {"threads"}

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        """Raise ValueError for an unknown mode, DeviceUnavailable for an absent device."""
        if device != "cpu":
            raise DeviceUnavailable(f"NumPy computes on the CPU; it has no device {device!r}")
        require_mode("numpy", mode)
        self.device = device
        self.mode = mode

    def asarray(self, x: Any) -> Array:
        """Return the array itself."""
        return np.asarray(x)

    def to_numpy(self, x: Any) -> Array:
        """Return the array itself."""
        return np.asarray(x)

    def synchronize(self, x: Any) -> None:
        """Do nothing: NumPy returns `x` computed."""

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays)."""
        return function(*arrays)

    def vmap(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call `function` on each row, and stack the results."""
        return np.stack([function(*rows) for rows in zip(*arrays, strict=True)])

    def autocast(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays), which computes in float32 without autocast too."""
        return function(*arrays)

    def deterministic(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays), which is always deterministic."""
        return function(*arrays)

    def dynamic(self, function: Callable[..., Any], *arrays: Array) -> Callable[..., Any]:
        """Return `function`, which is not compiled."""
        return function

    def exp(self, x: Array) -> Array:
        """Return the exponential of the softmax, rounded to the format of `x`."""
        with np.errstate(all="ignore"):
            return self.finish(self.exponential(self.working(x)), x)

    def log(self, x: Array) -> Array:
        """Return np.log in the working format, rounded to the format of `x`."""
        with np.errstate(all="ignore"):
            return self.finish(self.logarithm(self.working(x)), x)

    def residual_bytes(self, operation: str, x: Array, **kwargs: Any) -> int:
        """Return the size of the logits: every derivative is computed from them alone."""
        return int(x.nbytes)

    # Each step is a method of its own, so that a gallery class can override one of them with a fault.

    def working(self, x: Array) -> Array:
        """Return `x` in the format of the computation: float32 for narrower formats, its own for wider ones."""
        if not is_floating(x):
            raise TypeError(f"logits are floating point; got {x.dtype}")
        return x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)

    def finish(self, value: Array, x: Array) -> Array:
        """Round `value` once, to the format of the logits."""
        return value.astype(x.dtype)

    def shift(self, x: Array) -> Array:
        """Return each row's maximum, which is subtracted from the row. An infinite one makes the row NaN."""
        peak: Array = np.max(x, axis=-1, keepdims=True, initial=-np.inf)
        return peak

    def exponential(self, gap: Array) -> Array:
        """Return exp of each element."""
        return np.exp(gap)

    def logarithm(self, values: Array) -> Array:
        """Return the natural logarithm of each element."""
        return np.log(values)

    def total(self, values: Array) -> Array:
        """Return the pairwise sum along the last axis."""
        total: Array = np.sum(np.ascontiguousarray(values), axis=-1, keepdims=True)
        return total

    def terms(self, x: Array) -> Terms:
        """Return gaps, exponentials and their sum minus the 1 of the maximum, for rows (…, n)."""
        gap = x - self.shift(x)
        exponentials = self.exponential(gap)
        peak = np.zeros(x.shape, bool)
        if x.shape[-1]:
            np.put_along_axis(peak, np.argmax(x, axis=-1, keepdims=True), True, axis=-1)
        at_peak = self.total(np.where(peak, exponentials, 0))
        rest = self.total(np.where(peak, 0, exponentials)) + (at_peak - 1)
        return Terms(gap, exponentials, rest)

    def probabilities(self, x: Array) -> Array:
        """Return the softmax of the rows in the working format."""
        terms = self.terms(x)
        quotients: Array = terms.exponentials / (1 + terms.rest)
        return quotients

    def log_probabilities(self, x: Array) -> Array:
        """Return the rows' log-probabilities as gap − log1p(rest), which is accurate near zero."""
        terms = self.terms(x)
        return terms.gap - np.log1p(terms.rest)

    def log_sums(self, x: Array) -> Array:
        """Return each row's log-sum-exp as max + log1p(rest), or the maximum where it is infinite."""
        peak = self.shift(x)
        sums: Array = np.where(np.isinf(peak), peak, peak + np.log1p(self.terms(x).rest))
        return sums[..., 0]

    def softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Return exp(x) / Σ exp(x) along `axis`; entries outside `where` are 0."""
        return self._forward(self.probabilities, x, axis, where, 0.0)

    def log_softmax(self, x: Array, *, axis: int = -1, where: Array | None = None) -> Array:
        """Return x − log Σ exp(x) along `axis`; entries outside `where` are −inf."""
        return self._forward(self.log_probabilities, x, axis, where, -np.inf)

    def _forward(
        self, function: Callable[[Array], Array], x: Array, axis: int, where: Array | None, masked: float
    ) -> Array:
        shown = selected(where, x, axis)
        rows = hidden(last(self.working(x), axis), shown, -np.inf)
        with np.errstate(all="ignore"):
            return self.finish(back(hidden(function(rows), shown, masked), axis), x)

    def logsumexp(self, x: Array, *, axis: int = -1) -> Array:
        """Return log Σ exp(x) along `axis`; it is −inf for rows of −inf alone and for empty rows."""
        rows = last(self.working(x), axis)
        with np.errstate(all="ignore"):
            return self.finish(self.log_sums(rows), x)

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
        """Return −Σ_j q_j · log_softmax(logits)_j, where q is the target distribution of `target`."""
        rows = last(self.working(logits), axis)
        with np.errstate(all="ignore"):
            target = self.target(rows, labels, axis, weight, ignore_index, label_smoothing)
            losses = self.losses(rows, target)
            loss = self.reduce(losses, self.share(rows, labels, reduction, weight, ignore_index))
            return self.finish(loss, logits)

    linear_cross_entropy = linear.loss
    kl_divergence, focal_loss, others = losses.kl_divergence, losses.focal_loss, losses.others
    checked = losses.checked
    categorical, gumbel_softmax = sampling.categorical, sampling.gumbel_softmax
    gumbel_noise, noisy = sampling.gumbel_noise, sampling.noisy
    top_k, ranking = selection.top_k, selection.ranking

    def logits(self, hidden: Array, matrix: Array, bias: Array | None = None) -> Array:
        """Return hidden · matrixᵀ + bias in the working format."""
        return self.product(hidden, matrix, 0 if bias is None else bias)

    def product(self, a: Array, b: Array, more: Array | int = 0) -> Array:
        """Return a · bᵀ and `more` in the working format, added up in float32 or wider."""
        working = self.working(a[:0]).dtype
        wide = np.promote_types(working, np.float32)
        sums: Array = a.astype(wide) @ b.astype(wide).T + np.asarray(more).astype(wide)
        return sums.astype(working)

    def losses(self, rows: Array, target: Array) -> Array:
        """Return one loss for each row; a zero label adds nothing, even where the log-probability is −inf."""
        log_probabilities = self.log_probabilities(rows)
        bad = np.isnan(log_probabilities).any(axis=-1) & (target != 0).any(axis=-1)
        products = np.where(target == 0, 0, target * log_probabilities)
        return np.where(bad, rows.dtype.type(np.nan), 0 - self.total(products)[..., 0])

    def target(
        self,
        rows: Array,
        labels: Array,
        axis: int = -1,
        weight: Array | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> Array:
        """Return q_j = w_j · ((1 − ε) · label_j + ε/n) for each logit; an ignored row is all zero."""
        n = rows.shape[-1]
        if is_floating(labels):
            q = last(labels, axis).astype(rows.dtype)
            if q.shape != rows.shape:
                raise ValueError(f"labels {q.shape} do not match logits {rows.shape}")
            counted = np.ones(rows.shape[:-1], bool)
        else:
            labels = self.checked(labels, rows, ignore_index)
            counted = np.ones(labels.shape, bool) if ignore_index is None else labels != ignore_index
            q = np.zeros(rows.shape, rows.dtype)
            if n:
                np.put_along_axis(q, np.where(counted, labels, 0)[..., None], 1, axis=-1)
        if label_smoothing:
            q = self.smoothed(q, label_smoothing)
        if weight is not None:
            q = q * weight.astype(rows.dtype)
        return np.where(counted[..., None], q, 0)

    def smoothed(self, q: Array, smoothing: float) -> Array:
        """Return the labels with a share of `smoothing` spread evenly over all classes."""
        mixed: Array = q * (1 - smoothing) + smoothing / q.shape[-1]
        return mixed.astype(q.dtype)

    def share(
        self,
        rows: Array,
        labels: Array,
        reduction: str,
        weight: Array | None,
        ignore_index: int | None,
    ) -> float | None:
        """Return the factor by which the sum of the losses is multiplied; None for no reduction.

        A mean over index labels divides by the summed weights of the rows that count. A mean over probabilities
        divides by the number of rows.
        """
        if reduction not in REDUCTIONS:
            raise ValueError(f"unknown reduction {reduction!r}: choose one of {', '.join(REDUCTIONS)}")
        if reduction != "mean":
            return 1.0 if reduction == "sum" else None
        if is_floating(labels):
            return float(np.float64(1) / np.prod(rows.shape[:-1]))
        counted = labels[labels != ignore_index] if ignore_index is not None else labels.ravel()
        weights = np.ones(counted.shape) if weight is None else weight.astype(np.float64)[counted]
        return float(np.float64(1) / np.sum(weights))

    def reduce(self, losses: Array, share: float | None) -> Array:
        """Return the losses, or `share` times their float64 sum."""
        if share is None:
            return losses
        return np.asarray(np.sum(losses, dtype=np.float64) * share)

    # Derivatives are analytic, from the probabilities.

    def vjp(self, operation: str, x: Array, cotangent: Array, *, wrt: str = "x", **kwargs: Any) -> Array:
        """Return the gradient of ⟨operation(x), cotangent⟩ with respect to x, or to the labels."""
        with np.errstate(all="ignore"):
            if own := OWN.get(operation):
                return own(self, x, cotangent, wrt=wrt, **kwargs)
            at = self._linearised(operation, x, cotangent, kwargs)
            g, c = at.g, at.vector
            if wrt == "labels":
                slope = -self.log_probabilities(last(self.working(x), at.axis))
                return self._label_gradient(slope, c, x, at.axis, kwargs)
            if operation == "softmax":
                return self._give(self.jacobian(g, c), at, x)
            if operation == "log_softmax":
                return self._give(c - g * self.total(c), at, x)
            if operation == "logsumexp":
                return self._give(g * c, at, x)
            return self._give(c * self.residual(g, at.q), at, x)

    def value_and_vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> tuple[Array, Array]:
        """Compute one after the other, and the quantities they share twice."""
        return getattr(self, operation)(x, **kwargs), self.vjp(operation, x, cotangent, **kwargs)

    def jvp(self, operation: str, x: Array, tangent: Array, **kwargs: Any) -> Array:
        """Return the derivative of operation(x) along `tangent`."""
        if operation == selection.NAME:
            return selection.tangent(self, x, tangent, **kwargs)
        with np.errstate(all="ignore"):
            at = self._linearised(operation, x, tangent, kwargs, tangent=True)
            g, t = at.g, at.vector
            if operation == "softmax":
                return self._give(self.jacobian(g, t), at, x)
            if operation == "log_softmax":
                return self._give(t - self.total(g * t), at, x)
            if operation == "logsumexp":
                return self.finish(self.total(g * t)[..., 0], x)
            losses = self.total(self.residual(g, at.q) * t)[..., 0]
            return self.finish(self.reduce(losses, self._share(x, at.axis, kwargs)), x)

    def hvp(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, *, wrt: str = "x", **kwargs: Any
    ) -> Array:
        """Return the gradient with respect to `wrt` of ⟨vjp(operation, x, cotangent), tangent⟩."""
        with np.errstate(all="ignore"):
            at = self._linearised(operation, x, cotangent, kwargs)
            g, c = at.g, at.vector
            t = hidden(last(self.working(tangent), at.axis), at.shown)
            if wrt == "labels":
                return self._label_gradient(self.total(g * t) - t, c, x, at.axis, kwargs)
            step = self.jacobian(g, t)
            if operation == "softmax":
                curved = step * (c - self.total(g * c)) - g * self.total(step * c)
            elif operation == "log_softmax":
                curved = -step * self.total(c)
            elif operation == "logsumexp":
                curved = step * c
            else:
                curved = losses.curved(self, operation, step, c, at.q)
            return self._give(curved, at, x)

    def reverse_over_forward(
        self, operation: str, x: Array, cotangent: Array, tangent: Array, **kwargs: Any
    ) -> Array:
        """Return what `hvp` does: of the analytic second derivative there is one order."""
        return self.hvp(operation, x, cotangent, tangent, **kwargs)

    def jacobian(self, g: Array, v: Array) -> Array:
        """Return (diag g − g gᵀ) v for each row."""
        product: Array = g * (v - self.total(g * v))
        return product

    def residual(self, g: Array, q: Array) -> Array:
        """Return the gradient of a row's loss, g · Σ q − q; it is 0 in an ignored row, even for NaN logits."""
        return np.where(labelled(q), g * self.total(q) - q, 0)

    def _label_gradient(self, slope: Array, c: Array, x: Array, axis: int, kwargs: dict[str, Any]) -> Array:
        scale = slope.dtype.type(1 - kwargs.get("label_smoothing", 0.0))
        weight = kwargs.get("weight")
        weighted = slope if weight is None else slope * weight.astype(slope.dtype)
        return self.finish(back(c * scale * weighted, axis), x)

    def _share(self, x: Array, axis: int, kwargs: dict[str, Any]) -> float | None:
        options = kwargs.get("reduction", "none"), kwargs.get("weight"), kwargs.get("ignore_index")
        return self.share(last(x, axis), kwargs["labels"], *options)

    def _linearised(
        self, operation: str, x: Array, vector: Array, kwargs: dict[str, Any], tangent: bool = False
    ) -> Linearised:
        axis = kwargs.get("axis", -1)
        rows = last(self.working(x), axis)
        v = self.working(vector)
        if operation in ("softmax", "log_softmax"):
            shown = selected(kwargs.get("where"), x, axis)
            g = self.probabilities(hidden(rows, shown, -np.inf))
            return Linearised(g, hidden(last(v, axis), shown), g, axis, shown)
        g = self.probabilities(rows)
        if operation == "logsumexp":
            return Linearised(g, last(v, axis) if tangent else v[..., None], g, axis)
        options = {name: value for name, value in kwargs.items() if name != "reduction"}
        q = losses.targets(self, operation, rows, **options)
        if tangent:
            return Linearised(g, last(v, axis), q, axis)
        share = self._share(x, axis, kwargs)
        upstream = v[..., None] if share is None else np.full((*rows.shape[:-1], 1), v * share, rows.dtype)
        # The gradient of an ignored row is 0 for every cotangent, NaN included.
        return Linearised(g, np.where(labelled(q), upstream, 0), q, axis)

    def _give(self, rows: Array, at: Linearised, x: Array) -> Array:
        """Give a derivative the shape of the logits, with 0 outside `where`."""
        return self.finish(back(hidden(rows, at.shown), at.axis), x)
