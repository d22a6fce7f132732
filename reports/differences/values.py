"""Turns the answer of a record to one check into a text that is compared and shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from adapters.protocol import FEATURES
from conformance.deviations import Deviation
from conformance.record.accuracy_keys import HEX, number
from conformance.record.records import ONE_ANSWER, Check
from conformance.requirements import Requirement
from reports.checks import split_target
from reports.witness import difference, numbers, short

FAULTS = ("crash", "timeout", "fail", "deviation", "fixed")
HOLDS = "holds"
LONGEST = 160  # characters of an array that is shown
# features whose name alone does not tell a reader what is missing
LACKING = {
    "vjp": "reverse-mode derivatives",
    "jvp": "forward-mode derivatives",
    "hvp": "second derivatives",
    "class_axis": "a class axis other than the last",
    "reduction": "a reduction of the losses (sum, mean)",
    "ignore_index": "ignore_index",
    "where": "where, a mask of the entries that count",
    "elementary": "an exponential and a logarithm",
    "vmap": "vmap",
    "autocast": "automatic mixed precision",
    "deterministic": "a deterministic mode",
    "residuals": "a count of what is kept for the backward pass",
}


class Value(NamedTuple):
    """An answer: `kind` is "holds", "fault", "absent", "choice" or "measured"; `entry` a known deviation's id."""

    kind: str
    text: str
    entry: str = ""


def concerned(target: str, entries: Iterable[Deviation]) -> list[Deviation]:
    """Return the deviations of a target, whatever version each was written for."""
    adapter, device, mode = split_target(target)
    return [
        entry for entry in entries if (entry.adapter, entry.device) == (adapter, device) and mode in entry.modes
    ]


def value(check: Check, requirement: Requirement | None, entries: Sequence[Deviation]) -> Value:
    """Return the answer of a check; a failure that one of the `entries` describes is that deviation."""
    if check.outcome == "absent":
        return Value("absent", absent(check.message or ""))
    if check.outcome in FAULTS:
        return _fault(check, requirement, entries)
    if check.outcome == "choice":
        return Value("choice", _chosen(check.observed or "chosen", requirement))
    if check.outcome == "measured":
        return Value("measured", check.observed or _measured(check) or "measured")
    return Value(HOLDS, f"{HOLDS}: {check.observed}" if check.observed else HOLDS)


def _fault(check: Check, requirement: Requirement | None, entries: Sequence[Deviation]) -> Value:
    entry = next((listed for listed in entries if _described(check, listed)), None)
    if entry or check.outcome in ("deviation", "fixed"):
        named = entry.title if entry else check.entry or "a deviation without a name"
        verb = "listed as deviating, and passes" if check.outcome == "fixed" else "deviates"
        return Value("fault", f"{verb}: {named}", entry.id if entry else check.entry or "")
    if check.outcome == "fail" and requirement is not None and requirement.choices and check.observed:
        return Value("fault", f"none of the legal answers: {rounded(check.observed)}")
    level = requirement.level if requirement else "unknown"
    return Value("fault", f"{check.outcome}s" + (f" ({level})" if check.outcome == "fail" else ""))


def _described(check: Check, entry: Deviation) -> bool:
    if check.entry:
        return check.entry == entry.id
    return entry.covers(check.requirement, check.operation, check.dtype, check.case)


@cache
def absent(message: str) -> str:
    """Return a text that names the missing features in words instead of the adapters' names for them."""
    _, has, names = message.partition(" has no ")
    features = names.split(", ")
    if not has or not set(features) <= FEATURES:
        return f"absent: {message}" if message else "absent"
    return f"absent: {', '.join(LACKING.get(name, name.replace('_', ' ')) for name in features)}"


@cache
def differ(first: Value, second: Value) -> bool:
    """Tell whether two answers differ; two faults of one title do not, nor do two absent answers.

    Of two lists of answers ("uint8 error, int32 accepted") the names in both count: a tier may ask for more.
    """
    if first.kind != second.kind or first.kind == "absent":
        return first.kind != second.kind
    a, b = listed(first.text), listed(second.text)
    if both := a.keys() & b.keys():
        return any(a[name] != b[name] for name in both)
    return first.text != second.text


def listed(text: str) -> dict[str, str]:
    """Return name → answer of a list of answers; empty if the text is not a list."""
    parts = [part.split(" ") for part in text.removeprefix(f"{HOLDS}: ").split(", ")]
    return {part[0]: part[1] for part in parts} if all(len(part) == 2 for part in parts) else {}


def _measured(check: Check) -> str:
    """Return the measured numbers; copies of the logits in tenths, since a few bytes are not a difference."""
    copies = number(check.measured.get("copies"))
    return numbers(check.measured) if copies is None else f"{copies:.1f} copies of the logits"


def _chosen(observed: str, requirement: Requirement | None) -> str:
    meaning = requirement.choices.get(observed) if requirement else None
    return f"{meaning} ({observed})" if meaning else rounded(observed)


def rounded(text: str) -> str:
    """Return `text` with its losses in three digits: a format's last digits do not change the behaviour."""
    return " ".join(f"{float(word):.3g}" if _long(word) else word for word in text.split(" "))


def _long(word: str) -> bool:
    head, _, tail = word.partition(".")
    return head.lstrip("-").isdigit() and len(tail) > 2 and tail.isdigit()


def derived(check: Check) -> bool:
    """Tell whether the row compares the answers of other rows, which are items themselves."""
    return check.case == ONE_ANSWER


def answer(check: Check) -> str:
    """Return the result and the expected value that the record holds for the check, "" if it holds none."""
    got = check.witness.get("got")
    if got is None:
        return ""
    known = number(got)
    if known is not None:
        expected = number(check.witness.get("expected"))
        wanted = f"expected {_exact(expected)}" if expected is not None else ""
        bound, error = number(check.witness.get("bound")), number(check.witness.get("error"))
        grade = f" of grade {check.bound}" if check.bound else ""
        over = f"{short(error / bound)} times the bound{grade}" if bound and error is not None else ""
        return ", ".join(part for part in (f"got {_exact(known)}", wanted, over) if part)
    plain = HEX.sub(lambda match: f"{float.fromhex(match[0]):.6g}", str(got))
    return f"got {plain}" if len(plain) <= LONGEST else difference(check).removeprefix(", ")


def four(value: float) -> float:
    """Round a number to four digits, the precision in which numbers are compared and stored in the page."""
    return float(f"{value:.4g}")


def _exact(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"
