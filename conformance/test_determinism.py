"""Determinism: which changes of the surroundings leave the bits of a result."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adapters.protocol import NotProvided
from conformance.cases.gradients import differentiated
from conformance.cases.rows import normal, with_labels
from conformance.cases.views import VIEWS, aligned, misaligned
from conformance.run.case import Case
from conformance.run.target import Refused, Trial
from conformance.truth.formats import exact, format_of


def ordinary(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Normal logits, at lengths with one and with many partial sums."""
    for n in (1000,) if tier == "quick" else (33, 1000):
        yield from with_labels(Case(f"normal-6x{n}-seed4", normal(6, n, seed=4)), operation, 6, n)


def batches(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Batches that are shared out over threads and vectors of rows."""
    for n in (1000,) if tier == "quick" or dtype != "float32" else (33, 1000):
        yield from with_labels(Case(f"normal-64x{n}-seed4", f"{normal(64, n, seed=4)} * 4"), operation, 64, n)


def shared_out(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Batches that are shared out over threads, in few formats: each is computed in a second process too."""
    if dtype == "float32" or (dtype == "float16" and tier != "quick") or tier == "exhaustive":
        yield next(batches(operation, dtype, "quick"))


def gradients(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Their gradients."""
    yield from differentiated(Case("normal-6x1000-seed4", normal(6, 1000, seed=4)), "vjp", operation, 1000)


def views(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Normal logits in few formats: a compiler is asked anew for each view."""
    if dtype == "float32" or tier == "exhaustive":
        yield next(ordinary(operation, dtype, "quick"))


def in_place(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Normal logits and their gradients, in few formats."""
    if dtype == "float32" or tier == "exhaustive":
        yield next(ordinary(operation, dtype, "quick"))
        yield replace(next(gradients(operation, dtype, tier)), name="gradient-normal-6x1000-seed4")


def at_once(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits long enough that two calls overlap, and their gradients, in few formats."""
    if dtype == "float32" or tier == "exhaustive":
        case = Case("normal-4x4096-seed4", normal(4, 4096, seed=4))
        yield next(with_labels(case, operation, 4, 4096))
        yield next(differentiated(replace(case, name=f"gradient-{case.name}"), "vjp", operation, 4096, 4))


def in_deterministic_mode(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Normal logits, and their gradients."""
    if dtype == "float32" or tier == "exhaustive":
        yield from ordinary(operation, dtype, "quick")
        for case in gradients(operation, dtype, tier):
            yield replace(case, name=f"gradient-{case.name}")


def formats_with_infinity(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Normal logits where −inf can be appended."""
    if format_of(dtype).infinite:
        yield from ordinary(operation, dtype, tier)


TIMES = 100  # calls of each of two threads


def bits(values: Any) -> np.ndarray[Any, Any]:
    """The bytes of each element: NaN equals itself."""
    array = np.ascontiguousarray(values)
    return array.view(f"u{array.dtype.itemsize}")


def compare(check: Trial, one: Any, other: Any) -> int:
    """Return the number of elements that differ in their bits; it is kept as a measurement."""
    differing = int(np.count_nonzero(bits(one) != bits(other)))
    check.measured |= {"elements": int(np.size(one)), "differing": differing}
    check.observed = "same bits" if differing == 0 else "other bits"
    check.describe(check.case)
    if check.subject.requirement.level != "report":
        check.holds(bits(one) == bits(other), exact(one), exact(other))
    return differing


@pytest.mark.requirement("DET-01", cases=ordinary)
def test_forward_repeats_its_bits(check: Trial) -> None:
    assert compare(check, check.call.run(check.adapter), check.call.run(check.adapter)) == 0


@pytest.mark.requirement("DET-02", cases=gradients)
def test_gradient_repeats_its_bits(check: Trial) -> None:
    assert compare(check, check.call.run(check.adapter), check.call.run(check.adapter)) == 0


@pytest.mark.requirement("DET-03", cases=batches)
def test_row_alone_has_the_bits_of_the_batch(check: Trial) -> None:
    call = check.call
    alone = [
        replace(call, x=call.x[[i]], labels=None if call.labels is None else call.labels[[i]]).run(check.adapter)
        for i in range(len(call.x))
    ]
    compare(check, call.run(check.adapter), np.concatenate(alone))


@pytest.mark.requirement("DET-04", cases=ordinary)
def test_first_axis_has_the_bits_of_the_last(check: Trial) -> None:
    call = check.call
    first = replace(call, x=np.ascontiguousarray(call.x.T), axis=0)
    compare(check, call.run(check.adapter), first.run(check.adapter).T)


@pytest.mark.requirement("DET-05", cases=formats_with_infinity)
def test_padding_leaves_the_bits(check: Trial) -> None:
    call = check.call
    n = call.x.shape[1]
    wide = np.concatenate([call.x, np.full((6, 1000 + 33 - n), -np.inf).astype(call.x.dtype)], axis=1)
    compare(check, call.run(check.adapter), replace(call, x=wide).run(check.adapter)[:, :n])


@pytest.mark.requirement("DET-06", cases=shared_out)
def test_one_thread_has_the_bits_of_all(check: Trial) -> None:
    check.need("threads")
    alone = check.target.in_one_thread(check.call)
    compare(check, check.call.run(check.adapter), alone)


@pytest.mark.requirement("DET-07", cases=views)
def test_view_has_the_bits_of_its_copy(check: Trial) -> None:
    call, whole = check.call, check.call.run(check.adapter)
    differing = {
        name: compare(check, whole, replace(call, x=view(call.x)).run(check.adapter))
        for name, view in (VIEWS | {"misaligned": misaligned}).items()
    }
    check.measured = {"elements": int(whole.size), "differing": max(differing.values())}
    other = [name for name, count in differing.items() if count]
    check.observed = f"other bits: {', '.join(other)}" if other else "same bits"


@pytest.mark.requirement("DET-09", cases=in_place)
def test_input_changed_in_place_is_read_anew(check: Trial) -> None:
    adapter, call = check.adapter, check.call
    memory = aligned(call.x)
    native = adapter.asarray(memory)
    function, others = call.function(adapter), call.arrays(adapter)[1:]
    adapter.synchronize(function(native, *others))
    memory[...] = call.x[::-1] * memory.dtype.type(0.5)
    if adapter.to_numpy(native).tobytes() != memory.tobytes():
        raise NotProvided(f"{adapter.name} copies what it is given")
    got = adapter.to_numpy(function(native, *others))
    changed = replace(check.case, x=f"({check.case.x})[::-1] * 0.5")
    assert check.compare(got, case=changed) <= 1


@pytest.mark.requirement("DET-10", cases=at_once)
def test_two_threads_have_the_bits_of_one(check: Trial) -> None:
    adapter, call = check.adapter, check.call
    check.need_arguments(*filter(None, [call.derivative]))
    function = call.function(adapter)
    calls = [call.arrays(adapter), replace(call, x=call.x[:, ::-1].copy()).arrays(adapter)]
    alone = [adapter.to_numpy(function(*arrays)) for arrays in calls]

    def others(i: int) -> list[Any]:
        results = (adapter.to_numpy(function(*calls[i])) for _ in range(TIMES))
        return [(result, alone[i]) for result in results if result.tobytes() != alone[i].tobytes()]

    with ThreadPoolExecutor(max_workers=2) as pool:
        differing = [pair for pairs in pool.map(others, range(2)) for pair in pairs]
    compare(check, *next(iter(differing), (alone[0], alone[0])))
    check.measured |= {"calls": 2 * TIMES, "differing": len(differing)}
    assert not differing


@pytest.mark.requirement("DET-08", cases=in_deterministic_mode)
def test_deterministic_mode_repeats_its_bits_or_refuses(check: Trial) -> None:
    check.need("deterministic", *(["vjp"] if check.case.derivative else []))
    function, arrays = check.call.function(check.adapter), check.call.arrays(check.adapter)
    answers = [check.attempt(lambda: check.adapter.deterministic(function, *arrays)) for _ in range(2)]
    if isinstance(answers[0], Refused):
        check.observed = "refused"
        return
    assert compare(check, *(check.adapter.to_numpy(answer) for answer in answers)) == 0
