"""Charts: values stand where their axis says, no mark covers another, and text stays text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import pytest

from reports.site import charts, page
from reports.site.charts import ChartPoint, Dot, DotChart, Panel, Series
from tests.samples import HOSTILE

FULL = Series("JAX", 5, "^")
HOLLOW = Series("JAX, compiled", 5, "^", hollow=True)
VALUES = (Dot(FULL, 0, 2.0, "JAX, small: 2.00"), Dot(HOLLOW, 1, 30.0, "JAX, compiled, large: 30.0"))
ROWS = ("small", "large")


def dots(rows: Sequence[str] = ROWS, values: Sequence[Dot] = VALUES, title: str = "Times") -> DotChart:
    return charts.dots(title, rows, values, "times the roofline")


def trends(title: str = "softmax") -> charts.TrendChart:
    points = (
        ChartPoint(date(2024, 3, 1), 1e-3, "0.1: 1 ms"),
        ChartPoint(date(2025, 3, 1), 5e-3, "0.2: 5 ms", step=True),
    )
    return charts.trends("Latency", [Panel(title, ((FULL, points),))] * 3, "{:g} s".format)


def drawn(chart: DotChart | charts.TrendChart) -> str:
    macro = "dots" if isinstance(chart, DotChart) else "trends"
    source = f'{{% from "charts.html.j2" import {macro} %}}{{{{ {macro}(chart, outlines) }}}}'
    return page.environment().from_string(source).render(chart=chart, outlines=charts.MARKS)


def test_a_larger_value_stands_further_right_and_each_in_its_row() -> None:
    (small, _, (first,)), (large, _, (second,)) = dots().rows
    assert (small, large) == ROWS
    assert 0 < first.at < second.at < 100
    assert dots().one < first.at


def test_an_axis_is_logarithmic_and_its_ticks_are_of_it() -> None:
    along = charts.scale([1.0, 100.0])
    assert along.place(10.0) == pytest.approx(50)
    assert {text: at for at, text in along.ticks("{:g}".format)}["10"] == pytest.approx(50)
    assert [text for _, text in charts.scale([1.01, 1.02, 1.0]).ticks("{:g}".format)] == ["1"]


def test_marks_that_would_overlap_stand_in_lanes_of_their_own() -> None:
    near = [Dot(FULL, 0, 2.0 + step / 1000, "") for step in range(3)] + [Dot(FULL, 0, 30.0, "")]
    ((_, lanes, own),) = dots(("small",), near).rows
    assert lanes == 3
    assert [dot.lane for dot in own] == [0, 1, 2, 0]


def test_a_compiled_mode_is_hollow_and_every_mark_says_what_it_is() -> None:
    text = drawn(dots())
    assert [dot.tip for dot in VALUES] == re.findall(r'class="dot"[^>]*title="([^"]*)"', text)
    assert text.count('class="mark c5 hollow"') == text.count('class="mark c5"') == 2  # one of them in the legend


def test_only_a_step_is_ringed() -> None:
    assert drawn(trends()).count('class="ring"') == 3  # one in each panel


def test_days_and_values_grow_to_the_right_and_up() -> None:
    ((_, (first, second)),) = trends().panels[0].lines
    assert first[0] < second[0]
    assert first[1] > second[1]
    assert [text for _, text in trends().panels[0].across] == ["2025"]


@pytest.mark.parametrize("chart", [dots(), trends()])
def test_every_mark_is_one_that_the_page_defines(chart: DotChart | charts.TrendChart) -> None:
    numbers = {int(number) for number in re.findall(r'href="#mark-(\d+)"', drawn(chart))}
    assert numbers == {list(charts.MARKS).index("^") + 1}


def test_text_is_no_markup() -> None:
    chart = dots((HOSTILE, "large"), [Dot(Series(HOSTILE, 1, "v"), 0, 2.0, HOSTILE)], HOSTILE)
    for text in (drawn(chart), drawn(trends(HOSTILE))):
        assert "<script" not in text
        assert "<img" not in text
