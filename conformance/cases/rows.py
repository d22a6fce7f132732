"""Rows of logits as expressions, at the lengths where kernels switch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conformance import operations
from conformance.run.case import Case

SCALES = "[[0.01], [1], [4], [10], [20], [40]]"  # no gap beyond what float8_e4m3fn holds


def normal(rows: int, n: int, seed: int = 0) -> str:
    """Standard normal logits (rows, n)."""
    return f"np.random.default_rng({seed}).standard_normal(({rows}, {n}))"


def regimes(n: int, seed: int = 0) -> str:
    """Six rows of n logits, from nearly equal to one that dominates; two rows where n is large."""
    return f"{normal(6, n, seed)} * {SCALES}" if n <= 5000 else f"{normal(2, n, seed)} * [[1], [4]]"


def rows_of(n: int) -> int:
    """Return the number of rows that `regimes` has."""
    return 6 if n <= 5000 else 2


def index_labels(rows: int, n: int) -> str:
    """One class a row."""
    return f"np.arange({rows}) * 7 % {n}"


def soft_labels(rows: int, n: int, seed: int = 5) -> str:
    """Probabilities (rows, n): a softmax themselves, exact powers aside; one class has exactly 1."""
    if n == 1:
        return f"np.ones(({rows}, 1))"
    return f"np.random.default_rng({seed}).dirichlet(np.ones({n}), {rows})"


def with_labels(case: Case, operation: str, rows: int, n: int) -> Iterator[Case]:
    """`case` itself, or for a loss each form of its labels."""
    op = operations.get(operation)
    if not op.labelled:
        yield case
        return
    for form in op.labels:
        labels = index_labels(rows, n) if form == "index" else soft_labels(rows, n)
        yield replace(case, name=f"{form}-{case.name}", labels=labels)


def with_index(case: Case, operation: str, labels: str) -> Case:
    """`case` itself, or for a loss `case` with index labels, one-hot ones where it takes no others."""
    op = operations.get(operation)
    if not op.labelled:
        return case
    if "index" in op.labels:
        return replace(case, name=f"index-{case.name}", labels=labels)
    return replace(case, name=f"one-hot-{case.name}", labels=f"np.eye(np.shape({case.x})[-1])[{labels}]")


# Row lengths where kernels switch: within and past a vector, a block, a cache, a grid; and real vocabularies
SHORT = (1, 2, 3, 7, 31, 32, 33, 127, 128, 129)
MIDDLE = (255, 257, 513, 640, 1000, 1023, 1024, 1025, 2047, 2048, 2049, 4097)
LONG = (32000, 50257, 100001, 128256, 131071)
HUGE = (262144, 1048577)  # the exhaustive tier's
# the quick tier's are few, since a compiler is asked anew for each; so are the full one's in a format but float32
QUICK = {"float32": (3, 33, 129, 513, 1000, 2049, 50257)}
QUICK_OTHERS = (33, 1000)
FULL_OTHERS = (1, 7, 33, 129, 1000, 1025, 2049, 4097, 50257, 131071)


def lengths(dtype: str, tier: str) -> tuple[int, ...]:
    """The row lengths a tier tries in a format."""
    if tier == "quick":
        return QUICK.get(dtype, QUICK_OTHERS)
    if tier == "full" and dtype != "float32":
        return FULL_OTHERS
    return SHORT + MIDDLE + LONG + (HUGE if tier == "exhaustive" else ())


def accuracy(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every regime at every row length; probability labels at those of the quick tier and a few more."""
    dense = (*lengths(dtype, "quick"), 1, 1025, 4097)
    for n in lengths(dtype, tier):
        case = Case(f"regimes-n{n}-seed{n}", regimes(n, seed=n))
        made = with_labels(case, operation, rows_of(n), n)
        yield from made if n in dense or tier == "exhaustive" else [next(made)]
