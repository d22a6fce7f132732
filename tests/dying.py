"""Adapters whose process dies or hangs: in one check, in the constructor, in the one-core process or at exit.

Each has one 8-bit format, of which the quick tier asks 30 checks; one of them has a row of 257 logits.
"""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

from tests.fakes import Small


class Tiny(Small):
    """The reference in one small format; subclasses do something on the row of 257."""

    dtypes = frozenset({"float8_e4m3fn"})

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """Softmax, behind what the fault does."""
        if x.shape[-1] == 257:
            self.fault()
        return super().softmax(x, **kwargs)

    def fault(self) -> None:
        """Do nothing here."""


class ExitsWith0(Tiny):
    def fault(self) -> None:
        os._exit(0)


class ExitsWith1(Tiny):
    def fault(self) -> None:
        os._exit(1)


class ExitsWith2(Tiny):
    def fault(self) -> None:
        os._exit(2)


class Segfaults(Tiny):
    def fault(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class DiesOfRealTimeSignal(Tiny):
    def fault(self) -> None:
        os.kill(os.getpid(), signal.SIGRTMIN + 3)


class Interrupts(Tiny):
    def fault(self) -> None:
        raise KeyboardInterrupt


class RaisesSystemExit(Tiny):
    def fault(self) -> None:
        sys.exit(2)


class StopsItself(Tiny):
    def fault(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)


class DiesInSoftmax(Tiny):
    """Dies of every softmax, the first of which is asked for before any check."""

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """Abort."""
        os.abort()


class DiesFromThenOn(Tiny):
    """Answers in the check that it begins with, and from the second one on dies of everything."""

    def asarray(self, x: Any) -> Any:
        """Convert, or abort."""
        here = os.environ.get("PYTEST_CURRENT_TEST", "ACC-01-softmax-n33-")  # none while the adapter is checked
        if "ACC-01-softmax-" not in here or "n33-" not in here:
            os.abort()
        return super().asarray(x)


class Waits(Tiny):
    """Waits on the row of 257, with the lock that any other thread of this process would need."""

    def fault(self) -> None:
        Path(os.environ["PIDFILE"]).write_text(str(os.getpid()))
        ctypes.PyDLL(None).sleep(600)


class LeavesProcess(Tiny):
    """Starts a process that outlives it, whose id is in the file that PIDFILE names."""

    def fault(self) -> None:
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(os.environ["PIDFILE"]).write_text(str(process.pid))


class Begins(Tiny):
    """Does something in its constructor."""

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        self.begin()
        super().__init__(device, mode)

    def begin(self) -> None:
        """Do nothing here."""


class BeginsWithExit0(Begins):
    def begin(self) -> None:
        os._exit(0)


class BeginsWithExit2(Begins):
    def begin(self) -> None:
        os._exit(2)


class BeginsWithAbort(Begins):
    def begin(self) -> None:
        os.abort()


class BeginsWithError(Begins):
    def begin(self) -> None:
        raise RuntimeError("CUDA driver\nis too old")


class BeginsWithInterrupt(Begins):
    def begin(self) -> None:
        raise KeyboardInterrupt


class BeginsWithSystemExit(Begins):
    def begin(self) -> None:
        sys.exit("no licence")


class BeginsWithSleep(Begins):
    def begin(self) -> None:
        time.sleep(600)


class EndsWithExit3(Begins):
    def begin(self) -> None:
        atexit.register(os._exit, 3)


class EndsWithAbort(Begins):
    def begin(self) -> None:
        atexit.register(os.abort)


class EndsWithThread(Begins):
    def begin(self) -> None:
        Thread(target=time.sleep, args=(600,)).start()


class DiesInOneThread(Small):
    """Aborts in the one-core process, but on a row of three."""

    features = Small.features | {"threads"}

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """Softmax, or the end."""
        if multiprocessing.parent_process() and x.shape[-1] != 3:
            os.abort()
        return super().softmax(x, **kwargs)


class RaisesInOneThread(Small):
    """Raises an exception that cannot be sent from process to process."""

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """Softmax, or an error."""

        class Own(Exception):
            pass

        if multiprocessing.parent_process():
            raise Own("out of registers")
        return super().softmax(x, **kwargs)


def ends(process: int) -> bool:
    """Whether a process that was killed ends soon; one that waits for its parent has ended."""
    for _ in range(100):
        try:
            os.kill(process, 0)
            state = (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False
