"""Compares two operands and describes every difference, for the terminal, Markdown and the site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.deviations import Deviation
from conformance.requirements import Requirement
from reports.checks import plural
from reports.differences import cost, grades
from reports.differences.causes import Difference, differences
from reports.differences.cost import CostPair, TargetCosts
from reports.differences.grades import GradePair
from reports.differences.items import items
from reports.differences.operands import Operand
from reports.differences.programs import Shown, pair, shown
from reports.evidence import Evidence
from reports.findings import UNREPORTED


@dataclass(frozen=True)
class OperandText:
    """One operand of a difference: its answer, the program that shows it, the result that its record holds."""

    answer: str
    program: str
    recorded: str


@dataclass(frozen=True)
class DescribedDifference:
    """A difference in words.

    `lacks` is the number of the operand that lacks what `title` names, `where` the operations and formats,
    `links` the upstream threads.
    """

    sort: str
    lacks: int | None
    title: str
    where: str
    requirements: tuple[str, ...]
    checks: int
    links: tuple[str, ...]
    operands: tuple[OperandText, OperandText]

    def heading(self, names: Sequence[str]) -> str:
        """Return the title, which begins with the name of the operand that lacks something."""
        return self.title if self.lacks is None else f"{names[self.lacks]} {self.title}"


@dataclass(frozen=True)
class Comparison:
    """Two operands and their differences.

    `shared`, `graded` and `timed` count the checks, places and cells that both have.
    """

    a: Operand
    b: Operand
    shared: int
    differences: tuple[DescribedDifference, ...]
    grades: tuple[GradePair, ...]
    graded: int
    costs: tuple[CostPair, ...]
    timed: int
    targets: tuple[TargetCosts | None, TargetCosts | None]
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, str]:
        """The names of the two operands."""
        return self.a.name, self.b.name

    def of(self, sort: str) -> tuple[DescribedDifference, ...]:
        """Return the differences of one sort."""
        return tuple(difference for difference in self.differences if difference.sort == sort)


def compare(a: Operand, b: Operand, evidence: Evidence) -> Comparison:
    """Compare two operands by the evidence's specification, deviations and results."""
    records, targets = (a.record, b.record), (a.target, b.target)
    entries = {entry.id: entry for entry in evidence.deviations}
    differing = differences(items(records, evidence.specification, evidence.deviations))
    graded, places = grades.grades(*records, evidence.specification)
    first, second = (evidence.costs(side.target, side.version) for side in (a, b))
    costs, timed = cost.pairs(first, second)
    shared = len(a.check_ids & b.check_ids)
    return Comparison(
        a=a,
        b=b,
        shared=shared,
        differences=tuple(
            describe(difference, shown(difference.item, targets), evidence.specification, entries)
            for difference in differing
        ),
        grades=tuple(graded),
        graded=places,
        costs=tuple(costs),
        timed=timed,
        targets=(first, second),
        notes=tuple(notes(a, b, shared, (first, second))),
    )


def describe(
    difference: Difference,
    examples: Sequence[Shown],
    specification: Mapping[str, Requirement],
    entries: Mapping[str, Deviation],
) -> DescribedDifference:
    """Describe a difference; `examples` are the two operands of its example."""
    known = [entry for name, entry in entries.items() if name in difference.entries]
    lacks = [value.kind for value in difference.values].index("absent") if difference.sort == "absent" else None
    title = _title(difference, lacks, specification, known)
    texts = []
    programs = pair(examples[0], examples[1])
    for own, program, example, value in zip(difference.texts, programs, examples, difference.values, strict=True):
        answer = "; ".join(text.removesuffix(f": {title}") for text in own)
        entry = entries.get(value.entry)
        if program or entry is None or lacks is not None:
            texts.append(OperandText(answer, program, example.answer))
        else:  # the check is no single call: the deviation has a program of its own
            recorded = f"prints {' '.join(entry.prints.split())}; expected: {' '.join(entry.expected.split())}"
            texts.append(OperandText(answer, entry.reproduction.strip(), recorded))
    return DescribedDifference(
        sort=difference.sort,
        lacks=lacks,
        title=title,
        where="; ".join(
            f"{operation} {', '.join(formats)}".strip() for operation, formats in difference.scopes.items()
        ),
        requirements=difference.requirements,
        checks=difference.checks,
        links=tuple(dict.fromkeys(entry.link for entry in known if entry.link != UNREPORTED)),
        operands=(texts[0], texts[1]),
    )


def _title(
    difference: Difference,
    lacks: int | None,
    specification: Mapping[str, Requirement],
    known: Sequence[Deviation],
) -> str:
    if lacks is not None:
        return f"lacks {difference.values[lacks].text.removeprefix('absent: ')}"
    if known:
        return "; ".join(dict.fromkeys(entry.title for entry in known))
    requirement = specification.get(difference.item.requirement)
    return requirement.text if requirement else f"{difference.item.requirement}, unknown to this suite"


def notes(
    a: Operand, b: Operand, shared: int, costs: tuple[TargetCosts | None, TargetCosts | None]
) -> Iterator[str]:
    """Yield a sentence for each reason why the comparison is not complete; both have `shared` checks."""
    for operand in (a, b):
        alone = len(operand.check_ids) - shared
        if alone:
            yield f"{plural(alone)} {'is' if alone == 1 else 'are'} judged in {operand.name} alone: not compared."
        if operand.record.unfinished:
            yield f"{operand.name} is incomplete: {' '.join(operand.record.unfinished.split())}."
    tiers = [operand.record.header.tier for operand in (a, b)]
    if tiers[0] != tiers[1]:
        yield f"Tiers {tiers[0]} and {tiers[1]}: only checks that both have are compared."
    if a.record.header.suite_commit != b.record.header.suite_commit:
        yield "The records come from different suite commits: a case may have changed between them."
    for operand, timed in zip((a, b), costs, strict=True):
        if timed is None:
            yield f"{operand.name} is not timed: no cost is compared."
        elif timed.release.partition("-")[2] != operand.version.partition("+")[0]:
            yield f"The cost of {operand.name} is that of {timed.release}, the newest release timed."
