"""Calls in a process that may use one core: whether the bits depend on the number of threads.

Frameworks fix their number of threads when they are imported, some for good: hence another process, which
stays for all calls on its target.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

import adapters
from adapters.protocol import Adapter, Died, NoAnswer, NotProvided
from conformance.run.measure import Call
from conformance.run.processes.child import Ended

# for those that ask the environment and not the scheduler
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def run(target: str, call: Call) -> Any:
    """Return what `call` returns in one thread of the target "torch:cpu:eager".

    Raises:
        NotProvided: the device is not the CPU, there is but one core, or the system binds no process to one.
        Died: the call ended the process; the next call has a new one.
    """
    name, device, mode = target.rsplit(":", 2)
    if device != "cpu":
        raise NotProvided(f"threads are the CPU's; the device is {device}")
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        raise NotProvided("this machine gives one core, or binds no process to one of several")
    process, connection = _worker()
    try:
        connection.send((name, mode, call))
        answer, error = connection.recv()
    except (EOFError, OSError) as closed:
        _worker.cache_clear()
        process.join()
        raise Died(f"in one thread: {Ended(process.exitcode or 0)}") from closed
    if error is not None:
        raise error
    return answer


@cache
def _worker() -> tuple[SpawnProcess, Connection]:
    # spawned: a framework that is already imported has its threads
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,))  # no daemon: those may start no process
    process.start()
    theirs.close()
    atexit.register(ours.close)  # which ends it
    return process, ours


def _serve(connection: Connection) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ |= dict.fromkeys(VARIABLES, "1")
    while True:
        try:
            name, mode, call = connection.recv()
        except EOFError:  # nobody asks any more
            return
        try:
            connection.send((call.run(_loaded(name, mode)), None))
        except (NotProvided, NoAnswer) as error:
            connection.send((None, type(error)(str(error))))
        except Exception as error:  # the framework's own, of any kind, which another process may not know
            connection.send((None, RuntimeError(f"in one thread: {type(error).__name__}: {error}")))


@cache
def _loaded(name: str, mode: str) -> Adapter:
    return adapters.load(name, mode=mode)
