"""A release is judged in an environment that is gone afterwards; what fails is a line, and the rest goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib import metadata
from pathlib import Path
from threading import Event

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rich.console import Console

from adapters import ROOT
from adapters.releases import Release
from conformance import __main__ as command
from conformance.record import reading
from conformance.record.records import Record
from conformance.run.processes import environments, machine, supervisor
from conformance.run.processes import releases as judging
from conformance.run.processes.environments import NotInstalled
from conformance.run.processes.releases import Plan
from tests.samples import check, record

HERE = ".".join(map(str, sys.version_info[:2]))
PINS = ("ml-dtypes==0.5.4", "numpy==2.4.1", "scipy==1.17.0")
SCIPY = Release("scipy", "1.17.0", date(2026, 1, 10), f">={HERE},<3.99", PINS)
QUIET = Console(quiet=True)
Judge = Callable[..., Record]


def of(version: str, **fields: object) -> Record:
    """A finished record of SciPy."""
    found = record(check(), target="scipy:cpu:eager")
    header = replace(found.header, framework={"name": "scipy", "version": version, "build": ""})
    return replace(found, header=replace(header, **fields))  # type: ignore[arg-type]  # as given


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan("quick", tmp_path, 60.0, Event())


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The environments that were made: nothing is installed, and nothing judged but what `judges` says."""
    folders: list[Path] = []

    def make(release: Release, folder: Path, stop: Event) -> str:
        folder.mkdir()
        folders.append(folder)
        return str(folder / "bin" / "python")

    monkeypatch.setattr(environments, "make", make)
    return folders


def judges(monkeypatch: pytest.MonkeyPatch, run: Callable[[supervisor.Order], Record]) -> None:
    monkeypatch.setattr(supervisor, "run", lambda order, report, stop: run(order))


# One release


def test_a_release_is_judged_by_its_own_python_in_its_usual_mode(
    plan: Plan, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[supervisor.Order] = []

    def run(order: supervisor.Order) -> Record:
        assert made[0].is_dir()
        seen.append(order)
        return of("1.17.0")

    judges(monkeypatch, run)
    found = judging.judge(SCIPY, plan, lambda now: None)
    assert found.footer is not None
    assert found.footer.error is None
    assert seen[0].target == "scipy:cpu:eager"
    assert seen[0].python == str(made[0] / "bin" / "python")
    assert supervisor.command(seen[0])[0] == seen[0].python
    assert not made[0].parent.exists()


def problem(found: Record) -> str | None:
    return found.footer.error if found.footer else None


def test_a_release_that_does_not_install_has_a_record_that_says_why(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(release: Release, folder: Path, stop: Event) -> str:
        raise NotInstalled("there are no\nwheels")

    monkeypatch.setattr(environments, "make", make)
    found = judging.judge(SCIPY, plan, lambda now: None)
    assert problem(found) == "there are no wheels"
    assert found.header.framework["version"] == "1.17.0"
    assert found.header.target == "scipy:cpu:eager"


def test_a_framework_that_ends_its_process_is_told_by_its_last_words(
    plan: Plan, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(order: supervisor.Order) -> Record:
        order.log.write_text("Traceback\nImportError: no GLIBC_2.99\n\n")
        found = of("1.17.0")
        assert found.footer is not None
        footer = replace(found.footer, error=f"the process ended (exit code 3); see {order.log}")
        return replace(found, footer=footer)

    judges(monkeypatch, run)
    found = judging.judge(SCIPY, plan, lambda now: None)
    assert problem(found) == "the process ended (exit code 3): ImportError: no GLIBC_2.99"


def test_an_error_that_leads_to_no_log_is_told_as_it_is(
    plan: Plan, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = judging.refused(SCIPY, supervisor.Order("scipy", "cpu", "eager", "quick", Path(), 1.0), "no device")
    judges(monkeypatch, lambda order: failed)
    assert problem(judging.judge(SCIPY, plan, lambda now: None)) == "no device"


@pytest.mark.parametrize(
    ("version", "said"),
    [("1.17.0+cpu", None), ("1.16.0", "the environment holds scipy 1.16.0")],
)
def test_the_version_judged_is_the_one_that_was_asked_for(
    plan: Plan, made: list[Path], monkeypatch: pytest.MonkeyPatch, version: str, said: str | None
) -> None:
    judges(monkeypatch, lambda order: of(version))
    assert problem(judging.judge(SCIPY, plan, lambda now: None)) == said


# Several


def test_what_fails_is_one_line_and_the_rest_is_judged(
    plan: Plan, made: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = replace(SCIPY, version="1.0.0")
    judges(monkeypatch, lambda order: of("1.17.0"))
    assert judging.judge_all([wrong, SCIPY], plan, 2, Console()) == ["the environment holds scipy 1.17.0"]
    assert sorted(path.name for path in plan.output.iterdir()) == [
        "scipy-1.0.0.jsonl.xz",
        "scipy-1.17.0.jsonl.xz",
    ]
    said = capsys.readouterr().out
    assert "scipy-1.0.0 cannot be judged: the environment holds scipy 1.17.0\n" in said
    assert "scipy-1.17.0 holds 1" in said


def test_a_failure_takes_the_place_of_no_finished_record(plan: Plan) -> None:
    path = plan.record(SCIPY)
    refused = judging.refused(SCIPY, supervisor.Order("scipy", "cpu", "eager", "quick", Path(), 1.0), "offline")
    assert judging.keep(refused, path) == "offline"
    assert problem(reading.read(path)) == "offline"
    assert judging.keep(of("1.17.0"), path) is None
    assert judging.keep(refused, path) == "offline"
    assert problem(reading.read(path)) is None
    assert [one.name for one in plan.output.iterdir()] == [path.name]


def test_an_interrupt_keeps_what_is_finished_and_stops_what_runs(
    plan: Plan, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(order: supervisor.Order) -> Record:
        if len(made) == 1:
            return of("1.17.0")
        raise KeyboardInterrupt

    judges(monkeypatch, run)
    later = [replace(SCIPY, version=version) for version in ("1.16.3", "1.15.3")]
    with pytest.raises(KeyboardInterrupt):
        judging.judge_all([SCIPY, *later], plan, 1, QUIET)
    assert plan.stop.is_set()
    assert [path.name for path in plan.output.iterdir()] == ["scipy-1.17.0.jsonl.xz"]
    assert not any(folder.exists() for folder in made)


# What is judged already


def test_a_finished_record_of_the_same_tier_and_suite_is_left(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "same_suite", lambda commit, framework: (commit, framework) == ("abc", "scipy"))
    assert not judging.judged(plan, SCIPY)
    judging.keep(of("1.17.0"), plan.record(SCIPY))
    assert judging.judged(plan, SCIPY)
    assert not judging.judged(replace(plan, tier="full"), SCIPY)
    for other in (of("1.17.0", suite_commit="abd"), replace(of("1.17.0"), footer=None)):
        plan.record(SCIPY).unlink()
        judging.keep(other, plan.record(SCIPY))
        assert not judging.judged(plan, SCIPY)
    plan.record(SCIPY).write_text("nonsense")
    assert not judging.judged(plan, SCIPY)


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(("git", "-C", str(folder), *who, *arguments), check=True)  # no fork, which JAX warns of


def test_a_suite_is_the_same_while_nothing_that_judges_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    for name in (
        "adapters/scipy.py",
        "adapters/jax.py",
        "conformance/truth/bounds.py",
        "conformance/record/timeline.py",
        "README.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    commit = machine.commit()
    for harmless in ("adapters/jax.py", "conformance/record/timeline.py", "README.md"):
        (tmp_path / harmless).write_text("2")
        assert machine.same_suite(commit, "scipy")
    assert not machine.same_suite(commit, "jax")
    git(tmp_path, "checkout", "--quiet", ".")
    (tmp_path / "README.md").write_text("2")
    assert machine.commit() == commit
    (tmp_path / "conformance/truth/bounds.py").write_text("2")
    assert machine.commit() == f"{commit}-dirty"
    assert not machine.same_suite(commit, "scipy")


def test_the_commit_is_that_of_this_suite_whatever_repository_the_shell_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = machine.commit()
    git(tmp_path, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert machine.commit() == before != ""


@pytest.mark.parametrize("commit", ["", "0123456789ab-dirty", "0123456789ab", "--output=taken"])
def test_a_suite_of_an_unknown_or_changed_commit_is_another(commit: str) -> None:
    assert not machine.same_suite(commit, "scipy")


def test_what_judges_is_all_that_a_check_imports_and_no_more() -> None:
    modules = {path.relative_to(ROOT).with_suffix("") for path in (ROOT / "conformance").rglob("*.py")}
    judges = {".".join(path.parts) for path in modules if path.name != "__init__"}
    left_out = {name for name in judges if any(_stands_in(name, place) for place in machine.NO_JUDGES)}
    tests = [name for name in judges if name.startswith("conformance.test_")]
    script = f"import sys, conformance.run.plugin, {', '.join(tests)}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    imported = set(done.stdout.split())
    # what a run imports to write its record, to name an outcome and to show it decides none
    recording = {
        "decoding",
        "reading",
        "records",
        "resuming",
        "schema",
        "storage",
        "verdict",
        "version1",
        "writing",
    }
    told = {f"conformance.record.{name}" for name in recording}
    told |= {f"conformance.run.processes.{name}" for name in ("child", "machine", "supervisor")}
    assert left_out & imported == {*told, "conformance.files", "conformance.foreign"}
    assert judges - imported <= left_out


def test_a_run_imports_nothing_that_an_environment_of_a_release_lacks() -> None:
    script = (
        "import sys, importlib.metadata as metadata, conformance.run.plugin\n"
        "provided = metadata.packages_distributions()\n"
        "print(*{name for module in sys.modules for name in provided.get(module.partition('.')[0], ())})"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    installed = {canonicalize_name(name) for name in done.stdout.split()}
    more = installed - _with_dependencies({*environments.HARNESS, "ml-dtypes", "numpy"})
    assert more <= {"setuptools", "typing-extensions"}  # which msgspec takes where it is there


def _with_dependencies(names: set[str]) -> set[str]:
    """These distributions and all that they need here."""
    asked = [Requirement(line) for name in names for line in metadata.requires(name) or ()]
    needed = {canonicalize_name(one.name) for one in asked if one.marker is None or one.marker.evaluate()}
    return names if needed <= names else _with_dependencies(names | needed)


def _stands_in(module: str, place: str) -> bool:
    """Whether a module is that file, or in that folder."""
    dotted = place.removesuffix(".py").replace("/", ".")
    return module == dotted or module.startswith(f"{dotted}.")


# The command


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["mxnet"], "unknown framework 'mxnet': choose one of numpy, scipy"),
        (["jax-0.0.1"], "jax-0.0.1 is not in adapters/releases.toml: of jax there are 0.4.20"),
        (["--jobs", "0"], "--jobs is at least 1"),
        (["--output", "/dev/null/records"], "/dev/null/records"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["releases", *arguments]) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1


def test_without_uv_the_command_says_where_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(judging, "find_spec", lambda name: None)
    assert command.main(["releases", "scipy"]) == 2
    assert "the group `bench` of pyproject.toml has it" in capsys.readouterr().err


def test_the_command_ends_with_when_each_deviation_came_and_went(
    plan: Plan, made: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "same_suite", lambda commit, framework: True)
    wraps = check("IFC-11", "fail", case="whole")

    def run(order: supervisor.Order) -> Record:
        found = record(wraps if len(made) == 1 else replace(wraps, outcome="pass"), target="scipy:cpu:eager")
        version = {1: "1.17.1", 2: "1.11.4"}[len(made)]
        told = {"name": "scipy", "version": version, "build": ""}
        return replace(found, header=replace(found.header, framework=told))

    judges(monkeypatch, run)
    arguments = ["releases", "scipy-1.17.1", "scipy-1.11.4", "--output", str(plan.output)]
    assert command.main(arguments) == 0
    assert "scipy-integers-wrap: since 1.17.1 (not yet in 1.11.4)\n" in capsys.readouterr().out
    assert command.main(arguments) == 0
    assert "2 of 2 releases are judged" in capsys.readouterr().out
    assert len(made) == 2


@pytest.mark.parametrize(
    ("fails", "code"),
    [(NotInstalled("no wheels"), 1), (KeyboardInterrupt(), 130)],
)
def test_the_exit_code_tells_a_failure_from_an_interrupt(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, fails: BaseException, code: int
) -> None:
    def make(release: Release, folder: Path, stop: Event) -> str:
        raise fails

    monkeypatch.setattr(environments, "make", make)
    assert command.main(["releases", "scipy-1.11.4", "--output", str(plan.output)]) == code


# Environments
