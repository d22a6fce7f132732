"""Charts: the same values give the same bytes, and what is drawn stands in a page without acting on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from xml.etree import ElementTree

import matplotlib
import pytest

from reports.site import charts
from reports.site.charts import ChartPoint, Dot, Panel, Series
from tests.samples import HOSTILE

FULL = Series("JAX", 5, "^")
HOLLOW = Series("JAX, compiled", 5, "^", hollow=True)
VALUES = (Dot(FULL, 0, 2.0, "JAX, small: 2.00"), Dot(HOLLOW, 1, 30.0, "JAX, compiled, large: 30.0"))
ROWS = ("small", "large")


def drawn(
    name: str = "a", rows: Sequence[str] = ROWS, values: Sequence[Dot] = VALUES, title: str = "Times"
) -> str:
    return str(charts.dots(name, title, rows, values, "times the roofline"))


def lines(name: str = "a", title: str = "softmax") -> str:
    points = (
        ChartPoint(date(2024, 3, 1), 1e-3, "0.1: 1 ms"),
        ChartPoint(date(2025, 3, 1), 5e-3, "0.2: 5 ms", step=True),
    )
    return str(charts.trends(name, "Latency", [Panel(title, ((FULL, points),))] * 3, 2, "{:g} s".format))


def tags(svg: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter(f"{{{charts.SVG}}}{tag}"))


def both() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("draw", [drawn, lines])


@both()
def test_the_same_values_give_the_same_bytes(draw: type[str]) -> None:
    assert draw() == draw()


@both()
def test_settings_of_the_reader_change_nothing_and_are_left_alone(draw: type[str]) -> None:
    plain = draw()
    with matplotlib.rc_context({"font.size": 30.0, "svg.fonttype": "path", "xtick.major.size": 20.0}):
        assert draw() == plain
        assert matplotlib.rcParams["font.size"] == 30.0


@both()
def test_nothing_is_named_of_another_host_or_of_the_day_it_was_drawn(draw: type[str]) -> None:
    assert set(re.findall(r"https?://[^/\"]*", draw())) <= {"http://www.w3.org"}
    assert not re.search(r"metadata|<style|<\?xml|DOCTYPE|Matplotlib", draw())


@both()
def test_every_colour_is_one_of_the_page(draw: type[str]) -> None:
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?!-)", re.sub(r"(?:url\(|href=\")#[^)\"]*", "", draw())) == []
    assert {"var(--c5)", "var(--ink)", "var(--rule)"} <= set(re.findall(r"var\(--\w+\)", draw()))


def test_ids_differ_between_charts_and_references_resolve() -> None:
    found = []
    for name in ("a", "b"):
        svg = lines(name)
        ids = re.findall(r"\bid=\"([^\"]*)\"", svg)
        assert set(re.findall(r"(?:url\(|href=\")#([^)\"]*)", svg)) <= set(ids)
        assert set(re.findall(r"aria-labelledby=\"([^\"]*)\"", svg)) <= set(ids)
        found += ids
    assert len(found) == len(set(found))


def marks(svg: str) -> list[dict[str, str]]:
    """The drawn marks of the series, those of the legend last."""
    return [use.attrib for use in tags(svg, "use") if "--c5" in use.attrib["style"]]


def test_a_compiled_mode_is_hollow() -> None:
    full, hollow, *_ = marks(drawn())
    assert "fill:var(--c5)" in full["style"]
    assert "fill:var(--paper)" in hollow["style"]
    assert "stroke:var(--c5)" in hollow["style"]


def test_marks_say_what_they_are_and_the_whole_has_a_title() -> None:
    titles = [title.text for title in tags(drawn(), "title")]
    assert titles[0] == "Times"
    assert set(titles[1:]) == {dot.tip for dot in VALUES}


def test_a_larger_value_stands_further_right_and_each_in_its_row() -> None:
    small, large, *_ = marks(drawn())
    assert float(small["x"]) < float(large["x"])
    assert float(small["y"]) < float(large["y"])
    labels = [text.text for text in tags(drawn(), "text")]
    assert {"small", "large", "1", "10", "JAX", "JAX, compiled", "times the roofline"} <= set(labels)


def test_only_a_step_is_ringed() -> None:
    rings = [use for use in tags(lines(), "use") if "fill-opacity:0" in use.attrib["style"]]
    assert len(rings) == 3  # one in each panel


def test_text_is_no_markup_and_no_formula() -> None:
    text = f"{HOSTILE} $\\frac{{1}}$"
    svg = drawn(rows=(text, "large"), values=[Dot(Series(text, 1, "v"), 0, 2.0, text)], title=text)
    assert "<script" not in svg
    assert "<img" not in svg
    assert [title.text for title in tags(svg, "title")] == [text, text]
    assert [shown.text for shown in tags(svg, "text")].count(text) == 2


def test_a_narrow_range_has_ticks_too() -> None:
    values = [Dot(FULL, 0, 1.01, ""), Dot(FULL, 1, 1.02, "")]
    assert "1" in [text.text for text in tags(drawn(values=values), "text")]
