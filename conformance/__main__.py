"""`python -m conformance`: judge targets, each in a process of its own, and say which meet the requirements."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from adapters import MODES
from adapters.frameworks import FRAMEWORKS
from conformance import deviations, files, single_function, terminal, vectors
from conformance.ci import allowing, badge, baseline, github, junit, summary
from conformance.ci.allowing import Allowance
from conformance.ci.run_summary import by_cause, counts, stated
from conformance.foreign import one_line, visible
from conformance.record import confirming
from conformance.record.records import Record
from conformance.requirements import TIERS
from conformance.run.processes import child, releases, remote, supervisor
from conformance.run.sweep import command as sweep
from conformance.run.sweep.worker import Failed

ALL = sorted(
    ((name, mode) for name, modes in MODES.items() for mode in modes),
    # The reference comes first and leaves its true values on disk; then the targets that take longest.
    key=lambda pair: (pair[0] != "numpy", -FRAMEWORKS[pair[0]].modes[pair[1]].seconds),
)
DEFAULT = tuple(name for name, mode in ALL if mode == FRAMEWORKS[name].usual)
COMMANDS = {
    "judge": single_function.main,
    "releases": releases.main,
    "sweep": sweep.main,
    "confirm": confirming.main,
    "vectors": vectors.main,
}


def main(arguments: list[str] | None = None) -> int:
    """Judge the targets; exit code 0: all hold, 1: one does not, 2: wrong usage, 130: interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in COMMANDS:
        with child.interruptible():
            return COMMANDS[arguments[0]](arguments[1:])
    options = _parser().parse_args(arguments)
    with ExitStack() as held:
        try:
            if options.badge:  # a run that is cut off, or cannot begin, leaves no older one
                files.write(options.badge, badge.UNFINISHED)
            orders = _orders(options)
            targets = [order.target for order in orders]
            before = baseline.load(options.baseline, targets) if options.baseline else {}
            allowances = allowing.load(options.allow) if options.allow else ()
            for file in filter(None, (options.junit, options.summary)):
                file.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(files.reserved(options.output))
        except (ValueError, OSError) as error:
            terminal.complain(f"conformance: {error}")
            return 2
        return _judge(orders, before, allowances, options)


def _judge(
    orders: list[supervisor.Order],
    before: Mapping[str, Record],
    allowances: Sequence[Allowance],
    options: argparse.Namespace,
) -> int:
    console, began = terminal.console(), time.monotonic()
    try:
        with child.interruptible():
            records = _with_progress(orders, options, console)
    except KeyboardInterrupt:
        terminal.complain(
            f"conformance: interrupted; the same command with --resume continues in {options.output}"
        )
        return 130
    except (ValueError, OSError, Failed) as error:
        if not options.scheduler:
            raise
        terminal.complain(f"conformance: {one_line(str(error))}; --resume keeps the records in {options.output}")
        return 2
    records = [allowing.told(record, allowances) for record in records]
    unmatched = allowing.unmatched(records, allowances)
    # first: a pipe that closes early does not cost the files
    code = _report(options, records, before, unmatched)
    code = max(code, _tell(records, before, console, time.monotonic() - began), int(bool(unmatched)))
    for line in unmatched:
        console.print(f"FAILS  {one_line(line)}", soft_wrap=True)
    return code


def _report(
    options: argparse.Namespace, records: list[Record], before: Mapping[str, Record], unmatched: list[str]
) -> int:
    """Write the files for continuous integration; return exit code 2 if one cannot be written."""
    if github.wanted(options.annotations):
        print("\n".join(github.lines(records, before, unmatched)))
    try:
        if options.junit:
            files.write(options.junit, junit.render(records, before, unmatched))
        if options.summary:
            with options.summary.open("a", encoding="utf-8") as file:
                file.write(summary.render(records, before, unmatched))
        if options.badge:
            files.write(options.badge, badge.render(records, before, unmatched))
    except OSError as error:
        terminal.complain(
            f"conformance: the records are in {options.output}, but another file cannot be written: {error}"
        )
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description=__doc__,
        epilog="python -m conformance judge judges one function, releases every tracked release, sweep every "
        "input of a domain, confirm writes the version of a record into the known deviations that show in it, "
        "and vectors writes the cases with their true values; see the --help of each.",
    )
    parser.add_argument(
        "--targets",
        default=",".join(DEFAULT),
        help="adapter[:device[:mode]], separated by commas, or all: the five frameworks in every mode; an "
        "adapter is a name, package.module:Class or exec:COMMAND",
    )
    parser.add_argument("--tier", default="quick", choices=TIERS)
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder for the record files")
    parser.add_argument(
        "--jobs", type=int, default=min(2, os.cpu_count() or 1), help="how many targets are judged at a time"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster that judges: see docs/scale.md")
    parser.add_argument("--check-timeout", type=float, default=120.0, help="how many seconds one check may take")
    parser.add_argument(
        "--resume", action="store_true", help="keep the checks that are recorded and judge the rest"
    )
    parser.add_argument("--deviations", type=Path, help="file of known deviations, in place of the suite's own")
    parser.add_argument(
        "--vectors",
        type=Path,
        metavar="DIR",
        help="judge from the true values that `vectors` has written there, and compute none",
    )
    group = parser.add_argument_group("continuous integration", "see docs/judging.md and docs/backend.md")
    group.add_argument(
        "--baseline",
        type=Path,
        metavar="PLACE",
        help="an earlier record, or a folder of them: fail only on what is new",
    )
    group.add_argument(
        "--allow",
        type=Path,
        metavar="FILE",
        help="failures that do not fail the run: a line each, pattern : reason",
    )
    group.add_argument("--junit", type=Path, metavar="FILE", help="write the checks as JUnit XML")
    group.add_argument("--summary", type=Path, metavar="FILE", help="append a summary in Markdown")
    group.add_argument("--badge", type=Path, metavar="FILE", help="write the verdict as a badge of shields.io")
    group.add_argument(
        "--annotations",
        action=argparse.BooleanOptionalAction,
        help="print failures as GitHub's workflow commands; the default in a job of GitHub Actions",
    )
    return parser


def _orders(options: argparse.Namespace) -> list[supervisor.Order]:
    names = supervisor.split(options.targets)
    if options.targets == "all":
        names = [f"{name}:cpu:{mode}" for name, mode in ALL]
    if options.deviations is not None and not options.deviations.is_file():
        raise ValueError(f"there is no deviations file {options.deviations}")
    deviations.load(options.deviations or deviations.FILE)  # errors in the file are reported before anything runs
    if options.vectors is not None:
        vectors.use(options.vectors, options.tier)
    if options.scheduler and (options.deviations or options.vectors):
        raise ValueError(
            "--deviations and --vectors are files of this machine, which a --scheduler does not have"
        )
    if options.jobs < 1:
        raise ValueError("--jobs is at least 1")
    if not options.check_timeout > 0:
        raise ValueError("--check-timeout is more than 0 seconds")
    return [
        supervisor.Order(
            *target,
            tier=options.tier,
            output=options.output,
            check_timeout=options.check_timeout,
            resume=options.resume,
            deviations=options.deviations,
        )
        for target in dict.fromkeys(supervisor.parse(name) for name in names)
    ]


def _with_progress(orders: list[supervisor.Order], options: argparse.Namespace, console: Console) -> list[Record]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[check]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def report(now: supervisor.Progress) -> None:
            target, check = one_line(now.target), one_line(now.check)
            if target not in tasks:
                tasks[target] = progress.add_task(target, total=now.total, check="")
            progress.update(tasks[target], completed=now.done, total=now.total, check=check)

        if options.scheduler:
            return remote.run_all(orders, options.scheduler, report)
        return supervisor.run_all(orders, options.jobs, report)


def _tell(records: list[Record], before: Mapping[str, Record], console: Console, seconds: float) -> int:
    failed = False
    for record in records:
        earlier = before.get(record.header.target)
        problems = baseline.problems(record, earlier)
        if not record.checks and record.footer and record.footer.error:
            target, error = record.header.target, record.footer.error
            said = error if target in error else f"{target}: {error}"
            console.print(f"FAILS  {one_line(said)}", soft_wrap=True)
            failed = True
            continue
        spent = sum(check.seconds for check in record.checks)
        named = one_line(f"{record.header.target} {record.header.framework['version']}")
        state = "FAILS" if problems else "holds"
        checked = f"{len(record.checks)} checks in {spent:.0f} s: {counts(record)}"
        console.print(f"{state}  {named}: {checked}", soft_wrap=True)
        for line in by_cause(baseline.by_cause(record, earlier)):
            console.print(visible(line), soft_wrap=True)
        for line in [*map(stated, problems), *baseline.notes(record, earlier)]:
            console.print(f"       {one_line(line)}", soft_wrap=True)
        failed = failed or bool(problems)
    checks = [check for record in records for check in record.checks]
    spent = sum(check.seconds for check in checks)
    oracle = sum(record.footer.oracle_seconds for record in records if record.footer)
    share = f"; {oracle / spent:.0%} of {spent:.0f} s spent in checks was the oracle's" if spent else ""
    console.print(
        f"{len(checks)} checks of {len(records)} targets in {seconds:.0f} s, "
        f"{len(checks) / max(seconds, 1e-9):.0f} a second{share}",
        soft_wrap=True,
    )
    if any(record.footer and record.footer.error and not record.checks for record in records):
        return 2
    return int(failed)


if __name__ == "__main__":
    terminal.run(main)
