"""asv's result files as rows: one number of one cell, on one machine, of one release.

Files are read with asv's own classes. One that cannot be read costs one line in `problems`, and the rest is read.
"""

from __future__ import annotations

import tempfile
from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf, isfinite
from pathlib import Path
from typing import Any

from asv import util
from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.machine import Machine as AsvMachine
from asv.results import Results as File

from adapters import ROOT, releases
from adapters.releases import Release
from benchmarks.asv import release_repository
from benchmarks.timing.cells import DIRECTIONS, FORMATS, MODES, OPERATIONS, PARAMS, SHAPES, THREADS, TIERS, Cell

CONFIG = ROOT / "asv.conf.json"
MEASURE = "measure first: tox run -e bench-history"

# The block of cells that a benchmark's class is named after → what its logits hold, which no parameter says.
DATA = {name: block.data for tier in TIERS.values() for name, block in tier.items() if block.data != "normal"}
KNOWN: tuple[Any, ...] = (OPERATIONS, DIRECTIONS, MODES, FORMATS, SHAPES, THREADS)


class NoResults(ValueError):
    """There is nothing to read; the message says what to run."""


@dataclass(frozen=True)
class Machine:
    """A machine, as asv's machine.json describes it."""

    name: str
    cpu: str
    cores: str
    ram: str
    arch: str

    @property
    def device(self) -> str:
        """The device that its cells ran on: a machine measured on its GPU is named so."""
        return "cuda" if {"cuda", "gpu"} & set(self.name.lower().replace("_", "-").split("-")) else "cpu"


@dataclass(frozen=True)
class Result:
    """A value; its samples, where they were kept; asv's 99 % interval of their median, where there is one.

    Of few samples asv takes the noise for Laplace's, and the interval is that of the median's posterior.
    """

    machine: str
    release: Release
    metric: str
    cell: Cell
    value: float
    interval: tuple[float, float] | None = None
    samples: tuple[float, ...] | None = None
    python: str = ""  # "3.11"


@dataclass(frozen=True)
class Results:
    """All that was read: `rows` in order of machine, release, metric and cell as the files have them.

    `again` are the rows of releases that were measured on a newer Python too, so that the step to their successor
    is not the interpreter's.
    """

    machines: Mapping[str, Machine]
    rows: tuple[Result, ...]
    problems: tuple[str, ...]
    again: tuple[Result, ...] = ()


def folder(config: Path = CONFIG) -> Path:
    """Return the folder in which asv files its results."""
    return config.parent / str(release_repository.settings(config).results_dir)


def read(place: Path | None = None, commits: Mapping[str, Release] | None = None) -> Results:
    """Read a folder of asv's results; `commits` are those of the tracked releases unless others are given.

    Raises:
        NoResults: there is no list of benchmarks, or no machine.
    """
    place = folder() if place is None else place
    commits = tracked() if commits is None else commits
    benchmarks = _benchmarks(place)
    machines: dict[str, Machine] = {}
    problems: list[str] = []
    newest: dict[tuple[Any, ...], tuple[int, Result]] = {}
    for part in sorted(path for path in place.iterdir() if path.is_dir()):
        try:
            machine = _machine(part)
        except (util.UserError, OSError, ValueError, TypeError, AttributeError) as error:
            problems.append(f"{part}: machine.json cannot be read, so its results are left out ({_line(error)})")
            continue
        machines[machine.name] = machine
        for path in sorted(part.glob("*-*.json")):
            for dated in _file(path, machine.name, benchmarks, commits, problems.append):
                _, row = dated
                key = (row.machine, row.release.tag, row.metric, row.cell, row.python)
                newest[key] = max(newest.get(key, dated), dated, key=lambda pair: pair[0])  # measured last
    if not machines:
        raise NoResults(next(iter(problems), f"no machine has results in {place}: {MEASURE}"))
    rows = [row for _, row in newest.values()]
    oldest: dict[tuple[str, str], str] = {}
    for row in rows:
        at = (row.machine, row.release.tag)
        oldest[at] = min((oldest.get(at, row.python), row.python), key=_numbers)
    main = tuple(row for row in rows if row.python == oldest[row.machine, row.release.tag])
    again = tuple(row for row in rows if row.python != oldest[row.machine, row.release.tag])
    return Results(machines, main, tuple(dict.fromkeys(problems)), again)


def tracked() -> dict[str, Release]:
    """Return commit → tracked release. The commits follow from the content: they are made anew each time."""
    known = releases.releases()
    with tempfile.TemporaryDirectory() as beside:
        release_repository.build(known, Path(beside) / "releases")
        commits = release_repository.hashes(Path(beside) / "releases")
    return {commits[release.tag]: release for release in known}


def of(
    results: Results, *, machine: str | None = None, framework: str | None = None, again: bool = False
) -> tuple[Result, ...]:
    """Return the rows of one machine or framework, or of all; `again`: also those on a second Python.

    Raises:
        NoResults: there is none; the message names what there is.
    """
    if machine is not None and machine not in results.machines:
        raise NoResults(f"unknown machine {machine!r}: choose one of {', '.join(results.machines)}")
    every = (*results.rows, *results.again) if again else results.rows
    rows = tuple(row for row in every if machine in (None, row.machine))
    left = f" ({len(results.problems)} left out, first {results.problems[0]})" if results.problems else ""
    if not rows:
        raise NoResults(f"nothing is measured on {machine or 'any machine'}: {MEASURE}{left}")
    kept = tuple(row for row in rows if framework in (None, row.release.framework))
    if not kept:
        there = ", ".join(sorted({row.release.framework for row in rows}))
        raise NoResults(
            f"nothing is measured of {framework}, only of {there}: tox run -e bench-history -- {framework}{left}"
        )
    return kept


def _benchmarks(place: Path) -> Benchmarks:
    settings = Config()
    settings.results_dir = str(place)
    try:
        return Benchmarks.load(settings)
    except (util.UserError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        if not (place / "benchmarks.json").exists():
            raise NoResults(f"no results in {place}: {MEASURE}") from error
        raise NoResults(f"{place / 'benchmarks.json'}: {_line(error)}: asv run --bench just-discover") from error


def _machine(part: Path) -> Machine:
    facts = util.load_json(str(part / "machine.json"), api_version=AsvMachine.api_version)
    if facts.get("machine") != part.name:
        raise ValueError(f"it is of {facts.get('machine')!r}")
    fields = {"cpu": "cpu", "cores": "num_cpu", "ram": "ram", "arch": "arch"}
    return Machine(part.name, **{name: str(facts.get(key, "")) for name, key in fields.items()})


def _file(
    path: Path,
    machine: str,
    benchmarks: Benchmarks,
    commits: Mapping[str, Release],
    report: Callable[[str], None],
) -> Iterator[tuple[int, Result]]:
    """Yield the time at which each row of a file was measured, and the row."""
    try:
        file = File.load(str(path), machine_name=machine)
        if file.commit_hash not in commits:
            report(
                f"{path}: commit {str(file.commit_hash)[:8]} is of no release in adapters/releases.toml; left out"
            )
            return
        keys = sorted(file.get_result_keys(benchmarks))
        left = len(file.get_all_result_keys()) - len(keys)
        if left:
            report(f"{path}: {left} benchmarks are of another version, or gone; left out")
        rows = [pair for key in keys for pair in _rows(file, benchmarks[key], machine, commits, report)]
    except Exception as error:  # of any kind: one file costs no other
        report(f"{path}: not a result file of asv's, left out ({_line(error)})")
        return
    yield from rows


def _rows(
    file: File,
    benchmark: Mapping[str, Any],
    machine: str,
    commits: Mapping[str, Release],
    report: Callable[[str], None],
) -> Iterator[tuple[int, Result]]:
    key, params = benchmark["name"], benchmark["params"]
    if tuple(benchmark["param_names"]) != PARAMS:
        return  # a benchmark of something else than cells
    _, owner, method = ("", *key.rsplit(".", 2))[-3:]
    data = next((data for block, data in DATA.items() if owner.startswith(block)), "normal")
    columns: Sequence[Sequence[Any]] = (
        file.get_result_value(key, params),
        file.get_result_stats(key, params),
        file.get_result_samples(key, params),
    )
    named = [[str(literal_eval(value)) for value in values] for values in params]
    for setting, number, stats, samples in zip(product(*named), *columns, strict=True):
        if number is None or number != number:
            continue  # null: it failed; NaN: the framework does not have it
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < inf:
            report(f"{key}: {number!r} is no measurement; left out")
            continue
        unknown = [value for value, known in zip(setting, KNOWN, strict=True) if value not in known]
        if unknown:
            report(f"{key}: {unknown[0]!r} is in no cell of benchmarks/timing/cells.py; left out")
            continue
        cell = Cell.of(setting, data)
        row = Result(
            machine=machine,
            release=commits[file.commit_hash],
            metric=method.removeprefix("track_"),
            cell=cell,
            value=float(number),
            interval=_interval(stats),
            samples=None if samples is None else tuple(map(float, samples)),
            python=str(file.params.get("python", "")),
        )
        yield file.started_at.get(key) or 0, row


def _interval(stats: Mapping[str, float] | None) -> tuple[float, float] | None:
    """Return the interval; an infinite end means that there are too few samples for one."""
    ends = (stats or {}).get("ci_99_a"), (stats or {}).get("ci_99_b")
    low, high = ends
    return (low, high) if low is not None and high is not None and isfinite(low) and isfinite(high) else None


def _numbers(python: str) -> tuple[int, ...]:  # "3.9" is before "3.10"
    return tuple(int(part) for part in python.split(".") if part.isdecimal())


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, util.UserError) and text else f"{type(error).__name__}: {text}"
