"""The index of the published site: `frameworks.html`, with a link to a plot for every cell that is measured.

It is made from what the plots themselves load: asv's `index.json` and the files under `graphs/`. asv and Jinja
are imported where they are used: asv imports this module where it measures, and there is neither.
"""

from __future__ import annotations

import json
import shutil
from ast import literal_eval
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

# The first of these that a cell has is shown with its newest value; a plot of each is linked.
START = "start.js"  # opens a plot where the address names none
FILTER = Path(__file__).with_name("frameworks.js")
FIRST = ("cross_entropy_index", "forward+backward", "llama2")  # what is wanted of the plot that is opened first
METRICS = ("roofline", "device", "steady", "latency", "compile", "memory", "fresh", "faults", "error")

Setting = tuple[tuple[str, str], ...]  # name → value, as asv writes both
Newest = dict[str, tuple[int, float]]  # framework → revision and value


@dataclass(frozen=True)
class Plot:
    """One benchmark at one setting: what is drawn when its link is followed."""

    benchmark: str
    unit: str
    setting: Setting
    newest: Newest

    @property
    def block(self) -> str:
        """The class it is in: cells of two classes may differ in more than their setting."""
        return self.benchmark.rpartition(".")[0]

    @property
    def metric(self) -> str:
        """The metric, from the name of the method."""
        return self.benchmark.rpartition(".")[2].removeprefix("track_")

    def url(self, machine: str, *frameworks: str) -> str:
        """Return asv's address of it, over the release dates of some or all frameworks that have data."""
        query = [("x-axis-scale", "date"), ("machine", machine)]
        query += [("branch", framework) for framework in frameworks or self.newest]
        query += [(f"p-{name}", value) for name, value in self.setting]
        return f"index.html#{self.benchmark}?{urlencode(query, quote_via=quote)}"


PlotRow = tuple[dict[str, str], list[Plot]]  # one setting and its plots; newest values are those of the first


def write(html: Path) -> Path:
    """Write the page into a folder made by `asv publish`, and return it."""
    from reports.html import environment

    index = json.loads((html / "index.json").read_text(encoding="utf-8"))
    jinja = environment([Path(__file__).parent])
    jinja.filters |= {"human": _human}
    page = html / "frameworks.html"
    machines = dict(_plots(html, index))
    (html / START).write_text(_start(machines), encoding="utf-8")
    shutil.copy(FILTER, html)
    text = jinja.get_template("site.html.j2").render(
        project=index["project"],
        frameworks=index["params"]["branch"],
        machines={name: (index["machines"].get(name, {}), _tables(plots)) for name, plots in machines.items()},
        releases=_releases(index),
        versions={revision: tag.partition("-")[2] for tag, revision in index["tags"].items()},
        short=index["hash_length"],
    )
    page.write_text(text, encoding="utf-8")
    return page


def _start(machines: dict[str, list[Plot]]) -> str:
    """Return a script that opens the plot of times the roofline that has the most of `FIRST`, if there is one."""
    told = [(name, plot) for name, plots in machines.items() for plot in plots if plot.metric == METRICS[0]]
    if not told:
        return ""
    name, plot = max(told, key=lambda one: sum(_text(value) in FIRST for _, value in one[1].setting))
    return f"if (!location.hash) location.replace({json.dumps(plot.url(name))});\n"


def _plots(html: Path, index: dict[str, Any]) -> Iterator[tuple[str, list[Plot]]]:
    """Yield each machine with its plots that have data."""
    from asv.graph import Graph

    frameworks = index["params"]["branch"]
    ordered = sorted(index["graph_param_list"], key=lambda graph: frameworks.index(graph["branch"]))
    for machine in index["params"]["machine"]:
        graphs = [graph for graph in ordered if graph["machine"] == machine]
        plots = []
        for name, benchmark in index["benchmarks"].items():
            values: list[Newest] = [{} for _ in product(*benchmark["params"])]
            for graph in graphs:
                file = html / f"{Graph.get_file_path(graph, name)}.json"
                points = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
                for revision, point in points:
                    _keep(values, graph["branch"], revision, point)
            for combination, newest in zip(product(*benchmark["params"]), values, strict=True):
                if newest:
                    setting = tuple(zip(benchmark["param_names"], combination, strict=True))
                    plots.append(Plot(name, benchmark["unit"], setting, newest))
        yield machine, plots


def _keep(values: list[Newest], framework: str, revision: int, point: Any) -> None:
    """Let a point of a graph replace older ones; null stands for a point that was not measured."""
    for newest, value in zip(values, point if isinstance(point, list) else [point] * len(values), strict=True):
        if isinstance(value, int | float) and value == value and revision >= newest.get(framework, (0,))[0]:
            newest[framework] = (revision, value)


def _tables(plots: list[Plot]) -> dict[str, list[PlotRow]]:
    """Return operation → its rows, ordered by shape; a benchmark without one stands under its own name."""
    cells: dict[str, dict[tuple[str, Setting], list[Plot]]] = defaultdict(lambda: defaultdict(list))
    for plot in plots:
        operation = dict(plot.setting).get("operation", plot.block)
        cells[_text(operation)][plot.block, plot.setting].append(plot)
    return {operation: _ordered(map(_row, rows.values())) for operation, rows in cells.items()}


def _row(plots: list[Plot]) -> PlotRow:
    """Return the setting that plots have in common, and the plots by metric."""
    names = {name: _text(value) for name, value in plots[0].setting if name != "operation"}
    shape = {"shape": names.pop("shape")} if "shape" in names else {}
    order = [*METRICS, *(plot.metric for plot in plots)]
    by_metric = sorted(plots, key=lambda plot: order.index(plot.metric))
    return {**shape, **names, "benchmark": plots[0].block}, by_metric


def _ordered(rows: Iterable[PlotRow]) -> list[PlotRow]:
    ordered = list(rows)
    shapes = list(dict.fromkeys(setting.get("shape") for setting, _ in ordered))
    return sorted(ordered, key=lambda row: shapes.index(row[0].get("shape")))


def _releases(index: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return framework, version, day and commit of each release: plots name it by its commit."""
    commits = []
    for tag, revision in index["tags"].items():
        day = datetime.fromtimestamp(index["revision_to_date"][str(revision)] / 1000, UTC).date()
        framework, _, version = tag.partition("-")
        commits.append((framework, version, day.isoformat(), index["revision_to_hash"][str(revision)]))
    return sorted(commits, key=lambda release: (release[0], release[2]))


def _text(value: str) -> str:
    """Return a parameter's value without the quotes of its repr."""
    try:
        return str(literal_eval(value))
    except (ValueError, SyntaxError):
        return value


def _human(value: float, unit: str) -> str:
    from asv.util import human_value

    return str(human_value(value, unit)) if unit == "seconds" else f"{value:.3g}"
