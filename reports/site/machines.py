"""The sections of the page of performance: what was measured on each machine, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from adapters import releases
from adapters.releases import Release
from benchmarks.asv.changes import Transition
from benchmarks.asv.results import Machine, Result, Results
from reports.evidence import Evidence
from reports.site import latency, roofline
from reports.timing import asv_steps, performance, wording


def sections(evidence: Evidence, results: Results) -> list[dict[str, object]]:
    """Return a section for each machine that has results."""
    rows = {name: [row for row in results.rows if row.machine == name] for name in results.machines}
    there = [name for name in results.machines if rows[name]]
    return [
        _section(results.machines[name], rows[name], evidence.steps[name], evidence.asv, first=name == there[0])
        for name in there
    ]


def _section(
    machine: Machine, rows: Sequence[Result], groups: Sequence[Transition], asv: str, first: bool
) -> dict[str, object]:
    """Return the tables, charts and changes of one machine."""
    suffix = "" if first else f"-{wording.anchor(machine.name)}"
    newest = performance.newest_releases(rows)
    today = [row for row in rows if newest[row.release.framework] == row.release]
    steps = [(group, group.worst.after) for group in groups]
    return {
        "anchor": f"machine{suffix}",
        "filter": asv_steps.FILTER + wording.anchor(machine.name),
        "name": machine.name,
        "summary": wording.machine(machine),
        "measured": list(_measured(rows, newest)),
        "grids": [roofline.grid(table, machine, suffix, asv) for table in performance.tables(today)],
        "fresh": performance.fresh(today, machine.device),
        "over": latency.over(rows, groups, machine),
        "changes": [
            (
                wording.version(row),
                performance.change(group, machine.device),
                asv_steps.plot(asv, machine.name, row.cell, row.metric, row.release.framework),
            )
            for group, row in steps
        ],
    }


def _measured(
    rows: Sequence[Result], newest: Mapping[str, Release]
) -> Iterator[tuple[str, Release | None, int, int, str]]:
    """Yield title, newest release, numbers of measured and of tracked releases, and command of each framework."""
    for framework, title in wording.NAMES.items():
        here = {row.release for row in rows if row.release.framework == framework}
        tracked = {*here, *releases.releases(framework)}
        command = f"tox run -e bench-history -- {framework}"
        yield title, newest.get(framework), len(here), len(tracked), command
