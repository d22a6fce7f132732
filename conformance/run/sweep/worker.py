"""`python -m conformance.run.sweep.worker`: judge chunks, one a line of JSON, until standard input ends.

A framework has a process of its own, which ends with the one that asks: on any machine, in any environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import Any

from adapters import ROOT
from conformance.run.single_thread import VARIABLES
from conformance.run.sweep.judging import Task, run

_CHILDREN: dict[str, subprocess.Popen[str]] = {}  # the one of this process, by the target that it serves
_ALONE = threading.Lock()


class Failed(RuntimeError):
    """A chunk could not be judged; the message says why."""


def ask(task: Task) -> dict[str, Any]:
    """Judge a chunk in the child that serves its target, started where there is none; one at a time.

    Raises:
        Failed: the framework raised, or ended its process.
    """
    with _ALONE:
        child = _child(task.target)
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(asdict(task)) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except OSError:
            line = ""
        if not line:
            _CHILDREN.clear()
            raise Failed(f"{task.target}: the process ended with code {child.wait()}")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise Failed(f"{task.target}: {answer['error']}")
    return answer


def _child(target: str) -> subprocess.Popen[str]:
    if target not in _CHILDREN:
        end()
        environment = os.environ | dict.fromkeys(VARIABLES, "1")
        # Dask has an array's memory given back at once, and new pages cost more than what is computed in them
        environment |= {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
        _CHILDREN[target] = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a framework's notes; what it raises is an answer
            text=True,
            cwd=ROOT,
            env=environment,
        )
    return _CHILDREN[target]


def end() -> None:
    """End the child of this process, if it has one."""
    for child in _CHILDREN.values():
        child.communicate()
    _CHILDREN.clear()


def main() -> None:
    """Answer every line with one."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a framework prints is no answer
    for line in sys.stdin:
        task = json.loads(line)
        task = Task(**task | {"axes": tuple(task["axes"])})
        try:
            answer = run(task)
        except Exception as error:  # the framework's own, of any kind
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
