"""`python -m benchmarks.linear_memory TARGET`: the peak memory of linear cross-entropy, in copies of the logits.

One mean loss and its gradient in hidden, in float32, beside the inputs. TARGET is an adapter, or a function with
`--arrays`, as for `python -m conformance judge`. The second call of a child process is measured, whose freed
memory goes back at once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import adapters
from adapters.function import Declared
from adapters.linear import NAME
from benchmarks.timing import audit
from benchmarks.timing.rounds import RETURNED

ROWS, WIDTH, CLASSES = 256, 256, 32768
CHILD = "SOFTMARK_MEMORY"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the copies; exit code 1 where no peak is seen."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.linear_memory", description=__doc__)
    parser.add_argument("target", help="an adapter, or module:function")
    parser.add_argument("--arrays", help="of a function: numpy, torch, jax, …")
    parser.add_argument("--mode", default="eager")
    parser.add_argument("--chunk", type=int, help="rows, or classes, in a chunk, where the caller sets them")
    parser.add_argument("--size", type=int, nargs=3, default=(ROWS, WIDTH, CLASSES), metavar=("R", "D", "N"))
    options = parser.parse_args(arguments)
    if CHILD not in os.environ:
        line = [
            sys.executable,
            "-m",
            "benchmarks.linear_memory",
            *(sys.argv[1:] if arguments is None else arguments),
        ]
        return subprocess.run(line, env=os.environ | RETURNED | {CHILD: "1"}, check=False).returncode
    if options.arrays:
        Declared(options.target, NAME, options.arrays, gradient="autograd").to_environment()
    adapter = adapters.load(options.target, mode=options.mode)
    call = step(adapter, tuple(options.size), options.chunk)
    call()  # compiles, and sets up what a process sets up once
    peak = audit.resident_peak(call)
    if peak is None:
        return 1
    rows, _, classes = options.size
    print(f"{adapter.name} {adapter.version}: {peak / (4 * rows * classes):.2f} copies of the logits")
    return 0


def step(adapter: Any, size: tuple[int, ...], chunk: int | None) -> Any:
    """A loss and its gradient of random arrays, to be called."""
    rows, width, classes = size
    random = np.random.default_rng(0)
    hidden, matrix = (random.standard_normal((n, width)).astype(np.float32) for n in (rows, classes))
    x, w, c = map(adapter.asarray, (hidden, matrix / np.float32(width**0.5), np.ones((), np.float32)))
    labels = adapter.asarray(np.arange(rows) * 7 % classes)
    given = {"matrix": w, "labels": labels, "reduction": "mean"} | ({"chunk": chunk} if chunk else {})

    def run() -> Any:
        both = adapter.value_and_vjp(NAME, x, c, **given)
        adapter.synchronize(both)
        return both

    return run


if __name__ == "__main__":
    sys.exit(main())
