"""One call judges and times a machine: what lacks is said and left out, what is finished is not done again."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from adapters.releases import PACKAGES, BadReleases, Release
from benchmarks.asv import filing, results
from benchmarks.timing import rounds
from reports.timing import current, gpu
from tests.asv_results import release

CIFAR = "^softmax forward eager float32 cifar 1$"
# stands for the conformance suite or the benchmarks: notes what it was given, and does what it is told
STUB = """
    import json, os, signal, sys, time
    from pathlib import Path
    here = Path(__file__).parent
    with (here / "given.jsonl").open("a") as file:
        file.write(json.dumps([sys.argv[1:], os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE")]) + "\\n")
    given = sys.argv[1:]
    exec((here / "does.py").read_text())
"""


def run(folder: Path, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    gpu.add_arguments(parser)
    return gpu.run(parser.parse_args([*arguments, "--output", str(folder / "out"), "--machine", "box"]))


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for both commands, and every framework seen in a tracked release."""
    (tmp_path / "stub.py").write_text(textwrap.dedent(STUB))
    does(tmp_path, "")
    monkeypatch.setattr(gpu, "CONFORMANCE", (sys.executable, str(tmp_path / "stub.py"), "judge"))
    monkeypatch.setattr(gpu, "BENCHMARKS", (sys.executable, str(tmp_path / "stub.py")))
    monkeypatch.setattr(gpu, "unseen", lambda name, device: "")
    monkeypatch.setattr(filing, "tracked", release)
    return tmp_path


def does(folder: Path, script: str) -> None:
    (folder / "does.py").write_text(textwrap.dedent(script))


def given(folder: Path) -> list[list[str]]:
    """The arguments of each call so far."""
    lines = (folder / "given.jsonl").read_text().splitlines()
    assert {json.loads(line)[1] for line in lines} == {"false"}  # no framework takes the whole device
    return [json.loads(line)[0] for line in lines]


def note(folder: Path, name: str, asked: filing.Asked) -> None:
    """That the benchmarks of a framework are filed."""
    shelf = filing.Shelf(folder / "out" / "asv", "box", "cuda")
    shelf.facts.parent.mkdir(parents=True, exist_ok=True)
    filing.note({}, release(name, current.version(name)), shelf, asked)


def test_frameworks_are_judged_in_every_mode_and_timed_one_by_one(stub: Path) -> None:
    assert run(stub, "--conformance", "full", "--cells", "softmax", "--rounds", "3") == 0
    judged, *timed = given(stub)
    out = stub / "out"
    targets = "torch:cuda:eager,torch:cuda:compiled,"
    targets += "tensorflow:cuda:eager,tensorflow:cuda:graph,tensorflow:cuda:xla,jax:cuda:jit,jax:cuda:eager"
    assert judged[0] == "judge"
    assert "--resume" in judged
    assert options(judged) == {"--targets": targets, "--tier": "full", "--output": str(out / "records")}
    assert [one[:2] for one in timed] == [["current", name] for name in gpu.USUAL]
    assert options(timed[0]) == {
        "--save": str(out / "asv"),
        "--machine": "box",
        "--device": "cuda",
        "--tier": "core",
        "--cells": "softmax",
        "--rounds": "3",
    }


def options(arguments: list[str]) -> dict[str, str]:
    """Option → value, of those that have one."""
    places = [i for i, one in enumerate(arguments) if one.startswith("--") and one != "--resume"]
    return {arguments[i]: arguments[i + 1] for i in places}


def test_what_is_given_to_the_commands_is_what_they_take(stub: Path) -> None:
    run(stub, "torch")
    judged, timed = given(stub)
    parser = argparse.ArgumentParser()
    current.add_arguments(parser)
    taken = parser.parse_args(timed[1:])
    assert (taken.frameworks, taken.device, taken.cells) == (["torch"], "cuda", "")
    from conformance.__main__ import _orders, _parser

    orders = _orders(_parser().parse_args(judged[1:]))
    assert [order.target for order in orders] == ["torch:cuda:eager", "torch:cuda:compiled"]
    assert all(order.resume for order in orders)


@pytest.mark.parametrize("status", [0, 1])
def test_a_requirement_that_fails_is_a_finding_and_nothing_is_missing(stub: Path, status: int) -> None:
    does(stub, f"sys.exit({status} if given[0] == 'judge' else 0)")
    assert run(stub, "jax") == 0


def test_a_run_that_breaks_is_told_and_the_others_go_on(stub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    does(stub, "sys.exit(3 if given[0] == 'judge' else given[1] == 'jax')")
    assert run(stub, "jax", "torch") == 1
    assert [one[:2] for one in given(stub)[1:]] == [["current", "jax"], ["current", "torch"]]
    jax = f"jax-{current.version('jax')}"
    assert capsys.readouterr().err.splitlines() == [
        "gpu: the conformance records are not whole: exit status 3",
        f"gpu: {jax} is not timed: exit status 1",
    ]


def test_what_is_filed_is_not_timed_again(stub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note(stub, "torch", filing.Asked("core", "", rounds.ROUNDS))
    note(stub, "jax", filing.Asked("core", "softmax", rounds.ROUNDS))  # but for some cells alone
    assert run(stub, "torch", "jax") == 0
    assert [one[:2] for one in given(stub)[1:]] == [["current", "jax"]]
    assert capsys.readouterr().out == f"torch-{current.version('torch')} is timed already\n"


def test_an_untracked_release_is_judged_and_not_timed(
    stub: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tracked(name: str, version: str) -> Release:
        raise BadReleases("jax 0.0.1 is not in adapters/releases.toml")

    monkeypatch.setattr(filing, "tracked", tracked)
    assert run(stub, "jax") == 1
    assert [one[0] for one in given(stub)] == ["judge"]
    assert capsys.readouterr().err == "gpu: jax is not timed: jax 0.0.1 is not in adapters/releases.toml\n"


def test_a_framework_that_sees_no_device_is_one_line_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "numpy") == 1
    out, err = capsys.readouterr()
    assert err.startswith("gpu: numpy is left out: NumPy computes on the CPU")
    assert (out, err.count("\n")) == ("", 1)
    assert not (tmp_path / "out").exists()


def test_a_framework_that_is_missing_is_one_line_and_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = "import sys; sys.modules['numpy'] = None; " + gpu.PROBE
    monkeypatch.setattr(gpu, "PROBE", hidden)
    assert run(tmp_path, "numpy", "--device", "cpu") == 1
    assert capsys.readouterr().err.startswith("gpu: numpy is left out: import of numpy halted")


def test_an_unknown_framework_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "mxnet") == 2
    said = f"gpu: unknown framework 'mxnet': choose from {', '.join(PACKAGES)}\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rounds", "0"), "--rounds is at least 1"),
        (("--cells", "("), "'(' is no regular expression: missing )"),
        (("--cells", "what"), "no cell matches 'what'"),
    ],
)
def test_what_cannot_be_timed_is_told_before_anything_is_judged(
    arguments: tuple[str, ...], said: str, stub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(stub, "numpy", *arguments) == 2
    assert capsys.readouterr().err.startswith(f"gpu: {said}")
    assert not (stub / "given.jsonl").exists()


def test_a_folder_that_cannot_be_filed_into_is_told_before_anything_is_judged(
    stub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stub / "out").write_text("no folder", encoding="utf-8")
    assert run(stub, "numpy") == 2
    assert capsys.readouterr().err == f"gpu: {stub / 'out'} is no folder that can be written to\n"
    assert not (stub / "given.jsonl").exists()


def test_an_interrupt_reaches_the_command_and_says_how_it_goes_on(
    stub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = """
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            os.kill(os.getppid(), signal.SIGINT)
            time.sleep(60)
        except KeyboardInterrupt:
            (here / "ended").write_text("")
    """
    does(stub, script)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
    try:
        assert run(stub, "torch") == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert (stub / "ended").exists()
    assert len(given(stub)) == 1
    said = "gpu: interrupted; what is finished is kept, and the same command goes on\n"
    assert capsys.readouterr().err == said


def test_a_machine_without_a_gpu_is_timed_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "CONFORMANCE", (sys.executable, "-c", ""))
    options = ("numpy", "--device", "cpu", "--cells", CIFAR, "--rounds", "1")
    assert run(tmp_path, *options) == 0
    found = results.read(tmp_path / "out" / "asv")
    latency = [row for row in found.rows if row.metric == "latency"]
    assert [(row.machine, row.release.framework, row.cell.name) for row in latency] == [
        ("box", "numpy", "softmax forward eager float32 cifar 1")
    ]
    assert run(tmp_path, *options) == 0
    assert "is timed already" in capfd.readouterr().out
