"""Calls in a process that may use one core: whether the bits depend on the number of threads.

Frameworks fix their number of threads when they are imported, some for good: hence another process, which
stays for all calls on its target.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

import adapters
from adapters.protocol import Adapter, NotProvided
from conformance.run.measure import Call

# for those that ask the environment and not the scheduler
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def run(target: str, call: Call) -> Any:
    """What `call` returns in one thread of the target "torch:cpu:eager".

    Raises:
        NotProvided: the device is not the CPU, there is but one core, or the system binds no process to one.
    """
    name, device, mode = target.rsplit(":", 2)
    if device != "cpu":
        raise NotProvided(f"threads are the CPU's; the device is {device}")
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        raise NotProvided("this machine gives one core, or binds no process to one of several")
    return _pool().submit(_answer, name, mode, call).result()


@cache
def _pool() -> ProcessPoolExecutor:
    # spawned: a framework that is already imported has its threads
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(max_workers=1, mp_context=context, initializer=_bind)


def _bind() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ |= dict.fromkeys(VARIABLES, "1")


@cache
def _loaded(name: str, mode: str) -> Adapter:
    return adapters.load(name, mode=mode)


def _answer(name: str, mode: str, call: Call) -> Any:
    return call.run(_loaded(name, mode))
