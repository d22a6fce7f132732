"""`python -m benchmarks.timing.oracle [--elements N]`: time an element's true value, by each oracle there is.

Certified arithmetic, ball arithmetic, mpmath and MPFR compute the softmax of rows of one kind, in turn, in
one thread, the latter three with the precision of the oracle's first step, on few rows, since they are slow.
The time is the processor's, of this process alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from conformance import terminal
from conformance.operations.query import Query, evaluate
from conformance.truth.certified import Sums, nearest
from conformance.truth.formats import Floats, format_of
from conformance.truth.oracle import PRECISIONS

LENGTHS = (2, 33, 1000, 50257)
BITS = PRECISIONS[0]
REPEATS = 3
FEW = 4000  # elements for what takes microseconds and more


def rows(n: int, elements: int) -> Floats:
    """Float32 logits of scale 4, (n, r)."""
    random = np.random.default_rng(n)
    return (4 * random.standard_normal((n, max(1, elements // n)))).astype(np.float32).astype(np.float64)


def certified(x: Floats) -> Any:
    """The fast path, rounded to float32."""
    return nearest(Sums.of(x).softmax(), format_of("float32"))


def balls(x: Floats) -> Any:
    """The oracle, rounded to float64."""
    return evaluate(Query("softmax", np.ascontiguousarray(x.T)))


def mpmath(x: Floats) -> Any:
    """The formula in mpmath."""
    import mpmath

    with mpmath.workprec(BITS):
        return [_quotients([mpmath.exp(mpmath.mpf(v)) for v in gaps]) for gaps in _gaps(x)]


def mpfr(x: Floats) -> Any:
    """The formula in MPFR, by gmpy2."""
    import gmpy2

    with gmpy2.context(precision=BITS):
        return [_quotients([gmpy2.exp(gmpy2.mpfr(v)) for v in gaps]) for gaps in _gaps(x)]


def _gaps(x: Floats) -> list[list[float]]:
    return (x - x.max(axis=0)).T.tolist()  # type: ignore[no-any-return]  # differences of float32 that are near


def _quotients(powers: list[Any]) -> list[Any]:
    total = sum(powers[1:], powers[0])
    return [power / total for power in powers]


ORACLES: dict[str, Callable[[Floats], Any]] = {
    "certified": certified,
    "ball arithmetic": balls,
    "mpmath": mpmath,
    "MPFR": mpfr,
}


def microseconds(oracle: Callable[[Floats], Any], x: Floats) -> float:
    """Microseconds an element: the least of the repeats."""
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        oracle(x)
        times.append(time.process_time() - began)
    return 1e6 * min(times) / x.size


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timing.oracle", description=__doc__)
    parser.add_argument("--elements", type=lambda text: int(float(text)), default=10**6)
    elements = parser.parse_args().elements
    table = Table(title="microseconds an element of softmax, float32 logits", box=box.SIMPLE_HEAD)
    table.add_column("row length", justify="right")
    for name in ORACLES:
        table.add_column(name, justify="right")
    for n in LENGTHS:
        found = [
            microseconds(oracle, rows(n, elements if oracle is certified else FEW)) for oracle in ORACLES.values()
        ]
        table.add_row(str(n), *(f"{value:.3g}" for value in found))
    terminal.console().print(table)


if __name__ == "__main__":
    main()
