"""Run a command in a session of its own, bound it in time, and end all that it has started.

A process group is the kernel's own list of what a command has started, orphans included; walking the tree of
processes loses those. Only a process that leaves its group on purpose escapes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from threading import Event
from typing import Any

POLL = 0.1  # seconds between two looks at a process
TIED = "SOFTMARK_TIED"  # the variable that holds the id of a process to end with, for `tie`
PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
PATIENCE = 60.0  # seconds that a command may take to end what it has started itself


@dataclass(frozen=True)
class Ended:
    """The end of a process: its exit code, or the negative number of a signal.

    `late`: it was killed at its deadline. `stopped`: it was killed because the stop event was set.
    """

    code: int
    late: bool = False
    stopped: bool = False

    def __str__(self) -> str:
        """ "exit code 3" or "signal SIGSEGV"."""
        if self.code >= 0:
            return f"exit code {self.code}"
        known = {number.value: number.name for number in signal.Signals}
        return f"signal {known.get(-self.code, -self.code)}"


def run(
    command: Sequence[str],
    *,
    stop: Event | None = None,
    limit: float = inf,
    progress: Callable[[], float | None] = lambda: None,
    grace: float = 0.0,
    tied: bool = False,
    **options: Any,
) -> Ended:
    """Run a command to its end and return how it ended; an exception here ends it too.

    The command has `limit` seconds. `progress` is called every `POLL` seconds: a number that it returns is a new
    limit from then on. With `grace` the command is interrupted first, and killed so many seconds later. One that
    is `tied` has a standard input that closes with this process, of whatever that dies. `options` are Popen's.
    """
    stdin = subprocess.PIPE if tied else subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=stdin, start_new_session=True, **options)
    late = stopped = False
    try:
        deadline = time.monotonic() + limit  # a clock that nobody sets, and that rests while the machine sleeps
        while process.poll() is None and not (late or stopped):
            time.sleep(POLL)
            more = progress()
            if more is not None:
                deadline = time.monotonic() + more
            stopped = stop is not None and stop.is_set()
            late = time.monotonic() > deadline
    finally:
        ran = process.poll() is None
        _end(process, grace)
    return Ended(process.returncode, late and ran, stopped and ran)


def tie() -> None:
    """Have the kernel kill this process with the one that `TIED` names, of whatever that dies; on Linux alone.

    It is this process that asks: one that is forked to ask for another has the locks of threads that it lacks.
    """
    parent = os.environ.pop(TIED, None)  # no tie of what this one starts
    if parent is None or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it has ended already
        os._exit(1)


def _end(process: subprocess.Popen[Any], grace: float) -> None:
    """End a process and its group: what it has started ends with it, even where it came to its own end."""
    try:
        if process.returncode is None and grace:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(grace)
    finally:
        with suppress(ProcessLookupError, PermissionError):  # macOS permits nothing on a group that has ended
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdin:
            process.stdin.close()
        process.wait()


@contextmanager
def interruptible() -> Iterator[None]:
    """Take SIGTERM and a closed terminal for an interrupt, and heed SIGINT even where a shell ignores it."""
    wanted = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup asks to outlive the terminal
        wanted.append(signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
