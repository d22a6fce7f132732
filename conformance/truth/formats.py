"""Floating-point formats, and distance in units of the last place (ulp).

A format is given by its NumPy or ml_dtypes name; every constant is derived from `finfo`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Format:
    """The constants of one floating-point format, each exact in float64."""

    name: str
    precision: int  # significand bits, the leading one included
    smallest_normal: float
    smallest_subnormal: float
    largest: float
    infinite: bool  # whether it has ±inf; float8_e4m3fn does not

    @property
    def roundoff(self) -> float:
        """Unit roundoff 2^−p: half the relative spacing, rounding to nearest."""
        return 2.0**-self.precision

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype, ml_dtypes' own for bfloat16 and float8."""
        return np.dtype(getattr(ml_dtypes, self.name, self.name))


@cache
def format_of(name: str) -> Format:
    """The format called `name`: "float32", "bfloat16", "float8_e4m3fn", …"""
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    info = ml_dtypes.finfo(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        overflowed = np.asarray(np.inf).astype(dtype).astype(np.float64)
    return Format(
        name=name,
        precision=info.nmant + 1,
        smallest_normal=float(info.smallest_normal),
        smallest_subnormal=float(info.smallest_subnormal),
        largest=float(info.max),
        infinite=bool(np.isinf(overflowed)),
    )


def spacing(value: Floats, fmt: Format) -> Floats:
    """One ulp of `fmt` at |value|: the gap between neighbours of the binade that holds it."""
    magnitude = np.clip(np.abs(value), fmt.smallest_normal, fmt.largest)
    _, exponent = np.frexp(magnitude)
    ulp: Floats = np.ldexp(1.0, exponent - fmt.precision)
    return ulp


def round_to(values: Any, name: str) -> NDArray[Any]:
    """`values` in format `name`; by way of float32, so that every framework's own conversion agrees.

    A float64 takes one rounding to float32 and a second one to a narrower format, whichever library does it.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        wide = np.asarray(values, dtype=np.float64)
        if name == "float64":
            return wide
        return wide.astype(np.float32).astype(format_of(name).dtype)


def exact(x: Any) -> Floats:
    """`x`, of any format here, as float64: no bit is lost."""
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return np.asarray(x).astype(np.float64)
