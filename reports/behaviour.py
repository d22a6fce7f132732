"""Puts the answers of targets side by side where several answers are legal or nothing is required."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.record.records import ONE_ANSWER
from conformance.requirements import Requirement
from reports.checks import Judged
from reports.witness import numbers

REST = "all other checks"


@dataclass(frozen=True)
class Answer:
    """One answer of one target, and the checks that gave it; the most frequent one stands for the rest."""

    text: str
    where: str
    verdict: str  # "fails" or "deviation" where the answer is not a legal one, and otherwise nothing


@dataclass(frozen=True)
class Behaviour:
    """A requirement of level "choice" or "report", and each target's answers in the order of the targets."""

    requirement: Requirement
    cells: tuple[tuple[Answer, ...], ...]
    differs: bool  # two targets answered one check differently

    @property
    def answers(self) -> tuple[str, ...]:
        """Every answer, in the order of the specification; unlisted ones follow."""
        texts = dict.fromkeys(answer.text for cell in self.cells for answer in cell)
        return tuple(sorted(texts, key=lambda text: _place(text, self.requirement)))


def table(targets: Sequence[str], checks: Iterable[Judged]) -> tuple[Behaviour, ...]:
    """Return a row for each such requirement that has an answer, in the order of the specification."""
    by_requirement: dict[str, list[Judged]] = defaultdict(list)
    for judged in checks:
        compared = (
            judged.check.case == ONE_ANSWER
        )  # a row about the answers of other rows, which stand here themselves
        if judged.level in ("choice", "report") and not compared and answer(judged) is not None:
            by_requirement[judged.check.requirement].append(judged)
    return tuple(_row(targets, by_requirement[name]) for name in sorted(by_requirement))


def _row(targets: Sequence[str], checks: list[Judged]) -> Behaviour:
    requirement = checks[0].requirement
    assert requirement is not None, "it has a level"
    cells = tuple(_answers([judged for judged in checks if judged.target == name]) for name in targets)
    return Behaviour(requirement, cells, _differ(checks))


def _answers(checks: list[Judged]) -> tuple[Answer, ...]:
    by_text: dict[str, list[Judged]] = defaultdict(list)
    for judged in checks:
        by_text[answer(judged) or ""].append(judged)
    order = sorted(by_text, key=lambda text: (-len(by_text[text]), text))
    return tuple(
        Answer(text, where(by_text[text]) if place else REST, _verdict(by_text[text]))
        for place, text in enumerate(order)
    )


def with_verdict(given: Answer) -> str:
    """Return the answer, and its verdict if the answer is not legal."""
    return f"{given.text} [{given.verdict}]" if given.verdict else given.text


def _verdict(checks: list[Judged]) -> str:
    outcomes = {judged.check.outcome for judged in checks}
    return "fails" if "fail" in outcomes else "deviation" if "deviation" in outcomes else ""


def _differ(checks: list[Judged]) -> bool:
    asked: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for judged in checks:
        check = judged.check
        asked[check.operation, check.dtype, check.case].add(answer(judged) or "")
    return any(len(answers) > 1 for answers in asked.values())


def answer(judged: Judged) -> str | None:
    """Return the choice that was recorded, or else the measured numbers; None if there are neither."""
    check = judged.check
    if check.observed is not None:
        return check.observed
    return numbers(check.measured) or None


def where(checks: Iterable[Judged]) -> str:
    """Return the operations and formats of the checks: "softmax, log_softmax float16; softmax float64"."""
    formats: dict[str, list[str]] = defaultdict(list)
    for judged in checks:
        if judged.check.dtype not in formats[judged.check.operation]:
            formats[judged.check.operation].append(judged.check.dtype)
    alike: dict[str, list[str]] = defaultdict(list)
    for operation, names in formats.items():
        alike[", ".join(names)].append(operation)
    return "; ".join(f"{', '.join(operations)} {names}" for names, operations in alike.items())


def _place(text: str, requirement: Requirement) -> int:
    names = list(requirement.choices)
    return names.index(text) if text in names else len(names)
