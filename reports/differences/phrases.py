"""The sentences and rows of a comparison that its forms have in common."""

from __future__ import annotations

from collections.abc import Iterator

from reports.checks import plural
from reports.differences import cost
from reports.differences.compared import Comparison, Told
from reports.differences.pair import SORTS

GRADE_HEAD = ("operation", "format", "direction")
COST_HEAD = ("call", "on", "second / first")
MEASURED_HEAD = ("requirement", "where")


def heading(one: Comparison) -> str:
    """ "jax:cpu:jit (jax 0.10.2) beside torch:cpu:eager (torch 2.13.0)"."""
    return f"{one.a.label} beside {one.b.label}"


def summary(one: Comparison) -> str:
    """How much differs, in one sentence."""
    counts = [f"{plural(len(one.of(sort)), 'difference')} {TOLD[sort]}" for sort in SORTS if one.of(sort)]
    last = counts.pop() if one.of("measured") else ""
    counts += [f"{len(one.grades)} of {plural(one.graded, 'grade')}"] if one.grades else []
    counts += [f"cost in {len(one.costs)} of {plural(one.timed, 'cell')}"] if one.costs else []
    counts += [last] if last else []
    return f"Of {plural(one.shared)} that both were given: {'; '.join(counts) or 'nothing differs'}."


TOLD = {
    "faults": "in value",
    "choices": "in what is legal",
    "absent": "in what there is",
    "measured": "in what is measured without a verdict",
}


def line(told: Told) -> str:
    """Requirements, operations and formats, threads."""
    return " · ".join((", ".join(told.requirements), told.where, plural(told.checks), *told.links))


def grades(one: Comparison) -> str:
    """The heading of the grades."""
    return (
        f"Grades that differ: {len(one.grades)} of {one.graded} "
        "(worst error over the bound of grade D; of one letter, from a tenth on)"
    )


def grade_rows(one: Comparison) -> Iterator[tuple[str, ...]]:
    """A row for each grade."""
    for pair in one.grades:
        yield pair.operation, pair.dtype, pair.direction, pair.first, pair.second


def costs(one: Comparison) -> str:
    """The heading of the costs."""
    names = " and ".join(column.release for column in one.columns if column)
    return (
        f"Cost that differs: {len(one.costs)} of {plural(one.timed, 'cell')}, {names} "
        "(a tenth or more, and outside both 99 % intervals)"
    )


def cost_rows(one: Comparison) -> Iterator[tuple[str, ...]]:
    """A row for each cell, the largest factor first."""
    device = one.columns[0].device if one.columns[0] else "cpu"
    for pair in one.costs:
        call = f"{pair.cell.operation} {pair.cell.direction}"
        times = "the same time" if pair.times is None else f"{cost.figure(pair.times)}×"
        yield call, cost.where(pair.cell, device), times, cost.told(pair.first), cost.told(pair.second)


def measured_rows(one: Comparison) -> Iterator[tuple[str, ...]]:
    """A row for each measurement."""
    for told in one.of("measured"):
        first, second = told.sides
        yield f"{', '.join(told.requirements)} {told.title}", told.where, first.text, second.text
