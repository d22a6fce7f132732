"""`python -m benchmarks performance`: make reports/performance.md from the committed results alone.

The same results give the same page, byte for byte.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters import ROOT, releases
from adapters.releases import PACKAGES, BadReleases, Release
from benchmarks.asv import changes, results
from benchmarks.asv.changes import Step, Transition
from benchmarks.asv.results import Machine, NoResults, Result, Results
from benchmarks.timing.cells import DIRECTIONS, MODES, OPERATIONS, Cell
from conformance.ci.markup import table_of
from conformance.foreign import visible
from conformance.terminal import complain
from reports.checks import plural
from reports.timing import wording

PAGE = ROOT / "reports" / "performance.md"
COMMAND = "python -m benchmarks performance --write"
STEPS = 20  # changes that are written out; the rest is counted
METRIC = "latency"  # the metric whose changes are listed

READ = """\
Lower is better, and 1.0 is the limit of the machine: *times the roofline* is t / max(bytes / copy bandwidth
at the same size, exponentials / exponential rate). The bytes are the fewest that the call can move. Copy and
exponential are measured in the same process as the call, on the same threads and device. Forward and backward
count as one kernel each: softmax and log_softmax move 2 + 3 times their logits, while one kernel for both
would need 4. A value below 1 means that the call was faster than the copy, for example because its result
stays in a cache, or that it computed its exponentials faster than NumPy and the framework's own elementwise
exponential do. On a GPU a copy of up to some 50 MB stays in the cache, while the rotating inputs of the call
may not.

*Copies* are the peak memory that a call takes beside its inputs, divided by the bytes of its logits: an
output as large as the logits is one copy. *Error over bound* is the worst error of the same call over the
bound of grade D in [grades.md](grades.md): at most 1 is right. Both are measured with one thread on a CPU.
NumPy has no softmax: its column is this project's reference implementation, which is written to be right and
not to be fast."""

FRESH = (
    "All times above are of calls that reuse memory, as in a process that keeps what it frees. Where the system "
    "provides fresh memory, as glibc requests for most blocks above 32 MiB, a call takes this many times as long "
    "(with its page faults in parentheses):"
)

CHANGES = (
    f"The latency changed by {changes.THRESHOLD:g} times or more in these cells, the largest change first. "
    f"asv's comparison tells the two releases apart, the change is at least {changes.CLEAR:g} times the usual "
    "one between releases of that cell, and at least half of it remains when times the roofline are compared."
)

Column = tuple[str, str]  # framework, mode


@dataclass(frozen=True)
class PerformanceTable:
    """The values of one operation and direction: cell → framework → metric → row."""

    operation: str
    direction: str
    values: Mapping[Cell, Mapping[str, Mapping[str, Result]]]

    @property
    def title(self) -> str:
        """The names of the operation and the direction."""
        return f"{wording.OPERATIONS[self.operation]}, {wording.DIRECTIONS[self.direction]}"

    @property
    def columns(self) -> list[Column]:
        """The frameworks and modes that were timed."""
        return ordered(
            (name, cell.mode)
            for cell, metrics in self.values.items()
            for name in metrics
            if "roofline" in metrics[name]
        )

    @property
    def lines(self) -> list[Cell]:
        """The timed cells; cells that differ only in the mode share a line."""
        timed = {_line(cell) for cell, metrics in self.values.items() if _timed(metrics)}
        return sorted(timed, key=wording.order)

    def entry(self, line: Cell, column: Column) -> Mapping[str, Result]:
        """Return the results in a line and column by metric; empty if it was not timed."""
        framework, mode = column
        metrics = self.values.get(replace(line, mode=mode), {}).get(framework, {})
        return metrics if "roofline" in metrics else {}

    @property
    def errors(self) -> dict[str, float]:
        """The worst error over the bound of each framework that has one."""
        worst: dict[str, float] = {}
        for frameworks in self.values.values():
            for name, metrics in frameworks.items():
                if "error" in metrics:
                    worst[name] = max(worst.get(name, 0.0), metrics["error"].value)
        return worst


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder to read and the choice to write."""
    parser.add_argument("--write", action="store_true", help=f"write reports/{PAGE.name} instead of printing")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="asv's results; default: reports/asv")


def run(options: argparse.Namespace) -> int:
    """Print or write the page; exit code 2: there is nothing to read."""
    try:
        timings = results.read(options.results)
        text = page(timings)
        if options.write:
            PAGE.write_text(text, encoding="utf-8")
    except (NoResults, BadReleases, OSError) as error:
        complain(f"performance: {error}")
        return 2
    for problem in timings.problems:
        complain(f"note: {problem}")
    print(f"wrote {PAGE}" if options.write else visible(text), end="\n" if options.write else "")
    return 0


def page(timings: Results) -> str:
    """Return the whole page.

    Raises:
        NoResults: no machine has a value.
    """
    rows = results.of(timings)
    blocks = [
        f"> Generated by `{COMMAND}`: change what it is made from, not this page.",
        "# Performance",
        "This page compares the newest tracked releases with the limit of the machine, and lists the memory that "
        "they take, the errors that they make, and what changed between releases.",
    ]
    several = len({row.machine for row in rows}) > 1
    for name, machine in timings.machines.items():
        here = [row for row in rows if row.machine == name]
        again = [row for row in timings.again if row.machine == name]
        if here:
            blocks += _machine(machine, here, again, several)
    return "\n\n".join([*blocks, "## How to read", READ]) + "\n"


def _machine(machine: Machine, rows: Sequence[Result], again: Sequence[Result], several: bool) -> Iterator[str]:
    where = f" on {wording.plain(machine.name)}" if several else ""
    newest = newest_releases(rows)
    versions = (f"{wording.NAMES[framework]} {release.version}" for framework, release in newest.items())
    yield f"## Today{where}"
    yield (
        f"{wording.machine(machine)}. {wording.listed(list(versions))}. Measured by `tox run -e bench-history`. "
        "Each cell holds times the roofline (logit copies)."
    )
    today = [row for row in rows if newest[row.release.framework] == row.release]
    for table in tables(today):
        yield f"### {table.title}"
        yield _table(table, machine.device)
        yield errors(table)
    if slowed := fresh(today, machine.device):
        yield "### Fresh memory"
        yield FRESH
        yield table_of(slowed[0], slowed[1:], texts=1)
    yield f"## Steps between releases{where}"
    yield from _steps([*rows, *again], machine.device)


def newest_releases(rows: Iterable[Result]) -> dict[str, Release]:
    """Return the last release of each framework that has a value."""
    timed = {row.release for row in rows}
    last = {release.framework: release for release in sorted(timed, key=releases.order)}
    return {framework: last[framework] for framework in PACKAGES if framework in last}


def tables(rows: Iterable[Result]) -> list[PerformanceTable]:
    """Return a table for each operation and direction that has a time over the roofline."""
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
                made.append(PerformanceTable(operation, direction, here))
    return made


def _timed(frameworks: Mapping[str, Mapping[str, Result]]) -> bool:
    return any("roofline" in metrics for metrics in frameworks.values())


def ordered(columns: Iterable[Column]) -> list[Column]:
    """Return the columns of a table, each once, in the order of every table."""
    timed = set(columns)
    return [(name, mode) for name in PACKAGES for mode in MODES if (name, mode) in timed]


def _line(cell: Cell) -> Cell:
    """Return the cell that stands for all modes, which share a line."""
    return replace(cell, mode=MODES[0])


def head(column: Column) -> str:
    """Return the name of a framework and mode."""
    framework, mode = column
    return wording.NAMES[framework] + (", compiled" if mode == "compiled" else "")


def _table(table: PerformanceTable, device: str) -> str:
    columns = table.columns
    rows = (
        (wording.where(line, device), *(_entry(table.entry(line, column)) for column in columns))
        for line in table.lines
    )
    return table_of(("", *map(head, columns)), rows, texts=1)


def _entry(entry: Mapping[str, Result]) -> str:
    if not entry:
        return "–"
    copies = f" ({wording.number(entry['memory'].value)})" if "memory" in entry else ""
    return f"{wording.number(entry['roofline'].value)}{copies}"


def fresh(rows: Iterable[Result], device: str) -> list[tuple[str, ...]]:
    """Return the table of fresh memory, its head first; empty if it was not measured.

    A text is the factor by which a call takes longer with memory from the system, and its page faults.
    """
    values = {(row.metric, row.release.framework, row.cell): row.value for row in rows}
    slowed: dict[Cell, dict[Column, str]] = defaultdict(dict)
    for (metric, framework, cell), value in values.items():
        if metric == "fresh" and ("latency", framework, cell) in values:
            faults = values.get(("faults", framework, cell), 0.0)
            text = f"{wording.factor(value / values['latency', framework, cell])} ({faults:,.0f})"
            slowed[_line(cell)][framework, cell.mode] = text
    columns = ordered(column for text in slowed.values() for column in text)
    lines = [
        (
            f"{wording.call(cell)}, {wording.where(cell, device)}",
            *(slowed[cell].get(column, "–") for column in columns),
        )
        for cell in sorted(slowed, key=wording.order)
    ]
    return [("", *map(head, columns)), *lines] if lines else []


def errors(table: PerformanceTable) -> str:
    """Return a sentence with the worst error of each framework in a table."""
    worst = table.errors
    texts = [f"{wording.NAMES[name]} {wording.number(worst[name])}" for name in PACKAGES if name in worst]
    return f"Worst error over bound: {', '.join(texts)}." if texts else "Errors were not measured."


def _steps(rows: Sequence[Result], device: str) -> Iterator[str]:
    groups = latency_changes(rows)
    yield f"{CHANGES} `python -m benchmarks regressions` lists every cell."
    if not groups:
        yield "None."
        return
    yield "\n".join(f"- {sentence(group, device)}" for group in groups[:STEPS])
    if len(groups) > STEPS:
        yield f"And {plural(len(groups) - STEPS, 'smaller one')}."


def latency_changes(rows: Sequence[Result]) -> list[Transition]:
    """Return the sure changes of the latency, those of one call together, the largest first."""
    sure = [step for step in changes.find(rows, METRIC) if step.confidence != "low"]
    groups = [part for group in changes.grouped(sure, rows) for part in by_call(group)]
    return sorted(groups, key=lambda group: -group.worst.size)


def by_call(group: Transition) -> list[Transition]:
    """Split a group by operation and direction: one sentence describes each part."""
    parts: dict[tuple[str, str], list[Step]] = defaultdict(list)
    for step in group.steps:
        parts[step.after.cell.operation, step.after.cell.direction].append(step)
    return [Transition(tuple(part), group.cells) for part in parts.values()]


def sentence(group: Transition, device: str) -> str:
    """Describe the change between two releases in Markdown: release, call, factor, size, and the newest state."""
    return f"**{wording.version(group.worst.after)}**: {change(group, device)}"


def change(group: Transition, device: str) -> str:
    """Describe a change without its release: "softmax forward 2.0 times slower than 0.7.2 at …"."""
    worst = group.worst
    cell = worst.after.cell
    others = group.steps[1:]
    also = ""
    if others:
        least, most = wording.factor(others[-1].size), wording.factor(others[0].size)
        span = least if least == most else f"{least} to {most}"
        also = f" ({span} in {plural(len(others), 'other cell')})"
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
