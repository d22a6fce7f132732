"""What a call through an adapter costs over the bare call: `python -m benchmarks.timing.overhead [adapter ...]`.

The bare calls are written out by hand, so that nothing is shared with what they are compared with. Both
sides are timed in turn (A B A B …) on a tiny array; the minimum of the repeats is the cost. Each target is
measured in a process of its own. No framework is imported at module level, since asv imports this module
in every environment.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import perf_counter_ns
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

import adapters

SHAPE = (8, 16)
REPEATS = 300
BATCH_NS = 500_000  # calls are timed in batches of about this long: far above the clock's resolution

Call = Callable[[], Any]


@dataclass(frozen=True)
class Overhead:
    """Nanoseconds a call, bare and through the adapter."""

    target: str
    operation: str
    bare: float
    adapter: float


def bare_scipy(mode: str, x: Any, labels: Any) -> dict[str, Call]:
    """SciPy's own functions."""
    from scipy.special import log_softmax, softmax

    return {"softmax": lambda: softmax(x, axis=-1), "log_softmax": lambda: log_softmax(x, axis=-1)}


def bare_torch(mode: str, x: Any, labels: Any) -> dict[str, Call]:
    """PyTorch's own functions, compiled in mode "compiled"."""
    import torch
    from torch.nn import functional as F  # noqa: N812  as everyone writes it

    compiled = partial(torch.compile, fullgraph=True, dynamic=False) if mode == "compiled" else as_is
    softmax, log_softmax = compiled(F.softmax), compiled(F.log_softmax)
    cross_entropy = compiled(F.cross_entropy)
    return {
        "softmax": lambda: softmax(x, dim=-1),
        "log_softmax": lambda: log_softmax(x, dim=-1),
        "softmax_cross_entropy": lambda: cross_entropy(x, labels, reduction="none"),
    }


def bare_tensorflow(mode: str, x: Any, labels: Any) -> dict[str, Call]:
    """TensorFlow's own functions, in a tf.function in modes "graph" and "xla"."""
    import tensorflow as tf

    traced = as_is if mode == "eager" else partial(tf.function, autograph=False, jit_compile=mode == "xla")
    softmax, log_softmax = traced(tf.nn.softmax), traced(tf.nn.log_softmax)
    cross_entropy = traced(tf.nn.sparse_softmax_cross_entropy_with_logits)
    return {
        "softmax": lambda: softmax(x, axis=-1),
        "log_softmax": lambda: log_softmax(x, axis=-1),
        "softmax_cross_entropy": lambda: cross_entropy(labels=labels, logits=x),
    }


def bare_jax(mode: str, x: Any, labels: Any) -> dict[str, Call]:
    """JAX's and Optax's own functions, under jax.jit in mode "jit"."""
    import jax
    import optax

    jitted = partial(jax.jit, static_argnames="axis") if mode == "jit" else as_is
    softmax, log_softmax = jitted(jax.nn.softmax), jitted(jax.nn.log_softmax)
    cross_entropy = jitted(optax.softmax_cross_entropy_with_integer_labels)
    return {
        "softmax": lambda: softmax(x, axis=-1),
        "log_softmax": lambda: log_softmax(x, axis=-1),
        "softmax_cross_entropy": lambda: cross_entropy(x, labels, axis=-1),
    }


BARE = {"scipy": bare_scipy, "torch": bare_torch, "tensorflow": bare_tensorflow, "jax": bare_jax}


def as_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, eager."""
    return function


def interleaved(bare: Call, through: Call) -> tuple[float, float]:
    """Nanoseconds a call of each, timed in turn; the minimum over the repeats."""
    batch(bare, 20), batch(through, 20)  # compile, fill caches
    count = max(1, int(BATCH_NS / batch(bare, 20)))
    pairs = [(batch(bare, count), batch(through, count)) for _ in range(REPEATS)]
    return min(first for first, _ in pairs), min(second for _, second in pairs)


def batch(call: Call, count: int) -> float:
    """Nanoseconds a call over `count` calls in a row."""
    start = perf_counter_ns()
    for _ in range(count):
        call()
    return (perf_counter_ns() - start) / count


def measure(name: str, mode: str) -> list[Overhead]:
    """Every operation of one target."""
    adapter = adapters.load(name, mode=mode)
    random = np.random.default_rng(0)
    x = adapter.asarray(random.standard_normal(SHAPE, dtype=np.float32))
    labels = adapter.asarray(random.integers(0, SHAPE[1], SHAPE[0]))
    through: dict[str, Call] = {
        "softmax": lambda: adapter.softmax(x),
        "log_softmax": lambda: adapter.log_softmax(x),
        "softmax_cross_entropy": lambda: adapter.softmax_cross_entropy(x, labels),
    }
    return [
        Overhead(f"{name}:cpu:{mode}", operation, *interleaved(bare, through[operation]))
        for operation, bare in BARE[name](mode, x, labels).items()
    ]


def measured(names: list[str]) -> Iterator[Overhead]:
    """Every target of `names`, each in a fresh process, one after the other."""
    # one thread: what is timed is the call, and waking a thread for 128 numbers costs ten times as much
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[variable] = "1"
    context = multiprocessing.get_context("spawn")
    for name in names:
        for mode in adapters.MODES[name]:
            with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
                yield from pool.submit(measure, name, mode).result()


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timing.overhead", description=__doc__)
    parser.add_argument("adapter", nargs="*", help=f"{', '.join(BARE)}; all of them by default")
    names = parser.parse_args().adapter or list(BARE)
    for name in names:
        if name not in BARE:
            parser.error(f"unknown adapter {name!r}: choose from {', '.join(BARE)}")
    title = f"nanoseconds a call, float32 {SHAPE[0]}×{SHAPE[1]}"
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for column in ("target", "operation"):
        table.add_column(column, min_width=21)
    for column in ("bare", "adapter", "difference"):
        table.add_column(column, justify="right")
    for row in measured(names):
        figures = (row.bare, row.adapter, row.adapter - row.bare)
        table.add_row(row.target, row.operation, *(f"{figure:,.0f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
