"""The arrays of a cell, from a seed, and the call that takes them: always as arguments, never as constants.

Several variants rotate, so that neither a compiler nor a cache can keep an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from adapters.frameworks import FRAMEWORKS
from adapters.protocol import Adapter, NotProvided
from benchmarks.timing.cells import SHAPES, Cell
from conformance.run.measure import provide

Array = NDArray[Any]
IGNORED = -100
PEAK = 10.0  # the peaked set is N(0, 1) times this
VARIANTS = 4
LARGE = 1 << 24  # bytes of logits from which two variants fill any cache


@dataclass(frozen=True)
class Inputs:
    """NumPy arrays of one call; what an operation does not take is None."""

    logits: Array
    labels: Array | None = None
    cotangent: Array | None = None

    @property
    def arrays(self) -> list[Array]:
        """Return the arrays that there are, in the order of a call."""
        return [array for array in (self.logits, self.labels, self.cotangent) if array is not None]


def variants(cell: Cell, device: str) -> int:
    """Return the number of variants that rotate."""
    return VARIANTS if cell.bytes(device) < LARGE else 2


@lru_cache(maxsize=4)
def normal(dims: tuple[int, ...], dtype: str, scale: float, seed: int) -> Array:
    """N(0, scale²) in a format."""
    drawn = np.random.default_rng(seed).standard_normal(dims, dtype=np.float32) * np.float32(scale)
    kept: Array = drawn.astype(named(dtype))
    return kept


@lru_cache(maxsize=VARIANTS)
def logits(dims: tuple[int, ...], dtype: str, scale: float, axis: int, variant: int) -> Array:
    """N(0, scale²), each variant moved along the classes by one more."""
    return np.roll(normal(dims, dtype, scale, 0), variant, axis=axis)


@lru_cache(maxsize=2)
def distribution(dims: tuple[int, ...], dtype: str, axis: int) -> Array:
    """Probabilities along `axis`: the softmax of N(0, 1)."""
    logits = normal(dims, "float32", 1.0, 1)
    exponentials = np.exp(logits)
    kept: Array = (exponentials / exponentials.sum(axis=axis, keepdims=True)).astype(named(dtype))
    return kept


def named(dtype: str) -> np.dtype[Any]:
    """The NumPy format of that name, ml_dtypes' among them."""
    return np.dtype(getattr(ml_dtypes, dtype, dtype))


def inputs(cell: Cell, device: str, framework: str, variant: int = 0) -> Inputs:
    """The arrays of one variant."""
    shape = SHAPES[cell.shape]
    dims, axis = shape.on(device), shape.axis % len(shape.dims)
    scale = PEAK if cell.data == "peaked" else 1.0
    rows = (*dims[:axis], *dims[axis + 1 :])
    labels = None
    if cell.form.name == "index":
        random = np.random.default_rng(2)
        labels = random.integers(0, shape.n, rows).astype(FRAMEWORKS[framework].labels(device))
        if cell.data == "ignored":
            labels[random.random(rows) < 0.3] = IGNORED
    elif cell.form.name == "probability":
        labels = distribution(dims, cell.format, axis)
    cotangent = None
    if cell.direction == "forward+backward":
        like = rows if cell.judged.per_row else dims
        cotangent = normal(like, cell.format, 1.0, 3)
    return Inputs(logits(dims, cell.format, scale, axis, variant), labels, cotangent)


def function(cell: Cell, adapter: Adapter) -> Callable[..., Any]:
    """The call of a cell as a function of its native arrays; forward + backward returns (value, gradient)."""
    shape = SHAPES[cell.shape]
    kwargs: dict[str, Any] = {"axis": shape.axis}
    operation = cell.judged.name
    if cell.data == "ignored":
        kwargs["ignore_index"] = IGNORED
    provide(adapter, operation)
    if cell.direction == "forward":
        return partial(getattr(adapter, operation), **kwargs)
    if "vjp" not in adapter.features:
        raise NotProvided(f"{adapter.name} has no automatic differentiation")
    both = adapter.value_and_vjp
    if cell.judged.labelled:
        return lambda x, labels, cotangent: both(operation, x, cotangent, labels=labels, **kwargs)
    return partial(both, operation, **kwargs)
