"""The part of the page's data that is made of answers: the differences between each two behaviours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from conformance.requirements import Requirement
from reports.checks import parts
from reports.differences import phrases
from reports.differences.causes import differences
from reports.differences.comparison import DescribedDifference, describe
from reports.differences.items import Item, items
from reports.differences.operands import Operand
from reports.differences.programs import Shown, shown
from reports.evidence import Evidence
from reports.site.numbered import Numbered, Pairs, Tables, triangle

MOST_CODE = 150_000  # characters of programs; those beyond them are left to the terminal's command
LOOKS = {"faults": "bad", "choices": "known", "absent": "warn", "measured": ""}
SEPARATOR = " · "
OF = "{of}"  # the script replaces it by "2 of " where the reader's filter leaves two


def behaviours(
    every: Sequence[Operand], evidence: Evidence, tables: Tables, pairs: Pairs
) -> tuple[list[int], dict[str, Any]]:
    """Number the behaviour of each operand and compare each two."""
    every_item = items([operand.record for operand in every], evidence.specification, evidence.deviations)
    examples = dict(
        zip(map(id, every_item), _examples(every_item, [operand.target for operand in every]), strict=True)
    )
    entries = {entry.id: entry for entry in evidence.deviations}
    behaviours: Numbered[tuple[Any, ...]] = Numbered()
    numbers = [
        behaviours.number(tuple((item.values[place], examples[id(item)][place]) for item in every_item))
        for place in range(len(every))
    ]
    rows: Numbered[DescribedDifference] = Numbered()

    def entry(a: int, b: int) -> dict[str, tuple[int, list[int]]]:
        sorts: dict[str, list[int]] = {}
        for difference in differences(every_item, a, b):
            example = examples[id(difference.item)]
            described = describe(difference, (example[a], example[b]), evidence.specification, entries)
            sorts.setdefault(difference.sort, []).append(rows.number(described))
        return {
            sort: (tables.texts.number(OF + phrases.difference_count(sort, len(own))), own)
            for sort, own in sorts.items()
        }

    compared = triangle(numbers, entry, pairs)
    return numbers, {
        "behaviours": compared,
        "differences": [_row(difference, evidence.specification, tables) for difference in rows.rows],
    }


def _examples(every_item: Sequence[Item], targets: Sequence[str]) -> Iterator[tuple[Shown, ...]]:
    """Yield the examples of each item, without programs once their lines are `MOST_CODE` characters long."""
    lines: set[str] = set()
    for item in every_item:
        if sum(map(len, lines)) > MOST_CODE:
            yield (Shown("", "", ""),) * len(targets)
        else:
            example = shown(item, targets)
            lines.update(line for operand in example for line in operand.code.split("\n"))
            yield example


def _row(difference: DescribedDifference, specification: Mapping[str, Requirement], tables: Tables) -> list[Any]:
    """Return the look, the operand that lacks something, the title, the line and the two operands."""
    text = tables.texts.number
    levels = [specification[name].level for name in difference.requirements if name in specification]
    lenient = difference.sort == "faults" and levels == ["should"] * len(difference.requirements)
    measured = difference.sort == "measured"
    return [
        "warn" if lenient else LOOKS[difference.sort],
        -1 if difference.lacks is None else difference.lacks,
        text(phrases.measured_title(difference) if measured else difference.title),
        [tables.links.number((difference.where, ""))]
        if measured
        else list(_line(difference, specification, tables)),
        *([text(own.answer), tables.program(own.program), text(own.recorded)] for own in difference.operands),
    ]


def _line(
    difference: DescribedDifference, specification: Mapping[str, Requirement], tables: Tables
) -> Iterator[int]:
    """Yield the parts of `phrases.line`: the requirements linked to their pages, the threads to theirs."""
    rest = phrases.line(difference)
    for name in difference.requirements:
        before, _, rest = rest.partition(name)
        known = f"requirements/{quote(name, safe='')}.html" if name in specification else ""
        yield from (tables.links.number(part) for part in ((before, ""), (name, known)) if part[0])
    for chunk in rest.split(SEPARATOR)[1:]:
        for place, piece in enumerate(chunk.split("; ")):  # what many lines have in common is kept once
            own = parts(("; " if place else SEPARATOR) + piece)
            yield from (tables.links.number((part.text, part.url or "")) for part in own)
