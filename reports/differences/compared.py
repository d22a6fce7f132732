"""Everything that differs between two sides, in words, as the terminal, Markdown and the page show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.deviations import Deviation
from conformance.requirements import Requirement
from reports.checks import plural
from reports.differences import cost, grades
from reports.differences.cost import Column, CostPair
from reports.differences.grades import GradePair
from reports.differences.items import items
from reports.differences.pair import Difference, asked_of_one, differences
from reports.differences.programs import Shown, pair, shown
from reports.differences.sides import Side
from reports.findings import UNREPORTED
from reports.site.evidence import Evidence


@dataclass(frozen=True)
class Answer:
    """One side of a difference: what it does, the program that shows it, what the record has of its result."""

    text: str
    code: str
    told: str


@dataclass(frozen=True)
class Told:
    """A difference in words. `links` are upstream threads, `where` the operations and formats."""

    sort: str
    title: str
    where: str
    requirements: tuple[str, ...]
    checks: int
    links: tuple[str, ...]
    sides: tuple[Answer, Answer]


@dataclass(frozen=True)
class Comparison:
    """Two sides and what differs; `graded` and `timed` count the places and cells that both have."""

    a: Side
    b: Side
    shared: int
    found: tuple[Told, ...]
    grades: tuple[GradePair, ...]
    graded: int
    costs: tuple[CostPair, ...]
    timed: int
    columns: tuple[Column | None, Column | None]
    notes: tuple[str, ...]

    def of(self, sort: str) -> tuple[Told, ...]:
        """The differences of one sort."""
        return tuple(one for one in self.found if one.sort == sort)


def compare(a: Side, b: Side, evidence: Evidence) -> Comparison:
    """The comparison of two sides, by the evidence's specification, deviations and results."""
    two = (a.record, b.record)
    known = {entry.id: entry for entry in evidence.deviations}
    found = differences(items(two, evidence.specification, evidence.deviations))
    graded, places = grades.grades(*two, evidence.specification)
    first, second = (cost.column(evidence.results, side.target, side.version) for side in (a, b))
    costs, timed = cost.pairs(first, second)
    names = (a.name, b.name)
    targets = (a.target, b.target)
    return Comparison(
        a=a,
        b=b,
        shared=len({check.id for check in two[0].checks} & {check.id for check in two[1].checks}),
        found=tuple(words(one, shown(one.item, targets), names, evidence.specification, known) for one in found),
        grades=tuple(graded),
        graded=places,
        costs=tuple(costs),
        timed=timed,
        columns=(first, second),
        notes=tuple(_notes(a, b, (first, second))),
    )


def words(
    one: Difference,
    sides: Sequence[Shown],
    names: tuple[str, str],
    specification: Mapping[str, Requirement],
    entries: Mapping[str, Deviation],
) -> Told:
    """A difference in words; `sides` are those of its example."""
    here = [entries[name] for name in one.entries if name in entries]
    title = _title(one, names, specification, here)
    codes = pair(sides[0], sides[1])
    values = (one.item.values[0], one.item.values[1])
    answers = []
    for texts, code, side, value in zip((one.first, one.second), codes, sides, values, strict=True):
        entry = entries.get(value.entry) if value and value.entry else None
        text = "; ".join(text.removesuffix(f": {title}") for text in texts)
        if code or entry is None or one.sort == "absent":
            answers.append(Answer(text, code, side.answer))
        else:  # the check is no single call: the deviation has a program of its own
            told = f"prints {' '.join(entry.prints.split())}; expected: {' '.join(entry.expected.split())}"
            answers.append(Answer(text, entry.reproduction.strip(), told))
    return Told(
        sort=one.sort,
        title=title,
        where="; ".join(f"{operation} {', '.join(formats)}".strip() for operation, formats in one.scopes.items()),
        requirements=one.requirements,
        checks=one.checks,
        links=tuple(dict.fromkeys(entry.link for entry in here if entry.link != UNREPORTED)),
        sides=(answers[0], answers[1]),
    )


def _title(
    one: Difference, names: tuple[str, str], specification: Mapping[str, Requirement], here: Sequence[Deviation]
) -> str:
    if one.sort == "absent":
        first, second = one.item.values[:2]
        lacks, what = (names[0], first) if first and first.kind == "absent" else (names[1], second)
        return f"{lacks} lacks {what.text.removeprefix('absent: ') if what else '?'}"
    if here:
        return "; ".join(dict.fromkeys(entry.title for entry in here))
    requirement = specification.get(one.item.requirement)
    return requirement.text if requirement else f"{one.item.requirement}, unknown to this suite"


def _notes(a: Side, b: Side, columns: tuple[Column | None, Column | None]) -> Iterator[str]:
    """What makes the comparison less than whole, a sentence each."""
    only = asked_of_one(*([check.id for check in side.record.checks] for side in (a, b)))
    for side, number in zip((a, b), only, strict=True):
        if number:
            yield f"{plural(number)} {'is' if number == 1 else 'are'} judged in {side.name} alone: not compared."
        if not side.record.complete:
            yield f"{side.name} is incomplete: its run was cut off."
    tiers = [side.record.header.tier for side in (a, b)]
    if tiers[0] != tiers[1]:
        yield f"Tiers {tiers[0]} and {tiers[1]}: only checks that both have are compared."
    if a.record.header.suite_commit != b.record.header.suite_commit:
        yield "The records come from different suite commits: a case may have changed between them."
    for side, column in zip((a, b), columns, strict=True):
        if column is None:
            yield f"{side.name} is not timed: no cost is compared."
        elif column.release.partition("-")[2] != side.version.partition("+")[0]:
            yield f"Cost of {side.name} is that of {column.release}, the newest release timed."
