"""Bias and variance of many checks are those of all their outputs together."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.record.records import Check
from reports.accuracy import spread
from tests.samples import check, graded


def told(values: Any, case: str = "zeros") -> Check:
    measured = {
        "ulps": float(np.max(np.abs(values))),
        "bias": float(np.mean(values)),
        "variance": float(np.var(values)),
        "elements": len(values),
    }
    return replace(graded(), case=case, measured={**graded().measured, **measured})


def test_spread_is_that_of_all_outputs_together() -> None:
    random = np.random.default_rng(0)
    parts = [random.normal(mean, 1, size) for mean, size in ((0, 3), (5, 100), (-2, 17))]
    found = spread(told(part, case=f"c{at}") for at, part in enumerate(parts))
    every = np.concatenate(parts)
    assert found is not None
    assert found.elements == every.size
    assert found.bias == pytest.approx(every.mean())
    assert found.variance == pytest.approx(every.var())
    assert found.largest == np.max(np.abs(every))


def test_call_that_two_requirements_judge_is_taken_once() -> None:
    one = told([1.0, 2.0, 6.0])
    assert spread([one, replace(one, requirement="ACC-02")]) == spread([one])


@pytest.mark.parametrize("checks", [[], [check()], [graded()], [replace(graded(), measured={"bias": 1.0})]])
def test_records_that_do_not_tell_it_have_no_spread(checks: list[Check]) -> None:
    assert spread(checks) is None


def test_check_without_an_output_and_one_that_does_not_tell_change_nothing() -> None:
    one = told([1.0, 3.0])
    nothing = replace(one, case="x", measured={"ulps": 0.0, "bias": 0.0, "variance": 0.0, "elements": 0})
    assert spread([nothing, one, graded()]) == spread([one])


@pytest.mark.parametrize(("bias", "variance"), [(1e300, 0.0), ("inf", "nan"), (0.0, "inf")])
def test_numbers_past_the_format_are_no_error(bias: float | str, variance: float | str) -> None:
    measured = {"ulps": 1.0, "bias": bias, "variance": variance, "elements": 9}
    found = spread([told([1.0]), replace(graded(), case="x", measured=measured)])
    assert found is not None
    assert not math.isfinite(found.variance)
