"""Measure the speed of the suite itself: checks a second, an element's true value, and pairs of a sweep a second.

Larger is better of what is a second, and smaller of microseconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.own import ROOT
from benchmarks.timing import oracle
from conformance.run.sweep.judging import Task, run

FEW = 20_000  # elements


class Checks:
    """A quick run of one target, with whatever true values are on disk."""

    params = ("numpy", "scipy", "torch", "tensorflow", "jax")
    param_names = ("target",)
    timeout = 600

    def track_checks_a_second(self, target: str) -> float:
        """Return the checks over the seconds of the whole command."""
        with tempfile.TemporaryDirectory() as folder:
            line = [sys.executable, "-m", "conformance", "--targets", target, "--output", folder]
            told = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False).stdout
            (record,) = Path(folder).glob("*.jsonl")
            rows = [json.loads(row) for row in record.read_text(encoding="utf-8").splitlines()]
        seconds = float(told.rsplit(" targets in ", 1)[1].split(" s", 1)[0])
        return (len(rows) - 2) / seconds

    track_checks_a_second.unit = "1/s"  # type: ignore[attr-defined]  # asv reads this attribute


class Oracle:
    """The true value of an element of softmax."""

    params = (list(oracle.ORACLES)[:2], oracle.LENGTHS)
    param_names = ("oracle", "n")

    def track_microseconds(self, name: str, n: int) -> float:
        """Return the processor's time for an element."""
        return oracle.microseconds(oracle.ORACLES[name], oracle.rows(n, FEW))

    track_microseconds.unit = "us"  # type: ignore[attr-defined]  # asv reads this attribute


class Sweep:
    """A sample of all pairs, judged in this process."""

    params = (("numpy", "torch"), ("float16-pairs", "bfloat16-pairs"), ("softmax", "log_softmax"))
    param_names = ("target", "domain", "operation")
    rows = 2**20

    def track_pairs_a_second(self, target: str, domain: str, operation: str) -> float:
        """Return the pairs over the seconds of a chunk; a first one pays for what is set up once."""
        run(Task(target, domain, operation, 0, 1000, ("last",)))
        seconds: float = run(Task(target, domain, operation, 0, self.rows, ("last",)))["seconds"]
        return self.rows / seconds

    track_pairs_a_second.unit = "1/s"  # type: ignore[attr-defined]  # asv reads this attribute
