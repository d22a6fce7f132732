"""The call of an item as a program of each framework alone, and what each record got for it.

A program is shown only where it is the call that was judged: the record's own call, or for requirements whose
check changes it (integer logits, no axis, a label out of range) the change that is written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from conformance.record.accuracy_keys import number
from conformance.record.records import Check
from reports.differences.items import Item, asked
from reports.differences.values import FAULTS, answer
from reports.reproduce import element, reproduction

# entry or requirement → what its check changes of the call that the record keeps
CHANGED: dict[str, dict[str, Any]] = {
    "optax-label-cut-to-32-bits": {
        "expression": "np.array([[1.0, 2.0, 4.0]])",
        "labels": "np.array([2**32 + 1])",
    },
    "LBL-01": {"expression": "np.array([[1.0, 2.0, 4.0]])", "labels": "np.array([3])"},
    "LBL-02": {"expression": "np.array([[1.0, 2.0, 4.0]])", "labels": "np.array([-1])"},
    "LBL-14": {"expression": "np.eye(1, 257)", "labels": "np.array([200], np.uint8)"},
    "LBL-27": {"expression": "np.zeros((2, 3))", "labels": "np.array([[0.2, 0.3, 0.5]])"},
    "LBL-29": {"expression": "np.array([[1.0, 2.0, 4.0]])", "labels": "np.array([-1])"},
    "IFC-11": {"expression": "np.array([[100, 0, 10, 3]])", "dtype": "uint8"},
    "IFC-14": {"expression": "np.arange(6.0).reshape(1, 2, 3)", "axis": (1, 2)},
    "IFC-15": {"expression": "np.arange(6.0).reshape(1, 2, 3)", "axis": None},
    "IFC-16": {"expression": "np.array([[0.5 + 0.25j, -1 + 1.5j, 2 - 0.75j]])", "dtype": "complex64"},
}
# requirements whose check is the bare call of the record, whatever it is held against
BARE = {
    *("SPV-03", "SPV-04", "SPV-06", "SPV-12", "SPV-13", "SPV-14", "RNG-03", "GRD-06", "GRD-11"),
    *("LBL-08", "LBL-20", "LBL-25", "LBL-26", "IFC-08", "IFC-10", "CMP-01", "CMP-02", "CMP-05"),
}


class Shown(NamedTuple):
    """One side of an item: the program, and what the record keeps of its answer; each "" where there is none."""

    code: str
    element: str
    answer: str


def shown(item: Item, targets: Sequence[str]) -> tuple[Shown, ...]:
    """Each record's side of the example; `targets` are the records' own: "torch:cpu:eager"."""
    call = _call(item)
    if call is None:
        return (Shown("", "", ""),) * len(targets)
    changed = any(key in CHANGED for key in _keys(item))
    codes: dict[str, str] = {}  # releases of one framework share a target
    sides = []
    for check, value, target in zip(item.example, item.values, targets, strict=True):
        if check is None or value is None or value.kind == "absent":
            sides.append(Shown("", "", ""))
            continue
        own = value.kind == "fault" and not changed and asked(check) == call
        if target not in codes:
            codes[target] = reproduction(target, replace(check, witness={"call": call})) or ""
        sides.append(Shown(codes[target], _element(check, call) if own else "", answer(check) if own else ""))
    return tuple(sides)


def at_element(code: str, place: str) -> str:
    """`code`, printing one element of what it prints."""
    head, printed, value = code.rpartition("print(")
    return f"{head}{printed}float({value[:-1]}{place}))" if code and place else code


def pair(first: Shown, second: Shown) -> tuple[str, str]:
    """The two programs, which print the same element: where one of the two is wrong."""
    return (
        at_element(first.code, first.element or second.element),
        at_element(second.code, second.element or first.element),
    )


def _element(check: Check, call: Mapping[str, Any]) -> str:
    try:
        return element(check, dict(call))
    except (TypeError, ValueError, AttributeError, ZeroDivisionError, IndexError):  # a record's own nonsense
        return ""


def _keys(item: Item) -> tuple[str, ...]:
    entries = (value.entry for value in item.values if value and value.entry)
    return (*entries, item.requirement)


def _call(item: Item) -> Mapping[str, Any] | None:
    """The call that every side makes: that of a record that is wrong where one is, and otherwise of the first."""
    there = [check for check in item.example if check is not None and asked(check)]
    wrong = [check for check in there if check.outcome in FAULTS and number(check.witness.get("got")) is not None]
    change = next((CHANGED[key] for key in _keys(item) if key in CHANGED), None)
    if not there or (change is None and not wrong and item.requirement not in BARE):
        return None
    return {**asked((wrong or there)[0]), **(change or {})}
