"""Makes pytest judge a target: its options, a test for each check, and a row of the record for each test.

`pytest conformance --adapter torch --device cpu --mode eager --record FILE` judges one target. A test carries
`@pytest.mark.requirement("SPV-03", cases=provider)` and takes the `check` fixture; `provider(operation, dtype,
tier)` yields its cases.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator
from pathlib import Path

import pytest

import adapters
from adapters.protocol import DeviceUnavailable
from conformance import HERE, deviations, files
from conformance.foreign import one_line
from conformance.record.reading import read
from conformance.record.records import BrokenRecord
from conformance.record.resuming import NotResumed, resume
from conformance.record.writing import Writer
from conformance.requirements import TIERS
from conformance.run import admission, outcome
from conformance.run.processes import child, machine
from conformance.run.processes.supervisor import running_file
from conformance.run.recorder import Recorder, attach
from conformance.run.subjects import asked, check_id, subjects
from conformance.run.target import Subject, Target, Trial

TARGET = pytest.StashKey[Target]()
WRITER = pytest.StashKey[Writer]()
MISTAKE = "a mistake of the adapter"
COUNTS = pytest.StashKey[tuple[int, int]]()  # checks begun in this file, and all of them


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
    """Register the marker, and end with the supervisor that started this process, if one did."""
    child.tie()
    config.addinivalue_line(
        "markers", "requirement(id, cases): the requirement that a test judges, and what yields its cases"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Load the target and open the record before the first module, and before pytest-xdist starts its workers.

    Errors of the setup are reported once, not once per module or worker.
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
        config.stash[WRITER] = _writer(config)
    _admit(config)
    recorder = Recorder(target_of(config).name, known_deviations(config), config.stash.get(WRITER, None))
    config.pluginmanager.register(recorder, "softmark-recorder")


def _writer(config: pytest.Config) -> Writer:
    path, tier, target = config.getoption("--record").absolute(), config.getoption("--tier"), target_of(config)
    try:
        header = machine.header(target.adapter, target.name, tier, asked(target.adapter, tier))
    except Exception as error:  # of any kind: the adapter's formats and version are another's
        reason = one_line(f"{type(error).__name__}: {outcome.told(error)}")
        pytest.exit(f"cannot judge {target.name}: {reason}", returncode=2)
    try:
        if config.getoption("--resume") and path.exists():
            writer = resume(path, header)
            return writer or pytest.exit(f"all is judged already in {path}", returncode=0)
        return Writer(path, header)
    except NotResumed as error:
        pytest.exit(f"cannot go on in the record: {error}", returncode=2)
    except (OSError, BrokenRecord) as error:
        pytest.exit(f"cannot write the record {path}: {error}", returncode=2)


def _admit(config: pytest.Config) -> None:
    """Check what the adapter's methods return, but for one that was judged already; a mistake ends the run.

    The record has begun by then: a process that dies of a call goes on behind it, and each check meets it anew.
    """
    writer = config.stash.get(WRITER, None)
    if writer and config.getoption("--resume"):
        return
    target = target_of(config)
    try:
        with warnings.catch_warnings(action="ignore"):
            admission.answers(target.adapter)
    except admission.AdapterMistake as mistake:
        if writer:
            writer.close()
            writer.path.unlink()  # it would be taken for a run that was cut off
        pytest.exit(f"cannot judge {target.name}: {MISTAKE}: {mistake}", returncode=2)


def target_of(config: pytest.Config) -> Target:
    """Return the target under test, loaded once; a usage error ends the run with exit code 2."""
    if TARGET not in config.stash:
        name, device, mode = (config.getoption(f"--{option}") for option in ("adapter", "device", "mode"))
        try:
            with warnings.catch_warnings(action="ignore"):  # what a framework warns of is no failure of it
                adapter = adapters.load(name, device=device, mode=mode)
                admission.describes_itself(adapter)
        except admission.AdapterMistake as mistake:
            pytest.exit(one_line(f"cannot judge {name}:{device}:{mode}: {MISTAKE}: {mistake}"), returncode=2)
        except BaseException as error:  # of any kind: the adapter is another's code
            ours = isinstance(error, ValueError | DeviceUnavailable | ImportError)
            reason = one_line(outcome.told(error) if ours else f"{type(error).__name__}: {outcome.told(error)}")
            pytest.exit(f"cannot judge {name}:{device}:{mode}: {reason}", returncode=2)
        config.stash[TARGET] = Target(f"{name}:{device}:{mode}", adapter)
    return config.stash[TARGET]


def known_deviations(config: pytest.Config) -> list[deviations.Deviation]:
    """Return the entries that concern the target in this tier."""
    path = config.getoption("--deviations")
    adapter = target_of(config).adapter
    tier = TIERS.index(config.getoption("--tier"))
    every = deviations.load(path) if path else deviations.load()
    known = deviations.of_target(every, adapter.name, adapter.version, adapter.device, adapter.mode)
    return [entry for entry in known if TIERS.index(entry.tier) <= tier]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each operation, format and case of the requirement."""
    marker = metafunc.definition.get_closest_marker("requirement")
    if marker is None:
        return
    adapter, tier = target_of(metafunc.config).adapter, metafunc.config.getoption("--tier")
    judged = list(subjects(adapter, marker, tier))
    metafunc.parametrize("check", judged, indirect=True, ids=[subject.id for subject in judged])


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Trial:
    """Return the check that the test judges."""
    request.node.check = Trial(target_of(request.config), request.param, request.config.getoption("--tier"))
    return request.node.check  # type: ignore[no-any-return]  # a node has no attribute of that name


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a resumed record already holds."""
    checks = [item for item in items if item.get_closest_marker("requirement")]
    for item in checks:
        item.add_marker(pytest.mark.filterwarnings("ignore"))  # what a framework warns of is no failure of it
    path = config.getoption("--record")
    if not checks or path is None:
        return
    done = {row.id for row in read(path).checks}  # none, unless the run is a resumed one
    config.stash[COUNTS] = (len(done), len(checks))
    if done:
        items[:] = [item for item in items if _check_id(item) not in done]


def _check_id(item: pytest.Item) -> str:
    subject = getattr(getattr(item, "callspec", None), "params", {}).get("check")
    # a requirement without a case in any format of the target has no subject
    return check_id(subject) if isinstance(subject, Subject) else item.nodeid


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave word of the check that begins: should the process die or hang, it was this one."""
    if WRITER in item.config.stash and item.get_closest_marker("requirement"):
        done, total = item.config.stash[COUNTS]
        item.config.stash[COUNTS] = (done + 1, total)
        running = running_file(item.config.stash[WRITER].path)
        files.overwrite(running, f"{_check_id(item)}\n{done}\n{total}")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Take a call of pytest.exit for an error like any other: no adapter ends the run.

    What an adapter is not to be judged on is absent.
    """
    check: Trial | None = getattr(pyfuncitem, "check", None)
    if check is not None:
        check.target.require_judged(check.subject.requirement.id)
    try:
        return (yield)
    except pytest.exit.Exception as error:
        raise RuntimeError(f"pytest.exit: {error}") from error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what happened into an outcome of the suite, and that into one of pytest."""
    report = yield
    check: Trial | None = getattr(item, "check", None)
    if check is not None and call.when == "call":
        attach(report, outcome.row_of(check, call), known_deviations(item.config))
    return report
