"""The pytest plug-in: options, parametrisation over the target's checks, verdicts and records.

`pytest conformance --adapter torch --device cpu --mode eager --record FILE` judges one target. A test carries
`@pytest.mark.requirement("SPV-03", cases=provider)` and takes the `check` fixture; `provider(operation, dtype,
tier)` yields its cases.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import adapters
from adapters.protocol import DeviceUnavailable, NotProvided
from conformance import HERE, deviations, files, requirements
from conformance.record import records
from conformance.record.verdict import LENIENT
from conformance.requirements import TIERS
from conformance.run import consistency
from conformance.run.processes import machine
from conformance.run.processes.supervisor import running_file
from conformance.run.single_thread import ProcessDied
from conformance.run.target import Check, Subject, Target
from conformance.truth import cache

TARGET = pytest.StashKey[Target]()
WRITER = pytest.StashKey[records.Writer]()
COUNTS = pytest.StashKey[tuple[int, int]]()  # checks begun in this file, and all of them
DESELECTED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a conformance run."""
    group = parser.getgroup("softmark", "Softmark conformance")
    group.addoption("--adapter", default="numpy", help="a built-in adapter or package.module:Class")
    group.addoption("--device", default="cpu", help="cpu or cuda")
    group.addoption("--mode", default="eager", help="eager, compiled, graph, xla or jit")
    group.addoption("--tier", default="quick", choices=TIERS, help="how many cases")
    group.addoption("--record", type=Path, help="write the results to this file (JSON Lines)")
    group.addoption("--resume", action="store_true", help="go on in --record's file where it was cut off")
    group.addoption("--deviations", type=Path, help="known deviations, instead of conformance/deviations.toml")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "requirement(id, cases): the requirement that a test judges, and what yields its cases"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Load the target and open the record before the first module, and before pytest-xdist starts its workers.

    What is wrong with them is said once, and not once a module or worker.
    """
    config = session.config
    places = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    if not any(place == HERE or HERE in place.parents or place in HERE.parents for place in places):
        return
    target_of(config)
    try:
        known_deviations(config)
    except (ValueError, OSError) as error:
        pytest.exit(f"cannot read the known deviations: {error}", returncode=2)
    if hasattr(config, "workerinput"):
        return
    if config.getoption("--record") is not None:
        _open_record(config)
    config.pluginmanager.register(_Recorder(config), "softmark-recorder")


def _open_record(config: pytest.Config) -> None:
    path = config.getoption("--record")
    try:
        if config.getoption("--resume") and path.exists():
            records.trim(path)
            records.read(path)  # what is no record is told before anything is judged
            config.stash[WRITER] = records.Writer(path)
            return
        path.unlink(missing_ok=True)
        target = target_of(config)
        config.stash[WRITER] = records.Writer(path)
        config.stash[WRITER].write(machine.header(target.adapter, target.name, config.getoption("--tier")))
    except (OSError, records.BrokenRecord) as error:
        pytest.exit(f"cannot write the record {path}: {error}", returncode=2)


def target_of(config: pytest.Config) -> Target:
    """The target under test, loaded once; a usage error ends the run with exit code 2."""
    if TARGET not in config.stash:
        name, device, mode = (config.getoption(f"--{option}") for option in ("adapter", "device", "mode"))
        try:
            with warnings.catch_warnings(action="ignore"):  # what a framework warns of is no failure of it
                adapter = adapters.load(name, device=device, mode=mode)
        except (ValueError, DeviceUnavailable, ImportError) as error:
            pytest.exit(f"cannot judge {name}:{device}:{mode}: {error}", returncode=2)
        except BaseException as error:  # of any kind: the adapter is another's code
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            pytest.exit(f"cannot judge {name}:{device}:{mode}: {reason}", returncode=2)
        config.stash[TARGET] = Target(f"{name}:{device}:{mode}", adapter)
    return config.stash[TARGET]


def known_deviations(config: pytest.Config) -> list[deviations.Deviation]:
    """The entries that concern the target in this tier."""
    path = config.getoption("--deviations")
    adapter = target_of(config).adapter
    tier = TIERS.index(config.getoption("--tier"))
    return [
        entry
        for entry in (deviations.load(path) if path else deviations.load())
        if TIERS.index(entry.tier) <= tier
        and entry.concerns(adapter.name, adapter.version, adapter.device, adapter.mode)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per operation, format and case of the requirement."""
    marker = metafunc.definition.get_closest_marker("requirement")
    if marker is None:
        return
    requirement = requirements.load()[marker.args[0]]
    adapter = target_of(metafunc.config).adapter
    tier = metafunc.config.getoption("--tier")
    subjects = [
        Subject(requirement, operation, dtype, case)
        for operation in requirement.operations
        for dtype in sorted(adapter.dtypes)
        if takes_part(dtype, requirement.family, tier)
        for case in marker.kwargs["cases"](operation, dtype, asked_of(adapter.mode, requirement.family, tier))
    ]
    metafunc.parametrize("check", subjects, indirect=True, ids=[subject.id for subject in subjects])


# What a tier asks of some formats only: each is compiled anew, and an 8-bit one that is wrong is so throughout.
PARTLY: dict[str, dict[str, tuple[str, ...]]] = {
    "quick": {
        "bfloat16": ("ACC", "SPV", "RNG", "GRD", "CRS"),
        "float64": ("ACC", "SPV", "RNG", "GRD", "CRS"),
        "float8_e4m3fn": ("ACC",),
        "float8_e5m2": ("ACC",),
    },
    "full": {"float8_e4m3fn": ("ACC",), "float8_e5m2": ("ACC",)},
}


def takes_part(dtype: str, family: str, tier: str) -> bool:
    """Whether a format is judged on a family: float32 and float16 always, any in the exhaustive tier."""
    return family in PARTLY.get(tier, {}).get(dtype, tuple(requirements.FAMILIES))


# A mode whose compiler takes a second a shape: in the full tier it is asked the crossed cases of the quick one.
SLOW = {"compiled": {"quick": "few", "full": "quick"}}


def asked_of(mode: str, family: str, tier: str) -> str:
    """The tier whose cases of a family a mode is asked."""
    return SLOW.get(mode, {}).get(tier, tier) if family == "CRS" else tier


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Check:
    """The check under judgement."""
    made = Check(target_of(request.config), request.param, request.config.getoption("--tier"))
    request.node.check = made
    return made


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a resumed record already holds."""
    subjects = [item for item in items if item.get_closest_marker("requirement")]
    for item in subjects:
        item.add_marker(pytest.mark.filterwarnings("ignore"))  # what a framework warns of is no failure of it
    path = config.getoption("--record")
    if not subjects or path is None:
        return
    done = {row.id for row in records.read(path).checks}  # none, unless the run is a resumed one
    config.stash[COUNTS] = (len(done), len(subjects))
    if done:
        items[:] = [item for item in items if check_id(item) not in done]


def partly(config: pytest.Config) -> bool:
    """Whether this run leaves checks out: then what matches nothing in it may match elsewhere."""
    whole = any(Path(argument).resolve() in (HERE, *HERE.parents) for argument in config.args)
    # with pytest-xdist what is deselected is known to the workers alone
    selected = config.getoption("keyword") or config.getoption("markexpr")
    return bool(not whole or selected or config.stash.get(DESELECTED, False))


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Remember that this run is a part."""
    if items:
        items[0].config.stash[DESELECTED] = True


def check_id(item: pytest.Item) -> str:
    """The id of an item's check, as in a record."""
    subject = getattr(getattr(item, "callspec", None), "params", {}).get("check")
    if not isinstance(subject, Subject):  # a requirement without a case in any format of the target
        return item.nodeid
    return "/".join((subject.requirement.id, subject.operation, subject.dtype, subject.case.name))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave word of the check that begins: should the process die or hang, it was this one."""
    if WRITER in item.config.stash and item.get_closest_marker("requirement"):
        done, total = item.config.stash[COUNTS]
        item.config.stash[COUNTS] = (done + 1, total)
        running = running_file(item.config.getoption("--record"))
        files.write(running, f"{check_id(item)}\n{done}\n{total}", durable=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what happened into an outcome of the suite, and that into one of pytest."""
    report = yield
    found: Check | None = getattr(item, "check", None)
    if found is None or call.when != "call":
        return report
    outcome, message = _outcome(found, call)
    if outcome == "fail" and "call" not in found.witness:
        found.describe(found.case)
    row = records.Check(
        requirement=found.subject.requirement.id,
        operation=found.operation,
        dtype=found.dtype,
        case=found.case.name,
        outcome=outcome,
        observed=found.observed,
        measured=found.measured,
        bound=found.bound,
        witness=found.witness,
        message=message,
        seconds=round(call.duration, 6),
    )
    return _told(item.config, report, row)


def _told(config: pytest.Config, report: pytest.TestReport, row: records.Check) -> pytest.TestReport:
    """`report` with the row in it, and the outcome that a known deviation makes of the row's."""
    for known in known_deviations(config) if row.outcome != "absent" else ():
        if known.covers(row.requirement, row.operation, row.dtype, row.case):
            outcome = {"fail": "deviation", "crash": "crash"}.get(row.outcome, "fixed")
            row = replace(row, outcome=outcome, entry=known.id)
            break
    vars(report)["softmark"] = asdict(row)  # a plain dict, which pytest-xdist carries to the recorder
    _show(report, row, requirements.load()[row.requirement].level)
    return report


def _outcome(check: Check, call: pytest.CallInfo[None]) -> tuple[str, str | None]:
    if call.excinfo is None:
        return {"choice": "choice", "report": "measured"}.get(check.subject.requirement.level, "pass"), None
    error = call.excinfo.value
    if isinstance(error, NotProvided):
        return "absent", str(error)
    if isinstance(error, ProcessDied):
        return "crash", f"{check.target.name}: {error}"
    if isinstance(error, KeyboardInterrupt | pytest.exit.Exception):
        raise error
    reason = "" if type(error) is AssertionError and not error.args else f"\n  {_first_line(error)}"
    return "fail", check.explain() + reason


def _first_line(error: BaseException) -> str:
    text = str(error).strip().split("\nassert ")[0].splitlines()
    name = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
    return name + (text[0] if text else "")


def _show(report: pytest.TestReport, row: records.Check, level: str) -> None:
    if row.outcome == "absent":
        report.outcome, report.longrepr = "skipped", (row.requirement, 0, f"absent: {row.message}")
    elif row.outcome == "deviation" or (row.outcome == "fail" and level in LENIENT):
        report.outcome, report.wasxfail = "skipped", f"{row.outcome}: {row.entry or level}"
    elif row.outcome in ("fail", "crash"):
        report.outcome, report.longrepr = "failed", row.message or ""
    elif row.outcome == "fixed":
        report.outcome = "failed"
        report.longrepr = f"fixed: deviation {row.entry} lists {row.id}, which passes; narrow the entry"


class _Recorder:
    """Keeps each row as its report arrives; with workers, in the process that gathers their reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.rows: list[records.Check] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = getattr(report, "softmark", None)
        if row is None:
            return
        self.rows.append(records.Check(**row))
        if WRITER in self.config.stash:
            self.config.stash[WRITER].write(self.rows[-1])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Judge what only all checks together show, and write the footer of a run that came to its end."""
        rows = self._all_rows()
        # a record that lacked but its footer leaves nothing to collect
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and rows:
            session.exitstatus = pytest.ExitCode.OK
        elif exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return
        writer = self.config.stash.get(WRITER, None)
        told = {row.id for row in rows}
        for row in consistency.judge(target_of(self.config).name, rows):
            if row.id in told:
                continue
            report = pytest.TestReport(f"conformance::{row.id}", ("", 0, row.id), {}, "passed", None, "call")
            self.config.hook.pytest_runtest_logreport(report=_told(self.config, report, row))
        failed = bool(session.testsfailed)
        if writer is not None:
            failed |= self._finish(writer)
        if failed:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _all_rows(self) -> list[records.Check]:
        """Those of this run, and of the one that it goes on from."""
        if WRITER not in self.config.stash:
            return self.rows
        return records.read(self.config.stash[WRITER].path).checks

    def _finish(self, writer: records.Writer) -> bool:
        """Write the footer; whether an entry matched nothing, which fails the run."""
        rows = self._all_rows()
        matched = {row.entry for row in rows}
        unmatched = (
            [] if partly(self.config) else [e.id for e in known_deviations(self.config) if e.id not in matched]
        )
        spent = round(cache.seconds(), 3)  # with workers theirs, which is not known here
        writer.write(records.Footer(len(rows), machine.now(), unmatched, oracle_seconds=spent))
        writer.close()
        running_file(writer.path).unlink(missing_ok=True)
        for entry in unmatched:
            print(f"\ndeviation {entry} matches no check of this target: narrow it or take it out")
        return bool(unmatched)
