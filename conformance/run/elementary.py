"""How accurate a target's own exponential and logarithm are: E and L of the bounds, measured.

Every finite argument of a 16-bit or 8-bit format that the result is normal for; a fixed sample of a wider
format's. The functions inside a fused kernel need not be these, so a bound takes no less than its default for
them; and no more than LIMIT, past which the function itself is at fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from adapters.protocol import Adapter
from conformance.truth.arithmetic import EXPONENTIAL, LOGARITHM
from conformance.truth.formats import Floats, Format, exact, format_of, round_to

LIMIT = 6.0  # unit roundoffs: 3 ulps, OpenCL C 3.0, 7.4, for exp and log alike
SAMPLES = 4096
LARGEST_SUM = 2.0**17  # of the rows that are judged


@dataclass(frozen=True)
class Errors:
    """Worst relative errors in unit roundoffs of a format."""

    exponential: float = EXPONENTIAL
    logarithm: float = LOGARITHM

    @property
    def granted(self) -> Errors:
        """What the bounds take for E and L."""
        return Errors(_granted(self.exponential, EXPONENTIAL), _granted(self.logarithm, LOGARITHM))


def _granted(measured: float, default: float) -> float:
    return max(measured, default) if measured <= LIMIT else default


def measure(adapter: Adapter, dtype: str) -> Errors:
    """E and L of `adapter` in format `dtype`."""
    fmt = format_of(dtype)
    return Errors(
        worst(adapter, "exp", gaps(fmt), fmt),
        worst(adapter, "log", sums(fmt), fmt),
    )


def gaps(fmt: Format) -> NDArray[Any]:
    """What softmax takes the exponential of: x − max ≤ 0, where the result is a normal number."""
    lowest = float(np.log(fmt.smallest_normal))
    if fmt.precision < 24:
        return _every(fmt, lowest, 0.0)
    random = np.random.default_rng(0)
    spread = np.concatenate(
        [random.uniform(lowest, 0, SAMPLES // 2), -(2.0 ** random.uniform(-24, 6, SAMPLES // 2))]
    )
    return round_to(np.maximum(spread, lowest), fmt.name)


def sums(fmt: Format) -> NDArray[Any]:
    """What log_softmax takes the logarithm of: a sum of exponentials, from 1 on."""
    highest = min(LARGEST_SUM, fmt.largest)
    if fmt.precision < 24:
        return _every(fmt, 1.0, highest)
    random = np.random.default_rng(1)
    near, far = 1 + 2.0 ** random.uniform(-20, 0, SAMPLES // 2), 2.0 ** random.uniform(0, 17, SAMPLES // 2)
    return round_to(np.concatenate([near, far]), fmt.name)


def _every(fmt: Format, low: float, high: float) -> NDArray[Any]:
    width = fmt.dtype.itemsize
    values = np.arange(2 ** (8 * width), dtype=f"u{width}").view(fmt.dtype)
    wide = exact(values)
    return values[(wide >= low) & (wide <= high)]


def worst(adapter: Adapter, function: str, arguments: NDArray[Any], fmt: Format) -> float:
    """Largest relative error of `adapter.exp` or `adapter.log` in unit roundoffs; ∞ where it is not finite."""
    native = getattr(adapter, function)(adapter.asarray(arguments))
    error = np.abs(_relative(exact(adapter.to_numpy(native)), exact(arguments), function))
    return float(np.max(np.where(np.isnan(error), np.inf, error), initial=0.0)) / fmt.roundoff


def _relative(got: Floats, arguments: Floats, function: str) -> Floats:
    """(got − true) / true; where the truth is 0, 0 for 0 and ∞ for anything else."""
    with ctx.workprec(128):
        balls = [getattr(arb(float(x)), function)() for x in arguments]
        return np.array([_off(float(g), t) for g, t in zip(got, balls, strict=True)])


def _off(got: float, truth: arb) -> float:
    if not np.isfinite(got):
        return np.inf
    if truth == 0:
        return 0.0 if got == 0 else np.inf
    return float((arb(got) - truth) / truth)
