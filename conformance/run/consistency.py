"""Compares the answers that a target gives to each choice: at every position, length, batch, rank and reduction,
and in softmax as in log_softmax; format by format, and each kind of operation, and each loss, by itself.

What the checks of a requirement found is compared when all of them have been judged; what differs from the
answer given most often fails.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from conformance import operations, requirements
from conformance.record.records import ONE_ANSWER, Check
from conformance.requirements import Requirement

MOST = 6  # places that a message names


def judge(target: str, rows: Iterable[Check]) -> list[Check]:
    """One row for each requirement of level choice, operation and format that two checks and more answered."""
    specification = requirements.load()
    answered: dict[tuple[str, str, str], list[Check]] = defaultdict(list)
    for row in rows:
        requirement = specification.get(row.requirement)
        if requirement and requirement.level == "choice" and row.outcome == "choice" and row.case != ONE_ANSWER:
            kind = operations.get(row.operation).kind
            answered[row.requirement, row.dtype, row.operation if kind == "loss" else kind].append(row)
    return [
        _row(target, specification[name], operation, found)
        for (name, *_), found in sorted(answered.items())
        if len(found) > 1
        for operation in specification[name].operations
        if any(row.operation == operation for row in found)
    ]


def prevailing(requirement: Requirement, answers: Iterable[str]) -> str:
    """The answer given most often; of several, the one that the requirement lists first."""
    counts = Counter(answers)
    listed = list(requirement.choices)
    place = {answer: listed.index(answer) if answer in listed else len(listed) for answer in counts}
    return min(counts, key=lambda answer: (-counts[answer], place[answer], answer))


def _row(target: str, requirement: Requirement, operation: str, found: list[Check]) -> Check:
    usual = prevailing(requirement, (row.observed or "" for row in found))
    others = [row for row in found if row.operation == operation and row.observed != usual]
    row = Check(requirement.id, operation, found[0].dtype, ONE_ANSWER, "choice", observed=usual)
    if not others:
        return row
    places = "; ".join(f"{other.case}: {other.observed}" for other in others[:MOST])
    more = f"; and {len(others) - MOST} more" if len(others) > MOST else ""
    given = sum(row.observed == usual for row in found)
    message = (
        f"{target}, {requirement.id}: {operation}, {row.dtype}\n"
        f"  required: {requirement.text}\n"
        f"  inconsistent: {usual} in {given} of {len(found)} checks, but {operation} {places}{more}"
    )
    answers = " / ".join(sorted({usual, *(other.observed or "" for other in others)}))
    return Check(
        requirement.id, operation, row.dtype, ONE_ANSWER, "fail", observed=answers,
        measured={"checks": len(found), "differing": len(others)}, message=message,
    )  # fmt: skip
