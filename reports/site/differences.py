"""The page of differences: a script shows two operands that the reader chooses, from look-up tables.

Targets of today are compared with one another, and a release with what is of its framework. Operands that answer
alike share a *behaviour*, those with the same grades an *accuracy*, and those timed in one
release and mode a *cost*; each two of these are compared once, the lower number first. All texts are made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reports.checks import plural, split_target
from reports.differences import phrases
from reports.differences.causes import SORTS
from reports.differences.comparison import compare, notes
from reports.differences.cost import TargetCosts
from reports.differences.operands import Operand, operands
from reports.evidence import Evidence
from reports.site import pair_answers, pair_numbers
from reports.site.numbered import Pairs, Tables
from reports.site.page import Page

ADDRESS = "differences.html"
ELSEWHERE = "Releases of two frameworks are compared on the terminal: python -m reports compare {a} {b}"
DEFAULT = ("tensorflow:cpu:eager", "jax:cpu:jit")  # the pair that is shown first, if both are there


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page."""
    today, releases = operands(evidence.records, evidence.history)
    every = [*today, *releases]
    pair = default([operand.name for operand in every])
    named = {operand.name: operand for operand in every}
    sections = {key: heading for key, heading in SORTS.items() if key != "measured"}
    yield Page(
        path=ADDRESS,
        title="Differences",
        template="differences.html.j2",
        part=ADDRESS,
        values={
            "data": data(every, evidence, comparable(today, releases)),
            "groups": (("Today", today), ("Releases", releases)),
            "pair": pair,
            "sections": {**sections, "grades": "Grades", "costs": "Cost", "measured": SORTS["measured"]},
            "heading": phrases.heading,
            "shown": compare(named[pair[0]], named[pair[1]], evidence),
        },
    )


def comparable(today: Sequence[Operand], releases: Sequence[Operand]) -> Pairs:
    """Return the places of each two that the page compares, of today's targets and then the releases."""
    every = [*today, *releases]
    return {
        (a, b)
        for b, second in enumerate(every)
        for a, first in enumerate(every[: b + 1])
        if b < len(today) or split_target(first.target)[0] == split_target(second.target)[0]
    }


def default(names: Sequence[str]) -> tuple[str, str]:
    """Return the two operands that are shown first; a single one is shown beside itself."""
    there = [name for name in DEFAULT if name in names]
    first, second, *_ = [*dict.fromkeys((*there, *names)), *names]
    return first, second


def data(every: Sequence[Operand], evidence: Evidence, asked: Pairs) -> dict[str, Any]:
    """Return all that the script shows of the pairs that are asked for."""
    tables = Tables()
    costs = [evidence.costs(operand.target, operand.version) for operand in every]
    behaviours, answers = pair_answers.behaviours(every, evidence, tables, asked)
    accuracies, graded = pair_numbers.accuracies(every, evidence.specification, tables, asked)
    timings, timed = pair_numbers.timings(every, costs, tables, asked)
    return {
        "sections": _sections(),
        "summary": phrases.sentence("{shared}", "{counts}"),
        "nothing": phrases.NOTHING,
        "operands": [
            {
                "name": operand.name,
                "release": timed_target.release if timed_target else "",
                "behaviour": behaviours[place],
                "accuracy": accuracies[place],
                "cost": timings[place],
            }
            for place, (operand, timed_target) in enumerate(zip(every, costs, strict=True))
        ],
        "elsewhere": ELSEWHERE,
        "pairs": _pairs(every, costs, tables, asked),
        **answers,
        **graded,
        **timed,
        "texts": tables.texts.rows,
        "links": tables.links.rows,
        "lines": tables.lines.rows,
        "programs": tables.programs.rows,
    }


def _sections() -> list[dict[str, Any]]:
    """Return the sections of the page in their order; those with a head are tables."""
    lists = [{"key": sort, "heading": heading} for sort, heading in SORTS.items() if sort != "measured"]
    described = (
        ("grades", phrases.GRADES, phrases.GRADE_RULE, phrases.GRADE_HEAD),
        ("costs", phrases.COSTS, f"{{releases}}. {phrases.COST_RULE}", phrases.COST_HEAD),
        ("measured", SORTS["measured"], phrases.MEASURED_RULE, phrases.MEASURED_HEAD),
    )
    return [*lists, *(dict(zip(("key", "heading", "rule", "head"), row, strict=True)) for row in described)]


def _pairs(
    every: Sequence[Operand], costs: Sequence[TargetCosts | None], tables: Tables, asked: Pairs
) -> list[list[Any]]:
    """Return the number of common checks and the notes of each two operands, and of each beside itself."""

    def entry(a: int, b: int) -> tuple[int, list[int]]:
        shared = len(every[a].check_ids & every[b].check_ids)
        sentences = dict.fromkeys(notes(every[a], every[b], shared, (costs[a], costs[b])))
        return tables.texts.number(plural(shared)), list(map(tables.texts.number, sentences))

    return [[entry(a, b) if (a, b) in asked else None for a in range(b + 1)] for b in range(len(every))]
