"""One machine or many, by Dask: this module alone imports it, and only when a cluster is asked for.

A scheduler gives each item to a worker, and to another one if that dies. Items have no state, so whoever answers
finds the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from logging import CRITICAL
from typing import Any, TypeVar

from conformance.run.sweep.worker import Failed, end

MEMORY = 2 * 2**30  # bytes that a worker and its framework may take
Item = TypeVar("Item")
Answer = TypeVar("Answer")
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


def answers(
    connected: Any, function: Callable[[Item], Answer], items: Iterable[Item]
) -> Iterator[tuple[Item, Answer]]:
    """Yield each item with what `function` answers on some worker, as it comes.

    Raises:
        Failed: one has no answer, or nobody is left to give it; those that were yielded have.
    """
    from dask.distributed import as_completed

    futures = {connected.submit(function, item, pure=False): item for item in items}
    try:
        for future in as_completed(futures, loop=connected.loop):
            try:
                yield futures.pop(future), future.result()
            except Failed:
                raise
            except Exception as error:  # Dask's own: the scheduler is gone, or an item has killed its workers
                raise Failed(f"{type(error).__name__}: {error}") from error
    finally:
        connected.cancel(list(futures))
