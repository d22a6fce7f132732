"""Results of an environment made by hand, filed as asv's own: by its classes, under its names.

`asv run` measures in environments that it makes itself. Here the cells are measured already; each `track_*`
method of the suite is asked for its number as asv asks it, and the file lies under the release's commit. What
was filed before of other cells, tiers and releases stays.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import import_module
from itertools import product
from math import nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from asv import util
from asv.benchmarks import Benchmarks
from asv.machine import Machine
from asv.results import Results, get_filename
from asv.runner import BenchmarkResult

from adapters.releases import BadReleases, Release, releases
from benchmarks.asv import measure_releases, metrics, release_repository, results
from benchmarks.timing import devices
from benchmarks.timing.cells import Cell
from benchmarks.timing.rounds import Measured, Row

SUITE = "benchmarks.suite"
VERSION = ".".join(platform.python_version_tuple()[:2])
ENVIRONMENT = "existing"  # and no path: it would name the folders of a machine
FACTS = "device.jsonl"  # beside the results; not .json, which asv would take for results

MeasuredCells = Mapping[Cell, Measured]


class Unready(Exception):
    """Nothing can be filed there; the message says where and why."""


@dataclass(frozen=True)
class Asked:
    """The part of a release that was to be measured."""

    tier: str
    cells: str  # the regular expression that chose them
    rounds: int


@dataclass(frozen=True)
class Shelf:
    """The folder for the results of one machine, and the device that they are of."""

    folder: Path
    machine: str
    device: str

    @property
    def name(self) -> str:
        """asv knows no devices: what ran on a GPU is of a machine of its own."""
        return self.machine if self.device == "cpu" else f"{self.machine}-{self.device}"

    @property
    def facts(self) -> Path:
        """A line for each release and tier: when it was measured, what was asked, on what device and driver."""
        return self.folder / self.name / FACTS


def machine(name: str) -> str:
    """Check a machine's name from the command line, which becomes the name of a folder, and return it."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise argparse.ArgumentTypeError(f"{name!r} is no name: letters, digits, hyphens and dots")
    return name


def tracked(framework: str, version: str) -> Release:
    """Return the release of that version.

    Raises:
        BadReleases: it is not tracked, so there is no commit to file results under.
    """
    for release in releases(framework):
        if release.version == version:
            return release
    raise BadReleases(
        f"{framework} {version} is not in adapters/releases.toml: "
        f"`python -m benchmarks.lock {framework} {version} --write` adds it"
    )


def ready(wanted: Iterable[Release], shelf: Shelf) -> None:
    """Check that results can be filed before any is measured; nothing is written.

    Raises:
        Unready: the folder cannot be written to, or what is in it cannot be read.
    """
    place = (shelf.folder / shelf.name).absolute()
    nearest = next(path for path in (place, *place.parents) if path.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise Unready(f"{nearest} is no folder that can be written to")
    try:
        if (place / "machine.json").exists():
            described(shelf)
        listed(shelf.folder)
        commits = {release: commit for commit, release in results.tracked().items()}
        for release in wanted:
            Results({"machine": shelf.name}, {}, commits[release], 0, VERSION, ENVIRONMENT, {}).load_data(
                str(shelf.folder)
            )
    except Exception as error:  # of any kind: others have written what is there
        raise Unready(f"what is in {shelf.folder} cannot be read: {type(error).__name__}: {error}") from error


def file(measured: MeasuredCells, release: Release, shelf: Shelf, asked: Asked) -> Path:
    """Write the measurements of one release and return the path of asv's file."""
    commit = next(commit for commit, tracked in results.tracked().items() if tracked == release)
    when = util.datetime_to_js_timestamp(datetime.combine(release.day, release_repository.NOON))
    filed = Results({**described(shelf), "python": VERSION}, {}, commit, when, VERSION, ENVIRONMENT, {})
    filed.load_data(str(shelf.folder))
    modules = asked.tier if shelf.device == "cpu" else f"{asked.tier}|gpu"
    benchmarks = measure_releases.discovered(Path(import_module(SUITE).__path__[0]), rf"^({modules})\.")
    for benchmark in benchmarks:
        result, selected = answers(benchmark, measured)
        filed.add_result(benchmark, result, record_samples=True, selected_idx=selected)
    catalogue(benchmarks, shelf.folder)
    filed.save(str(shelf.folder))
    note(measured, release, shelf, asked)
    return shelf.folder / str(get_filename(shelf.name, commit, ENVIRONMENT))


def answers(benchmark: Mapping[str, Any], measured: MeasuredCells) -> tuple[BenchmarkResult, list[int]]:
    """Return a method's answers for each of its parameters, and the indices of the cells that were measured."""
    module, block, method = benchmark["name"].split(".")
    holder = getattr(import_module(f"{SUITE}.{module}"), block)()
    cells = [Cell.of(params, holder.block.data) for params in product(*holder.params)]
    values = [answer(getattr(holder, method), measured, cell) for cell in cells]
    timed = [value if isinstance(value, dict) else {} for value in values]
    result = BenchmarkResult(
        result=[True if given else value for value, given in zip(values, timed, strict=True)],
        samples=[given.get("samples") for given in timed],
        number=[given.get("number") for given in timed],
        errcode=0,
        stderr="",
        profile=None,
    )
    return result, [i for i, cell in enumerate(cells) if cell in measured]


def answer(method: Any, measured: MeasuredCells, cell: Cell) -> Any:
    """Return a number or samples; as in asv, NaN for an absent cell and None for one that has no answer."""
    try:
        return method(measured, *cell.params)
    except NotImplementedError:
        return nan if cell in measured else None
    except Exception:  # of any kind, as in asv: what failed is told where it was measured
        return None


def catalogue(benchmarks: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write asv's list of benchmarks; those of another tier stay in it."""
    known = {**listed(folder), **{benchmark["name"]: benchmark for benchmark in benchmarks}}
    Benchmarks(SimpleNamespace(benchmark_dir="", results_dir=str(folder)), known.values()).save()


def listed(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return the benchmarks that asv's list names already."""
    path = folder / "benchmarks.json"
    before = util.load_json(str(path), Benchmarks.api_version) if path.exists() else {}
    return {benchmark["name"]: benchmark for benchmark in before.values() if isinstance(benchmark, dict)}


def described(shelf: Shelf) -> dict[str, str]:
    """Return asv's description of the machine, and write it beside the results unless it is there."""
    path = shelf.folder / shelf.name / "machine.json"
    if not path.exists():
        facts = {**Machine.get_defaults(), "machine": shelf.name, "os": platform.system()}
        util.write_json(str(path), facts, Machine.api_version)
    known = util.load_json(str(path), Machine.api_version)
    if known.get("machine") != shelf.name:
        raise util.UserError(f"{path} is of the machine {known.get('machine')!r}")
    return {key: str(value) for key, value in known.items() if key != "version"}


def note(measured: MeasuredCells, release: Release, shelf: Shelf, asked: Asked) -> None:
    """Keep a line on the release that was filed.

    Of a device, the largest shares of a cell's time for which heat or a power brake slowed it (beyond a tenth
    such a time is thrown away) and for which it was held at its power limit.
    """
    facts: dict[str, Any] = {}
    if shelf.device == "cuda":
        rows = [row for entry in measured.values() for row in entry.rows]
        facts = {**devices.describe(), **{key: largest(rows, key) for key in ("slowed", "capped")}}
    when = datetime.now(UTC).isoformat(timespec="seconds")
    row = {**_key(release, asked), "when": when, "device": shelf.device, **facts}
    kept = [line for line in _noted(shelf) if (line["tag"], line["tier"]) != (release.tag, asked.tier)]
    measure_releases.rewrite(shelf.facts, (*kept, row))


def largest(rows: Sequence[Row], key: str) -> float | str:
    """Return the largest value in rows; "unknown" if one row has none."""
    known = [float(row[key]) for row in rows if row.get(key) is not None]
    return max(known) if known and len(known) == len(rows) else "unknown"


def filed(release: Release, shelf: Shelf, asked: Asked) -> bool:
    """Return whether a release was filed there with just these options."""
    return any(row.items() >= _key(release, asked).items() for row in _noted(shelf))


def _key(release: Release, asked: Asked) -> dict[str, Any]:
    return {"tag": release.tag, "suite": metrics.VERSION, **asdict(asked)}


def _noted(shelf: Shelf) -> list[dict[str, Any]]:
    return [row for row in measure_releases.noted(shelf.facts) if "tier" in row]
