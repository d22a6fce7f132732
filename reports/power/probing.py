"""Legal calls drawn at random, apart from the suite's cases, and the drawn faults that answer one wrongly."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from adapters.faulty.random import Fault, Watched, of_seed
from adapters.faulty.random.asked import Asked
from adapters.faulty.random.levels import LEVELS, levels
from conformance import operations
from conformance.cases.crossed import DIRECTIONS
from conformance.operations.operation import Operation
from conformance.operations.top_k import taken
from conformance.run.measure import Call, compare
from conformance.truth.formats import exact, round_to

Array = np.ndarray[Any, Any]
Random = np.random.Generator

LENGTHS = ((1,), (2,), (3, 4, 5, 7), (8, 9, 12, 15), (16, 17, 24, 31), (33, 48, 63, 64, 100), (129, 144, 200))
CALLED = [name for name in operations.OPERATIONS if name in LEVELS["operation"]]
OPTIONS = {name: {argument.name for argument in operations.get(name).arguments} for name in CALLED}
WEIGHTS = np.array([4 if "reduction" in OPTIONS[name] else 1 for name in CALLED])  # for its many options
MOST = 3000  # elements of an array
FORMATS = ("float16", "bfloat16", "float32", "float64")
CALLS = 4000


@dataclass(frozen=True)
class Probe:
    """A call, and the levels that it has."""

    call: Call
    levels: frozenset[tuple[str, str]]


class _Seen(Watched):
    def give(self, asked: Asked, right: Any, before: Any) -> Any:
        self.levels = levels(asked)
        return right


@cache
def probes(count: int = CALLS, seed: int = 0) -> tuple[Probe, ...]:
    """Draw legal calls; the small ones, whose truth is soon known, first."""
    random, seen, found = np.random.default_rng(seed), _Seen(), list[Probe]()
    while len(found) < count:
        call = drawn(random)
        if call is not None:
            call.native(seen)
            found.append(Probe(call, seen.levels))
    return tuple(sorted(found, key=lambda probe: probe.call.x.size))


@dataclass
class Drawn:
    """The faults among the seeds tried, with a call that each answers wrongly; and how many are none, and why."""

    faults: dict[int, Call] = field(default_factory=dict)
    without_call: list[int] = field(default_factory=list)
    equivalent: list[int] = field(default_factory=list)


def draw(wanted: int, first: int = 0) -> Drawn:
    """Try one seed after another until there are as many faults as are wanted."""
    found, seed = Drawn(), first
    while len(found.faults) < wanted:
        fault = of_seed(seed)
        where = fault().where
        asked = [probe.call for probe in probes() if where <= probe.levels]
        shown = next((call for call in asked if beyond(fault(), call)), None)
        if shown is not None:
            found.faults[seed] = shown
        else:
            (found.equivalent if asked else found.without_call).append(seed)
        seed += 1
    return found


def beyond(fault: Fault, call: Call) -> bool:
    """Return whether a fault answers `call` outside the bound, after another call of the same kind."""
    replace(call, x=np.roll(call.x[::-1], 1) * call.x.dtype.type(0.5)).native(fault)
    native, right = call.native(fault), call.native(fault.right)
    if operations.get(call.operation).kind == "selection":
        return _misses(call, native, right)
    if all(
        np.array_equal(one, other, equal_nan=True) for one, other in zip(parts(native), parts(right), strict=True)
    ):
        return False  # without asking for the truth
    if call.method != "value_and_vjp":
        return outside(call, native)
    value = replace(call, derivative="", cotangent=None, method="")
    return outside(value, native[0]) or outside(replace(call, method=""), native[1])


def _misses(call: Call, got: Any, right: Any) -> bool:
    """Return whether chosen values, their places or a derivative are not exact; of equal logits any is right."""
    if call.derivative:
        return bool((got != right).any())
    places = call.rows(got[1])
    beside = np.sort(places, axis=1)
    return bool(
        (got[0] != right[0]).any()
        or (taken(call.rows(call.x), places) != call.rows(got[0])).any()
        or (beside[:, 1:] == beside[:, :-1]).any()
    )


def parts(result: Any) -> tuple[Any, ...]:
    """Return value and gradient of a pair, or the one result."""
    return result if isinstance(result, tuple) else (result,)


def outside(call: Call, got: Array) -> bool:
    """Return whether a result is outside the bound; what `where` hides has one value."""
    shown = np.broadcast_to(True if call.where is None else call.where, call.x.shape)
    if call.where is not None:
        masked = 0.0 if call.derivative else operations.get(call.operation).masked
        if (got[~shown] != masked).any():
            return True
    with np.errstate(all="ignore"):  # an error may be more than the largest number times its bound
        judgement = compare(call, exact(got))
        if call.where is not None:
            judgement = replace(judgement, error=np.where(call.rows(shown) == 1, judgement.error, 0.0))
        return judgement.worst("D") > 1


def drawn(random: Random) -> Call | None:
    """Draw a call; None where it is no legal one."""
    op = operations.get(str(random.choice(CALLED, p=WEIGHTS / WEIGHTS.sum())))
    derivative, wrt, method = DIRECTIONS[str(random.choice(_directions(op)))]
    dtype = str(random.choice(FORMATS))
    shape, axis = _shape(random)
    n, rows = shape[axis], shape[:axis] + shape[axis + 1 :]
    if int(np.prod(shape)) > MOST:
        return None
    tangent = derivative in ("jvp", "hvp")
    hideable = "index" in op.labels and not tangent and wrt == "x" and method != "reverse_over_forward"
    x = placed(random, round_to(_logits(random, shape, axis, masked=hideable), dtype), axis)
    labels, options = (None, {}) if not op.labelled else _labels(random, op, x, axis, wrt == "labels", dtype)
    if op.kind == "selection":
        options = {"k": int(random.choice((1, (n + 2) // 3, max(n - 1, 1), n)))}
        if derivative and not _distinct(x, axis):
            return None
    if op.labelled and labels is None:
        return None
    reduced = options.get("reduction", "none") != "none"
    of = () if reduced else rows if op.per_row else shape
    if op.kind == "selection":
        of = (*shape[:axis], options["k"], *shape[axis + 1 :])
    c = None if derivative in ("", "jvp") else placed(random, round_to(_vector(random, of, x, axis), dtype), axis)
    if c is not None and c.shape == x.shape and np.isinf(x).any():
        c = np.where(np.isneginf(x), 0, c).astype(c.dtype)
    t = None if not tangent else placed(random, round_to(_vector(random, shape, x, axis), dtype), axis)
    where = _where(random, shape, axis) if op.kind == "row" and random.random() < 0.25 else None
    if where is not None and np.isinf(x).any():
        return None
    given = axis - len(shape) if random.random() < 0.5 else axis
    call = Call(op.name, x, given, derivative, c, t, wrt, labels, options, where, method)
    if n == 1 and where is not None:
        return None
    return call


def _directions(op: Operation) -> list[str]:
    if op.kind == "selection":
        return ["value", "vjp", "jvp"]
    keys = {name: kind if wrt == "x" else f"{kind}, by {wrt}" for name, (kind, wrt, _) in DIRECTIONS.items()}
    return [name for name, key in keys.items() if key in op.truths]


def _distinct(x: Array, axis: int) -> bool:
    beside = np.sort(np.moveaxis(x, axis, -1), axis=-1)
    return bool((beside[..., 1:] != beside[..., :-1]).all())


def _shape(random: Random) -> tuple[tuple[int, ...], int]:
    rank = int(random.integers(1, 7))
    axis = int(random.integers(rank))
    n = int(random.choice(LENGTHS[random.integers(len(LENGTHS))]))
    kind = random.integers(4)
    sizes = [1] * (rank - 1) if kind == 0 else [int(random.choice((1, 2, 3, 4, 5, 8))) for _ in range(rank - 1)]
    if kind == 1 and rank > 1:
        sizes[random.integers(rank - 1)] = n
    sizes.insert(axis, n)
    return tuple(sizes), axis


def _logits(random: Random, shape: tuple[int, ...], axis: int, masked: bool) -> Array:
    normal, n = random.standard_normal(shape), shape[axis]
    along = np.arange(n).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    kind = random.integers(9 if masked and n > 2 else 5)
    if kind < 5:
        return (normal * 2, normal * 20, normal + 10000, np.minimum(normal, -0.25), normal * 0 + 0.5)[kind]
    hidden = (along == 0, along == n - 1, along < n // 2, random.random(shape) < 0.3)[kind - 5]
    hidden = hidden & (along != n // 2)  # no row of −inf alone
    return np.where(hidden, -np.inf, normal)


def _labels(
    random: Random, op: Operation, x: Array, axis: int, soft: bool, dtype: str
) -> tuple[Array | None, dict[str, Any]]:
    """Labels and options of a loss."""
    n, rows, known = x.shape[axis], x.shape[:axis] + x.shape[axis + 1 :], OPTIONS[op.name]
    options: dict[str, Any] = {}
    if "reduction" in known and random.random() < 0.6:
        options["reduction"] = str(random.choice(("sum", "mean")))
    if "weight" in known and random.random() < 0.5:
        options["weight"] = _weight(random, n, dtype)
    # what is infinite LBL-11 asks
    if "label_smoothing" in known and random.random() < 0.5 and not np.isinf(x).any():
        options["label_smoothing"] = float(random.choice((0.1, 0.3, 1.0)))
    if "gamma" in known and random.random() < 0.5:
        options["gamma"] = float(random.choice((0.0, 0.5, 1.0, 5.0)))
    if soft or "index" not in op.labels or random.random() < 0.4:
        if options.get("reduction") == "mean" and "weight" in options:
            return None, options  # there is no one answer to what this divides by
        labels = np.moveaxis(random.dirichlet(np.ones(n), rows), -1, axis)
        if random.random() < 0.4:
            labels = np.moveaxis(np.eye(n)[random.integers(n, size=rows)], -1, axis)
        labels = np.where(np.isinf(x), 0, labels)
        return placed(random, round_to(labels, dtype), axis), options
    spread = random.integers(n, size=rows)
    labels = np.asarray((spread, spread * 0, spread * 0 + n - 1, np.argmax(x, axis=axis))[random.integers(4)])
    if random.random() < 0.5 and labels.size > 1:
        index = int(random.choice((-7, -100, 0, n // 2, n + 3)))
        labels = np.where(labels == index, (index + 1) % n, labels)
        labels.flat[random.integers(1, labels.size)] = index
        options["ignore_index"] = index
        if (labels == index).all():
            return None, options
    named = np.take_along_axis(x, np.expand_dims(np.clip(labels, 0, n - 1), axis), axis)
    if np.isinf(named).any():
        return None, options
    integer = np.dtype(str(random.choice(("int64", "int32", "uint8"))))
    if integer == np.uint8 and (labels < 0).any():
        integer = np.dtype("int64")
    return placed(random, labels.astype(integer), 0), options


def _weight(random: Random, n: int, dtype: str) -> Array:
    weight = round_to(0.25 + random.random(n), dtype)
    return np.broadcast_to(weight[:1], n) if random.random() < 0.15 else placed(random, weight, 0)


def _vector(random: Random, shape: tuple[int, ...], x: Array, axis: int) -> Array:
    """A cotangent or tangent."""
    kind, normal = random.integers(5), random.standard_normal(shape)
    along = np.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    if kind == 0 or (kind == 1 and not shape):
        return np.asarray(np.ones(shape))
    if kind == 1 and shape != x.shape:
        return np.asarray(np.arange(normal.size) == normal.size - 1).reshape(shape) * 1.0
    if kind == 1:
        return np.broadcast_to(along == x.shape[axis] - 1, shape) * 1.0
    if kind == 2 and shape == x.shape:
        return np.asarray((along == np.argmax(x, axis=axis, keepdims=True)) * 1.0)
    return np.asarray(normal)


def _where(random: Random, shape: tuple[int, ...], axis: int) -> Array:
    n = shape[axis]
    along = np.arange(n).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    one = along == np.argmax(random.random(shape), axis=axis, keepdims=True)
    kind = random.integers(4)
    if kind == 0:
        return placed(random, np.full(shape, True), axis)
    if kind == 1:
        return placed(random, one, axis)
    if kind == 2:
        return placed(random, np.asarray(along % 3 != 0) | (n < 2), axis)
    return placed(random, one | (random.random(shape) < 0.6), axis)


def placed(random: Random, a: Array, axis: int) -> Array:
    """Return the values in a view of larger or otherwise ordered memory; or one row of them repeated."""
    kind = random.integers(7)
    if not a.ndim or kind == 0:
        return np.array(a)
    if kind == 1:
        order = random.permutation(a.ndim)
        return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))
    if kind == 2:
        flat = np.concatenate([a.ravel()[::-1][:3], a.ravel()])
        return flat[min(3, a.size) :].reshape(a.shape)
    at = int(random.integers(a.ndim))
    if kind == 3:
        return np.flip(np.flip(a, at).copy(), at)
    if kind == 4 and a.ndim > 1 and at != axis % a.ndim:
        return np.broadcast_to(np.take(a, [0], axis=at), a.shape)
    if kind == 5:
        doubled = np.repeat(a, 2, axis=at)
        doubled[tuple(slice(1, None, 2) if i == at else slice(None) for i in range(a.ndim))] = np.flip(a, at)
        return doubled[tuple(slice(None, None, 2) if i == at else slice(None) for i in range(a.ndim))]
    wider = np.concatenate([a, np.flip(a, at)], axis=at)
    return wider[tuple(slice(0, a.shape[at]) if i == at else slice(None) for i in range(a.ndim))]
