"""The first page: frameworks with faults, grades and speed; the findings that matter most; who was judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.frameworks import FRAMEWORKS
from benchmarks.timing.cells import Cell
from reports.accuracy import Grade
from reports.checks import framework_order, split_target
from reports.choose import to_judge
from reports.differences import cost
from reports.evidence import Evidence
from reports.model import LEVELS
from reports.site.frameworks import address
from reports.site.page import Page
from reports.site.ranking import RULE, faults
from reports.site.requirements import path
from reports.standing import FaultCount, fault_counts
from reports.timing import wording

MOST = 10
TITLE = "What frameworks compute at the end of a model"
GRADED = (("softmax", "float32"), ("softmax_cross_entropy (index)", "float32"))  # the grades that a row shows
TIMED = ("imagenet", "llama2")  # and the shapes: softmax forward in float32, on all threads or the most there are


@dataclass(frozen=True)
class FrameworkRow:
    """One framework on one device: what every mode shows, and its usual mode's grades and times.

    `newest` is the newest release judged, `timed` the one that was timed, "" for none.
    """

    name: str
    title: str
    target: str
    version: str
    newest: str
    timed: str
    faults: FaultCount
    grades: tuple[Grade | None, ...]
    times: tuple[str, ...]


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page."""
    every = faults(evidence)
    devices = dict.fromkeys(split_target(target.name)[1] for target in evidence.report.targets)
    checks = evidence.checks
    values = {
        "places": [
            (device, place, rows(evidence, device, place))
            for device in devices
            for place in machines(evidence, device)
        ],
        "tiers": ", ".join(dict.fromkeys(record.header.tier for record in evidence.records)),
        "graded": GRADED,
        "timed": [wording.size(_cell(shape), "cpu") for shape in TIMED],
        "to_judge": "" if "cuda" in devices else to_judge("cuda"),
        "standing": fault_counts(checks, lambda target: target),
        "faults": every[:MOST],
        "rest": len(every[MOST:]),
        "rule": RULE,
        "path": path,
        "address": address,
        "versions": {
            split_target(target.name)[0]: target.framework.partition(" ")[2].partition("+")[0]
            for target in evidence.report.targets
        },
        "levels": LEVELS,
    }
    yield Page("index.html", TITLE, "overview.html.j2", "index.html", values)


def machines(evidence: Evidence, device: str) -> Sequence[str]:
    """Return the machines that timed something on a device, [""] if none did."""
    known = evidence.results.machines if evidence.results else {}
    return [name for name, machine in known.items() if machine.device == device] or [""]


def rows(evidence: Evidence, device: str, machine: str) -> list[FrameworkRow]:
    """Return a row for each framework judged on the device, with the times of one machine."""
    here = [record for record in evidence.records if split_target(record.header.target)[1] == device]
    here.sort(key=lambda record: framework_order(record.header.target))
    checks = (judged for judged in evidence.checks if split_target(judged.target)[1] == device)
    counts = fault_counts(checks, lambda target: split_target(target)[0])
    names = [target.name for target in evidence.report.targets]
    made = []
    for name in dict.fromkeys(split_target(record.header.target)[0] for record in here):
        modes = [record for record in here if split_target(record.header.target)[0] == name]
        usual = f"{name}:{device}:{FRAMEWORKS[name].usual}" if name in FRAMEWORKS else ""
        shown = next((record for record in modes if record.header.target == usual), modes[0])
        target, version = shown.header.target, shown.header.framework.get("version", "?").partition("+")[0]
        costs = evidence.costs(target, version)
        made.append(
            FrameworkRow(
                name=name,
                title=FRAMEWORKS[name].title if name in FRAMEWORKS else name,
                target=target,
                version=version,
                newest=_newest(evidence, target),
                timed=costs.release.partition("-")[2] if costs else "",
                faults=counts.get(name, FaultCount((), ())),
                grades=tuple(_grade(evidence, names.index(target), *place) for place in GRADED),
                times=tuple(_time(costs, machine, shape) for shape in TIMED),
            )
        )
    return made


def _newest(evidence: Evidence, target: str) -> str:
    releases = [timeline.releases[-1].version for timeline in evidence.timelines if timeline.target == target]
    return releases[0] if releases else ""


def _grade(evidence: Evidence, at: int, operation: str, dtype: str) -> Grade | None:
    found = (
        row.cells[at]
        for part in evidence.report.accuracy
        for row in part.rows
        if (row.operation, row.dtype, row.direction) == (operation, dtype, "forward")
    )
    return next(found, None)


def _cell(shape: str, threads: str = "all") -> Cell:
    return Cell("softmax", "forward", "", "float32", shape, threads)


def _time(costs: cost.TargetCosts | None, machine: str, shape: str) -> str:
    """Return the latency at a shape, with a remark if it is that of one thread; "" if it was not timed."""
    for threads, remark in (("all", ""), ("1", " on one thread")):
        price = costs.costs.get((machine, _cell(shape, threads))) if costs else None
        if price:
            return wording.quantity(price.latency, "latency") + remark
    return ""
