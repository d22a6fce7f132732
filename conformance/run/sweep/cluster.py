"""Chunks on one machine or many, by Dask: this module alone imports it, and only when a sweep runs.

A scheduler gives each chunk to a worker, and to another one if that dies. A chunk has no state, so whoever
judges it finds the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from logging import CRITICAL
from typing import Any

from conformance.run.sweep.judging import Task
from conformance.run.sweep.worker import Failed, ask, end

MEMORY = 2 * 2**30  # bytes that a worker and its framework may take
PATIENCE = "30s"  # for a scheduler that does not answer


def workers() -> int:
    """The number of workers for this machine's cores and memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, memory // MEMORY))


@contextmanager
def client(scheduler: str | None, jobs: int) -> Iterator[Any]:
    """A connection to a scheduler, or to one of this process with so many workers.

    Raises:
        ValueError: Dask is not installed.
        OSError: there is no scheduler at the address.
    """
    try:
        import dask
        from dask.distributed import Client, LocalCluster
    except ImportError as error:
        raise ValueError("a sweep needs Dask: the group `sweep` of pyproject.toml has it") from error
    local = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "memory_limit": 0, "host": "127.0.0.1"}
    with ExitStack() as held:
        held.enter_context(dask.config.set({"distributed.logging.distributed": "critical"}))
        place = scheduler or held.enter_context(LocalCluster(n_workers=jobs, silence_logs=CRITICAL, **local))
        connected = held.enter_context(Client(place, timeout=PATIENCE, set_as_default=False))
        yield connected
        connected.run(end)


def judged(connected: Any, tasks: Iterable[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
    """Yield each chunk's answer as it comes.

    Raises:
        Failed: a chunk cannot be judged, or nobody is left to judge it; those that were yielded are.
    """
    from dask.distributed import as_completed

    futures = {connected.submit(ask, task, pure=False): task for task in tasks}
    try:
        for future in as_completed(futures, loop=connected.loop):
            try:
                yield futures.pop(future), future.result()
            except Failed:
                raise
            except Exception as error:  # Dask's own: the scheduler is gone, or a chunk has killed its workers
                raise Failed(f"{type(error).__name__}: {error}") from error
    finally:
        connected.cancel(list(futures))
