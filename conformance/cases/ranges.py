"""Cases of the range: what yields them for each requirement of the family."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance import operations
from conformance.cases.rows import with_index, with_labels
from conformance.run.case import Case
from conformance.truth.formats import format_of

OFFSETS = {"1e4": 1e4, "1e8": 1e8, "1e20": 1e20}


def offsets(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Equal logits, and logits a few ulps apart, at a large common offset of either sign."""
    for name, offset in OFFSETS.items():
        if offset > format_of(dtype).largest:
            continue
        spread = f"{offset} * (1 + np.arange(33) * {2.0 ** -format_of(dtype).precision})"
        for sign in ("", "-"):
            label = f"{'minus-' if sign else ''}{name}"
            equal = Case(f"offset-{label}", f"np.full((6, 33), {sign}{offset})")
            near = Case(f"offset-{label}-ulps", f"{sign}{spread} * np.ones((6, 1))")
            yield from with_labels(equal, operation, 6, 33)
            yield from with_labels(near, operation, 6, 33)
    yield from with_labels(Case("offset-largest", "np.full((6, 33), MAX)"), operation, 6, 33)
    yield from with_labels(Case("offset-minus-largest", "np.full((6, 33), -MAX)"), operation, 6, 33)


def extremes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows of the largest finite number, its negative and 0."""
    case = Case(
        "largest-mixed",
        "np.array([[MAX, -MAX, 0.0], [0.0, MAX, -MAX], [-MAX, -MAX, -MAX], [MAX, MAX, -MAX]])",
    )
    op = operations.get(operation)
    if op.labelled:  # at the maximum: elsewhere the loss itself overflows
        yield with_index(case, operation, "np.array([0, 1, 2, 1])")
        return
    if not op.logarithmic:  # likewise a log-probability
        yield case
    half = "np.array([[MAX, 0.0, 0.0], [0.0, MAX, MAX / 2], [-MAX, -MAX, -MAX], [MAX, MAX, 0.0]])"
    yield Case("largest-and-zero", half)


def overflowing_gap(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """max − (−max)."""
    if format_of(dtype).infinite:
        yield Case("largest-gap", "np.array([[MAX, -MAX, 0.0], [-MAX, MAX, -MAX], [0.0, -MAX, MAX]])")


def maximum_at_each_position(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The maximum at each position in turn, ahead of the rest by more than exp can hold."""
    ahead = 1000.0 if format_of(dtype).largest > 1000 else 200.0
    for n in (33, 130) if tier == "quick" else (33, 130, 257, 1025):
        # of a long row the positions about its vectors, blocks and ends
        at = f"np.arange({n})" if n <= 130 else f"np.unique(np.arange(0, {n}, 64) + [[-1], [0], [1]]) % {n}"
        yield with_index(Case(f"maximum-each-position-n{n}", f"{ahead} * np.eye({n})[{at}]"), operation, at)


def offset_blocks(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Whole logits far below zero, along the axes of a block that are not the last."""
    offset = 20000 if format_of(dtype).largest > 60000 else 200
    step = 16 if offset > 1000 else 1  # what 11 bits hold at the offset; to bfloat16 it is rounded first
    x = f"-{offset} + {step} * np.random.default_rng(8).integers(-4, 5, (5, 6, 7))"
    for axis in (0, 1):
        yield Case(f"offset-{offset}-axis-{axis}", x, axis=axis)


def far_below(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Entries so far below the maximum that their probability underflows."""
    yield Case("far-below", "np.array([[0, -50, -110, -300, -440.0]]) + np.zeros((3, 1))")
    if format_of(dtype).largest > 30000:
        yield Case(
            "further-below", "np.array([[0, -1000, -30000.0], [30000, -20000, 0], [-20000, -20100, -30000]])"
        )


def subnormal(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A probability of a quarter of the smallest normal."""
    yield Case(
        "quarter-of-smallest-normal",
        f"np.array([[0.0, {float(np.log(format_of(dtype).smallest_normal / 4))}]])",
    )
