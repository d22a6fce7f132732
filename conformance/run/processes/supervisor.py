"""Runs each target in a process of its own, and outlives what happens to it.

A check that crashes or hangs its process costs that check alone: it is recorded as such, and a new process
goes on behind it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from adapters import BUILT_IN, ROOT, UnknownAdapter
from conformance import deviations
from conformance.record import records, writing
from conformance.record.reading import read
from conformance.run.processes import machine

USAGE = 2  # the exit code of a process that could not begin: unknown adapter, absent device, bad record


@dataclass(frozen=True)
class Order:
    """One target to be judged, and how."""

    adapter: str
    device: str
    mode: str
    tier: str
    output: Path
    check_timeout: float
    resume: bool = False
    deviations: Path | None = None
    python: str = sys.executable  # of the environment that the framework is in

    @property
    def target(self) -> str:
        """ "torch:cpu:eager"."""
        return f"{self.adapter}:{self.device}:{self.mode}"

    @property
    def record(self) -> Path:
        """The file its record goes to."""
        return self.output / records.file_name(self.target)

    @property
    def log(self) -> Path:
        """The file its output goes to."""
        return self.record.with_suffix(".log")

    @property
    def running(self) -> Path:
        """Where the process says which check it is at: the id, then how many are done and how many there are."""
        return running_file(self.record)


@dataclass(frozen=True)
class Progress:
    """How far a target has come."""

    target: str
    check: str
    done: int
    total: int


def running_file(record: Path) -> Path:
    """Where the check in progress stands while `record` is being written."""
    return record.with_suffix(".running")


def parse(text: str) -> tuple[str, str, str]:
    """Adapter, device and mode of "torch:cpu:eager"; device and mode may be left out.

    Raises:
        UnknownAdapter: the name is not built in and has no ":Class".
        ValueError: a built-in adapter has no such mode.
    """
    parts = text.split(":")
    if parts[0] in BUILT_IN:
        name, rest = parts[0], parts[1:]
    elif len(parts) >= 2:
        name, rest = ":".join(parts[:2]), parts[2:]
    else:
        raise UnknownAdapter(
            f"unknown adapter {text!r}: choose one of {', '.join(BUILT_IN)}, or package.module:Class"
        )
    modes = BUILT_IN.get(name)
    device, mode = (*rest, *("cpu", modes[0] if modes else "eager")[len(rest) :])[:2]
    if len(rest) > 2 or (modes and mode not in modes):
        raise ValueError(f"unknown target {text!r}: {name} has the modes {', '.join(modes or ('eager', '…'))}")
    return name, device, mode


def run_all(orders: list[Order], jobs: int, report: Callable[[Progress], None]) -> list[records.Record]:
    """Judge every target, `jobs` at a time, and return the records in the order of `orders`.

    The reference goes first: it leaves the truths on disk while the compilers of the others compile.
    """
    stop = Event()
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        futures = [pool.submit(run, order, report, stop) for order in orders]
        try:
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            stop.set()  # the processes are in sessions of their own, which the terminal does not interrupt
            pool.shutdown(cancel_futures=True)
            raise


def run(order: Order, report: Callable[[Progress], None], stop: Event | None = None) -> records.Record:
    """Judge one target; every check ends in a row, whatever it does to its process.

    Raises:
        KeyboardInterrupt: `stop` was set; what is recorded stays, and resuming goes on behind it.
    """
    stop = stop or Event()
    order.running.unlink(missing_ok=True)
    resume = order.resume and order.record.exists()
    while True:
        ended = _process(replace(order, resume=resume), report, stop)
        if ended is None:
            return read(order.record)
        if isinstance(ended, str):
            _write_error(order, ended)
            return read(order.record)
        _append(order, ended)
        resume = True


def command(order: Order) -> list[str]:
    """The pytest command of one target."""
    options = {
        "--adapter": order.adapter,
        "--device": order.device,
        "--mode": order.mode,
        "--tier": order.tier,
        "--record": str(order.record),
    }
    if order.deviations is not None:
        options["--deviations"] = str(order.deviations)
    line = [order.python, "-m", "pytest", str(ROOT / "conformance"), "--rootdir", str(ROOT)]
    line += ["-c", str(ROOT / "pyproject.toml"), "-q", "--tb=no", "--no-summary", "-p", "no:cacheprovider"]
    return [*line, *(part for option in options.items() for part in option), *["--resume"] * order.resume]


def _process(order: Order, report: Callable[[Progress], None], stop: Event) -> records.Check | str | None:
    """None after a whole run, the row of a check that took the process along, or why it never began."""
    path = os.pathsep.join(filter(None, [str(ROOT), str(Path.cwd()), os.environ.get("PYTHONPATH")]))
    # what a shell asks of pytest (-k, -x, --collect-only, plug-ins) is not asked of this run
    inherited = {name: os.environ[name] for name in os.environ.keys() - {"PYTEST_ADDOPTS", "PYTEST_PLUGINS"}}
    with order.log.open("w", encoding="utf-8") as log:
        child = subprocess.Popen(
            command(order), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env=inherited | {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, start_new_session=True,
        )  # fmt: skip
        try:
            outcome = _watch(child, order, report, stop)
        except BaseException:
            _kill(child)
            raise
    if outcome == "timeout":
        return _row(order, "timeout", f"no answer within {order.check_timeout:g} s")
    if child.returncode in (0, 1) and not order.running.exists():
        return None
    if child.returncode == USAGE:
        return _reason(order)
    if order.running.exists():
        return _row(order, "crash", _died(child.returncode))
    return f"the process ended ({_died(child.returncode)}) before its first check; see {order.log}"


def _watch(child: subprocess.Popen[bytes], order: Order, report: Callable[[Progress], None], stop: Event) -> str:
    while not stop.is_set():
        try:
            child.wait(timeout=0.2)
            return "ended"
        except subprocess.TimeoutExpired:
            pass
        try:
            began = order.running.stat().st_mtime
            check, done, total = order.running.read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError):  # between two checks, or half written
            continue
        report(Progress(order.target, check, int(done), int(total)))
        if time.time() - began > order.check_timeout:
            _kill(child)
            return "timeout"
    raise KeyboardInterrupt


def _kill(child: subprocess.Popen[bytes]) -> None:
    """The process and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _died(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _reason(order: Order) -> str:
    """The one line in which the process said why it could not begin."""
    lines = order.log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line for line in lines if "cannot " in line]
    return said[-1].strip("! ").removeprefix("_pytest.outcomes.Exit: ") if said else f"see {order.log}"


def _row(order: Order, outcome: str, message: str) -> records.Check:
    requirement, operation, dtype, case = order.running.read_text(encoding="utf-8").split("\n")[0].split("/")
    return records.Check(requirement, operation, dtype, case, outcome, message=f"{order.target}: {message}")


def _append(order: Order, row: records.Check) -> None:
    """Add the row of the check that took its process along; a known deviation may be just that.

    A process that died after it had judged the check leaves a row of it, which this one replaces.
    """
    version = read(order.record).header.framework["version"]
    writing.trim(order.record, without=row.id)
    known = deviations.load(order.deviations) if order.deviations else deviations.load()
    for entry in known:
        concerned = entry.concerns(order.adapter, version, order.device, order.mode)
        if concerned and entry.covers(row.requirement, row.operation, row.dtype, row.case):
            row = replace(row, entry=entry.id)
    writer = writing.Writer(order.record)
    writer.write(row)
    writer.close()
    order.running.unlink(missing_ok=True)


def _write_error(order: Order, error: str) -> None:
    """A record that says why there is nothing in it, or nothing more."""
    if not order.record.exists() or not order.record.stat().st_size:
        writing.Writer(order.record, machine.unknown(order.adapter, order.target, order.tier)).close()
    writing.trim(order.record)
    writer = writing.Writer(order.record)
    writer.write(records.Footer(rows=len(writer.checks), end=machine.now(), error=error))
    writer.close()
