"""Every command is there, says what it does, and ends in an exit code."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from reports.timing import current

ROOT = Path(__file__).parent.parent


def test_each_command_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    for name, module in command.COMMANDS.items():
        head = (import_module(module).__doc__ or "").splitlines()[0]
        assert head.startswith(f"`python -m benchmarks {name}")
        assert f"{name} {head.partition(': ')[2]}" in told


@pytest.mark.parametrize("name", command.COMMANDS)
def test_each_command_takes_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: python -m benchmarks {name}" in capsys.readouterr().out


def test_foreign_text_acts_on_no_terminal(tmp_path: Path) -> None:
    foreign = tmp_path / "\x1b[31m[red]"
    for arguments in (["agreement", str(foreign), str(foreign)], ["performance", "--results", str(foreign)]):
        asked = (sys.executable, "-m", "benchmarks", *arguments)
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        assert "\ufffd[31m[red]" in done.stderr
        assert "\x1b" not in done.stderr


@pytest.mark.parametrize("arguments", [[], ["measure"], ["gpu"], ["current", "--device", "tpu"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_command_is_given_its_options_and_its_exit_code_is_kept(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[argparse.Namespace] = []

    def run(options: argparse.Namespace) -> int:
        given.append(options)
        return code

    monkeypatch.setattr(current, "run", run)
    assert command.main(["current", "numpy", "--rounds", "5"]) == code
    assert (given[0].frameworks, given[0].rounds) == (["numpy"], 5)


def test_an_interrupt_is_one_line_and_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(options: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(current, "run", run)
    assert command.main(["current"]) == 130
    assert capsys.readouterr().err == "current: interrupted\n"


def test_a_job_that_is_ended_ends_like_one_that_is_interrupted() -> None:
    script = """
import os, runpy, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell leaves it in the background
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # though nohup be around the tests
from reports.timing import current
def run(options):
    os.kill(os.getpid(), getattr(signal, options.frameworks[0]))
    time.sleep(30)
current.run = run
sys.argv = ["benchmarks", "current", sys.argv[1]]
runpy.run_module("benchmarks", run_name="__main__")
"""
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        done = subprocess.run((sys.executable, "-c", script, name), cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (130, "current: interrupted\n")
