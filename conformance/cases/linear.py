"""Cases of linear cross-entropy: hidden rows, a matrix and labels, where kernels cut them into chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conformance.cases.losses import IGNORED
from conformance.cases.rows import index_labels, normal
from conformance.run.case import Case

# (rows, d, classes): one class, few, a power of two and its neighbours, more than a block; rows across chunks too
QUICK = ((3, 5, 1), (6, 1, 2), (5, 16, 33), (33, 8, 129), (6, 64, 257))
FULL = ((2, 3, 2), (7, 33, 127), (9, 64, 128), (65, 16, 129), (129, 4, 7), (4, 16, 1025), (3, 128, 4097))
MANY = ((2, 8, 32769), (200, 8, 1000))  # more than the largest block of a kernel; many chunks of rows
CHUNKS = (1, 2, 5, 16)  # of 33 rows, or 129 classes
AGAINST = ("x", "matrix", "bias")
MASKED = "np.where(np.arange(257) // 64 == 1, -3e4, 0.0)"  # a chunk of classes far below all others


def product(rows: int, d: int, n: int, seed: int = 11) -> Case:
    """Rows and a matrix whose logits are of order one."""
    return Case(
        f"r{rows}-d{d}-n{n}",
        normal(rows, d, seed),
        labels=index_labels(rows, n),
        matrix=f"{normal(n, d, seed + 1)} / {d**0.5:.3g}",
    )


SMALL, WIDE, LONG = product(6, 16, 33), product(6, 64, 257), product(33, 8, 129)
BIASED = replace(SMALL, name="bias", bias="np.sin(np.arange(33)) * 4")
HALF = normal(257, 32, 12)
CANCELLING = f"np.hstack([{normal(6, 32)} * 8, {normal(6, 32)} * -8])"  # sums far larger than what they end at
UPSTREAM = "np.array([1, -2, 0.5, 1, 0, 3])"


def sizes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every size, a bias, logits near 1e4, one that dominates, and a chunk of classes that counts nothing."""
    more = () if tier == "quick" else FULL if dtype != "float32" else FULL + MANY
    for shape in (*QUICK, *more):
        yield product(*shape)
    yield BIASED
    yield replace(WIDE, name="chunk-far-below", bias=MASKED)
    yield replace(WIDE, name="maximum-in-last-chunk", bias="np.where(np.arange(257) == 256, 20.0, 0.0)")
    yield replace(
        WIDE, name="cancelling", x=CANCELLING, matrix=f"np.hstack([{HALF}, {HALF} + {normal(257, 32)} / 64])"
    )
    for offset in (1e4, -1e4):  # the bias alone is a common offset, which no loss sees
        yield replace(SMALL, name=f"offset-{offset:g}", bias=f"np.full(33, {offset})")
    yield replace(SMALL, name="logits-near-1e4", x=f"{SMALL.x} * 4e3")


def gradients(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The gradient of each of those in hidden, in the matrix, and in the bias where there is one."""
    for case in sizes(operation, dtype, tier):
        rows = int(case.name.partition("-")[0][1:]) if case.name.startswith("r") else 6
        upstream = UPSTREAM if rows == 6 else f"np.cos(np.arange({rows}))"
        for wrt in AGAINST:
            if wrt != "bias" or case.bias:
                yield gradient(case, wrt, upstream)


def gradient(case: Case, wrt: str, cotangent: str) -> Case:
    """The gradient of a case."""
    return replace(case, name=f"{case.name}-by-{wrt}", derivative="vjp", cotangent=cotangent, wrt=wrt)


def small(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Six rows, plain and with a bias."""
    yield SMALL
    yield BIASED


def options(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Reductions, class weights, smoothing and ignored rows, alone and together."""
    partly = f"np.array([1, {IGNORED}, 3, {IGNORED}, 5, 6])"
    weight = "0.5 + np.arange(33) % 5 * 0.25"
    for reduction in ("none", "sum", "mean"):
        plain = {"reduction": reduction}
        ignored = plain | {"ignore_index": IGNORED}
        yield replace(LONG, name=reduction, options=plain)
        yield replace(SMALL, name=f"{reduction}-ignored", options=ignored, labels=partly)
        yield replace(BIASED, name=f"{reduction}-bias", options=plain)
        if tier != "quick" or reduction == "mean":
            yield replace(BIASED, name=f"{reduction}-weight", options=ignored | {"weight": weight}, labels=partly)
            smoothed = ignored | {"label_smoothing": 0.1}
            yield replace(BIASED, name=f"{reduction}-smoothed", options=smoothed, labels=partly)
    uneven = {"reduction": "mean", "ignore_index": IGNORED}  # the chunks of rows count unlike numbers of them
    labels = f"np.where(np.arange(33) < 20, {IGNORED}, np.arange(33))"
    yield replace(LONG, name="mean-uneven-chunks", options=uneven, labels=labels)


def chunked(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """33 rows and 129 classes in chunks of either, reduced and not."""
    for chunk in CHUNKS if tier != "quick" else (1, 16):
        for reduction in ("none", "mean"):
            yield replace(
                LONG, name=f"chunk-{chunk}-{reduction}", options={"chunk": chunk, "reduction": reduction}
            )


def partly_ignored(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Two of six rows ignored, whose hidden numbers are the largest."""
    labels = f"np.array([1, {IGNORED}, 3, {IGNORED}, 5, 6])"
    large = f"{SMALL.x} * np.where(np.arange(6) % 4 == 1, 50.0, 1)[:, None]"
    yield replace(SMALL, name="ignored", x=large, labels=labels, options={"ignore_index": IGNORED})


def spoiled(value: str) -> str:
    """The small case's rows with one number replaced in the third."""
    return f"np.where((np.arange(96) == 37).reshape(6, 16), {value}, {SMALL.x})"


def with_nan(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """One NaN in the third of six rows."""
    yield replace(SMALL, name="nan", x=spoiled("np.nan"))


def with_infinity(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """One infinity in the third of six rows."""
    for name, value in (("plus-inf", "np.inf"), ("minus-inf", "-np.inf")):
        yield replace(SMALL, name=name, x=spoiled(value))


def ignored_nan(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """One NaN in the third of six rows, which is ignored."""
    for case in with_nan(operation, dtype, tier):
        labels = f"np.array([1, 2, {IGNORED}, 4, 5, 6])"
        yield replace(case, name="ignored-nan", labels=labels, options={"ignore_index": IGNORED})


def beyond_the_format(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Two logits of the third row are twice the format's largest number, 128 apart; its label is the smaller."""
    if dtype == "float16":
        two = "256 + (np.arange(33) == 8)[:, None] / 4"
        matrix = f"np.where(np.isin(np.arange(33), (7, 8))[:, None], {two}, {SMALL.matrix})"
        x = f"np.where((np.arange(6) == 2)[:, None], 32.0, {SMALL.x})"
        yield replace(SMALL, name="beyond-the-format", x=x, matrix=matrix, labels="np.array([0, 1, 7, 3, 4, 5])")
