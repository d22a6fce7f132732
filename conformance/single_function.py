"""`python -m conformance judge module:function`: judge one function that computes a softmax or its kin.

The function takes native arrays: softmax(x), or cross_entropy(logits, labels). An argument `axis` or `dim` is
given the class axis; reduction, weight, ignore_index, label_smoothing and where are judged where it has them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from adapters import BUILT_IN, UnknownAdapter
from adapters import function as functions
from adapters.function import Declared
from conformance import files, terminal
from conformance.ci.run_summary import by_cause, counts
from conformance.foreign import one_line, visible
from conformance.operations import OPERATIONS
from conformance.record import causes, reading, verdict
from conformance.record.accuracy_keys import letter, place, ratio
from conformance.record.causes import Group
from conformance.record.records import Check, Record
from conformance.requirements import TIERS
from conformance.run.admission import is_format
from conformance.run.processes import child, supervisor
from conformance.truth.arithmetic import GRADES

REQUIRED = "D"
LOG = 5  # lines of a process that judged nothing


@dataclass(frozen=True)
class Verdict:
    """A judged function: whether it holds, its grade, its worst error, and its failures by likely cause."""

    record: Record

    @property
    def problems(self) -> list[str]:
        """Why it does not hold, one line each; empty where it does."""
        judged = any(check.outcome != "absent" for check in self.record.checks)
        return verdict.problems(self.record) or ([] if judged else ["nothing was judged: every check is absent"])

    @property
    def holds(self) -> bool:
        """True if every must is met and something was judged."""
        return not self.problems

    @property
    def grade(self) -> str:
        """The best grade whose bound holds wherever an error was measured, F where none does, "" without one."""
        graded = self._graded()
        return letter(graded, GRADES) if graded else ""

    @property
    def worst(self) -> Check | None:
        """The check with the largest error over the bound of grade D, which is required."""
        return max(self._graded(), key=lambda check: ratio(check, REQUIRED) or 0.0, default=None)

    @property
    def groups(self) -> list[Group]:
        """The failures by likely cause, the largest group first."""
        return causes.groups(self.record.checks)

    def _graded(self) -> list[Check]:
        return [check for check in self.record.checks if place(check) and ratio(check, REQUIRED) is not None]

    def __str__(self) -> str:
        """The verdict in a few lines."""
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Yield the verdict, the grade with the worst error, and the groups of failures."""
        header = self.record.header
        yield f"{'holds' if self.holds else 'FAILS'}  {header.target} {header.framework['version']}"
        yield f"       {len(self.record.checks)} checks: {counts(self.record)}"
        worst = self.worst
        if worst is not None:
            told = {name: worst.witness.get(name) for name in ("index", "got", "expected")}
            where = f" at {told['index']}" if told["index"] is not None else ""
            yield f"       grade {self.grade}; worst error {ratio(worst, REQUIRED):.3g} of the bound, {worst.id}:"
            yield f"       got {told['got']}, expected {told['expected']}{where}"
        yield from by_cause(self.groups, texts=True)
        if not self.groups:
            yield from (f"       {line}" for line in self.problems)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        worst = self.worst
        return {
            "target": self.record.header.target,
            "holds": self.holds,
            "problems": self.problems,
            "grade": self.grade,
            "worst": worst and {"check": worst.id, "ratio": ratio(worst, REQUIRED), "witness": worst.witness},
            "groups": [
                {"cause": group.cause, "checks": [check.id for check in group.checks]} for group in self.groups
            ],
        }


def judge(
    function: Callable[..., Any],
    *,
    operation: str,
    arrays: str = "numpy",
    dtypes: Sequence[str] = ("float32",),
    gradient: str | Callable[..., Any] = "",
    labels: Sequence[str] = ("index",),
    ranks: Sequence[int] = (),
    contiguous: bool = False,
    device: str = "cpu",
    tier: str = "quick",
) -> Verdict:
    """Judge a function in this process and return the verdict; a crash of the function ends it.

    Args:
        function: takes native arrays: logits, and for a cross-entropy labels.
        operation: what it computes, such as "softmax".
        arrays: the framework of the arrays, or a module with `from_dlpack`.
        dtypes: the formats that it takes.
        gradient: "autograd", or a function of the same arguments and the cotangent; "" for none.
        labels: the forms of labels that a cross-entropy takes, of "index" and "probability".
        ranks: the numbers of axes that it takes; none for all.
        contiguous: whether it takes contiguous arrays alone.
        device: "cpu" or "cuda".
        tier: "quick" or "full".

    Raises:
        ValueError: one of these is none that there is.
    """
    name = f"{getattr(function, '__module__', None) or 'given'}:{getattr(function, '__name__', 'function')}"
    functions.GIVEN[name] = function
    told = gradient if isinstance(gradient, str) else f"{name}.gradient"
    if not isinstance(gradient, str):
        functions.GIVEN[told] = gradient
    declared = Declared(name, operation, arrays, tuple(dtypes), told, tuple(labels), tuple(ranks), contiguous)
    check_declared(declared)
    before = os.environ.get(functions.VARIABLE)
    declared.to_environment()
    try:
        with tempfile.TemporaryDirectory() as folder:
            order = supervisor.Order(name, device, "eager", tier, Path(folder), 120.0)
            with contextlib.redirect_stdout(io.StringIO()) as said:
                pytest.main(supervisor.command(order)[3:])
            if not order.record.exists():
                raise ValueError(one_line(said.getvalue())[-300:] or "nothing was judged")
            return Verdict(reading.read(order.record))
    finally:
        for given in (name, told):
            functions.GIVEN.pop(given, None)
        if before is None:
            del os.environ[functions.VARIABLE]
        else:
            os.environ[functions.VARIABLE] = before


def check_declared(declared: Declared) -> None:
    """Raise ValueError, in one line, where what is declared cannot be."""
    if declared.operation not in OPERATIONS:
        raise ValueError(f"unknown operation {declared.operation!r}: choose one of {', '.join(OPERATIONS)}")
    op = OPERATIONS[declared.operation]
    if op.labelled and not set(declared.labels) & set(op.labels):
        raise ValueError(f"{op.name} takes {' or '.join(op.labels)} labels alone")
    for dtype in declared.dtypes:
        if not is_format(dtype):
            raise ValueError(f"unknown format {dtype!r}: float32, bfloat16, …")
    if not declared.dtypes:
        raise ValueError("no format is declared: float32, bfloat16, …")
    if wrong := set(declared.labels) - {"index", "probability"}:
        raise ValueError(f"unknown labels {min(wrong)!r}: choose index or probability")
    if any(rank < 1 for rank in declared.ranks):
        raise ValueError("ranks are at least 1")
    if declared.gradient not in ("", "autograd") and ":" not in declared.gradient:
        raise ValueError(f"unknown gradient {declared.gradient!r}: autograd or module:function")


def main(arguments: Sequence[str]) -> int:
    """Judge; exit code 0: it holds, 1: it does not, 2: wrong usage, 130: interrupted."""
    parser = argparse.ArgumentParser(prog="python -m conformance judge", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args(arguments)
    try:
        declared = Declared(
            options.function, options.operation, options.arrays, _split(options.dtypes), options.gradient,
            _split(options.labels), tuple(int(rank) for rank in _split(options.ranks)), options.contiguous,
        )  # fmt: skip
        check_declared(declared)
        if options.function.count(":") != 1:
            raise UnknownAdapter(f"{options.function!r} names no function: say module:function")
    except ValueError as error:
        terminal.complain(f"judge: {error}")
        return 2
    declared.to_environment()
    console = terminal.console()
    with tempfile.TemporaryDirectory() as folder:
        output = options.output or Path(folder)
        order = supervisor.Order(
            options.function, options.device, "eager", options.tier, output, options.check_timeout
        )
        try:
            output.mkdir(parents=True, exist_ok=True)
            with child.interruptible(), files.reserved(output):
                found = Verdict(run_shown(order, console))
                log = order.log.read_text(encoding="utf-8").splitlines() if order.log.exists() else []
            if options.json:
                files.write(options.json, json.dumps(found.as_json(), indent=2) + "\n")
        except KeyboardInterrupt:
            terminal.complain("judge: interrupted")
            return 130
        except OSError as error:
            terminal.complain(f"judge: {error}")
            return 2
    for line in found.lines():
        console.print(visible(line), soft_wrap=True, markup=False)
    if found.record.footer and found.record.footer.error and not found.record.checks:
        for line in [line for line in log if line.strip()][-LOG:] if str(order.log) in found.problems[0] else ():
            console.print(f"       {visible(line)}", soft_wrap=True, markup=False)
        return 2
    return int(not found.holds)


def run_shown(order: supervisor.Order, console: Console) -> Record:
    """Judge one target in a process of its own, show its progress, and return the record."""
    with terminal.progress(console) as progress:
        task = progress.add_task(one_line(order.adapter), total=None)
        return supervisor.run(order, lambda now: progress.update(task, completed=now.done, total=now.total))


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `python -m conformance judge`."""
    parser.add_argument("function", metavar="module:function")
    parser.add_argument("--operation", required=True, choices=OPERATIONS)
    parser.add_argument(
        "--arrays",
        default="numpy",
        help=f"of {', '.join(BUILT_IN)}, or a module with from_dlpack; numpy by default",
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtypes", default="float32", help="the formats that it takes: float32,bfloat16")
    parser.add_argument(
        "--gradient", default="", help="autograd, or module:function of the same arguments and the cotangent"
    )
    parser.add_argument(
        "--labels", default="index", help="the labels that a cross-entropy takes: index,probability"
    )
    parser.add_argument("--ranks", default="", help="the numbers of axes that it takes: 1,2; all by default")
    parser.add_argument("--contiguous", action="store_true", help="it takes contiguous arrays alone")
    parser.add_argument("--tier", default="quick", choices=TIERS)
    parser.add_argument("--check-timeout", type=float, default=120.0, help="how many seconds one check may take")
    parser.add_argument("--output", type=Path, help="folder to keep the record in")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdict as JSON")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
