"""The parts of the page's data that are made of numbers: the grades and the costs that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.record.records import Record
from conformance.requirements import Requirement
from reports.accuracy import Grade
from reports.differences import cost, grades, phrases
from reports.differences.cost import Cost, TargetCosts
from reports.differences.grades import Place
from reports.differences.operands import Operand
from reports.differences.values import four
from reports.site.numbered import Numbered, Pairs, Tables, triangle

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
SHOWN = "{shown}"  # the script replaces it by the number of rows that pass the reader's filter


def accuracies(
    every: Sequence[Operand], specification: Mapping[str, Requirement], tables: Tables, pairs: Pairs
) -> tuple[list[int], dict[str, Any]]:
    """Number the grades of each operand and compare each two; of different tiers, those of the quick checks."""
    records = [operand.record for operand in every]
    tiers = [record.header.tier for record in records]
    quick = {check.id for record in records if record.header.tier == "quick" for check in record.checks}
    larger = [place for place, tier in enumerate(tiers) if tier != "quick"] if quick else []
    narrowed = _columns([grades.within(records[place], quick) for place in larger], specification)
    small = dict(zip(larger, narrowed, strict=True))
    both = [(whole, small.get(place, whole)) for place, whole in enumerate(_columns(records, specification))]
    places = {place: number for number, place in enumerate(both[0][0])}

    def entry(a: int, b: int) -> tuple[int, int, list[int]]:
        narrow = int(tiers[a] != tiers[b])
        first, second = both[a][narrow], both[b][narrow]
        pairs, shared = grades.pairs((place, first.get(place), second.get(place)) for place in places)
        rows = [places[pair.operation, pair.dtype, pair.direction] for pair in pairs]
        return tables.texts.number(phrases.grade_count(SHOWN, shared)), narrow, rows

    described: Numbered[Any] = Numbered()
    numbers = [
        described.number((tier, *(tuple(_graded(column.get(place)) for place in places) for column in columns)))
        for tier, columns in zip(tiers, both, strict=True)
    ]
    return numbers, {
        "accuracies": triangle(numbers, entry, pairs),
        "places": [list(map(tables.texts.number, place)) for place in places],
        "letters": [
            [[tables.texts.number(text) if text else -1 for text, _ in column] for column in columns]
            for _, *columns in described.rows
        ],
    }


def _columns(
    records: Sequence[Record], specification: Mapping[str, Requirement]
) -> list[dict[Place, Grade | None]]:
    """Return the grades of each record by place."""
    rows = grades.table(records, specification)
    return [{place: cells[number] for place, cells in rows} for number in range(len(records))]


def _graded(grade: Grade | None) -> tuple[str, float]:
    """Return a grade's text, and its worst error as it is compared."""
    return (grades.described(grade), four(grade.worst)) if grade else ("", 0.0)


def timings(
    every: Sequence[Operand], costs: Sequence[TargetCosts | None], tables: Tables, asked: Pairs
) -> tuple[list[int], dict[str, Any]]:
    """Number the release and mode that each operand's costs are of and compare each two."""
    timed: Numbered[tuple[str, str] | None] = Numbered()
    numbers = [
        timed.number((target.release, operand.target) if target else None)
        for operand, target in zip(every, costs, strict=True)
    ]
    own = [costs[numbers.index(number)] for number in range(len(timed.rows))]
    devices = {key: target.device for target in own if target for key in target.costs}
    cells = {key: number for number, key in enumerate(devices)}

    def entry(a: int, b: int) -> tuple[int, int, str]:
        pairs, shared = cost.pairs(costs[a], costs[b])
        slower = sum(pair.times is not None for pair in pairs)  # they come first
        rows = "".join(_digits(cells[pair.machine, pair.cell]) for pair in pairs)
        return tables.texts.number(phrases.cost_count(SHOWN, shared)), slower, rows

    return numbers, {
        "timings": triangle(numbers, entry, asked),
        "cells": [phrases.cell_texts(cell, device) for (_, cell), device in devices.items()],
        "costs": [[_cost(target.costs.get(key), tables) for key in cells] if target else [] for target in own],
        "factor": phrases.factor("{factor}"),
        "same": phrases.factor(None),
        "decimals": cost.DECIMALS,
    }


def _digits(number: int) -> str:
    """Return a number in two digits of base 36: the list of cells is the largest part of the data."""
    return DIGITS[number // 36] + DIGITS[number % 36]


def _cost(price: Cost | None, tables: Tables) -> tuple[float, ...] | None:
    """Return the latency, which the script divides by another, and the pieces of the text."""
    return (price.latency, *map(tables.texts.number, cost.pieces(price))) if price else None
