"""Group failures by their likely cause: what went wrong, and what all of the calls have in common.

Three rules make the groups.

- What: the process died, the call raised, or the answer is 0, NaN, infinite, another number or inaccurate.
- Everywhere: where nearly all checks of plain values fail, so does what rests on them. Their usual answer names
  one group for all wrong answers.
- Where: the traits that every failing check of the group has, and few of those that pass.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from conformance.record.accuracy_keys import number
from conformance.record.records import Check
from conformance.record.verdict import fails_run

RARE = 0.5  # a trait tells a group from the rest where less than this part of what passes has it
DEATHS = ("crash", "timeout")
FAR = 2.0**-4  # a relative error beyond it is no inaccuracy
PLAIN = "ACC"  # the family that asks for plain values
NEARLY = 0.9  # of the plain checks


@dataclass(frozen=True)
class Group:
    """Failures of one likely cause, those of the fewest requirements named first."""

    cause: str
    checks: tuple[Check, ...]

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return the ids of the requirements that they fail: those of plain values, then the most frequent."""
        names = [name for name, _ in Counter(check.requirement for check in self.checks).most_common()]
        return tuple(sorted(names, key=lambda name: name[:3] != PLAIN))


def groups(checks: Iterable[Check]) -> list[Group]:
    """Return the failures that fail a run, by likely cause, the largest group first."""
    judged = list(checks)
    failed = [check for check in judged if fails_run(check)]
    passed = [set(_traits(check)) for check in judged if check.outcome in ("pass", "measured", "choice")]
    everywhere = _everywhere(judged)
    by_answer: dict[str, list[Check]] = defaultdict(list)
    for check in failed:
        answer = _answer(check)
        wrong = everywhere and not answer.startswith(("raises", *DEATHS))
        by_answer[everywhere if wrong else answer].append(check)
    found = [Group(_named(answer, of, passed), tuple(of)) for answer, of in by_answer.items()]
    return sorted(found, key=lambda group: (-len(group.checks), group.cause))


def _everywhere(judged: Iterable[Check]) -> str:
    """Return the usual answer where nearly all plain values are wrong, else ""."""
    plain = [check for check in judged if check.requirement[:3] == PLAIN and check.outcome in ("pass", "fail")]
    wrong = [check for check in plain if check.outcome == "fail"]
    if not wrong or len(wrong) < NEARLY * len(plain):
        return ""
    usual, _ = Counter(map(_answer, wrong)).most_common(1)[0]
    return f"{usual} nearly everywhere"


def _answer(check: Check) -> str:
    """Return in words what a failing check shows."""
    if check.outcome == "fixed":
        return "a known deviation no longer shows"
    if check.outcome in DEATHS:
        return f"{check.outcome}: {_plain(check.message or '')}"
    got, expected = str(check.witness.get("got", "")), str(check.witness.get("expected", ""))
    if expected == "a result":
        return f"raises {_plain(got)}"
    values, true = _numbers(got), _numbers(expected)
    if not values or not true:
        return f"{check.requirement} is not met"
    pairs = [(value, right) for value, right in zip(values, true, strict=False) if value != right]
    value, right = pairs[0] if pairs else (values[0], true[0])
    if math.isnan(value):
        return "the answer is NaN"
    if math.isinf(value) and not math.isinf(right):
        return "the answer is infinite"
    if value == 0 and right != 0:
        return "the answer is 0"
    if right == 0 or not math.isfinite(right):
        return f"the answer should be {right:g}"
    return (
        "the answer is inaccurate" if abs(value - right) <= FAR * abs(right) else "the answer is another number"
    )


def _numbers(text: str) -> list[float]:
    """Return the numbers of a value or list as records have them."""
    read = (number(part.strip()) for part in text.strip("[]()").split(","))
    return [value for value in read if value is not None]


def _plain(message: str) -> str:
    """Return a message's first line without its numbers, which differ from call to call."""
    first = message.strip().splitlines()[0] if message.strip() else "without a word"
    return re.sub(r"\d+(\.\d+)?", "…", first)[:120]


def _named(answer: str, checks: list[Check], passed: list[set[str]]) -> str:
    if not passed:
        return answer
    common = set.intersection(*(set(_traits(check)) for check in checks))
    telling = [
        trait for trait in _traits(checks[0])
        if trait in common and sum(trait in of for of in passed) < RARE * len(passed)
    ]  # fmt: skip
    return f"{answer}: {', '.join(telling)}" if telling else answer


def _traits(check: Check) -> Iterator[str]:
    """Yield in words what tells one call from another."""
    call: dict[str, Any] = check.witness.get("call") or {}
    yield check.operation
    yield check.dtype
    if call.get("derivative"):
        yield f"its {call['derivative']}"
    shape, axis = call.get("shape") or [], call.get("axis")
    if isinstance(axis, int) and shape and axis % len(shape) != len(shape) - 1:
        yield "an axis that is not the last"
    if len(shape) > 2:
        yield "more than two axes"
    for name in sorted(call.get("layouts") or {}):
        yield f"{name} in a layout of its own"
    for name in sorted(call.get("options") or {}):
        yield name
    if call.get("where"):
        yield "where"
