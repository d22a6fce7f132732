"""The pytest plug-in: options, parametrisation over the target's checks, verdicts and records.

`pytest conformance --adapter torch --device cpu --mode eager --record FILE` judges one target. A test carries
`@pytest.mark.requirement("SPV-03", cases=provider)` and takes the `check` fixture; `provider(operation, dtype,
tier)` yields its cases.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path

import pytest

import adapters
from adapters.protocol import DeviceUnavailable, NotProvided
from conformance import deviations, machine, records, requirements
from conformance.cases import TIERS
from conformance.runner import running_file
from conformance.target import Check, Subject, Target
from conformance.verdict import LENIENT

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
def pytest_collection(session: pytest.Session) -> None:
    """Load the target before the first module: what is wrong with it is said once, and not once a module."""
    here = Path(__file__).parent
    places = [Path(argument.split("::")[0]).resolve() for argument in session.config.args]
    if any(place == here or here in place.parents or place in here.parents for place in places):
        target_of(session.config)
        try:
            known_deviations(session.config)
        except (ValueError, OSError) as error:
            pytest.exit(f"cannot read the known deviations: {error}", returncode=2)


def target_of(config: pytest.Config) -> Target:
    """The target under test, loaded once; a usage error ends the run with exit code 2."""
    if TARGET not in config.stash:
        name, device, mode = (config.getoption(f"--{option}") for option in ("adapter", "device", "mode"))
        try:
            adapter = adapters.load(name, device=device, mode=mode)
        except (ValueError, DeviceUnavailable, ImportError) as error:
            pytest.exit(f"cannot judge {name}:{device}:{mode}: {error}", returncode=2)
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
        for case in marker.kwargs["cases"](operation, dtype, tier)
    ]
    metafunc.parametrize("check", subjects, indirect=True, ids=[subject.id for subject in subjects])


def takes_part(dtype: str, family: str, tier: str) -> bool:
    """Whether a format is judged on a family: the quick tier asks 8-bit formats for accuracy alone."""
    return tier != "quick" or family == "ACC" or not dtype.startswith("float8")


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Check:
    """The check under judgement."""
    made = Check(target_of(request.config), request.param, request.config.getoption("--tier"))
    request.node.check = made
    return made


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Open the record, and leave out what a resumed one already holds."""
    subjects = [item for item in items if item.get_closest_marker("requirement")]
    for item in subjects:
        item.add_marker(pytest.mark.filterwarnings("ignore"))  # what a framework warns of is no failure of it
    path = config.getoption("--record")
    if not subjects or path is None or hasattr(config, "workerinput"):
        return
    done: set[str] = set()
    try:
        if config.getoption("--resume") and path.exists():
            records.trim(path)
            done = {row.id for row in records.read(path).checks}
            config.stash[WRITER] = records.Writer(path)
        else:
            path.unlink(missing_ok=True)
            config.stash[WRITER] = records.Writer(path)
            target = target_of(config)
            config.stash[WRITER].write(machine.header(target.adapter, target.name, config.getoption("--tier")))
    except (OSError, records.BrokenRecord) as error:
        pytest.exit(f"cannot write the record {path}: {error}", returncode=2)
    config.stash[COUNTS] = (len(done), len(subjects))
    if done:
        items[:] = [item for item in items if check_id(item) not in done]


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Remember that this run is a part: what matches nothing in it may match elsewhere."""
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
        running.write_text(f"{check_id(item)}\n{done}\n{total}", encoding="utf-8")


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
    entry = next(
        (
            known.id
            for known in known_deviations(item.config)
            if known.covers(found.subject.requirement.id, found.operation, found.dtype, found.case.name)
        ),
        None,
    )
    if entry is not None and outcome != "absent":
        outcome = "deviation" if outcome == "fail" else "fixed"
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
        entry=entry if outcome in ("deviation", "fixed") else None,
        seconds=round(call.duration, 6),
    )
    vars(report)["softmark"] = asdict(row)  # a plain dict, which pytest-xdist carries to the recorder
    _show(report, row, found.subject.requirement.level)
    return report


def _outcome(check: Check, call: pytest.CallInfo[None]) -> tuple[str, str | None]:
    if call.excinfo is None:
        return {"choice": "choice", "report": "measured"}.get(check.subject.requirement.level, "pass"), None
    error = call.excinfo.value
    if isinstance(error, NotProvided):
        return "absent", str(error)
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
    elif row.outcome == "fail":
        report.outcome, report.longrepr = "failed", row.message or ""
    elif row.outcome == "fixed":
        report.outcome = "failed"
        report.longrepr = f"fixed: deviation {row.entry} lists {row.id}, which passes; narrow the entry"


class _Recorder:
    """Writes each row as its report arrives; with workers, in the process that gathers their reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = getattr(report, "softmark", None)
        if row is not None and WRITER in self.config.stash:
            self.config.stash[WRITER].write(records.Check(**row))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Listen for reports."""
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_Recorder(session.config), "softmark-recorder")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the footer of a run that came to its end; an entry that matched nothing fails it."""
    config = session.config
    if WRITER not in config.stash or exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return
    writer = config.stash[WRITER]
    writer.close()
    path = writer.path
    rows = records.read(path).checks
    matched = {row.entry for row in rows}
    partial = config.stash.get(DESELECTED, False)
    unmatched = [] if partial else [e.id for e in known_deviations(config) if e.id not in matched]
    writer = records.Writer(path)
    writer.write(records.Footer(rows=len(rows), end=machine.now(), unmatched=unmatched))
    writer.close()
    running_file(path).unlink(missing_ok=True)
    for entry in unmatched:
        print(f"\ndeviation {entry} matches no check of this target: narrow it or take it out")
    if unmatched:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
