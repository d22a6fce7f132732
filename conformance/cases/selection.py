"""Cases of top-k: rows, how many of each are chosen, and what is hard to tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conformance.cases.rows import normal
from conformance.run.case import Case
from conformance.truth.formats import format_of

# (rows, classes, k): one and all of a row; on either side of where PyTorch sorts in part (64 k ≤ n). A compiler
# begins anew for each, so other cases keep to these.
QUICK = ((3, 1, 1), (6, 33, 1), (6, 33, 5), (6, 33, 33), (3, 1024, 16), (2, 70001, 12))
FULL = (
    *((3, 2, 1), (3, 31, 3), (3, 129, 128), (3, 257, 64), (3, 1023, 16), (3, 1025, 1025)),
    *((3, 2049, 100), (2, 4097, 2048), (2, 32000, 40), (2, 50257, 50), (2, 65536, 64), (1, 131071, 1000)),
)
BORDERS = "np.isin(np.arange(70001), [31, 32, 255, 256, 1023, 1024, 4095, 4096, 65535, 65536])"
DISTINCT = "(np.stack([np.random.default_rng(i).permutation({n}) for i in range(6)]) - 128.0)"  # in every format
FEW = "(np.random.default_rng(1).integers(-2, 2, ({rows}, {n})) * 1.0)"
SMALL = DISTINCT.format(n=33)
LAYOUTS = {
    "transposed": "np.ascontiguousarray(a.T).T",
    "strided": "np.repeat(a, 2, axis=1)[:, ::2]",
    "offset": "np.concatenate([a[:, :1], a], axis=1)[:, 1:]",
    "reversed": "np.ascontiguousarray(a[:, ::-1])[:, ::-1]",
    "broadcast": "np.broadcast_to(a[:1], a.shape)",
}


def chosen(name: str, x: str, k: int) -> Case:
    """A case of k elements of each row."""
    return Case(f"{name}-k{k}", x, options={"k": k})


def sizes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every size; rows in order and against it, ties at borders of blocks too, close and extreme numbers."""
    for rows, n, k in QUICK if tier == "quick" else QUICK + FULL:
        yield chosen(f"n{n}", normal(rows, n, seed=n), k)
    for name, step in (("ascending", 1), ("descending", -1)):
        yield chosen(name, f"np.outer([0.5, 0.25, 0.125], np.arange(-512, 512) // 4)[:, ::{step}]", 16)
    yield chosen("equal", "np.full((3, 1024), 0.5)", 16)
    yield chosen("ties", FEW.format(rows=3, n=1024), 16)
    yield chosen("ties-at-borders", f"np.stack([{BORDERS} * 1.0, {BORDERS} - 1e4])", 12)
    yield chosen("offset", f"{normal(3, 1024)} + 1e4", 16)
    yield chosen("largest", f"np.sin({SMALL}) * MAX", 5)


def infinite(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Infinities of both signs, fewer numbers than are chosen, and rows of −inf alone."""
    signs = "(np.arange(6 * 33) * 5 % 7).reshape(6, 33)"
    yield chosen("mixed", f"np.select([{signs} == 0, {signs} == 3], [np.inf, -np.inf], {SMALL})", 5)
    yield chosen("masked", f"np.where(np.arange(33) % 11 == 4, {SMALL}, -np.inf)", 5)
    yield chosen("all-masked", "np.full((6, 33), -np.inf)", 5)


def tied(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """One case, whose other rows `places_of_ties` gives."""
    yield chosen("ties", FEW.format(rows=6, n=33), 33)


def places_of_ties(case: Case) -> list[Case]:
    """The case, and longer rows of ties, across borders of blocks too."""
    return [
        case,
        replace(case, options={"k": 5}),
        replace(case, x=FEW.format(rows=3, n=1024), options={"k": 16}),
        replace(case, x=f"np.stack([{BORDERS}] * 2) * 1.0", options={"k": 12}),
    ]


def with_nan(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """NaN in the first five of six rows: of either sign, first, last, beside infinities, and alone."""
    ends = "np.arange(33) % 32 == 0"
    rows = (
        f"np.where(np.arange(33) % 8 == 5, np.nan, {SMALL}[0])",
        f"np.where({ends}, np.nan, {SMALL}[1])",
        "np.where(np.arange(33) == 20, np.nan, np.where(np.arange(33) % 4 == 0, np.inf, -np.inf))",
        f"np.where(np.arange(33) == 3, -np.nan, {SMALL}[3])",
        "np.full(33, np.nan)",
        f"{SMALL}[5]",
    )
    for k in (1, 5, 33):
        yield chosen("nan", f"np.stack([{', '.join(rows)}])", k)


def zeros(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Zeros of both signs, and numbers beside them."""
    drawn = "np.random.default_rng(2).integers(0, 4, (6, 33))"
    yield chosen("zeros", f"np.array([-1, -0.0, 0.0, 1])[{drawn}]", 33)


def subnormal(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Subnormal numbers of both signs."""
    tiny = format_of(dtype).smallest_subnormal
    yield chosen("subnormal", f"({SMALL} + 112) * {tiny!r}", 33)


def none_chosen(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """No element of a row, of some and of none."""
    yield chosen("n33", SMALL, 0)
    yield chosen("no-classes", "np.zeros((6, 0))", 0)


def too_many(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """More elements than a row has, and fewer than none."""
    for k in (34, 1000, -1):
        yield chosen("n33", SMALL, k)


def axes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every axis of three, from either end, and the axis of one row."""
    block = f"{DISTINCT.format(n=120)}[:2].reshape(2, 3, 8, 5)[:, :, :, 0]"
    for axis in (0, -2) if tier == "quick" else (0, 1, 2, -1, -2, -3):
        yield replace(chosen(f"axis{axis}", block, 2), axis=axis)
    yield chosen("row", f"{SMALL}[0]", 5)


def layouts(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows that are views of other arrays."""
    for name, layout in LAYOUTS.items():
        yield replace(chosen(name, SMALL, 5), layouts={"x": layout})


def small(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Six rows without ties."""
    yield chosen("n33", SMALL, 5)


def repeated(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows with many ties."""
    yield chosen("ties", FEW.format(rows=3, n=1024), 16)


def gradients(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The gradient of rows without ties, along any axis, and of rows with infinities."""
    for n, k in ((33, 5), (33, 33)) if tier == "quick" else ((33, 1), (33, 5), (33, 33), (257, 9)):
        upstream = f"np.cos(np.arange(6 * {k})).reshape(6, {k})"
        case = chosen(f"n{n}", DISTINCT.format(n=n), k)
        yield replace(case, derivative="vjp", cotangent=upstream)
        if (n, k) == (33, 5):
            ends = f"np.select([np.arange(33) == 4, np.arange(33) == 8], [np.inf, -np.inf], {SMALL})"
            case = replace(case, derivative="vjp", cotangent=upstream)
            yield replace(case, name="infinite-k5", x=ends)
            yield replace(case, name="axis0-k5", x=f"{SMALL}.T", axis=0, cotangent=f"{upstream}.T")


def tangents(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The derivative of those along a tangent."""
    for case in gradients(operation, dtype, tier):
        tangent = f"np.sin(np.arange(np.size({case.x}))).reshape(np.shape({case.x}))"
        yield replace(case, derivative="jvp", cotangent=None, tangent=tangent)
