"""The sentences and tables of a comparison, which the terminal, Markdown and the site have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.timing.cells import Cell
from reports.checks import plural
from reports.differences import cost
from reports.differences.causes import SORTS
from reports.differences.comparison import Comparison, DescribedDifference
from reports.timing import wording

NOTHING = "nothing differs"
MOST = 12  # rows of a table that are shown unless all are asked for
COUNTED = {
    "faults": "in value",
    "choices": "in what is legal",
    "absent": "in what there is",
    "measured": "in what is measured without a verdict",
}
GRADES, COSTS = "Grades that differ", "Cost that differs"
GRADE_HEAD = ("operation", "format", "direction")
GRADE_RULE = (
    "Each grade stands with its worst error over the bound of grade D; two grades of one letter are listed where "
    "these errors differ by a tenth or more."
)
COST_HEAD = ("call", "on", "second / first")
COST_RULE = (
    "A cell is listed where the times differ by a tenth or more and their 99 % intervals do not overlap, or "
    "where the memory differs by a tenth or more."
)
MEASURED_HEAD = ("requirement", "where")
MEASURED_RULE = "These are facts about bits and bytes, which no requirement judges."


@dataclass(frozen=True)
class ComparisonTable:
    """A table whose last two columns are the operands; `rule` says what it lists, `hidden` counts the rest."""

    title: str
    rule: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    hidden: int


def heading(comparison: Comparison) -> str:
    """Return a title such as "jax:cpu:jit (jax 0.10.2) beside torch:cpu:eager (torch 2.13.0)"."""
    return f"{comparison.a.label} beside {comparison.b.label}"


def summary(comparison: Comparison) -> str:
    """Count the differences in one sentence."""
    counts = {sort: difference_count(sort, len(own)) for sort in SORTS if (own := comparison.of(sort))}
    measured = counts.pop("measured", None)
    every = [
        *counts.values(),
        *([grade_count(len(comparison.grades), comparison.graded)] if comparison.grades else ()),
        *([cost_count(len(comparison.costs), comparison.timed)] if comparison.costs else ()),
        *([measured] if measured else ()),
    ]
    return sentence(plural(comparison.shared), "; ".join(every) or NOTHING)


def sentence(shared: str, counts: str) -> str:
    """Return the sentence that counts the differences among the shared checks."""
    return f"Of {shared} that both were given: {counts}."


def difference_count(sort: str, number: int) -> str:
    """Return a text such as "2 differences in value"."""
    return f"{plural(number, 'difference')} {COUNTED[sort]}"


def grade_count(number: int | str, places: int) -> str:
    """Return a text such as "3 of 80 grades"."""
    return f"{number} of {plural(places, 'grade')}"


def cost_count(number: int | str, cells: int) -> str:
    """Return a text such as "cost in 3 of 128 cells"."""
    return f"cost in {number} of {plural(cells, 'cell')}"


def line(difference: DescribedDifference) -> str:
    """Return the requirements, operations and formats, the number of checks and the threads."""
    requirements = ", ".join(difference.requirements)
    return " · ".join((requirements, difference.where, plural(difference.checks), *difference.links))


def tables(comparison: Comparison, every: bool) -> Iterator[ComparisonTable]:
    """Yield the tables that have rows: the grades, the costs and the measurements that differ."""
    grades, costs = comparison.grades, comparison.costs
    releases = " and ".join(target.release for target in comparison.targets if target)
    described = (
        (
            f"{GRADES}: {grade_count(len(grades), comparison.graded)}",
            GRADE_RULE,
            GRADE_HEAD,
            [(pair.operation, pair.dtype, pair.direction, pair.first, pair.second) for pair in grades],
        ),
        (
            f"{COSTS}: {len(costs)} of {plural(comparison.timed, 'cell')}, {releases}",
            COST_RULE,
            COST_HEAD,
            list(_cost_rows(comparison)),
        ),
        (SORTS["measured"], MEASURED_RULE, MEASURED_HEAD, list(map(_measured_row, comparison.of("measured")))),
    )
    for title, rule, head, rows in described:
        kept = rows if every else rows[:MOST]
        if rows:
            yield ComparisonTable(title, rule, (*head, *comparison.names), tuple(kept), len(rows) - len(kept))


def _cost_rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """Yield a row for each cell, the largest factor first."""
    first = comparison.targets[0]
    for pair in comparison.costs:
        cell = cell_texts(pair.cell, first.device if first else "cpu")
        times = None if pair.times is None else cost.figure(pair.times)
        yield *cell, factor(times), cost.described(pair.first), cost.described(pair.second)


def cell_texts(cell: Cell, device: str) -> tuple[str, str]:
    """Return the call of a cell, and its shape, format and threads."""
    return f"{cell.operation} {cell.direction}", wording.where(cell, device)


def factor(times: str | None) -> str:
    """Return a text for the ratio of two times, None where only the memory differs."""
    return "the same time" if times is None else f"{times}×"


def _measured_row(difference: DescribedDifference) -> tuple[str, ...]:
    first, second = difference.operands
    return measured_title(difference), difference.where, first.answer, second.answer


def measured_title(difference: DescribedDifference) -> str:
    """Return the requirements and the title."""
    return f"{', '.join(difference.requirements)} {difference.title}"
