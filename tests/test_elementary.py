"""E and L as measured: right for a function of known error, and granted within limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from adapters.honest import OneProductExp2
from adapters.numpy import Adapter as Reference
from adapters.protocol import Adapter
from conformance.run.elementary import LIMIT, SAMPLES, Errors, errors, fitted, gaps, measure, sums
from conformance.run.target import Target
from conformance.truth.arithmetic import DEFAULT, Functions, arithmetic
from conformance.truth.formats import exact, format_of

FORMATS = ("float8_e4m3fn", "float8_e5m2", "float16", "bfloat16", "float32", "float64")


class Off(Reference):
    """An exponential that is off by a relative error, a logarithm that is NaN at one."""

    def __init__(self, relative: float) -> None:
        super().__init__()
        self.relative = relative

    def exponential(self, gap: Any) -> Any:
        """exp · (1 + relative)."""
        return np.exp(gap.astype(np.float64)) * (1 + self.relative)

    def logarithm(self, values: Any) -> Any:
        """NaN at 1."""
        return np.where(values == 1, np.nan, np.log(values))


def adapter(relative: float) -> Adapter:
    return cast(Adapter, Off(relative))


@pytest.mark.parametrize("dtype", FORMATS)
def test_correctly_rounded_functions_are_within_one_unit_roundoff(dtype: str) -> None:
    wide = cast(Adapter, Reference())
    found = measure(wide, dtype).functions
    assert found.slope == 0
    assert found.exponential <= (1.0 if format_of(dtype).precision < 24 else LIMIT)
    assert found.logarithm <= (1.0 if format_of(dtype).precision < 24 else LIMIT)


@pytest.mark.parametrize("units", [3.0, 5.0, 100.0])
def test_a_known_error_is_measured(units: float) -> None:
    fmt = format_of("float32")
    found = errors(adapter(units * fmt.roundoff), "exp", gaps(fmt), fmt)
    assert units - 1 <= found.max() <= units + 1
    measured = measure(adapter(units * fmt.roundoff), "float32")
    assert units - 1 <= measured.functions.exponential <= units + 1
    assert measured.functions.slope < 0.05
    assert (measured.excess > 1) == (units > LIMIT)


def test_an_error_that_grows_with_the_argument_is_measured_as_a_slope() -> None:
    fmt = format_of("float32")
    gap = -exact(gaps(fmt))
    assert fitted(gap, 1 + 1.25 * gap).exponential <= 2.25
    assert fitted(gap, 1 + 1.25 * gap).slope == pytest.approx(1.25, abs=0.05)
    for dtype in FORMATS:
        product = measure(cast(Adapter, OneProductExp2()), dtype)
        assert product.excess <= 1
        assert product.functions.slope <= 1.5


def test_an_exponential_that_is_no_number_or_not_positive_is_infinitely_wrong() -> None:
    fmt = format_of("float32")
    assert (errors(adapter(-1.0), "exp", gaps(fmt), fmt) == np.inf).all()
    assert (errors(adapter(-3.0), "exp", gaps(fmt), fmt) == np.inf).all()


def test_a_result_that_is_no_number_is_an_infinite_error() -> None:
    fmt = format_of("float16")
    assert errors(adapter(0.0), "log", sums(fmt), fmt).max() == np.inf


@pytest.mark.parametrize("dtype", FORMATS)
def test_arguments_are_those_that_softmax_gives(dtype: str) -> None:
    fmt = format_of(dtype)
    below, above = exact(gaps(fmt)), exact(sums(fmt))
    assert (below <= 0).all()
    assert (np.exp(below) >= fmt.smallest_normal * (1 - 2.0**-20)).all()
    assert (above >= 1).all()
    assert np.isfinite(above).all()
    if fmt.precision >= 24:
        assert len(below) == len(above) == SAMPLES
    else:
        assert {0.0} <= set(below)
        assert {1.0} <= set(above)


def test_bounds_take_a_worse_function_and_never_a_better_one() -> None:
    fmt = format_of("float32")
    assert Errors(Functions(1.0, 0.0, 1.0)).granted(fmt) == DEFAULT
    assert Errors(Functions(5.0, 1.2, 5.5)).granted(fmt) == Functions(5.0, 1.2, 5.5)
    assert Errors(Functions(2.0**10, 9.0, 64.0)).granted(fmt) == Functions(2.0**10, 9.0, 64.0)


def test_bounds_take_no_function_of_which_half_the_digits_are_wrong() -> None:
    fmt = format_of("float32")
    assert Errors(Functions(2.0**13, 1.0, 5.0)).granted(fmt) == replace(DEFAULT, logarithm=5.0)
    assert Errors(Functions(5.0, 2.0**13, np.inf)).granted(fmt) == DEFAULT


def test_each_grade_takes_the_errors_of_the_format_it_computes_in() -> None:
    measured = {"float16": Functions(5.0, 0.5, 4.5), "float32": Functions(6.0, 0.25, 4.0)}
    assert arithmetic("D", "float16", 33, errors=measured).functions == measured["float16"]
    assert arithmetic("B", "float16", 33, errors=measured).functions == measured["float32"]
    assert arithmetic("D", "bfloat16", 33, errors=measured).functions == DEFAULT


def test_a_target_measures_a_format_once() -> None:
    target = Target("off", adapter(0.0))
    assert target.errors("float32") is target.errors("float32")
    assert target.errors("int8") == Errors()
