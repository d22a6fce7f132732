"""Writes regressions as issue texts, ready to file with the framework: one for each pair of releases."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.frameworks import FRAMEWORKS
from adapters.releases import Release
from benchmarks.asv import changes
from benchmarks.asv.changes import Step, Transition
from benchmarks.asv.results import Machine
from conformance.ci.markup import table_of
from reports.checks import plural
from reports.timing import reproductions, wording

SHOWN = 15  # rows of the table of cells; the rest is counted
HOW = """\
Each value is the median over several processes. After warming up, each process repeats the call in batches that
last far longer than the clock's resolution, and waits for every result. The inputs rotate, so that the compiler
cannot fold the call into a constant; affinity and environment set the threads before the framework is imported.
The intervals are asv's 99 % intervals of that median, which for so few processes assume Laplace's distribution.
*Times the roofline* divides the time by the least that the machine needs for the bytes and exponentials of the
call, measured in the same process: a machine that was slow for a while changes both."""


def text(group: Transition, machine: Machine) -> str:
    """Return the whole issue, its title as the heading."""
    return "\n\n".join([f"# {title(group, machine)}", *_blocks(group, machine)]) + "\n"


def title(group: Transition, machine: Machine) -> str:
    """Return one line: release, call, factor, release before."""
    worst = group.worst
    most = "up to " if len(group.steps) > 1 else ""
    return (
        f"{wording.version(worst.after)}: {wording.call(worst.after.cell)} {most}{wording.factor(worst.size)} "
        f"{wording.worse(worst.after.metric, worst.worse)} {group.before.version} on {_device(machine)}"
    )


def file_name(group: Transition) -> str:
    """Return a file name that no other group has."""
    return f"{group.machine}-{group.before.tag}-{group.after.version}-{group.worst.after.metric}.md"


def lasting(step: Step, device: str) -> str:
    """Say whether the step is still there in the newest release measured."""
    newest, now = step.newest, wording.factor(changes.ratio(step.before, step.newest))
    cell = f"{wording.call(newest.cell)}, {wording.where(newest.cell, device)}"
    value = f"{wording.measured(newest)}, {now} times the value of {step.before.release.version}"
    if step.ended is None:
        return f"Still so in {newest.release.version}, the newest release measured ({cell}): {value}."
    back = wording.factor(changes.ratio(step.before, step.ended))
    return (
        f"No longer so in {step.ended.release.version}, which is back at {back} times the value of "
        f"{step.before.release.version} ({cell}). The newest release measured, {newest.release.version}: {value}."
    )


def _blocks(group: Transition, machine: Machine) -> Iterator[str]:
    worst = group.worst
    yield (
        f"{len(group.steps)} of {plural(group.cells, 'cell')} measured in both releases changed by at "
        f"least {wording.factor(group.steps[-1].size)} times. Confidence: {_confidence(worst)}."
    )
    yield "## Measured"
    yield "\n".join(
        [
            f"- machine: {wording.machine(machine)}",
            f"- threads: {wording.listed(sorted({wording.threads(step.after.cell) for step in group.steps}))}",
            *(f"- {release.version}: {_pins(release)}" for release in (group.before, group.after)),
        ]
    )
    head = ("call", "on", group.before.version, group.after.version, "factor", "times the roofline")
    yield table_of(head, (_row(step, machine.device) for step in group.steps[:SHOWN]), texts=2)
    left = len(group.steps) - SHOWN
    if left > 0:
        yield f"And {plural(left, 'more cell')}."
    yield "## Reproduction"
    yield from _reproduction(group, machine.device)
    yield "## Is it still so?"
    yield lasting(worst, machine.device)
    yield "## How it was measured"
    yield HOW


def _device(machine: Machine) -> str:
    return "GPU" if machine.device == "cuda" else "CPU"


def _pins(release: Release) -> str:
    return f"{' '.join(release.requirements)} (released {release.day})"


def _confidence(step: Step) -> str:
    """Return the confidence and the reasons for it."""
    reasons = []
    if step.different:
        reasons.append("`asv compare` tells the two releases apart")
    if step.detected:
        reasons.append("`asv publish` detects a step in the series of releases")
    if step.clearness is not None:
        reasons.append(
            f"the largest change is {wording.number(step.clearness)} times the usual one of its series"
        )
    if not step.confirmed:
        reasons.append("but against the roofline less than half of it is left")
    return f"{step.confidence} ({', '.join(reasons)})"


def _row(step: Step, device: str) -> tuple[str, ...]:
    roofs = step.roofs and " → ".join(wording.number(row.value) for row in step.roofs)
    return (
        wording.call(step.after.cell),
        wording.where(step.after.cell, device),
        wording.measured(step.before),
        wording.measured(step.after),
        wording.factor(step.factor),
        roofs or "–",
    )


def _reproduction(group: Transition, device: str) -> Iterator[str]:
    program = reproductions.script(group.after, group.worst.after.cell, device)
    if not program:
        yield (
            f"{wording.NAMES[group.after.framework]} has no function for it: what is timed is this project's "
            f"implementation in it, by `python -m benchmarks compare {group.before.tag} {group.after.tag}`."
        )
        return
    spelling = FRAMEWORKS[group.after.framework].spelling
    if spelling and spelling.written_out:
        yield f"{wording.NAMES[group.after.framework]} has no softmax: this is a plain one, written in it."
    yield "The worst cell in the framework alone; it prints the time of one call."
    yield f"```python\n{program}```"
    installs = (
        f"pip install {' '.join(release.requirements)} && python reproduction.py"
        for release in (group.before, group.after)
    )
    yield "```sh\n" + "\n".join(installs) + "\n```"
