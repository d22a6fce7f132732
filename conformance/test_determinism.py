"""Determinism: which changes of the surroundings leave the bits of a result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.cases import Case, normal, with_labels
from conformance.target import Check
from conformance.test_gradients import differentiated
from conformance.ulp import format_of


def ordinary(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Normal logits, at lengths with one and with many partial sums."""
    for n in (1000,) if tier == "quick" else (33, 1000):
        yield from with_labels(Case(f"normal-6x{n}-seed4", normal(6, n, seed=4)), operation, 6, n)


def batches(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Batches that are shared out over threads and vectors of rows."""
    for n in (1000,) if tier == "quick" else (33, 1000, 4097):
        yield from with_labels(Case(f"normal-64x{n}-seed4", f"{normal(64, n, seed=4)} * 4"), operation, 64, n)


def gradients(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Their gradients."""
    yield from differentiated(Case("normal-6x1000-seed4", normal(6, 1000, seed=4)), "vjp", operation, 1000)


def formats_with_infinity(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Normal logits where −inf can be appended."""
    if format_of(dtype).infinite:
        yield from ordinary(operation, dtype, tier)


def bits(values: Any) -> np.ndarray[Any, Any]:
    """The bytes of each element: NaN equals itself."""
    array = np.ascontiguousarray(values)
    return array.view(f"u{array.dtype.itemsize}")


def compare(check: Check, one: Any, other: Any) -> int:
    """How many elements differ in their bits; kept as a measurement."""
    differing = int(np.count_nonzero(bits(one) != bits(other)))
    check.measured |= {"elements": int(np.size(one)), "differing": differing}
    check.observed = "same bits" if differing == 0 else "other bits"
    check.describe(check.case)
    return differing


@pytest.mark.requirement("DET-01", cases=ordinary)
def test_forward_repeats_its_bits(check: Check) -> None:
    assert compare(check, check.call.run(check.adapter), check.call.run(check.adapter)) == 0


@pytest.mark.requirement("DET-02", cases=gradients)
def test_gradient_repeats_its_bits(check: Check) -> None:
    assert compare(check, check.call.run(check.adapter), check.call.run(check.adapter)) == 0


@pytest.mark.requirement("DET-03", cases=batches)
def test_row_alone_has_the_bits_of_the_batch(check: Check) -> None:
    call = check.call
    alone = [
        replace(call, x=call.x[[i]], labels=None if call.labels is None else call.labels[[i]]).run(check.adapter)
        for i in range(len(call.x))
    ]
    compare(check, call.run(check.adapter), np.concatenate(alone))


@pytest.mark.requirement("DET-04", cases=ordinary)
def test_first_axis_has_the_bits_of_the_last(check: Check) -> None:
    call = check.call
    first = replace(call, x=np.ascontiguousarray(call.x.T), axis=0)
    compare(check, call.run(check.adapter), first.run(check.adapter).T)


@pytest.mark.requirement("DET-05", cases=formats_with_infinity)
def test_padding_leaves_the_bits(check: Check) -> None:
    call = check.call
    n = call.x.shape[1]
    wide = np.concatenate([call.x, np.full((6, 1000 + 33 - n), -np.inf).astype(call.x.dtype)], axis=1)
    compare(check, call.run(check.adapter), replace(call, x=wide).run(check.adapter)[:, :n])
