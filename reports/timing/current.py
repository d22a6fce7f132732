"""`python -m benchmarks current [framework ...]`: time the installed frameworks side by side.

`--save` files the results as asv's, under the commit of the installed release. Use it on a machine whose
environments are made by hand, such as one with a GPU. An interrupted run shows the finished rounds and files the
finished frameworks.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from asv.util import UserError
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from adapters.frameworks import FRAMEWORKS, TIMED_FRAMEWORKS
from adapters.releases import BadReleases, Release
from benchmarks.asv import filing, measure_releases
from benchmarks.timing import clock, rounds
from benchmarks.timing.cells import TIERS, Cell, cells
from benchmarks.timing.rounds import Measured, Run, Tell
from conformance.foreign import one_line
from conformance.terminal import complain, console
from reports.timing import terminal
from reports.timing.terminal import timed

ROUNDS = 1  # enough for a look, whose tables have no intervals; what is filed takes as many as a release
DEVICES = ("cpu", "cuda")
MeasuredCells = dict[Cell, Measured]


class Unusable(ValueError):
    """The request cannot be measured here; the message says why and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    which = f"of {', '.join(TIMED_FRAMEWORKS)}; else all"
    parser.add_argument("frameworks", nargs="*", metavar="framework", help=which)
    parser.add_argument("--tier", choices=TIERS, default="core")
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    parser.add_argument(
        "--rounds",
        type=int,
        help=f"processes that time each cell: {ROUNDS}, or {rounds.ROUNDS} to file",
    )
    parser.add_argument("--cells", default="", metavar="REGEX", help='of names such as "softmax forward eager"')
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="file the results there, as asv's")
    parser.add_argument(
        "--machine", type=filing.machine, help="the name they are filed under; cuda is added to it"
    )


def run(options: argparse.Namespace) -> int:
    """Measure, file and print; exit code 1: nothing of a framework, or it is not filed, 2: wrong usage."""
    try:
        names = installed(options.frameworks)
        if options.rounds is None:
            options.rounds = rounds.ROUNDS if options.save else ROUNDS
        wanted = chosen(options)
        versions, releases, shelf = {name: version(name) for name in names}, {}, None
        if options.save:
            releases = {name: filing.tracked(name, versions[name]) for name in names}
            shelf = filing.Shelf(options.save, options.machine or measure_releases.machine(), options.device)
            filing.ready(releases.values(), shelf)
        elif options.machine:
            raise Unusable("--machine names what is filed: give --save too")
    except (Unusable, BadReleases, filing.Unready, UserError) as error:
        complain(f"current: {error}")
        return 2
    output, whole = console(), True
    measured: dict[str, MeasuredCells] = {}  # by framework
    columns = TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    try:
        with Progress(*columns, console=output, transient=True) as progress:
            task = progress.add_task("", total=None)
            brief = shelf is None
            jobs = [
                Run(name, wanted, options.tier, options.device, options.rounds, brief=brief) for name in names
            ]
            for name in measure(jobs, measured, lambda line: progress.update(task, description=one_line(line))):
                if shelf and timed(measured[name]):
                    whole &= kept(measured[name], releases[name], shelf, options)
    finally:
        terminal.show(output, measured, versions, options.device)
    there = [name for name in measured if timed(measured[name])]
    return 0 if whole and there and set(options.frameworks) <= set(there) else 1


def measure(jobs: Sequence[Run], measured: dict[str, MeasuredCells], tell: Tell) -> Iterator[str]:
    """Measure each framework into `measured`, and name it. Brief runs on a CPU are audited first, side by side.

    An audit times nothing but compilation, which tables here do not hold.
    """
    lanes = len(clock.cores()) if all(job.brief and job.device == "cpu" for job in jobs) else 1
    with rounds.scratch(len(jobs)) as caches:
        if lanes > 1:
            audits = side_by_side(jobs, caches, tell, lanes)
        for place, job in enumerate(jobs):
            audit = audits[place] if lanes > 1 else rounds.audited(job, caches[place], tell)
            measured[job.framework] = audit  # before its rounds: an interrupt loses none that is finished
            rounds.add_rounds(job, audit, caches[place], tell)
            yield job.framework


def side_by_side(
    jobs: Sequence[Run], caches: Sequence[dict[str, str]], tell: Tell, lanes: int
) -> list[MeasuredCells]:
    """Audit all jobs, as many at a time as there are lanes; an interrupt ends their processes."""
    free: SimpleQueue[int] = SimpleQueue()
    for lane in range(lanes):
        free.put(lane)

    def audit(job: Run, own: dict[str, str]) -> MeasuredCells:
        lane = free.get()
        try:
            return rounds.audited(job, own, tell, lane)
        finally:
            free.put(lane)

    with ThreadPoolExecutor(lanes) as pool:
        futures = [pool.submit(audit, *pair) for pair in zip(jobs, caches, strict=True)]
        try:
            return [future.result() for future in futures]
        finally:
            if not all(future.done() for future in futures):
                for job in jobs:
                    job.stop.set()


def installed(asked: Sequence[str]) -> list[str]:
    """Return the frameworks to time: those asked for, or all that are installed.

    Raises:
        Unusable: one that was asked for is unknown or not here.
    """
    if unknown := [name for name in asked if name not in TIMED_FRAMEWORKS]:
        raise Unusable(f"unknown framework {unknown[0]!r}: choose from {', '.join(TIMED_FRAMEWORKS)}")
    here = [name for name in TIMED_FRAMEWORKS if importlib.util.find_spec(name) is not None]
    if absent := [name for name in asked if name not in here]:
        raise Unusable(f"{absent[0]} is not installed in this environment")
    return list(dict.fromkeys(asked)) or here


def chosen(options: argparse.Namespace) -> tuple[Cell, ...]:
    """Return the cells of the tier that are asked for, in at least one round.

    Raises:
        Unusable: there is no such cell or no round.
    """
    if options.rounds < 1:
        raise Unusable("--rounds is at least 1")
    return matching(options.cells, cells(options.tier))


def matching(pattern: str, every: Sequence[Cell]) -> tuple[Cell, ...]:
    """Return the cells whose name a regular expression finds.

    Raises:
        Unusable: it is none, or finds none.
    """
    try:
        matched = tuple(cell for cell in every if re.search(pattern, " ".join(cell.name.split())))
    except re.error as error:
        raise Unusable(f"{pattern!r} is no regular expression: {error}") from error
    if not matched:
        raise Unusable(f"no cell matches {pattern!r}; one is {' '.join(every[0].name.split())!r}")
    return matched


def version(framework: str) -> str:
    """Return the version that is installed, without what a builder adds ("+cpu")."""
    for package in (FRAMEWORKS[framework].distributions[0], framework):
        try:
            return importlib.metadata.version(package).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
    raise Unusable(f"{framework} is here, but not as a package with a version")


def kept(
    measured: Mapping[Cell, Measured], release: Release, shelf: filing.Shelf, options: argparse.Namespace
) -> bool:
    """File the results of one framework and print the path; return False if that failed."""
    asked = filing.Asked(options.tier, options.cells, options.rounds)
    try:
        print(f"wrote {filing.file(measured, release, shelf, asked)}")
    except Exception as error:  # of any kind: the other frameworks are still to be measured
        complain(f"current: {release.tag} is not filed: {type(error).__name__}: {error}")
        return False
    return True
