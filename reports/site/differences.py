"""The page of differences: every item with each side's answer, for a script that shows two of them.

The script tells of two sides what `reports.differences` tells of two records; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import Any

from benchmarks.timing.cells import Cell
from conformance.record.records import Record
from reports.accuracy import Grade
from reports.differences import cost, grades
from reports.differences.compared import compare
from reports.differences.cost import COPIES, LEAST, Column, Cost
from reports.differences.grades import LEAST as LEAST_ERROR
from reports.differences.items import Item, items
from reports.differences.pair import MOST_TEXTS, SORTS
from reports.differences.programs import shown
from reports.differences.sides import Side, sides
from reports.differences.values import four
from reports.findings import UNREPORTED
from reports.site.evidence import Evidence
from reports.site.page import Page

ADDRESS = "differences.html"
DEFAULT = ("tensorflow:cpu:eager", "jax:cpu:jit")  # what is shown first, where both are there
MOST_CODE = 150_000  # characters of programs: what is beyond them the terminal's command shows


class Table:
    """Things that are told once; `place(one)` is where one stands."""

    def __init__(self) -> None:
        self.places: dict[Any, int] = {}

    def place(self, one: Any) -> int:
        """Where `one` stands, at the end if it is new."""
        return self.places.setdefault(one, len(self.places))

    @property
    def rows(self) -> list[Any]:
        """What is in it, in order."""
        return list(self.places)

    @property
    def size(self) -> int:
        """The characters of its texts."""
        return sum(len(one) for one in self.places if isinstance(one, str))


def pages(evidence: Evidence) -> Iterator[Page]:
    """The one page."""
    today, releases = sides(evidence.records, evidence.history)
    every = [*today, *releases]
    pair = default([side.name for side in every])
    named = {side.name: side for side in every}
    yield Page(
        path=ADDRESS,
        title="Differences",
        template="differences.html.j2",
        part=ADDRESS,
        values={
            "data": data(today, releases, evidence),
            "groups": (("Today", today), ("Releases", releases)),
            "pair": pair,
            "sorts": SORTS,
            "shown": compare(named[pair[0]], named[pair[1]], evidence),
        },
    )


def default(names: Sequence[str]) -> tuple[str, str]:
    """The two sides that are shown first; one side beside itself where there is no other."""
    there = [name for name in DEFAULT if name in names]
    first, second, *_ = [*dict.fromkeys((*there, *names)), *names]
    return first, second


def data(today: Sequence[Side], releases: Sequence[Side], evidence: Evidence) -> dict[str, Any]:
    """All that the script needs, texts by their places in tables."""
    every = [*today, *releases]
    found = items([side.record for side in every], evidence.specification, evidence.deviations)
    texts, values, lines, programs = Table(), Table(), Table(), Table()
    rows = [_item(item, every, texts, values, lines, programs) for item in found]
    entries = {name for value in values.rows if (name := value.entry)}
    columns = [cost.column(evidence.results, side.target, side.version) for side in every]
    cells, letters = Table(), Table()
    return {
        "sorts": SORTS,
        "least": LEAST,
        "leastError": LEAST_ERROR,
        "leastCopies": COPIES,
        "mostTexts": MOST_TEXTS,
        "sides": [_side(side, column) for side, column in zip(every, columns, strict=True)],
        "shared": _shared([side.record for side in every]),
        "requirements": {
            name: [requirement.level, requirement.text]
            for name, requirement in evidence.specification.items()
            if any(item.requirement == name for item in found)
        },
        "entries": {
            entry.id: {
                "title": entry.title,
                "link": "" if entry.link == UNREPORTED else entry.link,
                "code": entry.reproduction.strip(),
                "told": f"prints {' '.join(entry.prints.split())}; expected: {' '.join(entry.expected.split())}",
            }
            for entry in evidence.deviations
            if entry.id in entries
        },
        "items": rows,
        "grades": _grades([side.record for side in every], evidence, letters),
        "costs": {name: _costs(column, cells) for name, column in _keyed(every, columns).items()},
        "cells": [[_call(cell), cost.where(cell, device)] for _, device, cell in cells.rows],
        "letters": letters.rows,
        "values": [[value.kind, value.text, value.entry] for value in values.rows],
        "texts": texts.rows,
        "lines": lines.rows,
        "programs": programs.rows,
    }


def _side(side: Side, column: Column | None) -> dict[str, Any]:
    header = side.record.header
    return {
        "name": side.name,
        "label": side.label,
        "tier": header.tier,
        "commit": header.suite_commit,
        "version": side.version.partition("+")[0],
        "complete": side.record.complete,
        "release": column.release if column else "",
        "cost": _key(side, column) if column else "",
        "checks": len({check.id for check in side.record.checks}),
    }


def _key(side: Side, column: Column) -> str:
    return f"{column.release} {side.target}"


def _keyed(every: Sequence[Side], columns: Sequence[Column | None]) -> dict[str, Column]:
    return {_key(side, column): column for side, column in zip(every, columns, strict=True) if column}


def _shared(records: Sequence[Record]) -> list[list[int]]:
    """How many checks each two have in common: row i holds those with the sides before it."""
    names = [{check.id for check in record.checks} for record in records]
    return [[len(one & other) for other in names[:place]] for place, one in enumerate(names)]


def _item(
    item: Item, every: Sequence[Side], texts: Table, values: Table, lines: Table, programs: Table
) -> dict[str, Any]:
    """One item; what is 0 or empty is left out."""
    row: dict[str, Any] = {
        "r": texts.place(item.requirement),
        "s": [[texts.place(operation), texts.place(dtype), number] for (operation, dtype), number in item.scopes],
        "v": [-1 if value is None else values.place(value) for value in item.values],
    }
    if lines.size > MOST_CODE:
        return row
    found = shown(item, [side.target for side in every])
    if any(one.code for one in found):
        row["p"] = [
            programs.place(tuple(lines.place(line) for line in one.code.split("\n"))) if one.code else -1
            for one in found
        ]
    for key, told in (("e", [one.element for one in found]), ("a", [one.answer for one in found])):
        if any(told):
            row[key] = {place: texts.place(text) for place, text in enumerate(told) if text}
    return row


def _grades(records: Sequence[Record], evidence: Evidence, letters: Table) -> list[Any]:
    """Operation, format, direction, and each side's grade: of all its checks, and of those of the quick tier."""

    def told(grade: Grade | None) -> int:
        return -1 if grade is None else letters.place(_grade(grade))

    quick = {check.id for record in records if record.header.tier == "quick" for check in record.checks}
    larger = [place for place, record in enumerate(records) if record.header.tier != "quick"]
    narrowed = [grades.within(records[place], quick) for place in larger] if quick else []
    small = dict(grades.table(narrowed, evidence.specification))
    rows: list[Any] = []
    for at, cells in grades.table(records, evidence.specification):
        row = [told(cell) for cell in cells]
        rows.append([*at, row])
        if quick:
            narrow = dict(zip(larger, small.get(at, ()), strict=False))
            rows[-1].append(
                [told(narrow.get(place)) if place in larger else one for place, one in enumerate(row)]
            )
    return rows


def _grade(grade: Grade) -> tuple[str, float, bool | None, str]:
    worst = four(grade.worst) if grade.worst < inf else -1  # JSON has no infinity
    return grade.letter, worst, grade.relative, grades.told(grade)


def _costs(column: Column, cells: Table) -> dict[int, list[float | None]]:
    return {
        cells.place((machine, column.device, cell)): _cost(one) for (machine, cell), one in column.costs.items()
    }


def _cost(one: Cost) -> list[float | None]:
    return [one.latency, one.low, one.high, one.roofline, one.copies]


def _call(cell: Cell) -> str:
    return f"{cell.operation} {cell.direction}"
