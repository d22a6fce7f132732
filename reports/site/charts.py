"""Places what a chart shows: the templates draw it, and the same values give the same page.

Positions are per cent of a chart's width or height, on a logarithmic axis of positive values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

# name of a mark → its outline around 0, 0 within ±5
MARKS = {
    "v": "M-4.5-3.5h9L0 4.5z",
    "D": "M0-5 5 0 0 5-5 0z",
    "o": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "s": "M-4-4h8v8h-8z",
    "^": "M-4.5 3.5h9L0-4.5z",
    "P": "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "X": "M-4-2-2-4 0-2 2-4 4-2 2 0 4 2 2 4 0 2-2 4-4 2-2 0z",
    "<": "M3.5-4.5v9L-4.5 0z",
    ">": "M-3.5-4.5v9L4.5 0z",
}
SERIES = 5  # colours of site.css for what is drawn
NEAR = 3.4  # per cent of the width, on a phone too, within which marks of one row would overlap
MARGIN = 1.25  # the axis goes beyond the outermost values by this factor
LONG = 3000  # from this range on, an axis has ticks at powers of ten alone
MOST = 12  # powers of ten that have a tick; on a longer axis every second one has, or fewer

Ticks = tuple[tuple[float, str], ...]  # place and text


@dataclass(frozen=True)
class Series:
    """A series: its name in the legend, one of five colours, and the shape of its marks."""

    name: str
    colour: int
    marker: str
    hollow: bool = False


@dataclass(frozen=True)
class Dot:
    """A value of a series in one row; `tip` is the text that the mouse shows."""

    series: Series
    row: int
    value: float
    tip: str


@dataclass(frozen=True)
class ChartPoint:
    """A value of one day; a `step` is ringed."""

    day: date
    value: float
    tip: str
    step: bool = False


@dataclass(frozen=True)
class Panel:
    """One small chart of several lines."""

    title: str
    lines: tuple[tuple[Series, tuple[ChartPoint, ...]], ...]


Line = tuple[Series, Sequence[tuple[float, float, str, bool]]]  # its points are x, y, tip and whether ringed


@dataclass(frozen=True)
class Curves:
    """One small chart of several lines over numbers."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class PlacedDot:
    """A dot `at` per cent of the width, in the lane of its row where it covers no other."""

    series: Series
    at: float
    lane: int
    tip: str


@dataclass(frozen=True)
class DotChart:
    """Rows of marks: label, number of lanes and dots; a tick is place and text, `one` the place of the limit."""

    title: str
    axis: str
    legend: tuple[Series, ...]
    rows: tuple[tuple[str, int, tuple[PlacedDot, ...]], ...]
    ticks: tuple[tuple[float, str], ...]
    one: float


@dataclass(frozen=True)
class PlacedPanel:
    """A panel; a line is its series and points of x, y, tip and step; ticks are position and text."""

    title: str
    lines: tuple[tuple[Series, tuple[tuple[float, float, str, bool], ...]], ...]
    across: Ticks
    values: Ticks


@dataclass(frozen=True)
class TrendChart:
    """Small charts over the same days."""

    title: str
    legend: tuple[Series, ...]
    panels: tuple[PlacedPanel, ...]


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis from `low` to `high`."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Return the place of a value in per cent."""
        return round(100 * math.log(value / self.low) / math.log(self.high / self.low), 2)

    def ticks(self, text: Callable[[float], str]) -> Ticks:
        """Return place and text of each tick: at 1, 2 and 5, on a long axis at powers of ten or some of them."""
        steps = (1, 2, 5) if self.high / self.low < LONG else (1,)
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        stride = 1 + (last - first) // MOST
        powers = [power for power in range(first, last + 1) if power % stride == 0]
        values = (step * 10.0**power for power in powers for step in steps)
        return tuple((self.place(value), text(value)) for value in values if self.low <= value <= self.high)


def scale(values: Iterable[float]) -> Scale:
    """Return an axis that holds these values."""
    every = list(values)
    return Scale(min(every) / MARGIN, max(every) * MARGIN)


def dots(title: str, rows: Sequence[str], values: Sequence[Dot], axis: str) -> DotChart:
    """Place a row of marks for each of `rows` on an axis that holds 1."""
    along = scale([*(dot.value for dot in values), 1.0])
    placed = []
    for number, label in enumerate(rows):
        ends: list[float] = []  # the last place of each lane
        own: list[PlacedDot] = []
        for dot in sorted((dot for dot in values if dot.row == number), key=lambda dot: dot.value):
            at = along.place(dot.value)
            lane = next((lane for lane, end in enumerate(ends) if at - end >= NEAR), len(ends))
            ends[lane : lane + 1] = [at]
            own.append(PlacedDot(dot.series, at, lane, dot.tip))
        placed.append((label, max(len(ends), 1), tuple(own)))
    legend = tuple(dict.fromkeys(dot.series for dot in values))
    return DotChart(title, axis, legend, tuple(placed), along.ticks("{:g}".format), along.place(1.0))


def trends(title: str, panels: Sequence[Panel], unit: Callable[[float], str]) -> TrendChart:
    """Place values over days, a small chart for each of `panels`, all over the same days."""
    every = [point.day.toordinal() for panel in panels for _, points in panel.lines for point in points]
    first, last = min(every), max(every)
    margin = max(20, (last - first) // 30)
    low, high = first - margin, last + margin

    def over(day: float) -> float:
        return round(100 * (day - low) / (high - low), 2)

    starts = [date(year, 1, 1) for year in range(date.fromordinal(low).year, date.fromordinal(high).year + 1)]
    days = tuple((over(day.toordinal()), str(day.year)) for day in starts if low <= day.toordinal() <= high)
    curves = [
        Curves(
            panel.title,
            tuple(
                (series, [(p.day.toordinal(), p.value, p.tip, p.step) for p in points])
                for series, points in panel.lines
            ),
        )
        for panel in panels
    ]
    return over_axis(title, curves, over, days, unit)


def over_axis(
    title: str,
    panels: Sequence[Curves],
    over: Callable[[float], float],
    ticks: Ticks,
    unit: Callable[[float], str],
) -> TrendChart:
    """Place curves on an axis that `over` places numbers on, all panels on the same."""
    placed = []
    for panel in panels:
        up = scale(y for _, points in panel.lines for _, y, _, _ in points)
        lines = tuple(
            (series, tuple((over(x), 100 - up.place(y), tip, step) for x, y, tip, step in points))
            for series, points in panel.lines
        )
        values = tuple((100 - place, text) for place, text in up.ticks(unit))
        placed.append(PlacedPanel(panel.title, lines, ticks, values))
    legend = tuple(dict.fromkeys(series for panel in panels for series, _ in panel.lines))
    return TrendChart(title, legend, tuple(placed))
