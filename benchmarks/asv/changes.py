"""Steps between consecutive releases of a framework: where a cell became slower or faster, and how sure that is.

asv tells a change in two ways, and both are asked:

- *Step detection*, what `asv publish` shows: the series of releases is fitted by constant pieces, points weighted
  by their confidence intervals, with a penalty for each piece chosen by an information criterion. It pools
  neighbours, so one noisy release does not deceive it. But its noise floor is a tenth of the least step, so what
  two more pieces can gain is bounded by ln 10 whatever the size of a step, and the penalty of two pieces is
  8 ln(n)/n of n releases: 2.1 of 8, 1.6 of 13. An excursion of one release, which needs both, is mostly lost,
  and so are several steps among few releases.
- *Comparison*, what `asv compare` shows: the samples of two releases are told apart by Mann and Whitney's test
  where there are enough, else by intervals that do not overlap. It sees a single release. But the samples of a
  release are of one run, and a machine that was busy meanwhile looks like a slower framework.

So a comparison counts only where the step is `CLEAR` times the change that is usual between two releases in
the same series: their median. Noise that comes with every release is thereby measured and not assumed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from asv._stats import get_weight, is_different
from asv.step_detect import detect_steps

from adapters import releases
from adapters.releases import Release
from benchmarks.asv.results import Result
from benchmarks.timing.cells import Cell

THRESHOLD = 1.2
CLEAR = 4.0  # of a normal distribution, four medians of the magnitude are 2.7 standard deviations
PLAIN = 10.0  # and ten are 6.7
LEAST = 0.01  # the usual change is not taken for smaller: clocks and caches make one per cent
ENOUGH = 3  # other changes in a series from which there is a usual one
# Orders of two sets of samples from which Mann and Whitney's test can reach the 0.002 that asv asks for. asv
# tries it from half as many, counting one tail: to it, six samples never differ from six, whatever they are.
FEWEST = 1000

# Below these, differences are of no consequence; and a ratio needs a denominator.
FLOORS = {"memory": 0.05, "faults": 1.0, "error": 0.01}
TIMES = ("latency", "steady", "device", "cold")  # whose time over the roofline is measured beside them

CONFIDENCE = ("high", "medium", "low")

Series = tuple[str, str, str, str, Cell]  # machine, Python, framework, metric, cell
Place = tuple[str, str, Release, Cell]  # machine, Python, release, cell


@dataclass(frozen=True)
class Step:
    """A change of one cell from `before` to `after`, which are of consecutive releases measured there.

    `newest` is of the newest release, and `ended` of the first later one that is nearer to `before` than to
    `after`, if there is one. `roofs` are the times over the roofline of both, where measured: a machine that was
    slow moves its ceilings too, and they stay.
    """

    before: Result
    after: Result
    newest: Result
    ended: Result | None
    detected: bool
    different: bool
    clearness: float | None
    roofs: tuple[Result, Result] | None

    @property
    def factor(self) -> float:
        """The later value over the earlier one: above 1 is worse."""
        return ratio(self.before, self.after)

    @property
    def size(self) -> float:
        """The factor of a change in either direction: above 1."""
        return max(self.factor, 1 / self.factor)

    @property
    def worse(self) -> bool:
        """True for a regression; lower is better in every metric."""
        return self.factor > 1

    @property
    def confirmed(self) -> bool:
        """True if at least half of it, as a logarithm, is seen against the roofline too."""
        return self.roofs is None or math.log(ratio(*self.roofs)) / math.log(self.factor) >= 0.5

    @property
    def confidence(self) -> str:
        """The confidence in it: high, medium or low.

        high: comparison tells the two releases apart, and step detection finds it or it is at least `PLAIN`
        times the usual change. medium: comparison tells them apart, and it is at least `CLEAR` times that, or
        there are too few releases to tell. low: only step detection finds it, or the roofline says otherwise.
        """
        if not self.different or not self.confirmed:
            return "low"
        plain = self.clearness is not None and self.clearness >= PLAIN
        return "high" if self.detected or plain else "medium"


@dataclass(frozen=True)
class Transition:
    """The steps between two releases in one direction on one machine, the largest first; never empty."""

    steps: tuple[Step, ...]
    cells: int  # that are measured in both releases

    @property
    def worst(self) -> Step:
        """The largest step."""
        return self.steps[0]

    @property
    def before(self) -> Release:
        """The release before."""
        return self.worst.before.release

    @property
    def after(self) -> Release:
        """The release with the change."""
        return self.worst.after.release

    @property
    def machine(self) -> str:
        """The machine that it was measured on."""
        return self.worst.after.machine

    @property
    def confidence(self) -> str:
        """The confidence in its surest step."""
        return min((step.confidence for step in self.steps), key=CONFIDENCE.index)


def ratio(before: Result, after: Result) -> float:
    """Return the later value over the earlier one, neither taken for less than its metric's floor."""
    floor = FLOORS.get(before.metric, 0.0)
    return max(after.value, floor) / max(before.value, floor)


def find(rows: Sequence[Result], metric: str, threshold: float = THRESHOLD) -> list[Step]:
    """Return the steps of at least `threshold`, in either direction, the largest first.

    Releases on one Python are compared, so that no step is that of the interpreter.
    """
    by_series: dict[Series, list[Result]] = defaultdict(list)
    for row in rows:
        by_series[row.machine, row.python, row.release.framework, row.metric, row.cell].append(row)
    roofs = {place(row): row for row in rows if row.metric == "roofline" and metric in TIMES}
    steps = [
        step
        for key, series in by_series.items()
        if key[3] == metric
        for step in _of(sorted(series, key=lambda row: releases.order(row.release)), threshold, roofs)
    ]
    return sorted(steps, key=lambda step: (-step.size, step.after.release.tag, step.after.cell.name))


def grouped(steps: Iterable[Step], rows: Iterable[Result]) -> list[Transition]:
    """Group steps by machine, pair of releases and direction, the largest first; `rows` are all results."""
    together: dict[tuple[str, Release, Release, bool], list[Step]] = defaultdict(list)
    cells: dict[tuple[str, str, Release], set[Cell]] = defaultdict(set)
    for row in rows:
        cells[row.machine, row.metric, row.release].add(row.cell)
    for step in sorted(steps, key=lambda step: -step.size):
        together[step.after.machine, step.before.release, step.after.release, step.worse].append(step)
    return [
        Transition(
            tuple(changed),
            len(cells[machine, changed[0].after.metric, before] & cells[machine, changed[0].after.metric, after]),
        )
        for (machine, before, after, _), changed in together.items()
    ]


def place(row: Result) -> Place:
    """Return the key that the metrics of one cell in one release share."""
    return row.machine, row.python, row.release, row.cell


def _of(series: Sequence[Result], threshold: float, roofs: Mapping[Place, Result]) -> Iterator[Step]:
    """Yield the steps of one series, which is in order of release."""
    series = [row for row in series if max(row.value, FLOORS.get(row.metric, 0.0)) > 0]
    pairs = list(pairwise(series))
    logs = [abs(math.log(ratio(*pair))) for pair in pairs]
    starts = detected(series)
    for i, (before, after) in enumerate(pairs):
        if logs[i] < math.log(threshold) or not logs[i]:
            continue
        others = logs[:i] + logs[i + 1 :]
        clearness = logs[i] / max(LEAST, median(others)) if len(others) >= ENOUGH else None
        differs = different(before, after) and (clearness is None or clearness >= CLEAR)
        if not differs and i + 1 not in starts:
            continue
        first, second = roofs.get(place(before)), roofs.get(place(after))
        yield Step(
            before=before,
            after=after,
            newest=series[-1],
            ended=next((row for row in series[i + 2 :] if _undone(before, after, row)), None),
            detected=i + 1 in starts,
            different=differs,
            clearness=clearness,
            roofs=(first, second) if first and second else None,
        )


def detected(series: Sequence[Result]) -> set[int]:
    """Return the places where asv's step detection begins a new piece, with the weights of `asv publish`."""
    weights = [None if row.interval is None else get_weight(_stats(row)) for row in series]
    return {int(left) for left, *_ in detect_steps([row.value for row in series], weights)[1:]}


def different(before: Result, after: Result) -> bool:
    """Return whether `asv compare` tells two values apart; without samples, whether they differ at all."""
    if before.interval is None or after.interval is None:
        sampled = before.samples or after.samples
        return not sampled and before.value != after.value  # too few samples tell nothing apart
    first, second = before.samples or (), after.samples or ()
    enough = math.comb(len(first) + len(second), len(first)) >= FEWEST
    samples = (first, second) if enough else (None, None)
    return bool(is_different(*samples, _stats(before), _stats(after)))


def _stats(row: Result) -> dict[str, float]:
    low, high = row.interval or (-math.inf, math.inf)
    return {"ci_99_a": low, "ci_99_b": high}


def _undone(before: Result, after: Result, later: Result) -> bool:
    return abs(math.log(ratio(before, later))) < abs(math.log(ratio(after, later)))
