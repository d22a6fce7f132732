"""E and L as measured: right for a function of known error, and granted within limits."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from adapters.numpy import Adapter as Reference
from adapters.protocol import Adapter
from conformance.run.elementary import LIMIT, SAMPLES, Errors, gaps, measure, sums, worst
from conformance.run.target import Target
from conformance.truth.arithmetic import EXPONENTIAL, LOGARITHM, arithmetic
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
    found = measure(wide, dtype)
    assert found.exponential <= (1.0 if format_of(dtype).precision < 24 else LIMIT)
    assert found.logarithm <= (1.0 if format_of(dtype).precision < 24 else LIMIT)


@pytest.mark.parametrize("units", [3.0, 5.0, 100.0])
def test_a_known_error_is_measured(units: float) -> None:
    fmt = format_of("float32")
    found = worst(adapter(units * fmt.roundoff), "exp", gaps(fmt), fmt)
    assert units - 1 <= found <= units + 1


def test_a_result_that_is_no_number_is_an_infinite_error() -> None:
    fmt = format_of("float16")
    assert worst(adapter(0.0), "log", sums(fmt), fmt) == np.inf


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


def test_bounds_take_a_worse_function_up_to_the_limit_and_never_a_better_one() -> None:
    assert Errors(1.0, 1.0).granted == Errors(EXPONENTIAL, LOGARITHM)
    assert Errors(5.0, 5.5).granted == Errors(5.0, 5.5)
    assert Errors(LIMIT * 1.01, np.inf).granted == Errors(EXPONENTIAL, LOGARITHM)


def test_each_grade_takes_the_errors_of_the_format_it_computes_in() -> None:
    errors = {"float16": (5.0, 4.5), "float32": (6.0, 4.0)}
    assert arithmetic("D", "float16", 33, errors=errors).exponential == 5.0
    assert arithmetic("B", "float16", 33, errors=errors).exponential == 6.0
    assert arithmetic("D", "bfloat16", 33, errors=errors).exponential == EXPONENTIAL


def test_a_target_measures_a_format_once() -> None:
    target = Target("off", adapter(0.0))
    assert target.errors("float32") is target.errors("float32")
    assert target.errors("int8") == Errors()
