"""Formats, their spacing and the way into them."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from conformance.truth.formats import exact, format_of, round_to, spacing

FORMATS = ("float8_e4m3fn", "float8_e5m2", "float16", "bfloat16", "float32", "float64")
PRECISION = {
    "float8_e4m3fn": 4,
    "float8_e5m2": 3,
    "float16": 11,
    "bfloat16": 8,
    "float32": 24,
    "float64": 53,
}


def dtype_of(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, name, name))


def finite(name: str) -> np.ndarray[Any, Any]:
    """Positive finite numbers of a format, ascending: all of them, or those about every power of two."""
    dtype = dtype_of(name)
    size = dtype.itemsize
    if size <= 2:
        patterns = np.arange(2 ** (8 * size - 1), dtype=f"u{size}")
    else:
        mantissa = PRECISION[name] - 1
        starts = np.arange(1, 2 ** (8 * size - 1 - mantissa) - 1, 7 if size == 4 else 50).astype(f"u{size}")
        patterns = ((starts << mantissa)[:, None] + np.arange(-3, 4).astype(f"u{size}")).ravel()
    values = patterns.view(dtype)
    return values[np.isfinite(exact(values))]


@pytest.mark.parametrize("name", FORMATS)
def test_constants_are_those_of_finfo(name: str) -> None:
    fmt, info = format_of(name), ml_dtypes.finfo(dtype_of(name))
    assert fmt.dtype == dtype_of(name)
    assert fmt.precision == PRECISION[name]
    assert fmt.roundoff == float(info.eps) / 2
    assert fmt.largest == float(info.max)
    assert fmt.smallest_normal == float(info.smallest_normal)
    assert fmt.smallest_subnormal == float(info.smallest_subnormal)
    assert fmt.smallest_subnormal == fmt.smallest_normal * 2 * fmt.roundoff
    assert fmt.infinite == (name != "float8_e4m3fn")


@pytest.mark.parametrize("name", FORMATS)
def test_spacing_is_the_distance_to_the_next_number(name: str) -> None:
    values = finite(name)
    following = (values.view(f"u{values.dtype.itemsize}") + 1).astype(f"u{values.dtype.itemsize}")
    after = exact(following.view(values.dtype))
    inner = np.isfinite(after)
    distance = after[inner] - exact(values)[inner]
    assert (spacing(exact(values)[inner], format_of(name)) == distance).all()
    assert (spacing(-exact(values)[inner], format_of(name)) == distance).all()


@pytest.mark.parametrize("name", FORMATS)
def test_spacing_changes_at_a_power_of_two(name: str) -> None:
    fmt = format_of(name)
    ulp = 2 * fmt.roundoff
    below, at, zero, top = spacing(np.array([math.nextafter(1, 0), 1, 0, np.inf]), fmt)
    assert (below, at) == (ulp / 2, ulp)
    assert zero == fmt.smallest_subnormal
    assert spacing(np.array(fmt.smallest_normal), fmt) == fmt.smallest_subnormal
    assert top == spacing(np.array(fmt.largest), fmt)


@pytest.mark.parametrize("name", FORMATS)
def test_no_bit_is_lost_on_the_way_to_float64(name: str) -> None:
    values = np.concatenate([finite(name), -finite(name)])
    back = exact(values).astype(values.dtype)
    assert back.tobytes() == values.tobytes()
    assert round_to(exact(values), name).tobytes() == values.tobytes()


def between(name: str) -> float:
    """Just above halfway from 1 to the next number: one rounding goes up, float32 first goes to the even 1."""
    return 1 + format_of(name).roundoff + 2.0**-40


@pytest.mark.parametrize("name", FORMATS[:4])
def test_narrow_formats_are_reached_by_way_of_float32(name: str) -> None:
    assert exact(round_to(between(name), name)) == 1
    assert exact(np.float32(1 + format_of(name).roundoff).astype(dtype_of(name))) == 1


def test_wide_formats_are_reached_at_once() -> None:
    assert round_to(between("float64"), "float64") == between("float64")
    assert round_to(0.1, "float32") == np.float32(0.1)
    assert round_to([1e300], "float32") == np.inf


@pytest.mark.parametrize("name", FORMATS)
def test_special_values_stay_themselves(name: str) -> None:
    minus_zero, nan = round_to([-0.0, np.nan], name)
    assert np.signbit(float(minus_zero))
    assert np.isnan(float(nan))
    if format_of(name).infinite:
        assert exact(round_to([np.inf, -np.inf], name)).tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_every_framework_converts_as_we_do(name: str) -> None:
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).standard_normal(20000) * np.logspace(-9, 4, 20000)
    values[0] = between(name)
    theirs = torch.from_numpy(values).to(getattr(torch, name)).to(torch.float64).numpy()
    np.testing.assert_array_equal(exact(round_to(values, name)), theirs)
