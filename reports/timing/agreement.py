"""`python -m benchmarks agreement A B`: check that two runs of a release agree within their intervals.

A and B are folders of asv's results, such as two of `python -m benchmarks current --save`. Two runs agree in a
cell where asv's 99 % intervals of their medians overlap. A cell without an interval has too few samples; it is
listed but not counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from adapters.releases import BadReleases
from benchmarks.asv import results
from benchmarks.asv.results import NoResults, Result
from reports.timing.wording import plural

METRIC = "latency"
WANTED = 0.95  # of cells; the intervals are of 99 % each


@dataclass(frozen=True)
class Agreement:
    """Of one release: cells that both runs have, how many agree, those that do not, and the median difference.

    `without` is how many cells lack an interval; `difference` the median over cells of |B / A − 1|.
    """

    tag: str
    agree: int
    apart: tuple[tuple[Result, Result], ...]
    without: int
    difference: float

    @property
    def cells(self) -> int:
        """Those that could disagree."""
        return self.agree + len(self.apart)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two folders."""
    parser.add_argument("a", type=Path, metavar="A", help="a folder of asv's results, such as reports/asv")
    parser.add_argument("b", type=Path, metavar="B")


def run(options: argparse.Namespace) -> int:
    """Print a line a release, and all together; exit code 1: fewer agree than 95 %, 2: nothing to compare."""
    try:
        runs = [results.read(place) for place in (options.a, options.b)]
        for problem in chain.from_iterable(run.problems for run in runs):
            print(f"note: {problem}", file=sys.stderr)
        found = list(compare(*(run.rows for run in runs)))
        cells = sum(one.cells for one in found)
        if not cells:
            raise NoResults(f"{options.a} and {options.b} have no release in common with an interval in both")
    except (NoResults, BadReleases, OSError) as error:
        print(f"agreement: {error}", file=sys.stderr)
        return 2
    for one in found:
        print(line(one))
        for first, second in one.apart:
            print(f"  {first.cell.name}: {told(first)} and {told(second)}")
    agree = sum(one.agree for one in found)
    print(f"{agree} of {plural(cells, 'cell')} agree, {agree / cells:.1%}")
    return 0 if agree >= WANTED * cells else 1


def compare(first: Iterable[Result], second: Iterable[Result]) -> Iterator[Agreement]:
    """Each release that both runs have, in the order of the first."""
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
    """Whether the intervals of two values have a point in common."""
    assert a.interval is not None
    assert b.interval is not None
    return a.interval[0] <= b.interval[1] and b.interval[0] <= a.interval[1]


def line(one: Agreement) -> str:
    """A release in one line."""
    share = f", {one.agree / one.cells:.1%}" if one.cells else ""
    without = f"; {plural(one.without, 'cell')} without an interval" if one.without else ""
    return (
        f"{one.tag}: {one.agree} of {plural(one.cells, 'cell')} agree{share}; "
        f"the median difference is {one.difference:.1%}{without}"
    )


def told(row: Result) -> str:
    """Microseconds and their interval."""
    assert row.interval is not None
    low, high = (f"{1e6 * end:.4g}" for end in row.interval)
    return f"{1e6 * row.value:.4g} µs ({low} to {high})"
