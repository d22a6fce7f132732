"""Regressions as issue texts, ready to file with the framework: one for each pair of releases."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.frameworks import FRAMEWORKS
from adapters.releases import Release
from benchmarks.asv import changes
from benchmarks.asv.changes import Step, Transition
from benchmarks.asv.results import Machine
from reports.timing import reproductions, wording

SHOWN = 15  # rows of the table of cells; the rest is counted
HOW = """\
Each value is the median over several processes, each of which repeats the call in batches far above the clock's
resolution after warming up, and waits for every result. Inputs are arguments that rotate, so that nothing is
folded to a constant; threads are set by affinity and environment before the framework is imported. Intervals
are asv's of 99 % for that median; of as few processes as here, it is the credible interval that takes their noise
for Laplace's. *Times the roofline* is the time over what the machine needs at least for the bytes and the
exponentials of the call, measured in the same process: a machine that was slow moves both."""


def text(group: Transition, machine: Machine) -> str:
    """The whole issue, its title as the heading."""
    return "\n\n".join([f"# {title(group, machine)}", *_blocks(group, machine)]) + "\n"


def title(group: Transition, machine: Machine) -> str:
    """One line: release, call, factor, release before."""
    worst = group.worst
    most = "up to " if len(group.steps) > 1 else ""
    return (
        f"{wording.version(worst.after)}: {wording.call(worst.after.cell)} {most}{wording.factor(worst.size)} "
        f"{wording.worse(worst.after.metric, worst.worse)} {group.before.version} on {_device(machine)}"
    )


def file_name(group: Transition) -> str:
    """A name that no other group has."""
    return f"{group.machine}-{group.before.tag}-{group.after.version}-{group.worst.after.metric}.md"


def lasting(step: Step, device: str) -> str:
    """Whether the step is still there in the newest release measured."""
    newest, now = step.newest, wording.factor(changes.ratio(step.before, step.newest))
    cell = f"{wording.call(newest.cell)}, {wording.where(newest.cell, device)}"
    told = f"{wording.measured(newest)}, {now} times the value of {step.before.release.version}"
    if step.ended is None:
        return f"Still so in {newest.release.version}, the newest release measured ({cell}): {told}."
    back = wording.factor(changes.ratio(step.before, step.ended))
    return (
        f"No longer so in {step.ended.release.version}, which is back at {back} times the value of "
        f"{step.before.release.version} ({cell}). The newest release measured, {newest.release.version}: {told}."
    )


def _blocks(group: Transition, machine: Machine) -> Iterator[str]:
    worst = group.worst
    yield (
        f"{len(group.steps)} of {wording.plural(group.cells, 'cell')} measured in both releases changed by at "
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
    yield _table(group, machine.device)
    left = len(group.steps) - SHOWN
    if left > 0:
        yield f"And {wording.plural(left, 'more cell')}."
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
    """The word, and what it stands on."""
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


def _table(group: Transition, device: str) -> str:
    head = ("call", "on", group.before.version, group.after.version, "factor", "times the roofline")
    return wording.table(head, (_row(step, device) for step in group.steps[:SHOWN]), numbers_from=2)


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
        f"pip install {' '.join(release.requirements)} && python reproduction.py" for release in _both(group)
    )
    yield "```sh\n" + "\n".join(installs) + "\n```"


def _both(group: Transition) -> tuple[Release, Release]:
    return group.before, group.after
