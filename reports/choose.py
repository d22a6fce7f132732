"""`python -m reports choose --task TASK [--device cpu] [--dtype float32] [--mode usual]`: facts to choose by.

A line for each fault that touches the task, the grades, and time and memory at the task's shapes, from records
and results alone, without a score or a ranking. The exit code is 1 if no record has the device, format or mode,
2 for an unknown task, device, format or mode.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from adapters.frameworks import FRAMEWORKS
from conformance.ci.markup import escape
from conformance.terminal import complain
from reports import tasks
from reports.accuracy import FORMATS as GRADED
from reports.checks import plural, split_target
from reports.console import console
from reports.evidence import RECORDS, Evidence
from reports.timing import wording
from reports.uses import MODES, UseFault, UseRow, UseTime, rows

DEVICES = ("cpu", "cuda")
SHAPES = 2  # of each call that are shown at once; the site has all
STYLES = {"wrong": "red", "practice": "yellow", "lacks": "yellow", "answers": "", "grade": "", "time": ""}

Line = tuple[str, str]  # heading, text


class Missing(Exception):
    """No record has what is asked for; the message says how to get it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `python -m reports choose`."""
    parser.add_argument("--task", required=True, choices=tuple(tasks.load()))
    parser.add_argument("--device", default="cpu", choices=DEVICES)
    parser.add_argument("--dtype", default="float32", choices=GRADED)
    parser.add_argument("--mode", default="usual", choices=tuple(MODES))
    parser.add_argument("--markdown", action="store_true", help="as Markdown instead of lines")
    parser.add_argument(
        "--records", nargs=1, type=Path, default=[RECORDS], metavar="DIR", help="default: reports/records"
    )


def run(options: argparse.Namespace, evidence: Evidence) -> int:
    """Print the facts; the exit code."""
    try:
        found = collect(evidence, options.task, options.device, options.dtype, options.mode)
    except Missing as error:
        complain(f"choose: {error}")
        return 1
    head = f"{tasks.load()[options.task].title}; {options.dtype} on {options.device}, {MODES[options.mode]}"
    if options.markdown:
        print(markdown(head, found, options.mode), end="")
    else:
        show(head, found, options.mode, console())
    return 0


def collect(evidence: Evidence, task: str, device: str, dtype: str, mode: str) -> list[UseRow]:
    """Return the rows of the targets on the device, in the mode, that have the format.

    Raises:
        Missing: there is none.
    """
    if not any(split_target(record.header.target)[1] == device for record in evidence.records):
        raise Missing(
            f"no record is of {device}: {to_judge(device)}, on a machine that has one, "
            "and choose --records results"
        )
    found = [row for row in rows(evidence, tasks.load()[task], device, dtype) if mode in row.modes]
    if not found:
        raise Missing(
            f"no record on {device} in {MODES[mode]} judges {dtype} for {task}: python -m conformance "
            "--targets all --tier full --output results, with a framework that holds it, and choose "
            "--records results"
        )
    return found


def to_judge(device: str) -> str:
    """Return the command that makes records of a device."""
    return f"python -m conformance --targets torch:{device}:eager --tier full --output results"


def lines(row: UseRow, mode: str) -> Iterator[Line]:
    """Yield a heading and a text for each fact of a target."""
    for fault in row.faults:
        yield "practice" if fault.lenient else "wrong", fault_text(fault)
    if all(fault.lenient for fault in row.faults):
        yield "wrong", "nothing that is known"
    if row.lacks:
        yield "lacks", ", ".join(row.lacks)
    for answer in row.answers:
        yield "answers", answer
    if row.grades:
        yield "grade", "; ".join(f"{operation} {direction} {grade}" for operation, direction, grade in row.grades)
    shown: dict[tuple[str, str], int] = {}
    for timed in row.times:
        shown[timed.call] = shown.get(timed.call, 0) + 1
        if shown[timed.call] <= SHAPES:
            text = f"{call_text(row, timed)}: {time_text(timed)}; {timed.beside[mode]}{since(timed.since)}"
            yield "time", text
    if not row.times:
        yield "time", not_timed(row)


def fault_text(fault: UseFault) -> str:
    """Return a fault in words, with its evidence."""
    needed = f"{fault.needed}: " if fault.needed else ""
    link = f", {''.join(part.text for part in fault.link)}" if fault.link else ""
    return f"{needed}{fault.title} [{fault.where}, {plural(fault.checks)}{link}]{since(fault.since)}"


def since(text: str) -> str:
    """Return a remark on releases, "" for none."""
    return f"; {text}" if text else ""


def call_text(row: UseRow, timed: UseTime) -> str:
    """Return the call of a cell, and its shape and threads."""
    return f"{wording.call(timed.cell)} {wording.where(timed.cell, split_target(row.side.target)[1])}"


def time_text(timed: UseTime) -> str:
    """Return the latency with its interval, and the memory."""
    price = timed.cost
    low, middle, high = (wording.quantity(value, "latency") for value in (price.low, price.latency, price.high))
    copies = "" if price.copies is None else f", memory {price.copies:.1f} × the logits"
    return f"{middle} ({low} to {high}){copies}"


def not_timed(row: UseRow) -> str:
    """Return the command that times a target, or the reason why none does."""
    adapter, _, mode = split_target(row.side.target)
    known = FRAMEWORKS.get(adapter)
    if not (known and known.timed and known.timed_as(mode)):
        return "not timed: the benchmarks have no such mode"
    return f"not timed in this format: python -m benchmarks current {adapter} --tier full"


def show(head: str, every: Sequence[UseRow], mode: str, output: Console) -> None:
    """Print the facts as lines on a terminal."""
    output.print(Text(head, "bold"))
    for row in every:
        timed = f", timed: {row.timed}" if row.timed else ""
        output.print(Text(f"\n{row.side.label}{timed}", "bold cyan"))
        for heading, text in lines(row, mode):
            output.print(Text(f"  {heading:9}", STYLES[heading]).append(text, ""))


def markdown(head: str, every: Sequence[UseRow], mode: str) -> str:
    """Return the facts as Markdown."""
    blocks = [f"# {escape(head)}"]
    for row in every:
        blocks.append(f"## {escape(row.side.label)}")
        blocks.append("\n".join(f"- **{heading}** {escape(text)}" for heading, text in lines(row, mode)))
    return "\n\n".join(blocks) + "\n"
