"""Steps between releases, linked both ways: from the site to asv's plots, and from a plot to the steps in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

from adapters.releases import PACKAGES
from benchmarks.asv.results import Results
from benchmarks.timing.cells import PARAMS, TIERS, Cell
from reports.timing import performance, wording
from reports.timing.asv_site import Plot

SCRIPT = "steps.js"
FILTER = "steps-"  # and the machine: the search field of the steps on the site's page


def plot(asv: str, machine: str, cell: Cell, metric: str, *frameworks: str) -> str:
    """Return the address of a plot in asv's site, of these frameworks or all; "" if there is no such site."""
    if not asv:
        return ""
    setting = tuple((name, repr(value)) for name, value in zip(PARAMS, cell.params, strict=True))
    for tier, blocks in TIERS.items():
        for name, block in blocks.items():
            if cell in tuple(block):
                drawn = Plot(f"{tier}.{name}.track_{metric}", "", setting, {})
                return f"{asv}/{drawn.url(machine, *(frameworks or PACKAGES))}"
    return ""


def write(html: Path, results: Results, site: Path) -> None:
    """Write the script that lists the steps of a plot under it; they link to `site` if that is built."""
    page = site / "performance.html"
    address = quote(Path(os.path.relpath(page, html)).as_posix()) if page.exists() else ""
    source = Path(__file__).with_name(SCRIPT).read_text(encoding="utf-8")
    data = json.dumps(list(steps(results, address)))
    (html / SCRIPT).write_text(f"const STEPS = {data};\n{source}", encoding="utf-8")


def steps(results: Results, page: str) -> Iterator[tuple[str, str, str]]:
    """Yield the plot, the sentence, and the address on the site of each cell's step."""
    for machine in results.machines.values():
        rows = [row for row in (*results.rows, *results.again) if row.machine == machine.name]
        for group in performance.latency_changes(rows):
            name, call = wording.version(group.worst.after), wording.call(group.worst.after.cell)
            words = urlencode({FILTER + wording.anchor(machine.name): f"{name} {call}"})
            for step in group.steps:
                cell = step.after.cell
                drawn = plot(".", machine.name, cell, step.after.metric, step.after.release.framework)
                slower = wording.worse(step.after.metric, step.worse)
                text = f"{name}: {wording.factor(step.size)} {slower} {step.before.release.version}"
                yield drawn, text, page and f"{page}#{words}"
