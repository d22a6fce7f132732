"""`python -m benchmarks regressions`: list the releases that made a cell slower, and write issue texts."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from rich.table import Table
from rich.text import Text

from adapters.releases import PACKAGES, BadReleases
from benchmarks.asv import changes, results
from benchmarks.asv.changes import Transition
from benchmarks.asv.results import NoResults, Results
from conformance.terminal import complain
from conformance.terminal import console as plain_console
from reports import console
from reports.timing import issues, wording

STYLES = {"high": "bold red", "medium": "yellow", "low": "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the filters and the folder of the issue texts."""
    parser.add_argument(
        "--threshold",
        type=_threshold,
        default=changes.THRESHOLD,
        metavar="FACTOR",
        help="the smallest change that is listed",
    )
    parser.add_argument("--framework", choices=list(PACKAGES), help="list only this framework")
    parser.add_argument("--metric", default="latency", help="the metric to compare; default: latency")
    parser.add_argument("--machine", help="list only this machine")
    parser.add_argument("--improvements", action="store_true", help="list what became faster too")
    parser.add_argument(
        "--issues", type=Path, metavar="FOLDER", help="write an issue text for each pair of releases"
    )
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="asv's results; default: reports/asv")


def run(options: argparse.Namespace) -> int:
    """Print the changes; exit code 2: there is nothing to read, or no such metric or machine."""
    try:
        timings = results.read(options.results)
        groups = listed(timings, options)
        written = [] if options.issues is None else write(groups, timings, options.issues)
    except (NoResults, BadReleases, OSError) as error:
        complain(f"regressions: {error}")
        return 2
    output = plain_console()
    for problem in timings.problems:
        output.print(Text(f"note: {problem}", "yellow"))
    for machine in dict.fromkeys(group.machine for group in groups):
        output.print(table([group for group in groups if group.machine == machine], timings, options.metric))
    if not groups:
        output.print(f"No step of {options.metric} by {options.threshold:g} or more.")
    for path in written:
        output.print(f"wrote {path}", soft_wrap=True)
    return 0


def listed(timings: Results, options: argparse.Namespace) -> list[Transition]:
    """Return the groups that the options select, the worst first.

    Raises:
        NoResults: nothing is measured of what is asked for.
    """
    rows = results.of(timings, machine=options.machine, framework=options.framework, again=True)
    metrics = sorted({row.metric for row in rows})
    if options.metric not in metrics:
        raise NoResults(f"no {options.metric!r} is measured: choose one of {', '.join(metrics)}")
    wanted = changes.find(rows, options.metric, options.threshold)
    return changes.grouped((step for step in wanted if step.worse or options.improvements), rows)


def write(groups: list[Transition], timings: Results, folder: Path) -> list[Path]:
    """Write an issue text for each regression and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for group in groups:
        if group.worst.worse:
            path = folder / issues.file_name(group)
            path.write_text(issues.text(group, timings.machines[group.machine]), encoding="utf-8")
            written.append(path)
    return written


def table(groups: list[Transition], timings: Results, metric: str) -> Table:
    """Return a table of the groups of one machine."""
    machine = timings.machines[groups[0].machine]
    title = f"Steps of {metric} on {machine.name}"
    shown = console.table(title, "release", "before", "cells", "largest step", "of", "confidence", "since")
    shown.columns[4].min_width = 28
    for group in groups:
        worst = group.worst
        cell = worst.after.cell
        shown.add_row(
            Text(wording.version(worst.after)),
            Text(group.before.version),
            Text(f"{len(group.steps)} of {group.cells}"),
            Text(f"{wording.factor(worst.size)} {wording.change(metric, worst.worse)}"),
            Text(f"{wording.call(cell)}, {wording.where(cell, machine.device)}"),
            Text(group.confidence, STYLES[group.confidence]),
            Text("still so" if worst.ended is None else f"ends in {worst.ended.release.version}"),
        )
    return shown


def _threshold(text: str) -> float:
    value = float(text)
    if not 1 < value < math.inf:
        raise argparse.ArgumentTypeError(f"a factor above 1, such as {changes.THRESHOLD}; got {text}")
    return value
