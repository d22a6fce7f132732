"""`python -m benchmarks history [framework ...]`: measure every release that is not measured on this machine.

Each release is one `asv run`, whose results are on disk when it ends, so an interrupted command continues where
it stopped. A release that cannot be installed, or whose suite does not run, is noted in `failed.jsonl` beside the
machine's results; the next command tries it again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from adapters import ROOT
from adapters.releases import PACKAGES, BadReleases, Release, named, order, releases
from benchmarks.asv import release_repository
from conformance import files, terminal
from conformance.foreign import one_line
from conformance.run.processes import child, interpreters

CONFIG = ROOT / "asv.conf.json"
TIERS = {"core": r"^core\.", "full": r"^(core|full)\."}
CHOICES = {f"SOFTMARK_{name}" for name in ("FRAMEWORK", "DEVICE", "ROUNDS", "CELLS", "TIER")}  # the suite's

Tell = Callable[[str], None]


class NoSuite(Exception):
    """The suite cannot be read; the message says why."""


@dataclass(frozen=True)
class Failure:
    """A release without results: when and why, in a line."""

    tag: str
    commit: str
    when: str
    reason: str


@dataclass(frozen=True)
class Setup:
    """asv as it is set up here, and the machine that results are filed under."""

    config: Path
    machine: str
    asv: tuple[str, ...] = (sys.executable, "-m", "asv")

    def folder(self, setting: str) -> Path:
        """Return a folder that the configuration names, such as "results_dir"."""
        return self.config.parent / str(getattr(release_repository.settings(self.config), setting))

    @property
    def failed(self) -> Path:
        """The failures on this machine. Not a .json file: asv would take it for results."""
        return self.folder("results_dir") / self.machine / "failed.jsonl"


@dataclass(frozen=True)
class Options:
    """The cells and rounds to measure of each release; None leaves it to asv's configuration and the suite."""

    tier: str = "core"
    rounds: int | None = None
    python: str | None = None

    def pythons(self, tracked: Sequence[Release]) -> dict[str, tuple[str, ...]]:
        """Return tag → the versions of Python that a release is measured on.

        It is the one that was asked for, or the release's own. A release whose successor has another is measured
        on that too, where it has wheels for it: their step then is the framework's and not the interpreter's.
        """
        if self.python:
            return dict.fromkeys((release.tag for release in tracked), (self.python,))
        own = {release.tag: interpreters.version_for(release) for release in tracked}
        found = {tag: [version] for tag, version in own.items()}
        for before, after in pairwise(sorted(tracked, key=lambda release: (release.framework, order(release)))):
            if before.framework == after.framework and own[after.tag] in set(before.pythons) - {own[before.tag]}:
                found[before.tag].append(own[after.tag])
        return {tag: tuple(versions) for tag, versions in found.items()}

    def arguments(self, modules: Iterable[str], python: str) -> list[str]:
        """Return the arguments of `asv run` over modules of the suite on a version of Python."""
        environment = ("--environment", f"virtualenv:{python}")
        return ["--show-stderr", "--record-samples", "--bench", rf"^({'|'.join(modules)})\.", *environment]

    def variables(self, python: str) -> dict[str, str]:
        """Return the environment of asv: SOFTMARK_ variables of the shell do not narrow what is measured.

        asv looks for the interpreter on PATH.
        """
        plain = {name: value for name, value in os.environ.items() if name not in CHOICES}
        interpreter = interpreters.executable(python)
        if interpreter and python != interpreters.HERE:
            plain["PATH"] = os.pathsep.join((str(Path(interpreter).parent), plain.get("PATH", os.defpath)))
        rounds = {"SOFTMARK_ROUNDS": str(self.rounds)} if self.rounds else {}
        return {**plain, "SOFTMARK_TIER": self.tier, **rounds}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `python -m benchmarks history` takes."""
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(PACKAGES)}, or one release: jax-0.7.2; else all"
    )
    parser.add_argument("--tier", choices=TIERS, default="core")
    parser.add_argument("--rounds", type=int, help="how many processes time each cell")
    parser.add_argument("--python", help="version of Python, such as 3.12; by default each release's own")


def run(arguments: argparse.Namespace) -> int:
    """Measure; exit code 0: all are measured, 1: some could not be, 2: wrong usage, 130: interrupted."""
    from asv.util import UserError

    options = Options(arguments.tier, arguments.rounds, arguments.python)
    with ExitStack() as held:
        try:
            if options.rounds is not None and options.rounds < 1:
                raise BadReleases("--rounds is at least 1")
            wanted = named(*arguments.names)
            setup = Setup(CONFIG, machine())
            held.enter_context(files.reserved(setup.folder("repo").parent))
            gone, _ = release_repository.write(releases(), setup.folder("repo"))
            versions = suite(setup.folder("benchmark_dir"), TIERS[options.tier])
        except (BadReleases, NoSuite, OSError, UserError) as error:
            terminal.complain(f"history: {error}")
            return 2
        if gone:
            terminal.complain(f"history: no release has these commits any more: {' '.join(sorted(gone))}")
        return _measure_missing(wanted, setup, options, versions)


def _measure_missing(
    wanted: Sequence[Release], setup: Setup, options: Options, versions: Mapping[str, str]
) -> int:
    commits = release_repository.hashes(setup.folder("repo"))
    pythons = options.pythons(releases())
    missing = [
        release
        for release in wanted
        if any(lacking(setup, commits[release.tag], versions, python) for python in pythons[release.tag])
    ]
    console = terminal.console()
    console.print(f"{len(wanted) - len(missing)} of {len(wanted)} releases are measured")

    def measure_one(release: Release, tell: Tell) -> Failure | None:
        commit = commits[release.tag]
        return measure(setup, release, commit, options, versions, tell, pythons[release.tag])

    try:
        failures = measure_all(missing, measure_one, console)
    except KeyboardInterrupt:
        terminal.complain("history: interrupted; what is finished is kept, and the same command goes on")
        return 130
    return 1 if failures else 0


def measure_all(
    missing: Sequence[Release], measure: Callable[[Release, Tell], Failure | None], console: Console
) -> list[Failure]:
    """Measure one release after the other, show how far it is, and return what failed."""
    tag, at = (TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[at]"))
    columns = tag, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), at
    failures = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(missing), at="")
        for release in missing:
            progress.update(task, description=release.tag, at="")
            failure = measure(release, lambda line: progress.update(task, at=one_line(line)))
            progress.advance(task)
            line = f"{release.tag} {'fails: ' + failure.reason if failure else 'is measured'}"
            console.print(line, soft_wrap=True)
            failures += [failure] if failure else []
    return failures


def measure(
    setup: Setup,
    release: Release,
    commit: str,
    options: Options,
    versions: Mapping[str, str],
    tell: Tell,
    pythons: Iterable[str],
) -> Failure | None:
    """Measure a release by asv on each Python, and note why it has no results on one, if so."""
    failure = None
    for python in pythons:
        modules = lacking(setup, commit, versions, python)
        output = _asv(setup, release, commit, options, python, modules, tell) if modules else ""
        if lacking(setup, commit, versions, python) and failure is None:
            when = datetime.now(UTC).isoformat(timespec="seconds")
            failure = Failure(release.tag, commit, when, reason(release.tag, output))
    note(setup.failed, release.tag, failure)
    return failure


def _asv(
    setup: Setup,
    release: Release,
    commit: str,
    options: Options,
    python: str,
    modules: Sequence[str],
    tell: Tell,
) -> str:
    """Run asv, pass its last line to `tell` meanwhile, and return its output."""
    log = setup.folder("env_dir").parent / "logs" / f"{release.tag}-py{python}.log"
    progress = log.with_suffix(".progress")
    log.parent.mkdir(parents=True, exist_ok=True)
    progress.write_text("", encoding="utf-8")
    where = ["--config", str(setup.config), "run", f"{commit}^!", "--machine", setup.machine]
    variables = {**options.variables(python), "SOFTMARK_PROGRESS": str(progress)}
    command = [*setup.asv, *where, *options.arguments(modules, python)]
    try:
        with log.open("w", encoding="utf-8") as out:
            child.run(
                command, progress=lambda: tell(_last_line(progress) or _last_line(log)), grace=child.PATIENCE,
                env=variables, stdout=out, stderr=out,
            )  # fmt: skip
    finally:
        progress.unlink()
    return log.read_text(encoding="utf-8", errors="replace")


def lacking(setup: Setup, commit: str, versions: Mapping[str, str], python: str) -> list[str]:
    """Return the modules of the suite that are still to run at a commit on a version of Python.

    A benchmark of such a module has not run in its present version, or none of them has a number: asv notes
    nulls for a release that was not built, and NaN for what was not to be measured or cannot be imported.
    """
    from asv.results import iter_results_for_machine_and_hash

    left: dict[str, set[str]] = {}
    for name in versions:
        left.setdefault(name.partition(".")[0], set()).add(name)
    wanted = {name: {"version": version} for name, version in versions.items()}
    for result in iter_results_for_machine_and_hash(str(setup.folder("results_dir")), setup.machine, commit):
        if result.params.get("python") != python:
            continue
        there = result.get_result_keys(wanted)
        for module, names in [*left.items()]:
            values = (result.get_result_value(name, result.get_result_params(name)) for name in names & there)
            if names <= there and any(value is not None and value == value for row in values for value in row):
                del left[module]
    return list(left)


def reason(tag: str, output: str) -> str:
    """Return the line of asv's output that says why a release has no results: the installer's, else the last."""
    lines = [line.strip(" ·") for line in output.splitlines() if line.strip(" ·")]
    mark = f"install: {tag}: "
    installer = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
    return (installer or lines or ["asv printed nothing"])[-1]


def note(file: Path, tag: str, failure: Failure | None) -> None:
    """Keep one line for each failing release, and none for one that has results."""
    kept = [row for row in noted(file) if row["tag"] != tag] + ([asdict(failure)] if failure else [])
    if kept:
        rewrite(file, kept)
    else:
        file.unlink(missing_ok=True)


def noted(file: Path) -> list[dict[str, Any]]:
    """Return the notes on releases in a file; one that cannot be read is left out: its release is tried again."""
    rows = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict) and "tag" in row:
            rows.append(row)
    return rows


def rewrite(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of notes."""
    files.write(file, "".join(json.dumps(row) + "\n" for row in rows))


def suite(folder: Path, pattern: str) -> dict[str, str]:
    """Return name → version of the benchmarks in a folder whose name `pattern` matches; raises NoSuite."""
    return {benchmark["name"]: benchmark["version"] for benchmark in discovered(folder, pattern)}


def discovered(folder: Path, pattern: str) -> list[dict[str, Any]]:
    """Return the benchmarks in a folder whose name `pattern` matches, as asv sees them.

    Raises:
        NoSuite: a module of it cannot be imported.
    """
    from asv.runner import BENCHMARK_RUN_SCRIPT

    with tempfile.TemporaryDirectory() as beside:
        file = Path(beside) / "benchmarks.json"
        command = (sys.executable, BENCHMARK_RUN_SCRIPT, "discover", str(folder.resolve()), str(file))
        done = subprocess.run(command, cwd=beside, capture_output=True, text=True)
        if done.returncode:
            raise NoSuite(f"{folder}: {(done.stderr.strip().splitlines() or ['discovery failed'])[-1]}")
        benchmarks: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return [benchmark for benchmark in benchmarks if re.search(pattern, benchmark["name"])]


def machine() -> str:
    """Return this machine's name in asv, and describe the machine to asv where it does not know it yet.

    Raises:
        UserError: asv's file of machines cannot be read.
    """
    from asv import util
    from asv.machine import Machine, MachineCollection

    file, name = MachineCollection.get_machine_file_path(), Machine.get_unique_machine_name()
    known = util.load_json(file, MachineCollection.api_version) if Path(file).exists() else {}
    if name not in known and len(known) != 1:  # one that was given a name is this machine
        MachineCollection.save(name, {**Machine.get_defaults(), "os": platform.system()})  # no kernel's release
        print(f"This machine is called {name} in results; {file} names it otherwise.")
    return str(Machine.load().machine)


def _last_line(file: Path) -> str:
    text = file.read_bytes()[-400:].decode(errors="replace").rstrip()
    return text.rpartition("\n")[2].strip(" ·")[:80]
