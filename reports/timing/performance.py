"""`python -m benchmarks performance`: make reports/performance.md from the committed results alone.

The same results give the same page, byte for byte.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters import ROOT, releases
from adapters.releases import PACKAGES, BadReleases, Release
from benchmarks.asv import changes, results
from benchmarks.asv.changes import Step, Transition
from benchmarks.asv.results import Machine, NoResults, Result, Results
from benchmarks.timing.cells import DIRECTIONS, FORMATS, MODES, OPERATIONS, SHAPES, THREADS, Cell
from reports.timing import wording

PAGE = ROOT / "reports" / "performance.md"
COMMAND = "python -m benchmarks performance --write"
STEPS = 20  # sentences; the rest is counted
METRIC = "latency"  # of the steps

READ = """\
Lower is better, and 1.0 is the wall: *times the roofline* is t / max(bytes / copy bandwidth at the same size,
exponentials / exponential rate). The bytes are those that the call must move at least; copy and exponential were
measured in the same process, on the same threads and device, beside the call. Forward and backward count as one
kernel each: softmax and log_softmax move 2 + 3 times their logits, where one kernel for both would need 4. Below
1, the call was faster in its place than the copy, as where a result stays in a cache, or took its exponentials
faster than NumPy and the framework's own elementwise exponential do. On a GPU a copy of up to some 50 MB stays in
its cache, where the rotating inputs of the call may not.

*Copies* are the peak of the memory that a call takes beside its inputs, over the bytes of its logits: an output
as large as they are is one. *Error over bound* is the worst error of the same call over the bound of grade D in
[grades.md](grades.md): at most 1 is right. Both are of one thread on a CPU. NumPy has no softmax: its column is
this project's reference implementation, written to be right and not to be fast."""

FRESH = (
    "All times are of calls whose memory is at hand, as in a process that keeps what it frees. Where the system "
    "has to give it, as it does under glibc for most blocks above 32 MiB, a call takes so many times as long (in "
    "parentheses its page faults):"
)

CHANGES = (
    f"Changes of the latency by {changes.THRESHOLD:g} times or more, the largest first, where asv's comparison "
    f"tells the two releases apart and the change is at least {changes.CLEAR:g} times the usual one between "
    "releases of that cell; against the roofline at least half of it is left."
)

Column = tuple[str, str]  # framework, mode


@dataclass(frozen=True)
class Entry:
    """What a framework needs for one call: time over the roofline, and memory where it was measured."""

    roofline: Result
    memory: Result | None


@dataclass(frozen=True)
class Fresh:
    """How many times as long calls take where their memory comes from the system, and their page faults."""

    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]  # what is called, a text for each head


@dataclass(frozen=True)
class Table:
    """The values of one operation and direction: cell → framework → metric → row."""

    operation: str
    direction: str
    values: Mapping[Cell, Mapping[str, Mapping[str, Result]]]

    @property
    def title(self) -> str:
        """The operation and direction by name."""
        return f"{wording.OPERATIONS[self.operation]}, {wording.DIRECTIONS[self.direction]}"

    @property
    def columns(self) -> list[Column]:
        """The frameworks and modes that were timed."""
        timed = {
            (name, cell.mode)
            for cell, found in self.values.items()
            for name in found
            if "roofline" in found[name]
        }
        return [(name, mode) for name in PACKAGES for mode in MODES if (name, mode) in timed]

    @property
    def lines(self) -> list[Cell]:
        """The timed cells, one for those that differ in the mode only."""
        return sorted({_line(cell) for cell, found in self.values.items() if _timed(found)}, key=_order)

    def entry(self, line: Cell, column: Column) -> Entry | None:
        """What stands in a line and column, None where it was not timed."""
        framework, mode = column
        found = self.values.get(replace(line, mode=mode), {}).get(framework, {})
        if "roofline" not in found:
            return None
        return Entry(found["roofline"], found.get("memory"))

    @property
    def errors(self) -> dict[str, float]:
        """The worst error over the bound of each framework that has one."""
        worst: dict[str, float] = {}
        for frameworks in self.values.values():
            for name, found in frameworks.items():
                if "error" in found:
                    worst[name] = max(worst.get(name, 0.0), found["error"].value)
        return worst


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where from, and whether to write."""
    parser.add_argument("--write", action="store_true", help=f"to reports/{PAGE.name} instead of the terminal")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="of asv's files; reports/asv by default")


def run(options: argparse.Namespace) -> int:
    """Print or write the page; exit code 2: there is nothing to read."""
    try:
        found = results.read(options.results)
        text = page(found)
        if options.write:
            PAGE.write_text(text, encoding="utf-8")
    except (NoResults, BadReleases, OSError) as error:
        print(f"performance: {error}", file=sys.stderr)
        return 2
    for problem in found.problems:
        print(f"note: {problem}", file=sys.stderr)
    print(f"wrote {PAGE}" if options.write else text, end="\n" if options.write else "")
    return 0


def page(found: Results) -> str:
    """The whole page.

    Raises:
        NoResults: no machine has a value.
    """
    rows = results.of(found)
    blocks = [
        f"> Generated by `{COMMAND}`: change what it is made from, not this page.",
        "# Performance",
        "How fast the newest tracked releases are against the limit of the machine, what memory they take and "
        "what error they make; then what changed between releases.",
    ]
    several = len({row.machine for row in rows}) > 1
    for name, machine in found.machines.items():
        here = [row for row in rows if row.machine == name]
        if here:
            blocks += _machine(machine, here, several)
    return "\n\n".join([*blocks, "## How to read", READ]) + "\n"


def _machine(machine: Machine, rows: Sequence[Result], several: bool) -> Iterator[str]:
    where = f" on {wording.plain(machine.name)}" if several else ""
    newest = newest_releases(rows)
    told = (f"{wording.NAMES[framework]} {release.version}" for framework, release in newest.items())
    yield f"## Today{where}"
    yield (
        f"{wording.machine(machine)}. {wording.listed(list(told))}. Measured by `tox run -e bench-history`. "
        "Each cell: times the roofline (logit copies)."
    )
    today = [row for row in rows if newest[row.release.framework] == row.release]
    for table in tables(today):
        yield f"### {table.title}"
        yield _table(table, machine.device)
        yield errors(table)
    if slowed := fresh(today, machine.device):
        yield "### Fresh memory"
        yield FRESH
        yield wording.table(("", *slowed.heads), slowed.lines)
    yield f"## Steps between releases{where}"
    yield from _steps(rows, machine.device)


def newest_releases(rows: Iterable[Result]) -> dict[str, Release]:
    """The last release of each framework that has a value."""
    found = {row.release for row in rows}
    last = {release.framework: release for release in sorted(found, key=releases.order)}
    return {framework: last[framework] for framework in PACKAGES if framework in last}


def tables(rows: Iterable[Result]) -> list[Table]:
    """A table for each operation and direction of which a time over the roofline was measured."""
    values: dict[Cell, dict[str, dict[str, Result]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        values[row.cell][row.release.framework][row.metric] = row
    made = []
    for operation in OPERATIONS:
        for direction in DIRECTIONS:
            here = {
                cell: frameworks
                for cell, frameworks in values.items()
                if (cell.operation, cell.direction) == (operation, direction)
            }
            if any(map(_timed, here.values())):
                made.append(Table(operation, direction, here))
    return made


def _timed(frameworks: Mapping[str, Mapping[str, Result]]) -> bool:
    return any("roofline" in found for found in frameworks.values())


def _line(cell: Cell) -> Cell:
    """The cell that stands for those of all modes, which share a line."""
    return replace(cell, mode=MODES[0])


def _order(cell: Cell) -> tuple[int, ...]:
    known = (list(FORMATS), list(SHAPES), list(THREADS))
    places = (
        names.index(name) for names, name in zip(known, (cell.format, cell.shape, cell.threads), strict=True)
    )
    return (*places, list(wording.DATA).index(cell.data))


def head(column: Column) -> str:
    """A framework and mode by name."""
    framework, mode = column
    return wording.NAMES[framework] + (", compiled" if mode == "compiled" else "")


def _table(table: Table, device: str) -> str:
    columns = table.columns
    rows = (
        (wording.where(line, device), *(_entry(table.entry(line, column)) for column in columns))
        for line in table.lines
    )
    return wording.table(("", *map(head, columns)), rows)


def _entry(found: Entry | None) -> str:
    if found is None:
        return "–"
    copies = f" ({wording.number(found.memory.value)})" if found.memory else ""
    return f"{wording.number(found.roofline.value)}{copies}"


def fresh(rows: Iterable[Result], device: str) -> Fresh | None:
    """The table of fresh memory; None where it was not measured."""
    found = {(row.metric, row.release.framework, row.cell): row.value for row in rows}
    slowed: dict[Cell, dict[Column, str]] = defaultdict(dict)
    for (metric, framework, cell), value in found.items():
        if metric == "fresh" and ("latency", framework, cell) in found:
            faults = found.get(("faults", framework, cell), 0.0)
            told = f"{wording.factor(value / found['latency', framework, cell])} ({faults:,.0f})"
            slowed[_line(cell)][framework, cell.mode] = told
    there = {column for told in slowed.values() for column in told}
    columns = [(name, mode) for name in PACKAGES for mode in MODES if (name, mode) in there]
    lines = (
        (f"{wording.call(cell)}, {wording.where(cell, device)}", *(slowed[cell].get(one, "–") for one in columns))
        for cell in sorted(
            slowed, key=lambda cell: (OPERATIONS.index(cell.operation), cell.direction, _order(cell))
        )
    )
    return Fresh(tuple(map(head, columns)), tuple(lines)) if slowed else None


def errors(table: Table) -> str:
    """The worst error of each framework in a table, in one sentence."""
    worst = table.errors
    told = [f"{wording.NAMES[name]} {wording.number(worst[name])}" for name in PACKAGES if name in worst]
    return f"Worst error over bound: {', '.join(told)}." if told else "Errors were not measured."


def _steps(rows: Sequence[Result], device: str) -> Iterator[str]:
    found = latency_changes(rows)
    yield f"{CHANGES} `python -m benchmarks regressions` lists every cell."
    if not found:
        yield "None."
        return
    yield "\n".join(f"- {sentence(group, device)}" for group in found[:STEPS])
    if len(found) > STEPS:
        yield f"And {wording.plural(len(found) - STEPS, 'smaller one')}."


def latency_changes(rows: Sequence[Result]) -> list[Transition]:
    """The sure steps of the latency, those of one call together, the largest first."""
    sure = [step for step in changes.find(rows, METRIC) if step.confidence != "low"]
    found = [part for group in changes.grouped(sure, rows) for part in by_call(group)]
    return sorted(found, key=lambda group: -group.worst.size)


def by_call(group: Transition) -> list[Transition]:
    """A group for each operation and direction in a group: what one sentence tells."""
    parts: dict[tuple[str, str], list[Step]] = defaultdict(list)
    for step in group.steps:
        parts[step.after.cell.operation, step.after.cell.direction].append(step)
    return [Transition(tuple(part), group.cells) for part in parts.values()]


def sentence(group: Transition, device: str) -> str:
    """The step between two releases in Markdown: release, call, factor, size, and what became of it."""
    return f"**{wording.version(group.worst.after)}**: {change(group, device)}"


def change(group: Transition, device: str) -> str:
    """A step without its release: "softmax forward 2.0 times slower than 0.7.2 at …"."""
    worst = group.worst
    cell = worst.after.cell
    others = group.steps[1:]
    also = ""
    if others:
        least, most = wording.factor(others[-1].size), wording.factor(others[0].size)
        span = least if least == most else f"{least} to {most}"
        also = f" ({span} in {wording.plural(len(others), 'other cell')})"
    return (
        f"{wording.call(cell)} {wording.factor(worst.size)} "
        f"{wording.worse(worst.after.metric, worst.worse)} {group.before.version} at "
        f"{wording.where(cell, device)}{also}; {_after(worst)}."
    )


def _after(step: Step) -> str:
    if step.ended is not None:
        back = wording.factor(changes.ratio(step.before, step.ended))
        return f"back to {back} in {step.ended.release.version}"
    if step.newest.release == step.after.release:
        return "the newest release measured"
    now = changes.ratio(step.before, step.newest)
    change = wording.change(METRIC, now > 1)
    return f"still {wording.factor(max(now, 1 / now))} times {change} in {step.newest.release.version}"
