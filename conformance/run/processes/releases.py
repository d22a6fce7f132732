"""`python -m conformance releases [framework | release …]`: judge every tracked release.

Each release has an environment of its own, which is removed afterwards. Releases already judged by this suite on
this tier are skipped, so an interrupted run continues where it stopped. A release that cannot be judged leaves a
record that says why, and the next run tries it again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from threading import Event

from packaging.version import Version
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from adapters import ROOT
from adapters.frameworks import FRAMEWORKS
from adapters.releases import PACKAGES, Release, named, releases
from conformance import deviations, files, requirements, terminal
from conformance.foreign import one_line
from conformance.record import archive, reading, storage, timeline
from conformance.record.records import PACKED, BrokenRecord, Footer, Record
from conformance.requirements import TIERS
from conformance.run.processes import environments, machine, supervisor

OUTPUT = ROOT / "reports" / "records" / "releases"
DEVICE = "cpu"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """The way each release is judged, and the folder of its record."""

    tier: str
    output: Path
    check_timeout: float
    stop: Event

    def record(self, release: Release) -> Path:
        """The file that a release's record is kept in."""
        return self.output / f"{release.tag}{PACKED}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `python -m conformance releases`."""
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(PACKAGES)}, or one release: jax-0.7.2; else all"
    )
    parser.add_argument("--tier", default="quick", choices=TIERS)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for the records")
    parser.add_argument("--jobs", type=int, default=1, help="how many releases are judged at a time")
    parser.add_argument("--check-timeout", type=float, default=60.0, help="how many seconds one check may take")


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge; exit code 0: all are judged, 1: some could not be, 2: wrong usage, 130: interrupted."""
    parser = argparse.ArgumentParser(prog="python -m conformance releases", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args(arguments)
    plan = Plan(options.tier, options.output, options.check_timeout, Event())
    with ExitStack() as held:
        try:
            wanted = sorted(named(*options.names), key=lambda release: release.day, reverse=True)
            if options.jobs < 1:
                raise ValueError("--jobs is at least 1")
            if find_spec("uv") is None:
                raise ValueError("uv is not installed; the group `bench` of pyproject.toml has it")
            held.enter_context(files.reserved(plan.output))
        except (ValueError, OSError) as error:
            terminal.complain(f"releases: {error}")
            return 2
        return _judge_missing(wanted, plan, options.jobs)


def _judge_missing(wanted: Sequence[Release], plan: Plan, jobs: int) -> int:
    console = terminal.console()
    missing = [release for release in wanted if not judged(plan, release)]
    console.print(f"{len(wanted) - len(missing)} of {len(wanted)} releases are judged")
    try:
        problems = judge_all(missing, plan, jobs, console)
    except KeyboardInterrupt:
        terminal.complain("releases: interrupted; what is finished is kept, and the same command goes on")
        return 130
    for line in closing(plan.output, {release.framework for release in wanted}):
        console.print(line, soft_wrap=True)
    return 1 if problems else 0


def judged(plan: Plan, release: Release) -> bool:
    """Return whether there is a finished record of this tier, made by a suite that judges as this one does."""
    try:
        record = reading.read(plan.record(release))
    except BrokenRecord:
        return False
    same = record.header.tier == plan.tier
    return not record.unfinished and same and machine.same_suite(record.header.suite_commit, release.framework)


def judge_all(missing: Sequence[Release], plan: Plan, jobs: int, console: Console) -> list[str]:
    """Judge `jobs` releases at a time, keep each record, and return why some could not be judged."""
    tag, at = (TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[at]"))
    columns = tag, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), at
    problems = []
    with (
        Progress(*columns, console=console, transient=True) as progress,
        ThreadPoolExecutor(max_workers=jobs) as pool,
    ):
        whole = progress.add_task("releases", total=len(missing), at="")

        def judge_one(release: Release) -> Record:
            task = progress.add_task(release.tag, total=None, at="installing")

            def report(now: supervisor.Progress) -> None:
                progress.update(task, completed=now.done, total=now.total, at=one_line(now.check))

            try:
                return judge(release, plan, report)
            finally:
                progress.remove_task(task)

        futures = {pool.submit(judge_one, release): release for release in missing}
        try:
            for future in as_completed(futures):
                release, record = futures[future], future.result()
                problem = keep(record, plan.record(release))
                problems += [problem] if problem else []
                progress.advance(whole)
                line = f"{release.tag} {f'cannot be judged: {problem}' if problem else counts(record)}"
                console.print(line, soft_wrap=True)
        except BaseException:
            plan.stop.set()  # the processes are in sessions of their own, which the terminal does not interrupt
            pool.shutdown(cancel_futures=True)
            raise
    return problems


def judge(release: Release, plan: Plan, report: Callable[[supervisor.Progress], None]) -> Record:
    """Judge a release in an environment that is removed afterwards, and return its record.

    Raises:
        KeyboardInterrupt: the plan was stopped.
    """
    mode = FRAMEWORKS[release.framework].usual
    with tempfile.TemporaryDirectory(prefix="softmark-") as beside:
        folder = Path(beside)
        order = supervisor.Order(
            release.framework, DEVICE, mode, plan.tier, folder / "results", plan.check_timeout
        )
        order.output.mkdir()
        try:
            python = environments.make(release, folder / "env", plan.stop)
        except environments.NotInstalled as problem:
            return refused(release, order, str(problem))
        record = supervisor.run(replace(order, python=python), report, plan.stop)
        if record.footer and record.footer.error:
            reason = _reason(record.footer.error, order.log)
            if not record.checks:
                return refused(release, order, reason)
            record = replace(record, footer=replace(record.footer, error=reason))
    version = record.header.framework["version"]
    if Version(version).public != release.version:
        return refused(release, order, f"the environment holds {release.framework} {version}")
    return record


def refused(release: Release, order: supervisor.Order, problem: str) -> Record:
    """Return a record that says why a release could not be judged."""
    header = machine.unknown(release.framework, order.target, order.tier)
    header = replace(header, framework={**header.framework, "version": release.version})
    return Record(order.record, header, [], Footer(0, machine.now(), error=" ".join(problem.split())))


def _reason(error: str, log: Path) -> str:
    """Return the supervisor's error, with the log's last line where it names the log, which is removed."""
    reason = error.partition("; see ")[0].partition("see ")[0]
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return error if reason == error else ": ".join(filter(None, (reason, last)))


def keep(record: Record, path: Path) -> str | None:
    """Write the record and return why it is not whole, if so; such a record replaces no finished one."""
    if record.unfinished is None or not _finished(path):
        files.write(path, archive.pack(record))
    return record.unfinished


def _finished(path: Path) -> bool:
    try:
        return reading.read(path).unfinished is None
    except BrokenRecord:
        return False


def counts(record: Record) -> str:
    """Return how many requirements are in which state: "holds 98, deviation 7, absent 20"."""
    (history,) = timeline.timelines([record], requirements.load(), deviations.load())
    states = Counter(row.cells[0].state for row in history.rows)
    return ", ".join(f"{state} {states[state]}" for state in timeline.STATES if states[state])


def closing(folder: Path, frameworks: Iterable[str]) -> list[str]:
    """Return lines that say in which release each deviation came and went, and which failures are not listed."""
    read = []
    for path in storage.find([folder]):
        try:
            read.append(reading.read(path))
        except BrokenRecord as error:
            terminal.complain(f"releases: {error}")
    chosen = [record for record in read if record.header.framework["name"] in set(frameworks)]
    days = {release.tag: release.day for release in releases()}
    lines = []
    for history in timeline.timelines(chosen, requirements.load(), deviations.load(), days):
        lines.append(f"{history.target}, {len(history.releases)} releases")
        lines += [f"  {span.entry.id}: {span.sentence}" for span in history.spans]
        lines += [
            f"  {row.requirement.id} fails otherwise: {failure}. {row.requirement.text}"
            for row, failure in history.failures()
        ]
    return lines
