"""`python -m benchmarks gpu --output FOLDER --machine NAME`: judge and time a GPU machine in one call.

FOLDER/records holds the conformance records, FOLDER/asv the benchmarks' results as asv's own, with a sidecar
that names device and driver. A framework that is missing or does not see the device is named and left out.
Finished work is kept, and the same command continues after it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from adapters import ROOT
from adapters.frameworks import FRAMEWORKS, TIMED_FRAMEWORKS
from adapters.releases import BadReleases
from benchmarks.asv import filing
from benchmarks.timing import rounds
from benchmarks.timing.cells import TIERS
from conformance.requirements import TIERS as RIGOURS
from conformance.run.processes import child
from conformance.terminal import complain
from reports.timing import current

USUAL = tuple(name for name in TIMED_FRAMEWORKS if FRAMEWORKS[name].gpu)
CONFORMANCE = (sys.executable, "-m", "conformance")
BENCHMARKS = (sys.executable, "-m", "benchmarks")
PROBE = "import sys, adapters; adapters.load(*sys.argv[1:])"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    which = f"of {', '.join(TIMED_FRAMEWORKS)}; else {', '.join(USUAL)}"
    parser.add_argument("frameworks", nargs="*", metavar="framework", help=which)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--machine", type=filing.machine, required=True, help='its name, such as "h200"; cuda is added to it'
    )
    parser.add_argument("--device", choices=current.DEVICES, default="cuda")
    parser.add_argument("--conformance", choices=RIGOURS, default="quick", help="tier of the conformance suite")
    parser.add_argument("--tier", choices=TIERS, default="core", help="of the benchmarks")
    parser.add_argument("--cells", default="", metavar="REGEX", help="of the benchmarks; all by default")
    parser.add_argument("--rounds", type=int, default=rounds.ROUNDS)


def run(options: argparse.Namespace) -> int:
    """Do both; exit code 0: all done, 1: something is missing, 2: wrong usage, 130: interrupted."""
    try:
        if unknown := [name for name in options.frameworks if name not in TIMED_FRAMEWORKS]:
            raise current.Unusable(f"unknown framework {unknown[0]!r}: choose from {', '.join(TIMED_FRAMEWORKS)}")
        current.chosen(options)
        filing.ready((), filing.Shelf(Path(folder(options, "asv")), options.machine, options.device))
    except (current.Unusable, filing.Unready) as error:
        complain(f"gpu: {error}")
        return 2
    try:
        missing = judge_and_time(options)
    except KeyboardInterrupt:
        complain("gpu: interrupted; what is finished is kept, and the same command goes on")
        return 130
    for line in missing:
        complain(f"gpu: {line}")
    return 1 if missing else 0


def judge_and_time(options: argparse.Namespace) -> list[str]:
    """Judge and time every framework; return a line for each part that is missing afterwards."""
    wanted = dict.fromkeys(options.frameworks or USUAL)
    reasons = {name: unseen(name, options.device) for name in wanted}
    missing = [f"{name} is left out: {why}" for name, why in reasons.items() if why]
    seen = [name for name, why in reasons.items() if not why]
    if seen:
        missing += judge(seen, options)
    for name in seen:
        missing += measure(name, options)
    return missing


def unseen(name: str, device: str) -> str:
    """Return why a framework cannot be loaded on a device, tried in a process of its own; "" if it can."""
    probe = [sys.executable, "-c", PROBE, name, device, FRAMEWORKS[name].usual]
    done = subprocess.run(probe, cwd=ROOT, capture_output=True, text=True, env=os.environ | rounds.PLAIN)
    if done.returncode == 0:
        return ""
    output = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return output.partition(": ")[2] or output  # without the name of the exception


def judge(names: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Run the conformance suite in every mode; return errors of the run, not failures of the frameworks."""
    targets = [f"{name}:{options.device}:{mode}" for name in names for mode in FRAMEWORKS[name].modes]
    given = {
        "--targets": ",".join(targets),
        "--tier": options.conformance,
        "--output": folder(options, "records"),
    }
    status = ended([*CONFORMANCE, "--resume", *chain(*given.items())])
    return [] if status in (0, 1) else [f"the conformance records are not whole: exit status {status}"]


def measure(name: str, options: argparse.Namespace) -> list[str]:
    """Run the benchmarks of one framework unless they are filed; return errors."""
    shelf = filing.Shelf(Path(folder(options, "asv")), options.machine, options.device)
    asked = filing.Asked(options.tier, options.cells, options.rounds)
    try:
        release = filing.tracked(name, current.version(name))
    except (BadReleases, current.Unusable) as error:
        return [f"{name} is not timed: {error}"]
    if filing.filed(release, shelf, asked):
        print(f"{release.tag} is timed already")
        return []
    given = {"--save": str(shelf.folder), "--machine": shelf.machine, "--device": shelf.device}
    given |= {"--tier": asked.tier, "--cells": asked.cells, "--rounds": str(asked.rounds)}
    status = ended([*BENCHMARKS, "current", name, *chain(*given.items())])
    return [f"{release.tag} is not timed: exit status {status}"] if status else []


def folder(options: argparse.Namespace, name: str) -> str:
    """Return the absolute path of a folder of the output."""
    return str(options.output.resolve() / name)


def ended(command: Sequence[str]) -> int:
    """Run a command that shows its own progress, and return its exit status; an interrupt reaches it too."""
    # no process takes the device for itself
    return child.run(command, grace=child.PATIENCE, cwd=ROOT, env=os.environ | rounds.PLAIN).code
