"""Collects the facts of a target for a use, good and bad, from its record and the benchmarks, with sources.

Nothing is scored or ranked; the thresholds are constants here, and every output prints them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.timing.cells import Cell
from conformance.deviations import Deviation
from conformance.record.accuracy_keys import label_form
from conformance.record.records import Check, Record
from conformance.requirements import Requirement
from reports.checks import plural, split_target
from reports.differences import cost, grades
from reports.differences.cost import Cost, TargetCosts
from reports.differences.operands import Operand
from reports.differences.values import FAULTS, HOLDS, concerned, value
from reports.findings import UNREPORTED
from reports.tasks import Feature, Need, Task
from reports.timing import wording

GOOD, BAD, NEITHER = "good", "bad", "neither"
FINE = ("A", "B")  # grades
OUTSIDE = ("E", "F")
SLOW = 2.0  # times the fastest
MOST_CELLS = 3  # cells that are named as the source of one fact
REFUSED = ("error", "refused")  # words in the observation of a check that holds
COPIES = 0.5  # of the logits, more than the least
THRESHOLDS = (
    "good: every check holds; grade B or better; as fast as the fastest target here, within 99 % intervals. "
    "bad: a check fails or deviates; a feature is absent; grade E or F; "
    f"more than {SLOW:g} times the fastest; {COPIES:g} copies of the logits more than the least. "
    "neither: all between, legal choices, and inputs that are refused by name."
)


@dataclass(frozen=True)
class Fact:
    """One sentence with its number, and its sources: requirements, cells, upstream threads."""

    verdict: str
    text: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Advice:
    """The facts of one target."""

    side: Operand
    facts: tuple[Fact, ...]

    def of(self, verdict: str) -> tuple[Fact, ...]:
        """Return the facts of one verdict."""
        return tuple(fact for fact in self.facts if fact.verdict == verdict)


@dataclass(frozen=True)
class Ground:
    """The basis of the facts: the use, the format, the specification, the deviations."""

    task: Task
    dtype: str
    specification: Mapping[str, Requirement]
    entries: Mapping[str, Deviation]


def advise(sides: Sequence[Operand], columns: Mapping[str, TargetCosts | None], ground: Ground) -> list[Advice]:
    """Return the facts of each operand in their order; `costs` are their costs by name."""
    timed = {name: costs_of(column, ground) for name, column in columns.items() if column}
    return [
        Advice(
            side,
            (
                *_features(side.record, ground),
                *(fact for need in ground.task.needs for fact in _need(side.record, need, ground)),
                *_grades(side.record, ground),
                *_speed(side.name, timed),
                *_copies(side.name, timed),
            ),
        )
        for side in sides
    ]


def concerns(check: Check, task: Task) -> bool:
    """Tell whether a check belongs to the operations and the label form of a task."""
    if check.operation not in task.operations:
        return False
    return not task.form or label_form(check) in (task.form, None)


def _judged(record: Record, names: Sequence[str], ground: Ground) -> tuple[list[Check], str]:
    """Return the checks of these requirements in the format, or in all formats with a remark that says so."""
    checks = [check for check in record.checks if check.requirement in names and concerns(check, ground.task)]
    own = [check for check in checks if check.dtype == ground.dtype]
    others = ", ".join(dict.fromkeys(check.dtype for check in checks))
    return (own, "") if own or not checks else (checks, f", judged in {others} alone")


def _features(record: Record, ground: Ground) -> Iterator[Fact]:
    for feature in ground.task.features:
        checks, _ = _judged(record, (feature.requirement,), ground)
        if checks:
            yield _feature(feature, checks)


def _feature(feature: Feature, checks: Sequence[Check]) -> Fact:
    lacking = all(check.outcome == "absent" for check in checks)
    said = f"{'lacks' if lacking else 'has'} {feature.name}: {feature.why}"
    return Fact(BAD if lacking else GOOD, said, (feature.requirement,))


def _need(record: Record, need: Need, ground: Ground) -> Iterator[Fact]:
    """Yield a fact for each fault and each legal choice, and one for all that holds if there is no fault."""
    checks, beside = _judged(record, need.requirements, ground)
    there = [check for check in checks if check.outcome != "absent"]
    entries = concerned(record.header.target, ground.entries.values())
    faulty: dict[str, list[Check]] = {}
    chosen: dict[str, list[Check]] = {}
    holding = []
    for check in there:
        answer = value(check, ground.specification.get(check.requirement), entries)
        if check.outcome in FAULTS:
            faulty.setdefault(answer.entry or check.requirement, []).append(check)
        elif answer.kind != HOLDS or any(word in answer.text for word in REFUSED):
            chosen.setdefault(answer.text, []).append(check)
        else:
            holding.append(check)
    for key, group in faulty.items():
        yield Fact(
            BAD, f"{need.why}: {_fault(key, group, len(there), ground)}{beside}", _links(key, group, ground)
        )
    for text, group in chosen.items():
        yield Fact(NEITHER, f"{need.why}: {text}, in {plural(len(group))}{beside}", _ids(group))
    if holding and not faulty:
        yield Fact(GOOD, f"{need.why}: holds in {plural(len(holding))}{beside}", _ids(holding))


def _fault(key: str, group: Sequence[Check], among: int, ground: Ground) -> str:
    """Return the deviation and its reason, or the requirement that is not met, and the number of checks."""
    entry, requirement = ground.entries.get(key), ground.specification.get(group[0].requirement)
    if entry:
        sentence = f"{entry.title}. {entry.reason}"
    else:
        sentence = f"not met ({requirement.level}): {requirement.text}" if requirement else f"{key} is not met."
    return f"{sentence} In {len(group)} of {plural(among)}"


def _links(key: str, group: Sequence[Check], ground: Ground) -> tuple[str, ...]:
    entry = ground.entries.get(key)
    return (*_ids(group), *((entry.link,) if entry and entry.link != UNREPORTED else ()))


def _ids(checks: Iterable[Check]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(check.requirement for check in checks))


def _grades(record: Record, ground: Ground) -> Iterator[Fact]:
    for (operation, dtype, direction), (grade,) in grades.table([record], ground.specification):
        if grade is None or dtype != ground.dtype or (operation, direction) not in ground.task.graded:
            continue
        verdict = GOOD if grade.letter in FINE else BAD if grade.letter in OUTSIDE else NEITHER
        text = f"grade {grades.described(grade)} of {operation} {direction} {dtype}, {plural(grade.checks)}"
        yield Fact(verdict, text, (grade.case,))


Cells = dict[tuple[str, Cell], Cost]


def costs_of(column: TargetCosts, ground: Ground) -> Cells:
    """Return the costs of the cells that the task uses: its calls, shapes and format."""
    task = ground.task
    return {
        (machine, cell): price
        for (machine, cell), price in column.costs.items()
        if (cell.operation, cell.direction) in task.calls
        and cell.shape in task.shapes
        and cell.format == ground.dtype
        and cell.data == "normal"
    }


def _speed(name: str, timed: Mapping[str, Cells]) -> Iterator[Fact]:
    """Yield in how many cells it is the fastest, close to it, and far from it, each with its worst cell."""
    groups: dict[str, list[tuple[float, Cell, Cost]]] = {GOOD: [], NEITHER: [], BAD: []}
    own = timed.get(name, {})
    for key, price in own.items():
        best = min((cells[key] for cells in timed.values() if key in cells), key=lambda other: other.latency)
        times = price.latency / best.latency
        verdict = GOOD if price.low <= best.high else BAD if times > SLOW else NEITHER
        groups[verdict].append((times, key[1], price))
    for verdict, group in groups.items():
        if not group:
            continue
        times, cell, price = max(group, key=lambda item: item[0])
        many = f"in {len(group)} of {plural(len(own), 'cell')}"
        where = f"{_call(name, cell)}: {cost.described(price)}"
        if verdict == GOOD:
            text = f"as fast as the fastest {many}, such as {where}"
        else:
            text = f"{wording.factor(times)} times the fastest, the most {many}: {where}"
        yield Fact(verdict, text, _named(cell for _, cell, _ in group))


def _copies(name: str, timed: Mapping[str, Cells]) -> Iterator[Fact]:
    """Yield the cell where it takes the most memory beyond what another target takes."""
    extra: list[tuple[float, Cell, str]] = []
    for key, price in timed.get(name, {}).items():
        known = [(cells[key].copies, other) for other, cells in timed.items() if key in cells]
        least, other = min(((copies, other) for copies, other in known if copies is not None), default=(None, ""))
        if price.copies is not None and least is not None and price.copies >= least + COPIES:
            text = f"{price.copies:.1f} copies of the logits beside its inputs, where {other} takes {least:.1f}"
            extra.append((price.copies - least, key[1], text))
    if extra:
        _, cell, text = max(extra, key=lambda item: item[0])
        yield Fact(BAD, f"{text}: {_call(name, cell)}", _named(cell for _, cell, _ in extra))


def _call(name: str, cell: Cell) -> str:
    return f"{cell.operation} {cell.direction} {wording.where(cell, split_target(name)[1])}"


def _named(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return the names of the first few cells, without a mode, as the benchmarks write them."""
    names = [" ".join(cell.name.split()) for cell in cells]
    return (*names[:MOST_CELLS], *([f"and {len(names) - MOST_CELLS} more"] if len(names) > MOST_CELLS else []))
