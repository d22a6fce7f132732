"""Targets judged by the workers of a Dask cluster, each in the environment of the worker that takes it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from conformance import files
from conformance.record import reading
from conformance.record.records import BrokenRecord, Record
from conformance.run.processes import supervisor
from conformance.run.processes.supervisor import Order, Progress
from conformance.run.sweep import cluster


def run_all(orders: list[Order], scheduler: str, report: Callable[[Progress], None]) -> list[Record]:
    """Judge every target; return the records in the order of `orders`. One that resumes keeps a finished record.

    Raises:
        ValueError, OSError: Dask is not installed; there is no scheduler at the address.
        Failed: a target cannot be judged; the records of others are written.
    """
    missing = [order for order in orders if not (order.resume and _finished(order.record))]
    with cluster.client(scheduler, 1) as connected:
        for order, record in cluster.answers(connected, judged, missing):
            files.write(order.record, record)
            report(Progress(order.target, "", 1, 1))
    return [reading.read(order.record) for order in orders]


def judged(order: Order) -> bytes:
    """Judge a target here, and return its record."""
    with TemporaryDirectory(prefix="softmark-") as folder:
        here = replace(order, output=Path(folder), python=sys.executable, resume=False)
        supervisor.run(here, lambda progress: None)
        return here.record.read_bytes()


def _finished(path: Path) -> bool:
    try:
        return reading.read(path).unfinished is None
    except BrokenRecord:
        return False
