"""Time over classes and copies of the logits, of the newest releases that each CPU measured."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

from adapters.frameworks import FRAMEWORKS
from benchmarks.timing.cells import OPERATIONS, SHAPES, Cell
from reports.evidence import Evidence
from reports.uses import OURS

if TYPE_CHECKING:  # asv would be imported with it, which a site without results does not need
    from benchmarks.asv.results import Result

DEVICE = "cpu"
CONFIDENCE = 0.95
FEWEST = 4  # shapes that a line is fitted to
LEAST = 2**16  # logits of such a shape: of fewer, the call itself takes the time
HELD = Cell(
    "softmax", "forward", "eager", "float32", "llama2", "1"
)  # whose shape, format and threads memory is told at

Point = tuple[int, float]  # classes, seconds a row
Copies = Mapping[
    str, Mapping[str, Mapping[tuple[str, str], float]]
]  # operation → direction → framework, mode → copies


@dataclass(frozen=True)
class Fit:
    """Seconds of a row ∝ classes^exponent, within ± margin at `CONFIDENCE`; points by classes."""

    machine: str
    framework: str
    mode: str
    operation: str
    points: tuple[Point, ...]
    exponent: float
    margin: float

    @property
    def growth(self) -> float:
        """The time of a row of the most classes over that of the fewest."""
        return self.points[-1][1] / self.points[0][1]


def fits(evidence: Evidence) -> list[Fit]:
    """Return the fit of each machine, framework and operation: usual mode, forward, float32, one thread."""
    return [found for machine in machines(evidence) for found in _fits(evidence, machine)]


def _fits(evidence: Evidence, machine: str) -> Iterator[Fit]:
    points: dict[tuple[str, str, str], list[Point]] = defaultdict(list)
    for row in _today(evidence, machine, "latency"):
        cell, shape, framework = row.cell, SHAPES[row.cell.shape], row.release.framework
        asked = (cell.direction, cell.format, cell.threads, cell.data) == ("forward", "float32", "1", "normal")
        large = shape.axis == -1 and cell.elements(DEVICE) >= LEAST
        if asked and large and cell.mode == FRAMEWORKS[framework].usually_timed:
            seconds = row.value * shape.n / cell.elements(DEVICE)
            points[framework, cell.mode, cell.operation].append((shape.n, seconds))
    for key in sorted(points, key=lambda key: (list(FRAMEWORKS).index(key[0]), OPERATIONS.index(key[2]))):
        if len(points[key]) >= FEWEST:
            yield Fit(machine, *key, *fit(points[key]))


def fit(points: Sequence[Point]) -> tuple[tuple[Point, ...], float, float]:
    """Return the points in order, and slope and margin of least squares on their logarithms."""
    ordered = tuple(sorted(points))
    x, y = ([math.log(value) for value in values] for values in zip(*ordered, strict=True))
    count = len(x)
    middle, height = sum(x) / count, sum(y) / count
    spread = sum((a - middle) ** 2 for a in x)
    slope = sum((a - middle) * (b - height) for a, b in zip(x, y, strict=True)) / spread
    left = sum((b - height - slope * (a - middle)) ** 2 for a, b in zip(x, y, strict=True))
    return ordered, slope, quantile(count - 2) * math.sqrt(left / (count - 2) / spread)


def quantile(freedom: int) -> float:
    """Return Student's two-sided quantile at `CONFIDENCE`.

    Formula 26.7.5 of Abramowitz and Stegun, within 1 % of it from two degrees of freedom on.
    """
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))


def copies(evidence: Evidence) -> Copies:
    """Return the peak memory of calls at `HELD` on the first machine; our own reference is no framework."""
    found: dict[str, dict[str, dict[tuple[str, str], float]]] = defaultdict(lambda: defaultdict(dict))
    for row in (row for machine in machines(evidence)[:1] for row in _today(evidence, machine, "memory")):
        cell, framework = row.cell, row.release.framework
        here = replace(cell, operation=HELD.operation, direction=HELD.direction, mode=HELD.mode) == HELD
        if here and framework != OURS:
            found[cell.operation][cell.direction][framework, cell.mode] = row.value
    return found


def machines(evidence: Evidence) -> list[str]:
    """Return the machines whose CPU was measured."""
    known = evidence.results.machines.values() if evidence.results else ()
    return [machine.name for machine in known if machine.device == DEVICE]


def _today(evidence: Evidence, machine: str, metric: str) -> Iterator[Result]:
    """Yield a metric of the newest releases that have it on a machine."""
    from reports.timing.performance import newest_releases

    rows = evidence.results.rows if evidence.results else ()
    here = [row for row in rows if row.metric == metric and row.machine == machine]
    newest = newest_releases(here)
    yield from (row for row in here if row.release == newest[row.release.framework])
