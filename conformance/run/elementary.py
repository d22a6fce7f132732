"""The accuracy of a target's own exponential and logarithm: E₀, E₁ and L of the bounds, measured.

Every finite argument of a 16-bit or 8-bit format that the result is normal for; a fixed sample of a wider
format's. The functions inside a fused kernel need not be these, so a bound takes no less than its default for
them. What is worse than `allowed` is at fault, and a finding of its own: the bounds take what was measured all
the same, so that it is the only one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from adapters.protocol import Adapter
from conformance.truth.arithmetic import DEFAULT, EXPONENTIAL, LOGARITHM, SLOPE, Functions
from conformance.truth.formats import Floats, Format, exact, format_of, round_to

LIMIT = 6.0  # unit roundoffs: 3 ulps, OpenCL C 3.0, 7.4, for exp and log alike
SLOPE_LIMIT = (
    4.0  # of exp, for each unit of the argument: 3 + ⌊|2x|⌋ ulps, OpenCL C 3.0, 7.4, relaxed mathematics
)
SAMPLES = 4096
LARGEST_SUM = 2.0**17  # of the rows that are judged


@dataclass(frozen=True)
class Errors:
    """The errors measured in one format: E₀ near 0, E₁ beyond it, L, and the exponential over its limit."""

    functions: Functions = DEFAULT
    excess: float = 0.0  # largest error of exp over what `allowed` grants

    def granted(self, fmt: Format) -> Functions:
        """Return the errors that the bounds take.

        The defaults where a function is better, or where half its digits are wrong (Intel oneMKL's least accurate
        mode, EP, has half of them): then it is none, and no bound is made of it.
        """
        measured = self.functions
        exponential, logarithm = Functions(), Functions()
        if max(measured.exponential, measured.slope) <= fmt.roundoff**-0.5:
            exponential = measured
        if measured.logarithm <= fmt.roundoff**-0.5:
            logarithm = measured
        return Functions(
            max(exponential.exponential, EXPONENTIAL),
            max(exponential.slope, SLOPE),
            max(logarithm.logarithm, LOGARITHM),
        )


def allowed(gap: Floats) -> Floats:
    """Return the error that an exponential may have at −gap, in unit roundoffs."""
    return LIMIT + SLOPE_LIMIT * gap


def measure(adapter: Adapter, dtype: str) -> Errors:
    """The errors of `adapter` in format `dtype`."""
    fmt = format_of(dtype)
    arguments = gaps(fmt)
    gap, off = -exact(arguments), errors(adapter, "exp", arguments, fmt)
    functions = fitted(gap, off, float(np.max(errors(adapter, "log", sums(fmt), fmt), initial=0.0)))
    return Errors(functions, float(np.max(off / allowed(gap), initial=0.0)))


def fitted(gap: Floats, off: Floats, logarithm: float = LOGARITHM) -> Functions:
    """E₀, the largest error at gaps up to 1, and the least E₁ with which it covers all others."""
    near = gap <= 1
    exponential = float(np.max(off[near], initial=0.0))
    beyond = (off[~near] - max(exponential, EXPONENTIAL)) / gap[~near]
    return Functions(exponential, float(np.max(beyond, initial=0.0)), logarithm)


def gaps(fmt: Format) -> NDArray[Any]:
    """Return arguments of the exponential in softmax: x − max ≤ 0, where the result is a normal number."""
    lowest = float(np.log(fmt.smallest_normal))
    if fmt.precision < 24:
        return _every(fmt, lowest, 0.0)
    random = np.random.default_rng(0)
    spread = np.concatenate(
        [random.uniform(lowest, 0, SAMPLES // 2), -(2.0 ** random.uniform(-24, 6, SAMPLES // 2))]
    )
    return round_to(np.maximum(spread, lowest), fmt.name)


def sums(fmt: Format) -> NDArray[Any]:
    """Return arguments of the logarithm in log_softmax: sums of exponentials, from 1 on."""
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


def errors(adapter: Adapter, function: str, arguments: NDArray[Any], fmt: Format) -> Floats:
    """|ln(computed/true)| of `adapter.exp`, and relative errors of `adapter.log`, in unit roundoffs.

    ∞ where a result is not finite, or not positive as an exponential is.
    """
    native = getattr(adapter, function)(adapter.asarray(arguments))
    off = _relative(exact(adapter.to_numpy(native)), exact(arguments), function)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.abs(np.log1p(off) if function == "exp" else off)
    return np.where(np.isnan(size), np.inf, size) / fmt.roundoff


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
