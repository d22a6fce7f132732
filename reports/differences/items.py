"""Items: the checks of several records, those of one requirement that answer alike everywhere as one."""

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
    """Checks of one requirement with one answer in each record, None where it was not asked.

    `scopes` counts them by operation and format; `example` is the simplest of them in each record.
    """

    requirement: str
    level: str
    values: tuple[Value | None, ...]
    scopes: tuple[tuple[tuple[str, str], int], ...]
    example: tuple[Check | None, ...]

    @property
    def checks(self) -> int:
        """How many checks there are."""
        return sum(number for _, number in self.scopes)


def items(
    records: Sequence[Record], specification: Mapping[str, Requirement], entries: Sequence[Deviation]
) -> list[Item]:
    """The items in which two of the records differ, musts first and then as the specification has them."""
    known = [concerned(record.header.target, entries) for record in records]
    columns = [{check.id: check for check in record.checks} for record in records]
    found: dict[tuple[str, tuple[Value | None, ...]], list[str]] = defaultdict(list)
    for name in dict.fromkeys(name for column in columns for name in column):
        row = [column.get(name) for column in columns]
        first = next(check for check in row if check is not None)
        requirement = specification.get(first.requirement)
        values = tuple(
            None if check is None else value(check, requirement, own)
            for check, own in zip(row, known, strict=True)
        )
        if _differ(values) and (not derived(first) or any(one and one.kind == "fault" for one in values)):
            found[first.requirement, values].append(name)
    order = {name: place for place, name in enumerate(specification)}
    made = [_item(key, names, columns, specification) for key, names in found.items()]
    return sorted(
        made, key=lambda one: (_rank(one.level), order.get(one.requirement, len(order)), simplicity(one))
    )


def _differ(values: Sequence[Value | None]) -> bool:
    there = [one for one in dict.fromkeys(values) if one is not None]
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
    told = specification.get(requirement)
    checks = [next(check for check in row if check is not None) for row in rows]
    scopes = Counter((form(check), check.dtype) for check in checks)
    return Item(requirement, told.level if told else "unknown", values, tuple(scopes.items()), rows[0])


def simplicity(item: Item) -> tuple[bool, int, float, int, str]:
    """What items of one requirement are sorted by: the example that is easiest to follow first."""
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
    """The call as the record keeps it, empty where it does not."""
    call = check.witness.get("call")
    return call if isinstance(call, dict) else {}
