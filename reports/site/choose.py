"""The page that helps to choose: a row for each target, for the task, device, format and mode that are picked."""

from __future__ import annotations

from collections.abc import Iterator

from reports import choose, tasks
from reports.accuracy import FORMATS
from reports.evidence import Evidence
from reports.site.frameworks import address
from reports.site.page import Page
from reports.uses import MODES, rows

ADDRESS = "choose.html"


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page."""
    tables = [
        (name, device, dtype, found)
        for name, task in tasks.load().items()
        for device in choose.DEVICES
        for dtype in FORMATS
        if (found := rows(evidence, task, device, dtype))
    ]
    there = {device for _, device, _, _ in tables}
    formats = [name for name in FORMATS if any(dtype == name for _, _, dtype, _ in tables)]
    values = {
        "tasks": tasks.load(),
        "picks": (
            ("task", "Task", [(name, task.title.partition(":")[0]) for name, task in tasks.load().items()]),
            ("device", "Device", [(name, name) for name in choose.DEVICES]),
            ("dtype", "Format", [(name, name) for name in formats]),
            ("mode", "Mode", list(MODES.items())),
        ),
        "chosen": {"task": next(iter(tasks.load())), "dtype": "float32"},
        "absent": [device for device in choose.DEVICES if device not in there],
        "tables": tables,
        "words": choose,
        "address": address,
    }
    yield Page(ADDRESS, "Choose a framework", "choose.html.j2", ADDRESS, values)
