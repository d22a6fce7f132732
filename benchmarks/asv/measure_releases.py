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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from adapters import ROOT
from adapters.releases import PACKAGES, BadReleases, Release, named, releases
from benchmarks.asv import release_repository
from conformance import files
from conformance.run.processes import child

CONFIG = ROOT / "asv.conf.json"
TIERS = {"core": r"^core\.", "full": r"^(core|full)\."}
CHOICES = {f"SOFTMARK_{what}" for what in ("FRAMEWORK", "DEVICE", "ROUNDS", "CELLS", "TIER")}  # the suite's

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
        """A folder that the configuration names, such as "results_dir"."""
        return self.config.parent / str(getattr(release_repository.settings(self.config), setting))

    @property
    def failed(self) -> Path:
        """The failures on this machine. Not a .json file: asv would take it for results."""
        return self.folder("results_dir") / self.machine / "failed.jsonl"


@dataclass(frozen=True)
class Options:
    """What is to be measured of each release, and how; None leaves it to asv's configuration and the suite."""

    tier: str = "core"
    rounds: int | None = None
    python: str | None = None

    def arguments(self, modules: Iterable[str]) -> list[str]:
        """Those of `asv run` over modules of the suite."""
        environment = ["--environment", f"virtualenv:{self.python}"] if self.python else []
        return ["--show-stderr", "--record-samples", "--bench", rf"^({'|'.join(modules)})\.", *environment]

    @property
    def variables(self) -> dict[str, str]:
        """The environment of asv: nothing of the shell's narrows what is measured."""
        plain = {name: value for name, value in os.environ.items() if name not in CHOICES}
        rounds = {"SOFTMARK_ROUNDS": str(self.rounds)} if self.rounds else {}
        return {**plain, "SOFTMARK_TIER": self.tier, **rounds}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `python -m benchmarks history` takes."""
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(PACKAGES)}, or one release: jax-0.7.2; else all"
    )
    parser.add_argument("--tier", choices=TIERS, default="core")
    parser.add_argument("--rounds", type=int, help="how many processes time each cell")
    parser.add_argument("--python", help="version of Python, such as 3.12; asv.conf.json's by default")


def run(options: argparse.Namespace) -> int:
    """Walk; exit code 0: all are measured, 1: some could not be, 2: wrong usage, 130: interrupted."""
    from asv.util import UserError

    order = Options(options.tier, options.rounds, options.python)
    try:
        if order.rounds is not None and order.rounds < 1:
            raise BadReleases("--rounds is at least 1")
        wanted = named(*options.names)
        place = Setup(CONFIG, machine())
        release_repository.write(releases(), place.folder("repo"))
        versions = suite(place.folder("benchmark_dir"), TIERS[order.tier])
    except (BadReleases, NoSuite, OSError, UserError) as error:
        print(f"history: {error}", file=sys.stderr)
        return 2
    commits = release_repository.hashes(place.folder("repo"))
    todo = [release for release in wanted if lacking(place, commits[release.tag], versions)]
    console = Console()
    console.print(f"{len(wanted) - len(todo)} of {len(wanted)} releases are measured", highlight=False)

    def one(release: Release, tell: Tell) -> Failure | None:
        return measure(place, release, commits[release.tag], order, versions, tell)

    try:
        failures = walk(todo, one, console) if todo else []
    except KeyboardInterrupt:
        print("history: interrupted; what is finished is kept, and the same command goes on", file=sys.stderr)
        return 130
    return 1 if failures else 0


def walk(
    todo: Iterable[Release], measure: Callable[[Release, Tell], Failure | None], console: Console
) -> list[Failure]:
    """Measure one after the other, show how far it is, and return what failed."""
    todo = list(todo)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    failures = []
    with Progress(*columns, TextColumn("{task.fields[at]}"), console=console, transient=True) as progress:
        task = progress.add_task("", total=len(todo), at="")
        for release in todo:
            progress.update(task, description=release.tag, at="")
            failure = measure(release, lambda line: progress.update(task, at=line))
            progress.advance(task)
            line = f"{release.tag} {'fails: ' + failure.reason if failure else 'is measured'}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
            failures += [failure] if failure else []
    return failures


def measure(
    place: Setup, release: Release, commit: str, order: Options, versions: Mapping[str, str], tell: Tell
) -> Failure | None:
    """Measure a release by asv, `tell` its last line as it runs, and return why it has no results, if so."""
    log = place.folder("env_dir").parent / "logs" / f"{release.tag}.log"
    progress = log.with_suffix(".progress")
    log.parent.mkdir(parents=True, exist_ok=True)
    progress.write_text("", encoding="utf-8")
    where = ["--config", str(place.config), "run", f"{commit}^!", "--machine", place.machine]
    variables = {**order.variables, "SOFTMARK_PROGRESS": str(progress)}
    command = [*place.asv, *where, *order.arguments(lacking(place, commit, versions))]
    try:
        with log.open("w", encoding="utf-8") as out:
            child.run(
                command, progress=lambda: tell(_last_line(progress) or _last_line(log)), grace=child.PATIENCE,
                env=variables, stdout=out, stderr=out,
            )  # fmt: skip
    finally:
        progress.unlink()
    said = log.read_text(encoding="utf-8", errors="replace")
    failure = None
    if lacking(place, commit, versions):
        when = datetime.now(UTC).isoformat(timespec="seconds")
        failure = Failure(release.tag, commit, when, reason(release.tag, said))
    note(place.failed, release.tag, failure)
    return failure


def lacking(place: Setup, commit: str, versions: Mapping[str, str]) -> list[str]:
    """The modules of the suite of which some benchmark, in its present version, has not run at a commit.

    Or none has a number: of a release not built, asv notes nulls, and NaN is what was not to be measured or
    cannot be imported.
    """
    from asv.results import iter_results_for_machine_and_hash

    left: dict[str, set[str]] = {}
    for name in versions:
        left.setdefault(name.partition(".")[0], set()).add(name)
    wanted = {name: {"version": version} for name, version in versions.items()}
    for result in iter_results_for_machine_and_hash(str(place.folder("results_dir")), place.machine, commit):
        there = result.get_result_keys(wanted)
        for module, names in [*left.items()]:
            values = (result.get_result_value(name, result.get_result_params(name)) for name in names & there)
            if names <= there and any(value is not None and value == value for row in values for value in row):
                del left[module]
    return list(left)


def reason(tag: str, said: str) -> str:
    """The line of asv's output that says why a release has no results: the installer's, else the last."""
    lines = [line.strip(" ·") for line in said.splitlines() if line.strip(" ·")]
    mark = f"install: {tag}: "
    installer = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
    return (installer or lines or ["asv said nothing"])[-1]


def note(file: Path, tag: str, failure: Failure | None) -> None:
    """Keep one line a failing release, and none of one that has results."""
    kept = [row for row in noted(file) if row["tag"] != tag] + ([asdict(failure)] if failure else [])
    if kept:
        rewrite(file, kept)
    else:
        file.unlink(missing_ok=True)


def noted(file: Path) -> list[dict[str, Any]]:
    """The lines of a file of notes on releases; one that cannot be read is lost: its release is tried again."""
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
    """Write such a file, whole or not at all."""
    files.write(file, "".join(json.dumps(row) + "\n" for row in rows))


def suite(folder: Path, pattern: str) -> dict[str, str]:
    """Name → version of the benchmarks in a folder whose name `pattern` matches; raises NoSuite."""
    return {one["name"]: one["version"] for one in discovered(folder, pattern)}


def discovered(folder: Path, pattern: str) -> list[dict[str, Any]]:
    """The benchmarks in a folder whose name `pattern` matches, as asv sees them.

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
        found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return [one for one in found if re.search(pattern, one["name"])]


def machine() -> str:
    """This machine's name in asv, which is told what it is if it does not know it yet.

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
