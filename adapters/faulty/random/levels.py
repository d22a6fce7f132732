"""The levels that a call has, told from its arguments alone, by the names of factors.toml where that has them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adapters.faulty.random.asked import ARRAYS, Asked
from adapters.rows import Array, is_floating

DIRECTIONS = {"reverse_over_forward": "rof", "value_and_vjp": "both"}
ROW_LENGTHS = {1: "n1", 2: "n2", 3: "n3", 8: "n8", 16: "n17", 33: "n63", 128: "n129", 1000: "n1000"}
ROW_COUNTS = {1: "one-row", 2: "2-rows", 4: "4-rows", 16: "16-rows"}
FACTORS: dict[str, Callable[[Asked], str | None]] = {}


STORED = "contiguous transposed strided offset reversed repeated misaligned sliced"
# factor → its levels, to draw faults of; linear and sampling operations have other arguments
LEVELS = {
    factor: tuple(names.split())
    for factor, names in {
        "operation": "softmax log_softmax logsumexp softmax_cross_entropy kl_divergence focal_loss top_k",
        "direction": "value vjp jvp hvp rof both labels-vjp labels-hvp",
        "format": "float16 bfloat16 float32 float64",
        "rank": "r1 r2 r3 r4 r5 r6",
        "axis": "first middle last minus-first minus-middle minus-last",
        "length": "n1 n2 n3 n8 n17 n63 n129",
        "tail": "tail no-tail",
        "count": "one-row 2-rows 4-rows 16-rows",
        "parity": "odd even",
        "inner": "inner-one inner",
        "others": "square some-ones no-ones",
        "logits": "plain offset wide equal ties masked-first masked-last masked-block masked-some",
        "labels": "index-first index-last index-maximum index-spread soft one-hot",
        "integer": "int64 int32 uint8",
        "reduction": "no-reduction sum mean",
        "weight": "no-w weight",
        "ignore": "no-ignore ignore-negative ignore-minus-100 ignore-zero ignore-inside ignore-beyond",
        "smoothing": "no-smoothing smoothing-0.1 smoothing-1",
        "k": "k-one k-third k-most k-all",
        "where": "no-where where-third where-one-row where-one where-all",
        "cotangent": "c-end c-maximum c-ones c-random",
        "tangent": "t-end t-maximum t-ones t-random",
        **{f"layout of {name}": STORED for name in ARRAYS},
    }.items()
}


def _factor(tell: Callable[[Asked], str | None]) -> Callable[[Asked], str | None]:
    FACTORS[tell.__name__] = tell
    return tell


def level(asked: Asked, factor: str) -> str | None:
    """Return the level of a factor that a call has; None where it has none, or no legal arguments."""
    try:
        with np.errstate(all="ignore"):
            return FACTORS[factor](asked)
    except (IndexError, TypeError, ValueError):
        return None


def drawn(asked: Asked) -> bool:
    """Return whether faults are drawn in the operation of a call; in the others each fault is the reference."""
    return asked.operation in LEVELS["operation"]


def levels(asked: Asked) -> frozenset[tuple[str, str]]:
    """Return all levels of a call, as (factor, level)."""
    found = ((factor, level(asked, factor)) for factor in FACTORS)
    return frozenset((factor, name) for factor, name in found if name is not None)


def layout(a: Array) -> str:
    """Return the way in which an array lies in its memory."""
    steps = [(stride, size) for stride, size in zip(a.strides, a.shape, strict=True) if size > 1]
    if any(stride == 0 for stride, _ in steps):
        return "repeated"
    if any(stride < 0 for stride, _ in steps):
        return "reversed"
    later = isinstance(a.base, np.ndarray) and _address(a) != _address(a.base)
    if a.flags.c_contiguous:
        return "misaligned" if later else "contiguous"
    if _dense(sorted(steps), a.itemsize):
        return "transposed"
    if steps[-1][0] != a.itemsize:
        return "strided"
    return "offset" if later else "sliced"


def _address(a: Array) -> int:
    return int(a.__array_interface__["data"][0])


def _dense(steps: list[tuple[int, int]], itemsize: int) -> bool:
    for stride, size in steps:
        if stride != itemsize:
            return False
        itemsize *= size
    return True


def _step(value: int, steps: dict[int, str]) -> str:
    return steps[max(least for least in steps if least <= value)]


@_factor
def operation(asked: Asked) -> str:
    """The operation."""
    return asked.operation


@_factor
def direction(asked: Asked) -> str:
    """The derivative, or none."""
    if asked.method == asked.operation:
        return "value"
    name = DIRECTIONS.get(asked.method, asked.method)
    return f"labels-{name}" if asked.given.get("wrt") == "labels" else name


@_factor
def format(asked: Asked) -> str:  # noqa: A001  # the factor's name
    """The format of the logits."""
    return asked.x.dtype.name


@_factor
def rank(asked: Asked) -> str:
    """The number of axes."""
    return f"r{asked.x.ndim}"


@_factor
def axis(asked: Asked) -> str | None:
    """The place of the class axis, where there are several."""
    if asked.x.ndim < 2:
        return None
    place = {0: "first", asked.x.ndim - 1: "last"}.get(asked.axis, "middle")
    return f"minus-{place}" if asked.given.get("axis", -1) < 0 else place


@_factor
def length(asked: Asked) -> str:
    """The row length."""
    return _step(asked.n, ROW_LENGTHS)


@_factor
def tail(asked: Asked) -> str | None:
    """The elements past whole blocks of eight."""
    return None if asked.n < 8 else "tail" if asked.n % 8 else "no-tail"


@_factor
def count(asked: Asked) -> str:
    """The number of rows."""
    return _step(asked.count, ROW_COUNTS)


@_factor
def parity(asked: Asked) -> str | None:
    """The number of rows, odd or even."""
    return None if asked.count < 2 else "odd" if asked.count % 2 else "even"


@_factor
def inner(asked: Asked) -> str | None:
    """The positions behind the class axis."""
    positions = int(np.prod(asked.x.shape[asked.axis + 1 :]))
    return None if asked.axis == asked.x.ndim - 1 else "inner-one" if positions == 1 else "inner"


@_factor
def others(asked: Asked) -> str | None:
    """The sizes of the other axes."""
    rest = asked.x.shape[: asked.axis] + asked.x.shape[asked.axis + 1 :]
    if asked.x.ndim < 2:
        return None
    return "square" if asked.n in rest and asked.n > 1 else "some-ones" if 1 in rest else "no-ones"


@_factor
def logits(asked: Asked) -> str:
    """Return the levels of the logits."""
    rows = asked.rows().astype(np.float64)
    if np.isnan(rows).any():
        return "nan"
    if np.isposinf(rows).any():
        return "infinite"
    hidden = np.isneginf(rows)
    if hidden.any():
        return _hidden(hidden)
    peak = rows.max(axis=-1, keepdims=True)
    if np.abs(rows).max() >= 1000:
        return "offset"
    if rows.shape[-1] > 1:
        ties = (rows == peak).sum(axis=-1)
        if (ties == rows.shape[-1]).all():
            return "equal"
        if (ties > 1).any():
            return "ties"
        if (peak - rows).max() > 10:
            return "wide"
    return "plain"


def _hidden(hidden: Array) -> str:
    n = hidden.shape[-1]
    alike = (hidden == hidden[0]).all()
    places = np.flatnonzero(hidden[0])
    if alike and len(places) == 1 and places[0] in (0, n - 1):
        return "masked-first" if places[0] == 0 else "masked-last"
    return "masked-block" if alike and places[-1] == len(places) - 1 else "masked-some"


@_factor
def labels(asked: Asked) -> str | None:
    """Return the levels of the labels, but for ignored ones."""
    if "labels" not in asked.given:
        return None
    array = np.asarray(asked.given["labels"])
    if is_floating(array):
        hot = (array.astype(np.float64) != 0).sum(axis=asked.axis)
        return "one-hot" if (hot == 1).all() else "soft"
    counted = np.atleast_1d(array != asked.given.get("ignore_index")).ravel()
    array = np.atleast_1d(array).ravel()[counted]
    if (array == 0).all():
        return "index-first"
    if (array == asked.n - 1).all():
        return "index-last"
    if (array == asked.rows().argmax(axis=-1)[counted]).all():
        return "index-maximum"
    return "index-spread"


@_factor
def integer(asked: Asked) -> str | None:
    """The format of index labels."""
    array = asked.given.get("labels")
    return None if array is None or is_floating(np.asarray(array)) else np.asarray(array).dtype.name


@_factor
def reduction(asked: Asked) -> str | None:
    """The reduction of a loss."""
    if "labels" not in asked.given:
        return None
    name = str(asked.given.get("reduction", "none"))
    return "no-reduction" if name == "none" else name


@_factor
def weight(asked: Asked) -> str | None:
    """Class weights, or none."""
    if "labels" not in asked.given:
        return None
    return "no-w" if asked.given.get("weight") is None else "weight"


@_factor
def ignore(asked: Asked) -> str | None:
    """The label that is ignored."""
    index = asked.given.get("ignore_index")
    if "labels" not in asked.given:
        return None
    if index is None:
        return "no-ignore"
    known = {-100: "ignore-minus-100", 0: "ignore-zero"}
    inside = "ignore-negative" if index < 0 else "ignore-inside" if index < asked.n else "ignore-beyond"
    return known.get(index, inside)


@_factor
def smoothing(asked: Asked) -> str | None:
    """The label smoothing."""
    if "labels" not in asked.given:
        return None
    return {0.0: "no-smoothing", 1.0: "smoothing-1"}.get(asked.given.get("label_smoothing", 0.0), "smoothing-0.1")


@_factor
def k(asked: Asked) -> str | None:
    """Return the level of the number of chosen elements."""
    if "k" not in asked.given:
        return None
    names = {asked.n: "k-all", asked.n - 1: "k-most", 1: "k-one"}
    return names.get(int(asked.given["k"]), "k-third")


@_factor
def where(asked: Asked) -> str | None:
    """Return the levels of `where`."""
    if asked.operation not in ("softmax", "log_softmax"):
        return None
    if asked.given.get("where") is None:
        return "no-where"
    shown = np.asarray(asked.given["where"])
    if shown.shape != asked.x.shape:
        return "where-one-row"
    counts = shown.sum(axis=asked.axis)
    return "where-all" if shown.all() else "where-one" if (counts == 1).all() else "where-third"


@_factor
def cotangent(asked: Asked) -> str | None:
    """Return the levels of the upstream gradient."""
    return _vector(asked, "cotangent", "c")


@_factor
def tangent(asked: Asked) -> str | None:
    """Return the levels of the tangent."""
    return _vector(asked, "tangent", "t")


def _vector(asked: Asked, name: str, prefix: str) -> str | None:
    if name not in asked.given:
        return None
    array = np.asarray(asked.given[name]).astype(np.float64)
    if array.size and (array == (1 if array.size == 1 else array.ravel()[0])).all():
        return f"{prefix}-ones"
    if array.size == 1:
        return f"{prefix}-random"
    if array.shape != asked.x.shape:
        return f"{prefix}-end" if np.count_nonzero(array) == 1 and array.ravel()[-1] else f"{prefix}-random"
    rows = asked.rows(name)
    if (np.count_nonzero(rows, axis=-1) == 1).all():
        at = np.argmax(rows != 0, axis=-1)
        if (at == asked.n - 1).all():
            return f"{prefix}-end"
        x = asked.rows()
        if (np.take_along_axis(x, at[:, None], axis=-1) == x.max(axis=-1, keepdims=True)).all():
            return f"{prefix}-maximum"
    return f"{prefix}-random"


def _layout_of(name: str) -> Callable[[Asked], str | None]:
    def tell(asked: Asked) -> str | None:
        array = asked.given.get(name)
        return None if array is None else layout(np.asarray(array))

    return tell


FACTORS |= {f"layout of {name}": _layout_of(name) for name in ARRAYS}
