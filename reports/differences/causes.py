"""Groups the items in which two operands differ by their cause, in the order in which a porter asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.differences.items import Item
from reports.differences.values import HOLDS, Value, differ

# name → heading; grades and cost, which are not checks, stand between the last two
SORTS = {
    "faults": "Wrong, or different in value",
    "choices": "Legal answers that differ",
    "absent": "Absent in one",
    "measured": "Measured, without a verdict",
}
MOST_TEXTS = 3  # answers of one operand that are spelled out for one difference


@dataclass(frozen=True)
class Difference:
    """Items that differ for one cause; the first item is the example.

    `values` are the example's two answers, `texts` the answers of all items, and `entries` the ids of the known
    deviations among them.
    """

    sort: str
    items: tuple[Item, ...]
    values: tuple[Value, Value]
    texts: tuple[tuple[str, ...], tuple[str, ...]]
    entries: frozenset[str]

    @property
    def item(self) -> Item:
        """The item that serves as the example."""
        return self.items[0]

    @property
    def requirements(self) -> tuple[str, ...]:
        """The ids of the requirements, each once."""
        return tuple(dict.fromkeys(item.requirement for item in self.items))

    @property
    def checks(self) -> int:
        """The number of checks that differ."""
        return sum(item.checks for item in self.items)

    @property
    def scopes(self) -> dict[str, tuple[str, ...]]:
        """Operation → the formats in which it differs."""
        counts: Counter[tuple[str, str]] = Counter()
        for item in self.items:
            counts.update(dict(item.scopes))
        return {
            operation: tuple(dtype for other, dtype in counts if other == operation)
            for operation in dict.fromkeys(operation for operation, _ in counts)
        }


def differences(items: Iterable[Item], a: int = 0, b: int = 1) -> list[Difference]:
    """Return the differences between records `a` and `b` of the items, by sort and then in the items' order."""
    groups: dict[tuple[str, ...], list[tuple[Item, Value, Value]]] = {}
    for item in items:
        first, second = item.values[a], item.values[b]
        if first is not None and second is not None and differ(first, second):
            groups.setdefault(_cause(item, first, second), []).append((item, first, second))
    order = list(SORTS)
    return sorted(
        (_difference(sort, group) for (sort, *_), group in groups.items()),
        key=lambda difference: order.index(difference.sort),
    )


def _cause(item: Item, first: Value, second: Value) -> tuple[str, ...]:
    """Return the sort of the difference, and the missing feature, the known deviation or else both answers."""
    kinds = (first.kind, second.kind)
    if "absent" in kinds:
        return "absent", *(value.text if value.kind == "absent" else "" for value in (first, second))
    sort = "faults" if "fault" in kinds else "measured" if item.level == "report" else "choices"
    if first.entry or second.entry:
        return sort, first.entry, second.entry
    return sort, item.requirement, first.text, second.text


def _difference(sort: str, group: Sequence[tuple[Item, Value, Value]]) -> Difference:
    items, first, second = zip(*group, strict=True)
    entries = frozenset(value.entry for value in (*first, *second) if value.entry)
    return Difference(sort, items, (first[0], second[0]), (_texts(first), _texts(second)), entries)


def _texts(values: Iterable[Value]) -> tuple[str, ...]:
    texts = tuple(dict.fromkeys(value.text for value in values))
    if len(texts) > 1 and all(text.startswith(HOLDS) for text in texts):
        return (HOLDS,)
    more = len(texts) - MOST_TEXTS
    return texts if more <= 0 else (*texts[:MOST_TEXTS], f"and {more} more answers")
