"""Runs each target in a process of its own, and outlives what happens to it.

A check that crashes or hangs its process costs that check alone: it is recorded as such, and a new process
goes on behind it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import Event

from adapters import BUILT_IN, CACHE, EXEC, LOG, ROOT, UnknownAdapter
from adapters.frameworks import FRAMEWORKS
from conformance import deviations, files
from conformance.foreign import visible
from conformance.record import records, writing
from conformance.record.reading import read
from conformance.run.processes import child, machine

USAGE = 2  # pytest's exit code where it was interrupted, or could not begin: unknown adapter, absent device
NO_TRUTH = 6  # ours where a check can have no verdict: the vectors of the run lack its true value
START = 600.0  # seconds until the first check begins: imports, the adapter's constructor, collection
MOST = 5  # deaths in a row, after which a target is given up: a dead device takes no hours
LEFT_OUT = ("PYTEST_", "PYTHONOPTIMIZE")  # of the environment: what leaves out checks, or what they assert
ENDED = re.compile(r"^\d+ (passed|failed|skipped)", re.MULTILINE)  # pytest's last line
COMMAND = re.compile(rf"({EXEC}.*?)(?::(cpu|cuda)(?::(\w+))?)?", re.DOTALL)
EXIT = 60.0  # seconds from the footer to the end of the process


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
    requirements: tuple[str, ...] = ()  # that alone are judged, which leaves the record partial; none for all

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
        """The file in which the process names its check: the id, the number that are done, and of how many."""
        return running_file(self.record)


@dataclass(frozen=True)
class Progress:
    """Progress of a target."""

    target: str
    check: str
    done: int
    total: int


def running_file(record: Path) -> Path:
    """Return the file that holds the check in progress while `record` is being written."""
    return record.with_suffix(".running")


def split(text: str) -> list[str]:
    """Return the targets of a list, which are separated by commas outside of quotes."""
    return [part.strip() for part in re.split(r""",(?=(?:[^"']|"[^"]*"|'[^']*')*$)""", text)]


def parse(text: str) -> tuple[str, str, str]:
    """Return adapter, device and mode of "torch:cpu:eager"; device and mode may be left out.

    A command has them behind its last ":cpu" or ":cuda" outside of quotes; other colons are its own.

    Raises:
        UnknownAdapter: the name is not built in and has no ":Class".
        ValueError: a built-in adapter has no such mode.
    """
    if command := COMMAND.fullmatch(text):
        return command[1], command[2] or "cpu", command[3] or "eager"
    parts = text.split(":")
    if parts[0] in BUILT_IN:
        name, rest = parts[0], parts[1:]
    elif len(parts) >= 2:
        name, rest = ":".join(parts[:2]), parts[2:]
    else:
        raise UnknownAdapter(
            f"unknown adapter {text!r}: choose one of {', '.join(BUILT_IN)}, package.module:Class or exec:COMMAND"
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
    """Judge one target; every check ends in a row, whatever it does to its process, unless too many die in a row.

    Where the record cannot be kept, because the disk is full or someone destroys it, what is returned says so.

    Raises:
        KeyboardInterrupt: `stop` was set; what is recorded stays, and resuming goes on behind it.
    """
    try:
        return _recorded(order, report, stop or Event())
    except (OSError, records.BrokenRecord) as error:
        return _not_kept(order, f"the record was not kept: {error}")


def _recorded(order: Order, report: Callable[[Progress], None], stop: Event) -> records.Record:
    order.running.unlink(missing_ok=True)  # a pipe in its place would wait for ever
    resume = order.resume and order.record.exists()
    if not resume:
        order.record.unlink(missing_ok=True)  # what another run left is nothing that this one judged
    in_a_row = 0  # checks that ended their process, with none between them that did not
    while True:
        before = len(read(order.record).checks) if resume else 0
        lost = _process(replace(order, resume=resume), report, stop)
        if isinstance(lost, records.Check):
            row = _append(order, lost)
            alone = len(read(order.record).checks) == before + 1
            in_a_row = 0 if row.entry else in_a_row * alone + 1
            error = given_up(row) if in_a_row == MOST else None
        else:
            # one that died while the adapter was checked: a second process leaves that out
            error = None if lost and not resume and _begun(order) else lost
        if error:
            _write_error(order, error)
        if error is not None:
            return read(order.record)
        resume = True


def _not_kept(order: Order, error: str) -> records.Record:
    """Return what a run has to say whose record is broken, and write it down where that can be done."""
    with suppress(OSError):
        _write_error(order, error)
    header = machine.unknown(order.adapter, order.target, order.tier)
    return records.Record(order.record, header, [], records.Footer(0, machine.now(), error=error))


def command(order: Order) -> list[str]:
    """Return the pytest command of one target."""
    options = {
        "--adapter": order.adapter,
        "--device": order.device,
        "--mode": order.mode,
        "--tier": order.tier,
        "--record": str(order.record.absolute()),  # an adapter may change the folder
    }
    if order.deviations is not None:
        options["--deviations"] = str(order.deviations)
    line = [order.python, "-m", "pytest", str(ROOT / "conformance"), "--rootdir", str(ROOT)]
    line += ["-c", str(ROOT / "pyproject.toml"), "-q", "--tb=no", "--no-summary", "-p", "no:cacheprovider"]
    if order.requirements:
        options["-k"] = " or ".join(order.requirements)
    return [*line, *(part for option in options.items() for part in option), *["--resume"] * order.resume]


def _process(order: Order, report: Callable[[Progress], None], stop: Event) -> records.Check | str:
    """Run one process; return the row of a check that ended it, or what else went wrong, or "" if nothing did."""
    # the shell's PYTEST_ADDOPTS, or a plug-in that happens to be installed, would leave checks out
    plain = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    path = os.pathsep.join(filter(None, [str(ROOT), str(Path.cwd()), plain.get("PYTHONPATH")]))
    plain |= {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", child.TIED: str(os.getpid())}
    plain |= {"PYTHONIOENCODING": "utf-8:replace"}
    plain = compiler_cache(order) | plain
    plain |= {LOG: str(order.log.absolute())}
    start = max(START, order.check_timeout)
    order.log.unlink(missing_ok=True)  # likewise
    with order.log.open("a", encoding="utf-8") as log:  # a program in any language adds to it
        ended = child.run(
            command(order), stop=stop, limit=start, progress=_advanced(order, report),
            env=plain, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    _make_visible(order.log)
    if ended.stopped:
        raise KeyboardInterrupt
    reason = _interrupted(order) if ended.code in (USAGE, NO_TRUTH) else ""
    if ended.code == NO_TRUTH:
        order.running.unlink(missing_ok=True)  # its check did not end the process
        return reason
    death = ", ".join(filter(None, (str(ended), reason)))
    if order.running.exists():
        late = f"no answer within {order.check_timeout:g} s"
        return _row(order, "timeout", late) if ended.late else _row(order, "crash", death)
    if "cannot " in reason:
        return reason
    record = read(order.record) if order.record.exists() else None
    if record and record.footer:
        if ended.late:
            return f"the process still ran {EXIT:g} s after its last check"
        return "" if ended.code in (0, 1) else f"the process ended ({ended}) after its last check"
    if ended.late:
        return f"no check began within {start:g} s; see {order.log}"
    if not order.log.exists() or ENDED.search(order.log.read_text(encoding="utf-8")):
        raise records.BrokenRecord(f"{order.record}: {'its end' if record else 'the file'} is gone")
    return f"the process ended ({death}) before its first check; see {order.log}"


def compiler_cache(order: Order) -> dict[str, str]:
    """Return the variables that let the compilers of a framework keep what they compile, for this kind of CPU.

    There are none for a release in an environment of its own, which is judged once.
    """
    framework = FRAMEWORKS.get(order.adapter)
    if framework is None or order.python != sys.executable:
        return {}
    processor = sha256(machine.proc("cpuinfo", "flags").encode()).hexdigest()[:8]
    folder = CACHE / "compilers" / f"{framework.name}-{order.mode}-{processor}"
    return {name: value.format(folder=folder) for name, value in framework.compiler_cache.items()}


def _make_visible(log: Path) -> None:
    """Take out of a log what a terminal or a viewer would act on: the adapter and its framework write into it."""
    with suppress(FileNotFoundError):  # the folder is gone
        text = log.read_text(encoding="utf-8", errors="replace")
        files.write(log, visible(text), durable=False)


def _advanced(order: Order, report: Callable[[Progress], None]) -> Callable[[], float | None]:
    """Return what `child.run` asks: each check that begins has its own limit, and so has the end."""
    seen = ""

    def more() -> float | None:
        nonlocal seen
        text = ""
        with suppress(FileNotFoundError):  # before the first check, and behind the last
            text = order.running.read_text(encoding="utf-8")
        if text == seen:
            return None
        if not text:
            seen = text
            return EXIT
        check, *counts = text.split("\n")
        try:
            done, total = map(int, counts)
        except ValueError:  # it is being written; the next look sees it whole
            return None
        seen = text
        report(Progress(order.target, check, done, total))
        return order.check_timeout

    return more


def given_up(last: records.Check) -> str:
    """Return why a target is given up after the last of `MOST` deaths in a row."""
    return f"given up after {MOST} deaths in a row: {last.message}"


def _begun(order: Order) -> bool:
    """Return whether the record has its header and nothing else."""
    with suppress(records.BrokenRecord):
        record = read(order.record)
        return record.footer is None and not record.checks
    return False


def _interrupted(order: Order) -> str:
    """Return why pytest was interrupted, which it writes between exclamation marks; "" where it was not."""
    lines = order.log.read_text(encoding="utf-8").splitlines() if order.log.exists() else []
    reasons = [line.strip("! ").removeprefix("_pytest.outcomes.Exit: ") for line in lines if line.startswith("!")]
    return reasons[-1] if reasons else ""


def _row(order: Order, outcome: str, message: str) -> records.Check:
    requirement, operation, dtype, case = order.running.read_text(encoding="utf-8").split("\n")[0].split("/")
    return records.Check(requirement, operation, dtype, case, outcome, message=f"{order.target}: {message}")


def _append(order: Order, row: records.Check) -> records.Check:
    """Add the row of the check that ended its process, and return it; a known deviation may be just that.

    A process that died after it had judged the check leaves a row of it, which this one replaces.
    """
    framework = read(order.record).header.framework
    writing.trim(order.record, without=row.id)
    known = deviations.load(order.deviations) if order.deviations else deviations.load()
    for entry in deviations.of_target(known, framework["name"], framework["version"], order.device, order.mode):
        if entry.covers(row.requirement, row.operation, row.dtype, row.case):
            row = replace(row, entry=entry.id)
    with closing(writing.Writer(order.record)) as writer:
        writer.write(row)
    order.running.unlink(missing_ok=True)
    return row


def _write_error(order: Order, error: str) -> None:
    """Say in the footer what went wrong outside any check; what the record holds already stays."""
    try:
        record = read(order.record)
    except records.BrokenRecord:
        header = machine.unknown(order.adapter, order.target, order.tier)
        record = records.Record(order.record, header, [], None)
    footer = record.footer or records.Footer(rows=len(record.checks), end=machine.now())
    text = writing.whole(record.header, record.checks, replace(footer, error=error))
    files.write(order.record, text)
