"""Find the place of a check in the tables of accuracy, and its error there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from conformance.operations import OPERATIONS
from conformance.record.records import Check

FAMILIES = ("ACC", "GRD")  # the others ask for single values, or for what is at the edge of a format
FORWARD = "forward"
HEX = re.compile(r"[+-]?\b0x[01]\.?[0-9a-f]{0,13}p[+-]?\d{1,4}\b")


def place(check: Check) -> tuple[str, str, str] | None:
    """Return operation with label form, format and direction; None where the check grades nothing."""
    if check.requirement[:3] not in FAMILIES or not check.measured:
        return None
    return form(check), check.dtype, direction(check)


def form(check: Check) -> str:
    """Return the operation, a cross-entropy with the form of its labels where the record tells it."""
    labels = label_form(check)
    return f"{check.operation} ({labels})" if labels else check.operation


def label_form(check: Check) -> str | None:
    """Return "index" or "probability", the labels of a cross-entropy; None where the record does not tell."""
    call = _call(check)
    labels = "probability" if call.get("wrt") == "labels" else call.get("form")
    operation = OPERATIONS.get(check.operation)
    forms = [form.name for form in operation.forms if form.name] if operation else []
    return labels if labels in forms else next((form for form in forms if form in check.case), None)


def direction(check: Check) -> str:
    """Return "forward", "vjp", "jvp" or "hvp"; "vjp, by labels" where the labels are varied."""
    call = _call(check)
    derivative, by = call.get("derivative"), call.get("wrt")
    if not isinstance(derivative, str) or not derivative:
        return FORWARD
    return f"{derivative}, by {by}" if isinstance(by, str) and by != "x" else derivative


def ratio(check: Check, grade: str) -> float | None:
    """Return the largest error over the bound of `grade` in this check; None where it was not measured."""
    ratios = check.measured.get("ratio")
    return number(ratios.get(grade)) if isinstance(ratios, dict) else None


def letter(checks: Iterable[Check], grades: Iterable[str]) -> str:
    """Return the first of `grades` whose bound holds in every check, F where none does."""
    held = list(grades)
    for check in checks:
        held = [grade for grade in held if (ratio(check, grade) or 0.0) <= 1]
    return held[0] if held else "F"


def number(text: Any) -> float | None:
    """Return the value of a hex float, a number or "inf"; None for anything else, or where no float holds it."""
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        return None
    if isinstance(text, str) and text.lstrip("+-") not in ("inf", "nan") and not HEX.fullmatch(text):
        return None  # float.fromhex takes "10" for 16
    try:
        return float.fromhex(text) if isinstance(text, str) else float(text)
    except (OverflowError, ValueError):  # 0x1p+9999, ++inf
        return None


def _call(check: Check) -> dict[str, Any]:
    call = check.witness.get("call")
    return call if isinstance(call, dict) else {}
