"""Adapters whose process dies, hangs or does harm: in one check, while it begins, in one thread or at its end.

Each is the reference in one 8-bit format, of which the quick tier asks 30 checks; one of them has a row of 257
logits. The tables hold what is done, and what must be seen of it.
"""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import Small

ANSI = "\x1b]0;owned\x07\x1b[31m\x9b31m\u202e[red]"


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


class Begins(Tiny):
    """Does something in its constructor."""

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        self.begin()
        super().__init__(device, mode)

    def begin(self) -> None:
        """Do nothing here."""


class Own(BaseException):
    """An error of no kind that Python knows."""


class Unspeakable(Exception):
    """An error that cannot be told."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def record() -> Path:
    """The file that this process writes its record to."""
    return Path(sys.argv[sys.argv.index("--record") + 1])


def raises(error: BaseException) -> Callable[[], None]:
    """Raise it."""

    def fault() -> None:
        raise error

    return fault


def dies(number: int) -> Callable[[], None]:
    """Die of a signal, which nothing handles."""

    def fault() -> None:
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    return fault


def exits(code: int) -> Callable[[], None]:
    """End the process at once."""
    return lambda: os._exit(code)


def sleeps() -> None:
    """Hang."""
    time.sleep(600)


def sleeps_deaf() -> None:
    """Hang, whatever signal asks for the end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)


def reads_a_pipe() -> None:
    """Wait for a writer that never comes."""
    pipe = record().with_suffix(".fifo")
    os.mkfifo(pipe)
    pipe.open()


def forks() -> None:
    """Go on twice."""
    os.fork()


def aborts_in_a_thread() -> None:
    """Die, but not in the thread of the check."""
    thread = threading.Thread(target=os.abort)
    thread.start()
    thread.join()


def leaves_a_process() -> None:
    """Start a process that outlives this one, whose id is in the file that PIDFILE names."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(os.environ["PIDFILE"]).write_text(str(process.pid))


def shouts() -> None:
    """Write what no log viewer should act on, past Python's own buffers."""
    os.write(1, ANSI.encode() * 1000 + b"\xff\xfe")
    os.write(2, b"!!!! cannot begin !!!!\n")


def fills_the_disk() -> None:
    """Let no file grow from now on."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def replaces_the_record() -> None:
    """Put something else where the record was."""
    record().unlink()
    record().mkdir()


# what is done on the row of 257; the outcome of that check, and the end of its message or what it got
IN_A_CHECK: dict[str, tuple[Callable[[], Any], str, str | tuple[str, ...]]] = {
    "ExitsWith0": (exits(0), "crash", "exit code 0"),
    "ExitsWith1": (exits(1), "crash", "exit code 1"),
    "ExitsWith2": (exits(2), "crash", "exit code 2"),
    "ExitsWith3": (exits(3), "crash", "exit code 3"),
    "Segfaults": (dies(signal.SIGSEGV), "crash", "signal SIGSEGV"),
    "Aborts": (os.abort, "crash", "signal SIGABRT"),
    "AbortsInAThread": (aborts_in_a_thread, "crash", "signal SIGABRT"),
    "IsKilled": (dies(signal.SIGKILL), "crash", "signal SIGKILL"),
    "IsTerminated": (dies(signal.SIGTERM), "crash", "signal SIGTERM"),
    "HangsUp": (dies(signal.SIGHUP), "crash", "signal SIGHUP"),
    "BreaksAPipe": (dies(signal.SIGPIPE), "crash", "signal SIGPIPE"),
    "DiesOfRealTimeSignal": (dies(signal.SIGRTMIN + 3), "crash", f"signal {signal.SIGRTMIN + 3}"),
    "IsInterrupted": (dies(signal.SIGINT), "crash", "exit code 2, KeyboardInterrupt"),
    "Interrupts": (raises(KeyboardInterrupt()), "crash", "exit code 2, KeyboardInterrupt"),
    "EndsPytest": (lambda: pytest.exit("fine", returncode=0), "fail", "RuntimeError: pytest.exit: fine"),
    "RaisesSystemExit0": (raises(SystemExit(0)), "fail", "SystemExit: 0"),
    "RaisesSystemExit2": (raises(SystemExit(2)), "fail", "SystemExit: 2"),
    "RaisesGeneratorExit": (raises(GeneratorExit()), "fail", "GeneratorExit: "),
    "RaisesMemoryError": (raises(MemoryError("4 EiB")), "fail", "MemoryError: 4 EiB"),
    "RaisesRecursionError": (raises(RecursionError("deep")), "fail", "RecursionError: deep"),
    "RaisesOwn": (raises(Own("own")), "fail", "Own: own"),
    "RaisesUnspeakable": (raises(Unspeakable()), "fail", "Unspeakable: "),
    "RaisesControls": (raises(ValueError(ANSI)), "fail", f"ValueError: {ANSI}"),
    "Skips": (lambda: pytest.skip("not today"), "fail", "Skipped: not today"),
    "ExpectsToFail": (lambda: pytest.xfail("known"), "fail", "XFailed: known"),
    # 120: Python ends with what was printed unwritten
    "FillsTheDisk": (fills_the_disk, "crash", ("exit code 1", "exit code 120")),
}
# harm that the judging outlives without a mark on any check
HARMLESS: dict[str, Callable[[], Any]] = {
    "ClosesStdout": lambda: os.closerange(1, 3),
    "HasNoStdout": lambda: setattr(sys, "stdout", None),
    "Shouts": shouts,
    "Forks": forks,
    "LowersRecursion": lambda: sys.setrecursionlimit(80),
    "DeletesItsRecord": lambda: record().unlink(),
    "EmptiesItsRecord": lambda: os.truncate(record(), 0),
    "SpoilsItsRecord": lambda: record().write_text("{}\n"),
    "DeletesItsFolder": lambda: shutil.rmtree(record().parent),
    "ChangesFolder": lambda: os.chdir("/"),
    "ClearsEnvironment": os.environ.clear,
    "SetsTheClockBack": lambda: setattr(time, "time", lambda: 0.0),
}
# what hangs, with a limit of seconds
HANGING: dict[str, Callable[[], Any]] = {
    "StopsItself": dies(signal.SIGSTOP),
    "Sleeps": sleeps,
    "SleepsDeaf": sleeps_deaf,
    "ReadsAPipe": reads_a_pipe,
    "Deadlocks": lambda: [lock.acquire() for lock in 2 * [threading.Lock()]],
}
# what destroys what was judged before, and is said of the whole target
DESTRUCTIVE: dict[str, tuple[Callable[[], Any], str]] = {
    "ReplacesItsRecord": (replaces_the_record, "the record was not kept: "),
}
# what is done in the constructor; in what the footer says
AT_THE_BEGINNING: dict[str, tuple[Callable[[], Any], str]] = {
    "BeginsWithExit0": (exits(0), "the process ended (exit code 0) before its first check"),
    "BeginsWithExit2": (exits(2), "the process ended (exit code 2) before its first check"),
    "BeginsWithAbort": (os.abort, "the process ended (signal SIGABRT) before its first check"),
    "BeginsWithKill": (dies(signal.SIGKILL), "the process ended (signal SIGKILL) before its first check"),
    "BeginsWithError": (raises(RuntimeError("CUDA\nis too old")), ": RuntimeError: CUDA is too old"),
    "BeginsWithInterrupt": (raises(KeyboardInterrupt()), ":cpu:eager: KeyboardInterrupt:"),
    "BeginsWithSystemExit": (raises(SystemExit("no licence")), ":cpu:eager: SystemExit: no licence"),
    "BeginsWithMemoryError": (raises(MemoryError()), ":cpu:eager: MemoryError:"),
    "BeginsWithOwn": (raises(Own("own")), ":cpu:eager: Own: own"),
    "BeginsWithUnspeakable": (raises(Unspeakable()), ":cpu:eager: Unspeakable"),
    "BeginsWithSkip": (lambda: pytest.skip("not today"), ":cpu:eager: Skipped: not today"),
    "BeginsWithPytestExit": (lambda: pytest.exit("fine", returncode=0), ":cpu:eager: Exit: fine"),
    "BeginsWithControls": (raises(RuntimeError(ANSI)), ":cpu:eager: RuntimeError: \ufffd]0;owned"),
    "BeginsWithImportError": (raises(ImportError("two\nlines")), "two lines"),
}
# what is registered to be done at exit
AT_THE_END: dict[str, tuple[Callable[[], Any], str]] = {
    "EndsWithExit3": (exits(3), "the process ended (exit code 3) after its last check"),
    "EndsWithAbort": (os.abort, "the process ended (signal SIGABRT) after its last check"),
    "EndsWithKill": (dies(signal.SIGKILL), "the process ended (signal SIGKILL) after its last check"),
    "EndsWithoutRecord": (lambda: record().unlink(), "the record was not kept: "),
    "EndsWithoutFolder": (lambda: shutil.rmtree(record().parent), "the record was not kept: "),
    "EndsWithSpoiltRecord": (lambda: record().write_text("{}\n"), "the record was not kept: "),
}


def _class(name: str, base: type, method: str, fault: Callable[[], Any]) -> None:
    globals()[name] = type(name, (base,), {method: staticmethod(fault), "__module__": __name__})


def _at_exit(fault: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: atexit.register(fault)


IN_THE_CHECK = {
    **{name: row[0] for name, row in IN_A_CHECK.items()},
    **{name: row[0] for name, row in DESTRUCTIVE.items()},
    **HARMLESS,
    **HANGING,
    "LeavesProcess": leaves_a_process,
}
for _name, _fault in IN_THE_CHECK.items():
    _class(_name, Tiny, "fault", _fault)
for _name, _row in AT_THE_BEGINNING.items():
    _class(_name, Begins, "begin", _row[0])
for _name, _row in AT_THE_END.items():
    _class(_name, Begins, "begin", _at_exit(_row[0]))
_class("BeginsWithSleep", Begins, "begin", sleeps)
_class("EndsWithThread", Begins, "begin", lambda: threading.Thread(target=sleeps).start())
_class("EndsWithSleep", Begins, "begin", _at_exit(sleeps))


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


class Markup(Tiny):
    """Has a version that is markup, acts on a terminal and is none of PEP 440."""

    version = f"[bold]1{ANSI}\nholds"


class MarkupOfTorch(Markup):
    """Claims to be a framework that has known deviations, none of which is of such a version."""

    name = "torch"


class NoVersion(Tiny):
    version = None  # type: ignore[assignment]  # the fault


class NumberForVersion(Tiny):
    version = 2  # type: ignore[assignment]  # the fault


class NoName(Tiny):
    name = None  # type: ignore[assignment]  # the fault


class NoFormats(Tiny):
    dtypes = None  # type: ignore[assignment]  # the fault


class EmptyFormats(Tiny):
    dtypes = frozenset()


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

        class Inner(Exception):
            pass

        if multiprocessing.parent_process():
            raise Inner("out of registers")
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
