"""Range: logits, gaps and results at the ends of the format."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.cases import ranges
from conformance.run.target import Trial
from conformance.truth.formats import format_of


@pytest.mark.requirement("RNG-01", cases=ranges.offsets)
def test_common_offset_costs_nothing(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("RNG-02", cases=ranges.extremes)
def test_largest_logits_give_no_nan(check: Trial) -> None:
    got = check.result()
    assert check.holds(~np.isnan(got), got, "no NaN")
    assert check.judge("D") <= 1


@pytest.mark.requirement("RNG-03", cases=ranges.overflowing_gap)
def test_overflowing_gap_has_one_answer(check: Trial) -> None:
    got = check.result()
    largest = format_of(check.dtype).largest
    x = check.call.rows(check.call.x)
    check.show(got, "0 at the maximum, −inf or the largest negative number where the gap overflows")
    assert check.holds((x != largest) | (got == 0), got, 0.0)
    below = got[x == -largest]
    check.choose(
        {
            f"entry {i}": "infinite" if value == -np.inf else "largest" if value == -largest else "other"
            for i, value in enumerate(below)
        }
    )


@pytest.mark.requirement("RNG-04", cases=ranges.maximum_at_each_position)
def test_own_maximum_is_subtracted(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("RNG-05", cases=ranges.far_below)
def test_log_probability_outlives_the_probability(check: Trial) -> None:
    got = check.result()
    assert check.holds(np.isfinite(got), got, "a finite number")
    assert check.judge("D") <= 1


@pytest.mark.requirement("RNG-06", cases=ranges.subnormal)
def test_subnormal_probabilities_are_kept_or_flushed(check: Trial) -> None:
    got = check.result()
    check.show(got[0, 1], format_of(check.dtype).smallest_normal / 4)
    check.observed = "flushed" if got[0, 1] == 0 else "kept"


@pytest.mark.requirement("RNG-07", cases=ranges.far_below)
def test_far_tail_has_no_floor(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("RNG-08", cases=ranges.offset_blocks)
def test_common_offset_costs_nothing_along_other_axes(check: Trial) -> None:
    assert check.judge("D") <= 1
