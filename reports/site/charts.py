"""Draws charts as SVG in a page, by matplotlib in placeholder colours, which are replaced by the page's own.

The same values give the same bytes. matplotlib is imported only to draw: without it, a site has tables.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOLDER = Path(__file__).resolve().parents[2] / ".softmark" / "matplotlib"  # for its list of fonts
MISSING = "charts are left out, because matplotlib is not installed; the group `site` of pyproject.toml has it"
SVG = "http://www.w3.org/2000/svg"
LEFT_OUT = (f"{{{SVG}}}metadata", f"{{{SVG}}}style")  # its style would be that of the whole page
INK, SOFT, RULE, PAPER = "#010101", "#020202", "#030303", "#040404"
FONT = re.compile(r"font-family: [^;]*; ")  # that of the page is used
COLOUR = re.compile(r"#[0-9a-f]{6}")
LONG = re.compile(r"-?\d+\.\d{3,}")
SERIES = 5  # colours of site.css for what is drawn
COLOURS = {INK: "--ink", SOFT: "--soft", RULE: "--rule", PAPER: "--paper"} | {
    f"#0500{n:02d}": f"--c{n}" for n in range(1, SERIES + 1)
}
DOTS_PER_INCH = 72  # matplotlib's unit in SVG
SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "softmark",
    "font.size": 9.0,
    "text.color": INK,
    "font.family": "DejaVu Sans",
    "axes.facecolor": "none",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "text.parse_math": False,
}


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


def available() -> bool:
    """Tell whether charts can be drawn."""
    return importlib.util.find_spec("matplotlib") is not None


def dots(name: str, title: str, rows: Sequence[str], values: Sequence[Dot], axis: str) -> Markup:
    """Draw a row of marks for each of `rows` on a logarithmic axis with a line at 1; `name` makes ids unique."""
    tips: list[str] = []
    with _settings():
        left = 0.2 + 0.072 * max(map(len, rows))
        width, height = left + 6.0, 0.75 + 0.23 * len(rows)
        figure = _figure(width, height)
        axes = figure.add_axes((left / width, 0.45 / height, 5.8 / width, 0.23 * len(rows) / height))
        for dot in values:
            (mark,) = axes.plot([dot.value], [dot.row], **_mark(dot.series, 6.5))
            _tip(mark, dot.tip, tips)
        axes.set_xscale("log")
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(axis="y", length=0)
        _axis(axes.xaxis, [dot.value for dot in values] + [1.0], "{:g}".format)
        axes.set_xlabel(axis)
        axes.axvline(1.0, color=INK, linewidth=1.4, zorder=1)
        _legend(figure, dict.fromkeys(dot.series for dot in values))
        return _inline(figure, name, title, tips)


def trends(name: str, title: str, panels: Sequence[Panel], columns: int, unit: Callable[[float], str]) -> Markup:
    """Draw values over days, a small chart for each of `panels`, all over the same days."""
    tips: list[str] = []
    days = [point.day.toordinal() for panel in panels for _, points in panel.lines for point in points]
    with _settings():
        lines = -(-len(panels) // columns)
        figure = _figure(4.6 * columns, 0.5 + 1.75 * lines)
        high = figure.get_figheight()
        for at, panel in enumerate(panels):
            line, column = divmod(at, columns)
            axes = figure.add_axes(
                ((column + 0.14) / columns, (1.75 * (lines - 1 - line) + 0.3) / high, 0.82 / columns, 1.2 / high)
            )
            _panel(axes, panel, (min(days), max(days)), unit, tips)
        _legend(figure, dict.fromkeys(series for panel in panels for series, _ in panel.lines))
        return _inline(figure, name, title, tips)


def _panel(
    axes: Axes, panel: Panel, days: tuple[int, int], unit: Callable[[float], str], tips: list[str]
) -> None:
    values = [point.value for _, points in panel.lines for point in points]
    for series, points in panel.lines:
        at = [point.day.toordinal() for point in points]
        style = "--" if series.hollow else "-"
        axes.plot(at, [point.value for point in points], style, color=_colour(series), linewidth=1.2, zorder=2)
        for day, point in zip(at, points, strict=True):
            if point.step:
                axes.plot([day], [point.value], "o", ms=9, mfc="none", mec=INK, mew=1.1, zorder=3, clip_on=False)
            (mark,) = axes.plot([day], [point.value], **_mark(series, 4.0))
            _tip(mark, point.tip, tips)
    axes.set_title(panel.title)
    axes.set_yscale("log")
    _axis(axes.yaxis, values, unit)
    margin = max(20, (days[1] - days[0]) // 30)
    axes.set_xlim(days[0] - margin, days[1] + margin)
    years = range(date.fromordinal(days[0]).year, date.fromordinal(days[1]).year + 2)
    shown = [year for year in years if days[0] - margin <= date(year, 1, 1).toordinal() <= days[1] + margin]
    axes.set_xticks([date(year, 1, 1).toordinal() for year in shown], list(map(str, shown)))


@contextmanager
def _settings() -> Iterator[None]:
    """Set matplotlib up so that neither a settings file nor an earlier drawing changes the result."""
    with suppress(OSError):  # matplotlib finds a folder of its own then
        FOLDER.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("MPLCONFIGDIR", str(FOLDER))
    from matplotlib import style

    with style.context(["default", SETTINGS]):
        yield


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    figure.patch.set_visible(False)
    return figure


def _colour(series: Series) -> str:
    return f"#0500{series.colour:02d}"


def _mark(series: Series, size: float) -> dict[str, Any]:
    colour = _colour(series)
    return {
        "linestyle": "none",
        "marker": series.marker,
        "markersize": size,
        "markerfacecolor": PAPER if series.hollow else colour,
        "markeredgecolor": colour,
        "markeredgewidth": 1.2,
        "zorder": 4,
        "clip_on": False,
    }


def _tip(mark: Any, text: str, tips: list[str]) -> None:
    mark.set_gid(f"tip{len(tips)}")
    tips.append(text)


def _axis(axis: Any, values: Sequence[float], text: Callable[[float], str]) -> None:
    """Make a logarithmic axis for positive values, with ticks at 1, 2, 5, or only at 1 on a long axis."""
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    low, high = min(values) / 1.25, max(values) * 1.25
    steps = (1, 2, 5) if high / low < 3000 else (1,)
    ticks = [step * 10.0**power for power in range(-12, 12) for step in steps]
    ticks = [tick for tick in ticks if low <= tick <= high]
    axis.axes.set(**{f"{axis.axis_name}lim": (low, high)})
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_ticks(ticks, [text(tick) for tick in ticks])


def _legend(figure: Figure, series: Iterable[Series]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=drawn.name, **_mark(drawn, 6.5)) for drawn in series]
    figure.legend(
        handles=handles,
        loc="upper left",
        ncols=8,
        frameon=False,
        borderpad=0,
        handletextpad=0.1,
        columnspacing=1.0,
    )


def _inline(figure: Figure, name: str, title: str, tips: Sequence[str]) -> Markup:
    """Return the figure as an element of a page: no metadata, unique ids, the page's colours and font."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    made = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(made, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    for prefix, space in (("", SVG), ("xlink", "http://www.w3.org/1999/xlink")):
        ElementTree.register_namespace(prefix, space)
    root = ElementTree.fromstring(made.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in LEFT_OUT:
                parent.remove(child)
        _clean(parent, name, tips)
    width, height = (round(size * 96) for size in figure.get_size_inches())
    root.attrib |= {
        "width": str(width), "height": str(height), "role": "img", "aria-labelledby": f"{name}-title",
        "style": "stroke-linejoin:round;stroke-linecap:butt",
    }  # fmt: skip
    root.insert(0, _text("title", title, id=f"{name}-title"))
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _clean(element: ElementTree.Element, name: str, tips: Sequence[str]) -> None:
    own = element.attrib.pop("id", "")
    if element.tag != f"{{{SVG}}}g" and own:
        element.set("id", f"{name}-{own}")  # what is referred to; those of groups would be in every chart
    for part in (element, *element):
        part.tail = (part.tail or "").strip()
    element.text = (element.text or "").strip()
    for key, value in list(element.attrib.items()):
        if key.endswith("href") or "url(#" in value:
            value = value.replace("#", f"#{name}-", 1)
        if key == "style":
            value = FONT.sub("", value)
            value = COLOUR.sub(lambda match: f"var({COLOURS[match[0]]})", value).replace(": ", ":")
        if key != "id":
            value = LONG.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), value)
        element.set(key, value.strip())
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    if own.startswith("tip") and own[3:].isdigit():
        element.insert(0, _text("title", tips[int(own[3:])]))


def _text(tag: str, text: str, **attributes: str) -> ElementTree.Element:
    made = ElementTree.Element(f"{{{SVG}}}{tag}", attributes)
    made.text = text
    return made
