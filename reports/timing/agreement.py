"""`python -m benchmarks agreement A B`: check that two runs of a release agree within their intervals.

A and B are folders of asv's results, such as two of `python -m benchmarks current --save`. Two runs agree in a
cell where asv's 99 % intervals of their medians overlap. A cell without an interval has too few samples; it is
listed but not counted.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from adapters.releases import BadReleases
from benchmarks.asv import results
from benchmarks.asv.results import NoResults, Result
from conformance.foreign import visible
from conformance.terminal import complain
from reports.checks import plural

METRIC = "latency"
WANTED = 0.95  # of cells; the intervals are of 99 % each


@dataclass(frozen=True)
class Agreement:
    """The agreement of two runs of one release.

    `apart` holds the cells that do not agree, `without` counts the cells without an interval, and `difference` is
    the median over cells of |B / A − 1|.
    """

    tag: str
    agree: int
    apart: tuple[tuple[Result, Result], ...]
    without: int
    difference: float

    @property
    def cells(self) -> int:
        """The number of cells that could disagree."""
        return self.agree + len(self.apart)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two folders."""
    parser.add_argument("a", type=Path, metavar="A", help="a folder of asv's results, such as reports/asv")
    parser.add_argument("b", type=Path, metavar="B")


def run(options: argparse.Namespace) -> int:
    """Print a line for each release and one for all; exit code 1: fewer than 95 % agree, 2: nothing to do."""
    try:
        runs = [results.read(place) for place in (options.a, options.b)]
        for problem in chain.from_iterable(run.problems for run in runs):
            complain(f"note: {problem}")
        agreements = list(compare(*(run.rows for run in runs)))
        cells = sum(agreement.cells for agreement in agreements)
        if not cells:
            raise NoResults(f"{options.a} and {options.b} have no release in common with an interval in both")
    except (NoResults, BadReleases, OSError) as error:
        complain(f"agreement: {error}")
        return 2
    for agreement in agreements:
        print(visible(line(agreement)))
        for first, second in agreement.apart:
            print(visible(f"  {first.cell.name}: {interval(first)} and {interval(second)}"))
    agree = sum(agreement.agree for agreement in agreements)
    print(f"{agree} of {plural(cells, 'cell')} agree, {agree / cells:.1%}")
    return 0 if agree >= WANTED * cells else 1


def compare(first: Iterable[Result], second: Iterable[Result]) -> Iterator[Agreement]:
    """Yield each release that both runs have, in the order of the first."""
    other = {(row.machine, row.release, row.cell): row for row in second if row.metric == METRIC and row.value}
    pairs: dict[str, list[tuple[Result, Result]]] = defaultdict(list)
    for row in first:
        key = row.machine, row.release, row.cell
        if row.metric == METRIC and row.value and key in other:
            pairs[row.release.tag].append((row, other[key]))
    for tag, both in pairs.items():
        sure = [(a, b) for a, b in both if a.interval and b.interval]
        apart = tuple(pair for pair in sure if not overlap(*pair))
        difference = statistics.median(abs(b.value / a.value - 1) for a, b in both)
        yield Agreement(tag, len(sure) - len(apart), apart, len(both) - len(sure), difference)


def overlap(a: Result, b: Result) -> bool:
    """Tell whether the intervals of two values have a point in common."""
    assert a.interval is not None
    assert b.interval is not None
    return a.interval[0] <= b.interval[1] and b.interval[0] <= a.interval[1]


def line(agreement: Agreement) -> str:
    """Return the agreement of a release in one line."""
    share = f", {agreement.agree / agreement.cells:.1%}" if agreement.cells else ""
    without = f"; {plural(agreement.without, 'cell')} without an interval" if agreement.without else ""
    return (
        f"{agreement.tag}: {agreement.agree} of {plural(agreement.cells, 'cell')} agree{share}; "
        f"the median difference is {agreement.difference:.1%}{without}"
    )


def interval(row: Result) -> str:
    """Return the value in microseconds with its interval."""
    assert row.interval is not None
    low, high = (f"{1e6 * end:.4g}" for end in row.interval)
    return f"{1e6 * row.value:.4g} µs ({low} to {high})"
