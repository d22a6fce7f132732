"""Groups the checks of several records into items: checks of one requirement that answer alike everywhere."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from conformance.deviations import Deviation
from conformance.operations import OPERATIONS
from conformance.record.accuracy_keys import form
from conformance.record.records import Check, Record
from conformance.requirements import LEVELS, Requirement
from reports.differences.values import Value, concerned, derived, differ, value

FIRST = ("float32", "float64", "bfloat16", "float16")  # formats, in the order that an example is looked for


@dataclass(frozen=True)
class Item:
    """Checks of one requirement with one answer in each record, None where a record did not run them.

    `scopes` counts them by operation and format; `example` is the simplest of them in each record.
    """

    requirement: str
    level: str
    values: tuple[Value | None, ...]
    scopes: tuple[tuple[tuple[str, str], int], ...]
    example: tuple[Check | None, ...]

    @property
    def checks(self) -> int:
        """The number of checks."""
        return sum(number for _, number in self.scopes)


def items(
    records: Sequence[Record], specification: Mapping[str, Requirement], entries: Sequence[Deviation]
) -> list[Item]:
    """Return the items in which two of the records differ, musts first and then as the specification has them."""
    known = [concerned(record.header.target, entries) for record in records]
    columns = [{check.id: check for check in record.checks} for record in records]
    groups: dict[tuple[str, tuple[Value | None, ...]], list[str]] = defaultdict(list)
    for name in dict.fromkeys(
        name
        for column in columns
        for name, check in column.items()
        if check.outcome != "pass" or check.observed  # what holds wherever it was asked differs nowhere
    ):
        row = [column.get(name) for column in columns]
        first = next(check for check in row if check is not None)
        requirement = specification.get(first.requirement)
        values = tuple(
            None if check is None else value(check, requirement, own)
            for check, own in zip(row, known, strict=True)
        )
        if _differ(values) and (not derived(first) or any(item and item.kind == "fault" for item in values)):
            groups[first.requirement, values].append(name)
    order = {name: place for place, name in enumerate(specification)}
    made = [_item(key, names, columns, specification) for key, names in groups.items()]
    return sorted(
        made, key=lambda item: (_rank(item.level), order.get(item.requirement, len(order)), simplicity(item))
    )


def _differ(values: Sequence[Value | None]) -> bool:
    there = [value for value in dict.fromkeys(values) if value is not None]
    return any(differ(*pair) for pair in combinations(there, 2))


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 0


def _item(
    key: tuple[str, tuple[Value | None, ...]],
    names: list[str],
    columns: Sequence[Mapping[str, Check]],
    specification: Mapping[str, Requirement],
) -> Item:
    requirement, values = key
    rows = [tuple(column.get(name) for column in columns) for name in names]
    rows.sort(key=_simple)
    known = specification.get(requirement)
    checks = [next(check for check in row if check is not None) for row in rows]
    scopes = Counter((form(check), check.dtype) for check in checks)
    return Item(requirement, known.level if known else "unknown", values, tuple(scopes.items()), rows[0])


def simplicity(item: Item) -> tuple[bool, int, float, int, str]:
    """Return a sort key that puts the item with the simplest example first."""
    return _simple(item.example)


def _simple(row: tuple[Check | None, ...]) -> tuple[bool, int, float, int, str]:
    there = [check for check in row if check is not None]
    shapes = [shape for check in there if isinstance(shape := asked(check).get("shape"), list)]
    size = math.prod(shapes[0]) if shapes and all(isinstance(n, int) for n in shapes[0]) else math.inf
    dtype = there[0].dtype
    rank = FIRST.index(dtype) if dtype in FIRST else len(FIRST)
    names = list(OPERATIONS)
    operation = names.index(there[0].operation) if there[0].operation in names else len(names)
    return derived(there[0]), rank, size, operation, there[0].id


def asked(check: Check) -> Mapping[str, Any]:
    """Return the call in the check's witness, empty if the record does not hold it."""
    call = check.witness.get("call")
    return call if isinstance(call, dict) else {}
