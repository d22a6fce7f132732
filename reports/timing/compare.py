"""`python -m benchmarks compare A B`: time two frameworks, or two releases of one, in turn: A B A B.

A side is an installed framework or a release ("jax-0.7.2", installed in an environment of its own),
in its usual mode unless you name one ("torch:compiled"). Both are audited before they are timed. Each round runs
one process for each side, and a cell's ratio is taken within a round, so that drift affects both alike. The
interval is that of the sign test for the median ratio, which assumes only that rounds are independent.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import comb
from threading import Event

from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from adapters import ROOT
from adapters.frameworks import FRAMEWORKS, TIMED_FRAMEWORKS
from adapters.releases import BadReleases, releases
from benchmarks.timing.cells import DIRECTIONS, FORMATS, MODES, OPERATIONS, SHAPES, THREADS, Cell
from benchmarks.timing.rounds import Run, audited, each, prefixed, reason, scratch
from conformance.foreign import one_line
from conformance.run.processes import environments
from conformance.terminal import complain, console
from reports.timing.current import DEVICES, Unusable, installed, matching, version
from reports.timing.terminal import call, compact, reasons, shapes
from reports.timing.wording import number, order, quantity

ENVIRONMENTS = ROOT / ".asv" / "compare"
ERROR = 0.01  # how often an interval may miss the median ratio
ROUNDS = 8  # the fewest whose extremes are such an interval: 2 / 2^8 < 0.01
MARGIN = 0.05  # a ratio nearer to 1 than this is the same to a user
STYLES = {"faster": "green", "slower": "red", "same": "", "ambiguous": "yellow"}

Tell = Callable[[str], None]
Lacking = list[tuple[Cell, str]]  # cells and why


@dataclass(frozen=True)
class Contestant:
    """One of the two: how it is called, its framework, its mode and the Python that holds it."""

    name: str
    framework: str
    mode: str
    python: str


@dataclass
class Audited:
    """The results of the audit of a side."""

    lacking: Lacking
    worst: float | None  # error over bound


@dataclass(frozen=True)
class Ratio:
    """Time of B over time of A in one cell, with its interval."""

    cell: Cell
    first: float  # seconds, median of the rounds
    second: float
    ratio: float
    low: float
    high: float

    def verdict(self, margin: float = MARGIN) -> str:
        """Return what B is beside A: "ambiguous" where the interval allows more than one answer."""
        if self.high < 1 / (1 + margin):
            return "faster"
        if self.low > 1 + margin:
            return "slower"
        return "same" if self.low >= 1 / (1 + margin) and self.high <= 1 + margin else "ambiguous"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("a", metavar="A", help="a framework, or a release such as jax-0.7.2; :MODE may follow")
    parser.add_argument("b", metavar="B")
    parser.add_argument("--cells", default="", metavar="REGEX", help='of names such as "softmax forward float32"')
    parser.add_argument("--shapes", default="cifar,imagenet,bert", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--format", choices=FORMATS, default="float32")
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"at least {ROUNDS}, the default")
    parser.add_argument(
        "--margin", type=float, default=MARGIN, help="difference that still counts as the same; 0.05"
    )


def run(options: argparse.Namespace) -> int:
    """Measure in turn and print the table; exit code 1: no cell can be compared, 2: wrong usage."""
    output = console()
    try:
        if options.rounds < ROUNDS:
            raise Unusable(f"fewer than {ROUNDS} rounds give no interval")
        if not 0 <= options.margin < math.inf:
            raise Unusable("--margin is at least 0, and finite")
        wanted = chosen(options)
        sides = contestant(options.a), contestant(options.b)
        columns = TextColumn("{task.description}", markup=False), TimeElapsedColumn()
        with Progress(*columns, console=output, transient=True) as progress:
            task = progress.add_task("", total=None)

            def tell(line: str) -> None:
                progress.update(task, description=one_line(line))

            sides = ready(sides[0], tell), ready(sides[1], tell)
            ratios, audits = compare(sides, wanted, options.device, options.rounds, tell)
    except (Unusable, BadReleases, OSError) as error:
        complain(f"compare: {error}")
        return 2
    if ratios:
        names = ", ".join(f"{letter}: {side.name} {side.mode}" for letter, side in zip("AB", sides, strict=True))
        output.print(f"{names}; {options.format}, {options.device}, {options.rounds} rounds")
        output.print(table(ratios, options))
        output.print(f"{summary(ratios, options)} {exactness(audits)}")
    lines = (line for side, of in zip(sides, audits, strict=True) for line in reasons(side.name, of.lacking))
    for line in dict.fromkeys(lines):  # once where both sides are one framework
        output.print(line, soft_wrap=True)
    return 0 if ratios else 1


def chosen(options: argparse.Namespace) -> tuple[Cell, ...]:
    """Return the cells asked for, in no mode yet."""
    names = [name.strip() for name in options.shapes.split(",")]
    if unknown := [name for name in names if name not in SHAPES]:
        raise Unusable(f"unknown shape {unknown[0]!r}: choose from {', '.join(SHAPES)}")
    threads = THREADS if options.device == "cpu" else ("all",)
    every = [
        Cell(operation, direction, "", options.format, shape, count)
        for shape in dict.fromkeys(names)
        for operation in OPERATIONS
        for direction in DIRECTIONS
        for count in threads
    ]
    return matching(options.cells, every)


def contestant(given: str) -> Contestant:
    """Return what stands for "torch", "torch:compiled" or "jax-0.7.2"; a release has no Python yet.

    Raises:
        Unusable: it is neither a framework that is installed nor a tracked release, or has no such mode.
    """
    plain, _, mode = given.partition(":")
    framework, _, release = plain.partition("-")
    if framework not in TIMED_FRAMEWORKS:
        raise Unusable(f"unknown framework {framework!r}: choose one of {', '.join(TIMED_FRAMEWORKS)}")
    if (mode or given != plain) and mode not in MODES:
        raise Unusable(f"unknown mode {mode!r}: choose one of {', '.join(MODES)}")
    if mode == "compiled" and not FRAMEWORKS[framework].compiled:
        raise Unusable(f"{framework} does not compile: say {plain} alone")
    mode = mode or FRAMEWORKS[framework].usually_timed
    if plain == framework:
        installed([framework])
        return Contestant(f"{framework}-{version(framework)}", framework, mode, sys.executable)
    known = [tracked.version for tracked in releases(framework)]
    if release not in known:
        raise Unusable(f"{framework} {release} is not tracked, but {', '.join(known)}")
    return Contestant(plain, framework, mode, "")


def ready(side: Contestant, tell: Tell) -> Contestant:
    """Return the side with a Python that holds it; the environment of a release is made if it is not there.

    Raises:
        Unusable: the release cannot be installed.
    """
    if side.python:
        return side
    folder = ENVIRONMENTS / side.name
    whole = folder / "whole"  # written last
    if not whole.exists():
        tell(f"installing {side.name}")
        release = next(release for release in releases(side.framework) if release.tag == side.name)
        shutil.rmtree(folder, ignore_errors=True)
        ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
        try:
            environments.make(release, folder, Event())
        except environments.NotInstalled as error:
            raise Unusable(f"{side.name}: {error}") from error
        whole.touch()
    return replace(side, python=str(folder / "bin" / "python"))


def compare(
    sides: tuple[Contestant, Contestant],
    wanted: Sequence[Cell],
    device: str,
    rounds: int,
    tell: Tell = lambda _: None,
) -> tuple[list[Ratio], tuple[Audited, Audited]]:
    """Return the ratios of the cells that both sides have, and the audit of each side."""
    with scratch(len(sides)) as caches:
        known = audit(sides[0], wanted, device, caches[0], tell), audit(sides[1], wanted, device, caches[1], tell)
        without = {replace(cell, mode="") for of in known for cell, _ in of.lacking}
        times: dict[Cell, list[tuple[float, float]]] = {cell: [] for cell in wanted if cell not in without}
        heated: tuple[dict[Cell, str], dict[Cell, str]] = ({}, {})
        for number in range(2 * rounds):  # more where heat slowed a device in some
            going = [cell for cell in times if cell not in without and len(times[cell]) < rounds]
            if not going:
                break
            latencies: tuple[dict[Cell, float], dict[Cell, float]] = ({}, {})
            # the order within a round alternates, so that neither side always follows the other
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                side = sides[which]
                asked = job(side, going, device)
                round_ = f"round {number + 1}" + (f" of {rounds}" if number < rounds else "")
                tell_round = prefixed(tell, f"{side.framework}: {side.name}, {round_}")
                for cell, row in each(asked, asked.cells, False, caches[which], tell_round):
                    plain = replace(cell, mode="")
                    why = reason(row)
                    if not why:
                        latencies[which][plain] = row["latency"]
                    elif "throttled" in row:
                        heated[which][cell] = why
                    else:
                        known[which].lacking.append((cell, why))
                        without.add(plain)
            for cell in latencies[0].keys() & latencies[1].keys():
                times[cell].append((latencies[0][cell], latencies[1][cell]))
    left = {cell for cell, pairs in times.items() if cell not in without and len(pairs) < rounds}
    for of, reasons_of in zip(known, heated, strict=True):
        of.lacking += [(cell, why) for cell, why in reasons_of.items() if replace(cell, mode="") in left]
    return [ratio(cell, pairs) for cell, pairs in times.items() if len(pairs) == rounds], known


def job(side: Contestant, cells: Sequence[Cell], device: str) -> Run:
    """Return the brief run of a side."""
    own = tuple(replace(cell, mode=side.mode) for cell in cells)
    return Run(side.framework, own, "full", device, python=side.python, brief=True)


def audit(side: Contestant, wanted: Sequence[Cell], device: str, caches: dict[str, str], tell: Tell) -> Audited:
    """Return the cells that a side lacks, each with its reason, and its worst error."""
    measured = audited(job(side, wanted, device), caches, tell)
    errors = [entry.audit["error"] for entry in measured.values() if entry.audit.get("error") is not None]
    lacking = [(cell, entry.why) for cell, entry in measured.items() if entry.why]
    return Audited(lacking, max(errors, default=None))


def ratio(cell: Cell, pairs: Sequence[tuple[float, float]]) -> Ratio:
    """Return the median over the rounds of B / A, with the interval of the sign test."""
    ratios = sorted(second / first for first, second in pairs)
    out = outside(len(ratios))
    return Ratio(
        cell,
        statistics.median(first for first, _ in pairs),
        statistics.median(second for _, second in pairs),
        statistics.median(ratios),
        ratios[out],
        ratios[-1 - out],
    )


def outside(rounds: int) -> int:
    """Return how many ratios at either end the interval leaves out, missing the median in at most `ERROR` cases.

    The number of ratios below the median is binomial(rounds, 1/2); there are at least `ROUNDS`.
    """
    out, beyond = 0, 1  # beyond: in how many of the 2^rounds cases at most `out` ratios lie below the median
    while 2 * (beyond + comb(rounds, out + 1)) <= ERROR * 2**rounds:
        out += 1
        beyond += comb(rounds, out)
    return out


def table(ratios: Sequence[Ratio], options: argparse.Namespace) -> Table:
    """Return a table of one row for each cell."""
    shown = compact("operation", "shape", "threads")
    for column in ("A", "B", "B / A", "99 % interval"):
        shown.add_column(column, justify="right", no_wrap=True)
    shown.add_column("B is")
    for compared in sorted(ratios, key=lambda compared: order(compared.cell)):
        verdict = compared.verdict(options.margin)
        shown.add_row(
            call(compared.cell),
            compared.cell.shape,
            compared.cell.threads,
            quantity(compared.first, "latency"),
            quantity(compared.second, "latency"),
            number(compared.ratio),
            f"{number(compared.low)} – {number(compared.high)}",
            Text(verdict, STYLES[verdict]),
        )
    return shown


def exactness(audits: tuple[Audited, Audited]) -> str:
    """Return a sentence on the worst error of either side; speed is never shown without it."""
    first, second = ("unknown" if audit.worst is None else number(audit.worst) for audit in audits)
    return f"Worst error over its bound: A {first}, B {second}."


def summary(ratios: Sequence[Ratio], options: argparse.Namespace) -> str:
    """Return a sentence that counts the verdicts and explains them."""
    counts = Counter(compared.verdict(options.margin) for compared in ratios)
    verdicts = ", ".join(f"{verdict} in {counts[verdict]}" for verdict in STYLES if counts[verdict])
    narrower = "; ambiguous: neither, and more --rounds narrow it" if counts["ambiguous"] else ""
    return (
        f"B beside A, of {len(ratios)} cells: {verdicts}. Faster or slower: the whole interval lies more than "
        f"{options.margin:.0%} from 1; same: all of it lies within{narrower}. "
        f"Shapes: {shapes((compared.cell for compared in ratios), options.device)}."
    )
