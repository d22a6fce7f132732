"""What differs between two columns of items, in the order in which someone who ports code would ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.differences.items import Item
from reports.differences.values import HOLDS, Value, differ

# name → heading; grades and cost, which are no checks, stand between the last two
SORTS = {
    "faults": "Wrong, or different in value",
    "choices": "Legal answers that differ",
    "absent": "Absent in one",
    "measured": "Measured, without a verdict",
}
MOST_TEXTS = 3  # answers of one side of a difference that are spelled out


@dataclass(frozen=True)
class Difference:
    """One thing that differs: items with one cause, the first of which has the example."""

    sort: str
    items: tuple[Item, ...]
    first: tuple[str, ...]
    second: tuple[str, ...]
    entries: tuple[str, ...]

    @property
    def item(self) -> Item:
        """The one whose example is shown."""
        return self.items[0]

    @property
    def requirements(self) -> tuple[str, ...]:
        """The ids of the requirements, each once."""
        return tuple(dict.fromkeys(item.requirement for item in self.items))

    @property
    def checks(self) -> int:
        """How many checks differ so."""
        return sum(item.checks for item in self.items)

    @property
    def scopes(self) -> dict[str, tuple[str, ...]]:
        """Operation → the formats in which it differs."""
        found: Counter[tuple[str, str]] = Counter()
        for item in self.items:
            found.update(dict(item.scopes))
        return {
            operation: tuple(dtype for other, dtype in found if other == operation)
            for operation in dict.fromkeys(operation for operation, _ in found)
        }


def differences(found: Iterable[Item], a: int = 0, b: int = 1) -> list[Difference]:
    """The differences between columns `a` and `b`, by sort and then in the order of the items."""
    groups: dict[tuple[object, ...], list[Item]] = {}
    for item in found:
        first, second = item.values[a], item.values[b]
        if first is not None and second is not None and differ(first, second):
            groups.setdefault(_cause(item, first, second), []).append(item)
    order = list(SORTS)
    return sorted(
        (_difference(str(key[0]), group, a, b) for key, group in groups.items()),
        key=lambda one: order.index(one.sort),
    )


def sort(level: str, first: Value, second: Value) -> str:
    """The sort of a difference between two answers."""
    kinds = (first.kind, second.kind)
    if "absent" in kinds:
        return "absent"
    if "fault" in kinds:
        return "faults"
    return "measured" if level == "report" else "choices"


def _cause(item: Item, first: Value, second: Value) -> tuple[object, ...]:
    """What items of one difference have in common: a missing feature, a known deviation, or all."""
    kind = sort(item.level, first, second)
    if kind == "absent":
        return kind, *(one.text if one.kind == "absent" else "" for one in (first, second))
    if first.entry or second.entry:
        return kind, first.entry, second.entry
    return kind, item.requirement, first.text, second.text


def _difference(kind: str, group: Sequence[Item], a: int, b: int) -> Difference:
    pairs = [(item.values[a], item.values[b]) for item in group]
    entries = dict.fromkeys(one.entry for pair in pairs for one in pair if one and one.entry)
    return Difference(
        sort=kind,
        items=tuple(group),
        first=_texts(first for first, _ in pairs),
        second=_texts(second for _, second in pairs),
        entries=tuple(entries),
    )


def _texts(found: Iterable[Value | None]) -> tuple[str, ...]:
    texts = tuple(dict.fromkeys(one.text for one in found if one))
    if len(texts) > 1 and all(text.startswith(HOLDS) for text in texts):
        return (HOLDS,)
    more = len(texts) - MOST_TEXTS
    return texts if more <= 0 else (*texts[:MOST_TEXTS], f"and {more} more answers")


def asked_of_one(first: Iterable[str], second: Iterable[str]) -> tuple[int, int]:
    """How many checks only the first and only the second of two records has."""
    a, b = set(first), set(second)
    return len(a - b), len(b - a)
