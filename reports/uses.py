"""Collects the facts of each target for a use: what is wrong, what it lacks, its grades, time and memory.

Nothing is scored or ranked. A fault counts here if a check of the use's operations, label form and format shows
it; times are compared among the targets of one mode, and only where their 99 % intervals decide it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.frameworks import FRAMEWORKS
from benchmarks.timing.cells import Cell
from conformance.record.accuracy_keys import label_form
from conformance.record.records import Check
from conformance.record.verdict import LENIENT
from reports.checks import Judged, Part, parts, split_target
from reports.differences import grades
from reports.differences.cost import Cost
from reports.differences.operands import Operand
from reports.differences.values import FAULTS, HOLDS, concerned, value
from reports.evidence import Evidence
from reports.findings import UNREPORTED, finding_id
from reports.tasks import Task
from reports.timing import wording

# mode that a reader picks → what it stands for in each framework
MODES = {
    "usual": "the usual mode of each framework",
    "eager": "eager",
    "compiled": "compiled",
    "all": "every mode",
}
REFUSED = ("error", "refused")  # words in the observation of a check that holds
OURS = "numpy"  # NumPy has no softmax: its adapter is this project's reference, and no framework to choose


@dataclass(frozen=True)
class UseFault:
    """One fault that touches a use.

    `needed` says what the use needs that it breaks, or is ""; `where` is the requirement whose page has the
    evidence, and `anchor` the finding there; `since` says in which releases it shows, or is "".
    """

    title: str
    needed: str
    level: str
    where: str
    anchor: str
    checks: int
    link: tuple[Part, ...]
    since: str

    @property
    def lenient(self) -> bool:
        """True for good practice that is not followed."""
        return self.level in LENIENT


@dataclass(frozen=True)
class UseTime:
    """The cost at one shape and direction; `beside` compares it with the other targets of each picked mode."""

    cell: Cell
    machine: str
    cost: Cost
    beside: Mapping[str, str]
    since: str

    @property
    def call(self) -> tuple[str, str]:
        """The operation and the direction."""
        return self.cell.operation, self.cell.direction


@dataclass(frozen=True)
class UseRow:
    """The facts of one target; `timed` is the release that was timed or "", `modes` the picks it belongs to."""

    side: Operand
    modes: tuple[str, ...]
    faults: tuple[UseFault, ...]
    lacks: tuple[str, ...]
    answers: tuple[str, ...]
    grades: tuple[tuple[str, str, str], ...]  # operation, direction, grade
    times: tuple[UseTime, ...]
    timed: str


Key = tuple[str, str, str, str]  # machine, operation, direction, shape
Prices = dict[Key, tuple[Cell, Cost]]


def rows(evidence: Evidence, task: Task, device: str, dtype: str) -> list[UseRow]:
    """Return a row for each target on the device that has the format, in the order of their frameworks."""
    sides = [side for side in evidence.today if split_target(side.target)[1] == device and not ours(side)]
    there = [side for side in sides if any(_checks(side, task, dtype))]
    costs = {side.name: evidence.costs(side.target, side.version) for side in there}
    prices = {name: _prices(target.costs, task, dtype) if target else {} for name, target in costs.items()}
    groups = {mode: [side.name for side in there if mode in picks(side.target)] for mode in MODES}
    made = []
    for side in there:
        timed = costs[side.name]
        made.append(
            UseRow(
                side=side,
                modes=picks(side.target),
                faults=tuple(_faults(side, task, dtype, evidence)),
                lacks=tuple(_lacks(side, task)),
                answers=tuple(_answers(side, task, dtype, evidence)),
                grades=tuple(_grades(side, task, dtype, evidence)),
                times=tuple(_times(side, prices, groups, evidence)),
                timed=timed.release if timed and prices[side.name] else "",
            )
        )
    return made


def ours(side: Operand) -> bool:
    """Tell whether an operand is this project's own reference."""
    return split_target(side.target)[0] == OURS


def picks(target: str) -> tuple[str, ...]:
    """Return the modes of `MODES` that a target belongs to."""
    adapter, _, mode = split_target(target)
    known = FRAMEWORKS.get(adapter)
    there = {"usual": known is None or mode == known.usual, "eager": mode == "eager"}
    there["compiled"] = bool(known and mode == known.compiled)
    return (*(name for name, is_so in there.items() if is_so), "all")


def _checks(side: Operand, task: Task, dtype: str) -> Iterator[Check]:
    """Yield the checks of the task's operations and kind of labels in a format."""
    for operation in task.operations:
        for check in side.by_place.get((operation, dtype), ()):
            if not task.form or label_form(check) in (task.form, None):
                yield check


def _faults(side: Operand, task: Task, dtype: str, evidence: Evidence) -> Iterator[UseFault]:
    """Yield the faults, good practice last, those that break a need first, in the order of the needs."""
    entries = concerned(side.target, evidence.deviations)
    needs = {name: need.why for need in task.needs for name in need.requirements}
    groups: dict[str, list[Check]] = {}
    for check in _checks(side, task, dtype):
        if check.outcome in FAULTS:
            answer = value(check, evidence.specification.get(check.requirement), entries)
            groups.setdefault(answer.entry or f"{check.requirement} {check.operation}", []).append(check)
    order = {name: place for place, name in enumerate(needs)}
    made = [_fault(key, group, side, evidence, needs) for key, group in groups.items()]
    yield from sorted(made, key=lambda fault: (fault.lenient, order.get(fault.where, len(order))))


def _fault(
    key: str, group: Sequence[Check], side: Operand, evidence: Evidence, needs: Mapping[str, str]
) -> UseFault:
    entry = next((entry for entry in evidence.deviations if entry.id == key), None)
    names = list(dict.fromkeys(check.requirement for check in group))
    where = next((name for name in needs if name in names), names[0])
    requirement = evidence.specification.get(where)
    first = next(check for check in group if check.requirement == where)
    return UseFault(
        title=entry.title if entry else f"not met: {requirement.text}" if requirement else f"{where} fails",
        needed=needs.get(where, ""),
        level=requirement.level if requirement else "unknown",
        where=where,
        anchor=finding_id(Judged(side.target, first, requirement)),
        checks=len(group),
        link=parts(entry.link) if entry and entry.link != UNREPORTED else (),
        since=evidence.since(side.target, key) if entry else "",
    )


def _lacks(side: Operand, task: Task) -> Iterator[str]:
    for feature in task.features:
        asked = side.by_requirement.get(feature.requirement, ())
        own = [check for check in asked if check.operation in task.operations]
        if own and all(check.outcome == "absent" for check in own):
            yield feature.name


def _answers(side: Operand, task: Task, dtype: str, evidence: Evidence) -> Iterator[str]:
    """Yield one line for each need that is answered in a legal way of its own, or refused by name."""
    found: dict[str, dict[str, None]] = {}
    needs = {name: need.why for need in task.needs for name in need.requirements}
    for check in _checks(side, task, dtype):
        if check.requirement in needs and check.outcome not in FAULTS and check.observed:
            answer = value(check, evidence.specification.get(check.requirement), ())
            if answer.kind != HOLDS or any(word in answer.text for word in REFUSED):
                own = found.setdefault(needs[check.requirement], {})
                own[answer.text.removeprefix(f"{HOLDS}: ")] = None
    for why in dict.fromkeys(needs.values()):
        if why in found:
            yield f"{why}: {'; '.join(found[why])}"


def _grades(side: Operand, task: Task, dtype: str, evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    at = [target.name for target in evidence.report.targets].index(side.target)
    for table in evidence.report.accuracy:
        for row in table.rows:
            grade = row.cells[at]
            if grade and row.dtype == dtype and (row.operation, row.direction) in task.graded:
                yield row.operation, row.direction, grades.described(grade)


def _prices(costs: Mapping[tuple[str, Cell], Cost], task: Task, dtype: str) -> Prices:
    """Return the costs at the task's calls and shapes, on all threads where that was timed, else on one."""
    found: Prices = {}
    for (machine, cell), price in costs.items():
        asked = (cell.operation, cell.direction) in task.calls and cell.shape in task.shapes
        if asked and cell.format == dtype and cell.data == "normal":
            key = (machine, cell.operation, cell.direction, cell.shape)
            if key not in found or cell.threads == "all":
                found[key] = (cell, price)
    places = [(call, shape) for call in task.calls for shape in task.shapes]
    return dict(sorted(found.items(), key=lambda item: (item[0][0], places.index((item[0][1:3], item[0][3])))))


def _times(
    side: Operand, prices: Mapping[str, Prices], groups: Mapping[str, Sequence[str]], evidence: Evidence
) -> Iterator[UseTime]:
    adapter, _, mode = split_target(side.target)
    for key, (cell, price) in prices[side.name].items():
        beside = {}
        for picked in picks(side.target):
            others = (name for name in groups[picked] if name != side.name and key in prices[name])
            beside[picked] = compared(price, ((name, prices[name][key][1]) for name in others))
        known = FRAMEWORKS.get(adapter)
        timed = replace(cell, mode=known.timed_as(mode) if known else "")
        yield UseTime(cell, key[0], price, beside, evidence.step(adapter, key[0], timed))


def compared(own: Cost, others: Iterable[tuple[str, Cost]]) -> str:
    """Say how a time stands beside the fastest other one; equal only where no interval tells them apart."""
    name, best = min(others, key=lambda other: other[1].latency, default=("", None))
    if best is None:
        return "no other is timed here"
    low, high = sorted((own, best), key=lambda one: one.latency)
    ratio = f"{wording.factor(high.latency / low.latency)} times"
    if high.low <= low.high:
        return f"cannot be told apart from {name} (medians differ {ratio})"
    return f"{ratio} as long as {name}" if own is high else f"fastest; the next, {name}, takes {ratio} as long"
