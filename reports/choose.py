"""`python -m reports choose --task TASK [--device cpu] [--dtype float32]`: print facts to choose a framework by.

The facts say what each framework does well and badly for a task, from records and results alone, without a score
or a ranking. The exit code is 1 if no record has the device or format, 2 for an unknown task, device or format.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from adapters.frameworks import FRAMEWORKS
from benchmarks.timing.cells import FORMATS
from conformance.ci.markup import escape
from conformance.terminal import complain
from reports import tasks
from reports.accuracy import FORMATS as GRADED
from reports.advice import BAD, GOOD, NEITHER, THRESHOLDS, Advice, Ground, advise, costs_of
from reports.checks import parts, split_target
from reports.console import console
from reports.differences import cost
from reports.differences.operands import Operand, operands
from reports.evidence import RECORDS, Evidence
from reports.markdown import linked

DEVICES = ("cpu", "cuda")
OURS = "numpy"  # NumPy has no softmax: its adapter is this project's reference, and no framework to choose
TITLES = {GOOD: "Well", BAD: "Badly", NEITHER: "Neither"}
MARKS = {GOOD: ("✓", "green"), BAD: ("✗", "red"), NEITHER: ("·", "dim")}


class Missing(Exception):
    """No record has what is asked for; the message says how to get it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `python -m reports choose`."""
    parser.add_argument("--task", required=True, choices=tuple(tasks.load()))
    parser.add_argument("--device", default="cpu", choices=DEVICES)
    parser.add_argument("--dtype", default="float32", choices=GRADED)
    parser.add_argument("--markdown", action="store_true", help="as Markdown instead of lines")
    parser.add_argument(
        "--records", nargs=1, type=Path, default=[RECORDS], metavar="DIR", help="default: reports/records"
    )


def run(options: argparse.Namespace, evidence: Evidence) -> int:
    """Print the facts; the exit code."""
    try:
        advice, notes = collect(evidence, options.task, options.device, options.dtype)
    except Missing as error:
        complain(f"choose: {error}")
        return 1
    task = tasks.load()[options.task]
    head = f"{task.title}; {options.dtype} on {options.device}"
    if options.markdown:
        print(markdown(head, advice, notes), end="")
    else:
        show(head, advice, notes, console())
    return 0


def collect(evidence: Evidence, task: str, device: str, dtype: str) -> tuple[list[Advice], list[str]]:
    """Return the facts of every target on the device that has the format, and notes on what is left out.

    Raises:
        Missing: there is no such target.
    """
    here = [side for side in operands(evidence.records, ())[0] if split_target(side.target)[1] == device]
    if not here:
        raise Missing(
            f"no record is of {device}: python -m conformance --targets torch:{device}:eager --tier full "
            "--output results, on a machine that has one, and choose --records results"
        )
    judged = [side for side in here if split_target(side.target)[0] != OURS and _holds(side, task, dtype)]
    if not judged:
        raise Missing(
            f"no record on {device} judges {dtype} for {task}: python -m conformance --targets all --tier full "
            "--output results, with a framework that holds it, and choose --records results"
        )
    columns = {side.name: cost.target_costs(evidence.results, side.target, side.version) for side in judged}
    ground = Ground(
        tasks.load()[task], dtype, evidence.specification, {entry.id: entry for entry in evidence.deviations}
    )
    return advise(judged, columns, ground), list(_notes(judged, here, columns, ground))


def _holds(side: Operand, task: str, dtype: str) -> bool:
    operations = tasks.load()[task].operations
    return any(
        check.dtype == dtype and check.operation in operations and check.outcome != "absent"
        for check in side.record.checks
    )


def _notes(
    judged: Sequence[Operand],
    here: Sequence[Operand],
    columns: dict[str, cost.TargetCosts | None],
    ground: Ground,
) -> Iterator[str]:
    yield THRESHOLDS
    for side in here:
        if side not in judged and split_target(side.target)[0] != OURS:
            yield f"{side.name} has nothing in {ground.dtype} for this use: left out."
    for side in judged:
        column = columns[side.name]
        if not (column and costs_of(column, ground)):
            how = _how(side, ground.dtype)
            yield f"{side.name} is not timed in {ground.dtype} at the shapes of this use: {how}."


def _how(side: Operand, dtype: str) -> str:
    """Return the command that times it, or the reason why none does."""
    adapter, _, mode = split_target(side.target)
    known = FRAMEWORKS.get(adapter)
    if dtype not in FORMATS or not (known and known.timed and known.timed_as(mode)):
        return "the benchmarks have no such mode or format"
    return f"python -m benchmarks current {adapter} --tier full"


def show(head: str, every: Sequence[Advice], notes: Sequence[str], output: Console) -> None:
    """Print the facts as lines on a terminal."""
    output.print(Text(head, "bold"))
    for note in notes:
        output.print(Text(f"note: {note}", "yellow" if note is not THRESHOLDS else "dim"))
    for advice in every:
        output.print(Text(f"\n{advice.side.label}", "bold cyan"))
        for verdict in TITLES:
            mark, style = MARKS[verdict]
            for fact in advice.of(verdict):
                line = (
                    Text(f"  {mark} ", style)
                    .append(fact.text, "")
                    .append(f"  [{', '.join(fact.sources)}]", "dim")
                )
                output.print(line)


def markdown(head: str, every: Sequence[Advice], notes: Sequence[str]) -> str:
    """Return the facts as Markdown."""
    blocks = [f"# {escape(head)}", *(f"> {escape(note)}" for note in notes)]
    for advice in every:
        blocks.append(f"## {escape(advice.side.label)}")
        for verdict, title in TITLES.items():
            facts = advice.of(verdict)
            if facts:
                lines = (f"- {escape(fact.text)} ({linked(parts(', '.join(fact.sources)))})" for fact in facts)
                blocks += [f"**{title}**", "\n".join(lines)]
    return "\n\n".join(blocks) + "\n"
