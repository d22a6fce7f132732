"""Forms that are linear in a row's probabilities, in balls, and exactly 0 where the form is 0.

A ball around 0 proves no zero, at any precision. But Σ β_k exp(x_k) over distinct rational x_k, with rational
β_k, is 0 if and only if every β_k is (Lindemann and Weierstrass; Baker, *Transcendental Number Theory*, 1975,
theorem 1.4). Each form here is such a sum over Σ exp(x), and its β are sums over equal logits.
"""

from __future__ import annotations

from collections.abc import Callable

from flint import arb, fmpq

from conformance.truth.oracle import Row, dot, total


def jacobian(row: Row, v: list[arb]) -> list[arb]:
    """(diag g − g gᵀ) v."""
    return [p * w for p, w in zip(row.g, centred(row, v), strict=True)]


def centred(row: Row, v: list[arb]) -> list[arb]:
    """v_j − Σ g v.

    0 where the mean of v over each set of equal logits is v_j. The computation starts from differences to v at
    the row's maximum, so that nothing cancels there.
    """
    base = v[row.top]
    near = [w - base for w in v]
    inner = dot(row.g, near)
    found = [w - inner for w in near]
    if not any(map(unsure, found)):
        return found
    mean = common_mean(row, v)
    return [arb(0) if unsure(d) and w.fmpq() == mean else d for d, w in zip(found, v, strict=True)]


def average(row: Row, v: list[arb]) -> arb:
    """Σ g v: 0 where the sum of v over each set of equal logits is."""
    found = dot(row.g, v)
    return arb(0) if unsure(found) and common_mean(row, v) == 0 else found


def remainder(row: Row, v: list[arb], exact: Callable[[], list[fmpq]]) -> list[arb]:
    """v_j − g_j Σ v, for v that are `exact` before they are rounded.

    0 where v_j and Σ v are, or where v_j is the mean of v and all logits are equal.
    """
    whole = total(v)
    found = [w - p * whole for w, p in zip(v, row.g, strict=True)]
    if not any(map(unsure, found)):
        return found
    values = exact()
    mass = sum(values, fmpq(0))
    equal = len(row.counts) == row.masked + 1
    share = mass / row.counts[-1] if equal else None
    return [
        arb(0) if unsure(d) and (w == mass == 0 or (p != 0 and w == share)) else d
        for d, w, p in zip(found, values, row.g, strict=True)
    ]


def whole(v: list[arb]) -> arb:
    """Σ v of exact balls."""
    found = total(v)
    return arb(0) if unsure(found) and sum(fractions(v), fmpq(0)) == 0 else found


def common_mean(row: Row, v: list[arb]) -> fmpq | None:
    """The mean of exact v over each set of equal finite logits, if it is the same for all of them."""
    sums = [fmpq(0)] * len(row.counts)
    seen = [0] * len(row.counts)
    mean = None
    for i, w in zip(row.inverse, v, strict=True):
        if i < row.masked:
            continue
        sums[i] += w.fmpq()
        seen[i] += 1
        if seen[i] < row.counts[i]:
            continue
        if mean is not None and sums[i] != mean * row.counts[i]:
            return None
        mean = sums[i] / row.counts[i]
    return mean


def fractions(v: list[arb]) -> list[fmpq]:
    """Exact balls as fractions."""
    return [w.fmpq() for w in v]


def unsure(ball: arb) -> bool:
    """Return True if a ball holds 0 and more."""
    return 0 in ball and not ball.is_exact()
