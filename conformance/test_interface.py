"""Interface: axes, views, formats, shapes and empty inputs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from adapters.protocol import NotProvided
from conformance.cases import interface
from conformance.cases.views import VIEWS
from conformance.run.case import Case
from conformance.run.measure import compare
from conformance.run.processes.machine import free_memory
from conformance.run.target import Refused, Trial
from conformance.truth.formats import exact, format_of, spacing


@pytest.mark.requirement("IFC-01", cases=interface.axes)
def test_class_axis_may_stand_anywhere(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("IFC-02", cases=interface.wrong_axes)
def test_axis_out_of_range_is_an_error(check: Trial) -> None:
    got = check.attempt(lambda: check.call.run(check.adapter))
    check.show(got, "an error")
    assert isinstance(got, Refused)


@pytest.mark.requirement("IFC-03", cases=interface.views)
def test_views_are_read_in_their_own_order(check: Trial) -> None:
    kind = check.case.name.partition("-regimes")[0]
    judgement = check.judgement()
    x = check.call.x
    if kind == "broadcast":
        x = np.broadcast_to(x[2], x.shape)
        expected, allowed = judgement.truth.value[[2]], judgement.tolerance["D"][[2]]
    else:
        x = VIEWS[kind](x)
        expected, allowed = judgement.truth.value, judgement.tolerance["D"]
    got = exact(replace(check.call, x=x).run(check.adapter))
    off = np.abs(got - expected)
    check.show(got, expected, ratio_of_difference=float(np.max(off / allowed)))
    assert check.holds(off <= allowed, got, expected)


@pytest.mark.requirement("IFC-04", cases=interface.plain)
def test_result_has_the_format_and_device_of_the_logits(check: Trial) -> None:
    native = check.call.native(check.adapter)
    given = check.adapter.asarray(check.call.x)
    got = check.adapter.to_numpy(native).dtype.name
    check.show(got, check.dtype)
    assert got == check.dtype
    if device_of(native) != device_of(given):
        check.show(device_of(native), device_of(given))
    assert device_of(native) == device_of(given)


def device_of(array: Any) -> str:
    """Return the device that a framework states for its array: an attribute, or a method (JAX up to 0.4.30)."""
    device = getattr(array, "device", None)
    return str(device() if callable(device) else device)


@pytest.mark.requirement("IFC-05", cases=interface.plain)
def test_result_has_the_shape_of_the_logits(check: Trial) -> None:
    shape_of_result(check)


@pytest.mark.requirement("IFC-06", cases=interface.no_rows)
def test_batch_of_no_rows_is_empty(check: Trial) -> None:
    shape_of_result(check)


@pytest.mark.requirement("IFC-07", cases=interface.plain)
def test_logits_are_not_modified(check: Trial) -> None:
    call = check.call
    before = call.x.copy()
    native = check.adapter.asarray(call.x)
    labels = [] if call.labels is None else [check.adapter.asarray(call.labels)]
    check.adapter.synchronize(getattr(check.adapter, call.operation)(native, *labels, axis=-1))
    if "vjp" in check.adapter.features:
        cotangent = np.ones(6 if check.op.per_row else call.x.shape, call.x.dtype)
        kwargs = {"axis": -1} | ({"labels": labels[0]} if labels else {})
        gradient = check.adapter.vjp(call.operation, native, check.adapter.asarray(cotangent), **kwargs)
        check.adapter.synchronize(gradient)
    after = check.adapter.to_numpy(native)
    check.show(after, before)
    for x in (after, call.x):
        assert check.holds(exact(x) == exact(before), exact(x), exact(before))
        assert x.tobytes() == before.tobytes()


@pytest.mark.requirement("IFC-08", cases=interface.no_classes)
def test_rows_of_no_classes_have_one_answer(check: Trial) -> None:
    got = check.attempt(lambda: check.call.run(check.adapter))
    shape = check.call.x.shape
    expected = shape_without_axis(check) if check.op.per_row else shape
    check.show(got if isinstance(got, Refused) else str(got.shape), f"{expected}, or an error")
    if isinstance(got, Refused):
        answer = "error"
    elif got.shape != expected:
        answer = str(got.shape)
    elif check.op.per_row:
        answer = "minus_infinity" if np.isneginf(exact(got)).all() else str(exact(got).ravel()[:3].tolist())
    else:
        answer = "empty"
    check.choose({f"shape {shape}": answer})


def shape_without_axis(check: Trial) -> tuple[int, ...]:
    """Return the shape of the logits without the class axis."""
    shape = list(check.call.x.shape)
    del shape[check.case.axis]
    return tuple(shape)


@pytest.mark.requirement("IFC-09", cases=interface.single_class)
def test_single_class_is_certain(check: Trial) -> None:
    got = check.result()
    certain = check.op.single(check.call.rows(check.call.x))
    check.show(got, certain)
    fmt = format_of(check.dtype)
    smallest = fmt.smallest_normal if check.target.flushes(check.dtype) else 0.0
    near = np.abs(got - certain) <= check.op.excess * spacing(certain, fmt)
    assert check.holds(near | ((got == 0) & (np.abs(certain) < smallest)), got, certain)


@pytest.mark.requirement("IFC-10", cases=interface.scalar)
def test_zero_dimensional_logit_has_one_answer(check: Trial) -> None:
    got = check.attempt(lambda: exact(check.call.run(check.adapter)))
    certain = check.op.single(exact(check.call.x).reshape(1, 1)).item()
    check.show(got, certain)
    check.choose(
        {"shape ()": "error" if isinstance(got, Refused) else "accepted" if (got == certain).all() else "other"}
    )


@pytest.mark.requirement("IFC-11", cases=interface.whole)
def test_integer_logits_do_not_wrap(check: Trial) -> None:
    judgement = check.judgement()
    answers = {}
    for name in ("int64", "int32", "uint8", "int8"):
        shift = np.float32(100 if name == "int8" else 0)
        x, expected = check.call.x - shift, judgement.truth.value - check.op.shift * shift
        integers = replace(check.call, x=x.astype(name))
        got: Any = check.attempt(partial(integers.run, check.adapter))
        answers[name] = "error" if isinstance(got, Refused) else _converted(check, got, expected)
    check.observed = ", ".join(f"{name} {answer}" for name, answer in answers.items())
    legal = check.subject.requirement.choices
    assert all(answer in legal for answer in answers.values()), check.observed


def _converted(check: Trial, got: Any, expected: Any) -> str:
    """Return True if integer logits were converted to a floating format before anything else."""
    if got.dtype.kind in "iub":
        check.show(f"{got.dtype.name} {got.ravel()[:3].tolist()}", expected)
        return "integers"
    fmt = format_of(got.dtype.name)
    # the format that it was converted to is the framework's own choice: a few ulps of that one
    near = np.abs(exact(got) - expected) <= 16 * fmt.roundoff * np.maximum(np.abs(expected), 1)
    return "converted" if check.holds(near, exact(got), expected) else "wrapped"


@pytest.mark.requirement("IFC-12", cases=interface.axes_of_one)
def test_axes_of_one_change_nothing(check: Trial) -> None:
    assert check.judge("D") <= 1


@pytest.mark.requirement("IFC-13", cases=interface.unbatched)
def test_unbatched_logits_give_one_loss(check: Trial) -> None:
    check.need("index_labels" if check.case.name.startswith("index") else "probability_labels")
    got = check.call.run(check.adapter)
    assert check.compare(got) <= 1
    check.show(str(got.shape), "()")
    assert got.shape == ()


@pytest.mark.requirement("IFC-14", cases=interface.blocks)
def test_tuple_of_axes_has_one_answer(check: Trial) -> None:
    answers = {}
    for axes_ in ((1, 2), (0, 2), (-2, -1)):
        got: Any = check.attempt(partial(replace(check.call, axis=axes_).run, check.adapter))
        answers[f"axis {axes_}"] = "error" if isinstance(got, Refused) else over(check, got, axes_)
    check.choose(answers)


@pytest.mark.requirement("IFC-15", cases=interface.blocks)
def test_no_axis_has_one_answer(check: Trial) -> None:
    block = check.call.x
    answers = []
    for x in (block[0, 0], block[0], block):
        got: Any = check.attempt(partial(replace(check.call, x=x, axis=None).run, check.adapter))
        answers.append(frozenset({"error"}) if isinstance(got, Refused) else axes_of(check, x, got))
    kinds = {
        "error": ({"error"},) * 3,
        "all": ({"all"},) * 3,
        "last": ({"last"},) * 3,
        "by_rank": ({"first"}, {"last"}, {"first"}),
    }
    named = [name for name, kind in kinds.items() if all(k <= a for k, a in zip(kind, answers, strict=True))]
    check.show(str([sorted(answer) for answer in answers]), "one rule for one, two and three axes")
    check.choose({"axis None": named[0] if named else " / ".join("-".join(sorted(a)) for a in answers)})


@pytest.mark.requirement("IFC-16", cases=interface.complex_logits)
def test_complex_logits_have_one_answer(check: Trial) -> None:
    real = exact(check.call.x)
    imaginary = np.array([[0.25, 1.5, -0.75]])
    z: Any = (real + 1j * imaginary).astype({"float32": np.complex64, "float64": np.complex128}[check.dtype])
    got: Any = check.attempt(
        lambda: check.adapter.to_numpy(check.call.function(check.adapter)(check.adapter.asarray(z)))
    )
    assert check.op.formula is not None
    expected = check.op.formula(z.astype(np.complex128))
    if isinstance(got, Refused):
        answer = "error"
    else:
        check.show(str(got), str(expected))
        near = (
            got.shape == expected.shape and np.abs(got - expected).max() <= 64 * format_of(check.dtype).roundoff
        )
        answer = "formula" if near and got.dtype.kind == "c" else "other"
    check.choose({"complex row": answer})


@pytest.mark.requirement("IFC-17", cases=interface.many_elements)
def test_rows_past_what_an_index_counts_are_right(check: Trial) -> None:
    check.need_arguments(*filter(None, [check.case.derivative]))
    call, adapter = check.call, check.adapter
    what, _, bits = check.case.name.rpartition("-2-to-")
    size = call.x.size if what.endswith("elements") else 6
    repeats = 2 ** int(bits) // size + 2
    enough_memory(repeats * call.x.nbytes * (2 if call.derivative else 1))
    behind = 1 if what.endswith("inner") else 0  # the axis along which the block is repeated

    def tiled(part: Any) -> Any:
        return part if part is None else np.concatenate([part] * repeats, axis=min(behind, part.ndim - 1))

    whole = replace(call, x=tiled(call.x), labels=tiled(call.labels), cotangent=tiled(call.cotangent))
    got = whole.run(adapter)
    blocks = np.split(got, repeats, axis=min(behind, got.ndim - 1))
    first = blocks[0].tobytes()
    odd = next((i for i, block in enumerate(blocks) if block.tobytes() != first), 0)  # a vector's tail may differ
    check.measured = {"blocks": repeats, "first_other": odd}
    for i in {0, odd, repeats // 2, repeats - 2, repeats - 1}:
        assert check.compare(blocks[i]) <= 1, f"block {i} of {repeats}"


@pytest.mark.requirement("IFC-18", cases=interface.plain)
def test_vmap_gives_the_rows(check: Trial) -> None:
    check.need("vmap")
    adapter = check.adapter
    arrays = check.call.arrays(adapter)
    got = adapter.vmap(getattr(adapter, check.operation), *arrays)
    assert check.compare(adapter.to_numpy(got)) <= 1


@pytest.mark.requirement("IFC-19", cases=interface.all_arguments)
def test_arguments_are_not_modified(check: Trial) -> None:
    case, call, adapter = check.case, check.call, check.adapter
    where = ["where"] if case.where is not None else []
    check.need_arguments(*filter(None, [case.derivative, *where]))
    check.need_method(case.method)
    given = call.given
    before = [part.tobytes() for part in given]
    natives = call.arrays(adapter)
    call.function(adapter)(*natives)
    after = [adapter.to_numpy(native).tobytes() for native in natives]
    changed = [i for i, bits in enumerate(before) if after[i] != bits or given[i].tobytes() != bits]
    check.show(f"changed arguments: {changed}", "none")
    check.describe(case)
    assert not changed


@pytest.mark.requirement("IFC-20", cases=interface.masks_of_another_shape)
def test_mask_of_another_shape_is_refused_or_read_rightly(check: Trial) -> None:
    check.need("where")
    got: Any = check.attempt(lambda: check.call.run(check.adapter))
    check.observed = "refused" if isinstance(got, Refused) else "computed"
    if isinstance(got, Refused):
        check.show(got, "an error, or the values in the logits' shape")
        return
    assert got.shape == check.call.x.shape
    mask = check.call.where[0]  # type: ignore[index]  # the case has one
    judgement = compare(replace(check.call, where=mask), exact(got), check.target.traits(check.dtype))
    assert check.keep(judgement) <= 1


def over(check: Trial, got: Any, axes_: tuple[int, ...]) -> str:
    """Return True if `got` is the result over all of `axes_` as one."""
    x = check.call.x
    moved = np.moveaxis(x, axes_, range(-len(axes_), 0))
    flat = Case("flat", check.case.x)
    call = replace(check.call, x=np.ascontiguousarray(moved.reshape(*moved.shape[: -len(axes_)], -1)))
    if got.shape != (moved.shape[: -len(axes_)] if check.op.per_row else x.shape):
        return str(got.shape)
    result = got if check.op.per_row else np.moveaxis(got, axes_, range(-len(axes_), 0)).reshape(call.x.shape)
    judgement = compare(call, exact(result), check.target.traits(check.dtype))
    check.keep(judgement, case=flat)
    return "flattened" if judgement.worst("D") <= 1 else "other"


def axes_of(check: Trial, x: Any, got: Any) -> frozenset[str]:
    """Name the axes of `x` that the result `got` has been taken over: "all", "first" or "last", or several."""
    found = set()
    for name, axis in {"first": 0, "last": -1, "all": None}.items():
        given, along = (x.reshape(-1), -1) if axis is None else (x, axis)
        shape = np.delete(given.shape, along) if check.op.per_row else given.shape
        if got.shape != (tuple(shape) if check.op.per_row else x.shape):
            continue
        call = replace(check.call, x=np.ascontiguousarray(given), axis=along)
        if compare(call, exact(got).reshape(shape), check.target.traits(check.dtype)).worst("D") <= 1:
            found.add(name)
    return frozenset(found or {str(got.shape)})


def enough_memory(size: int) -> None:
    """Raise NotProvided unless a batch of `size` bytes, its result and what is computed between them fit.

    The reference computes 16-bit formats in float32, in several arrays: 16 times the batch, all told.
    """
    needed, free = 16 * size, free_memory()
    if size > 2**28 and needed > free:
        raise NotProvided(f"{needed / 2**30:.0f} GiB of memory needed, {free / 2**30:.0f} GiB free")


def shape_of_result(check: Trial) -> None:
    """The shape of the logits, or that without the class axis."""
    expected = check.call.x.shape
    if check.op.per_row:
        expected = expected[:-1]
    got = check.call.run(check.adapter).shape
    check.show(str(got), str(expected))
    assert got == expected
