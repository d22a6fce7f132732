"""Rows with a NaN or an infinity: which answers came out, and which of them the requirements on special values
allow.

A row is told by what it holds and what came out at each logit, sorted: "+inf number" has "NaN NaN". Where a
result is one number a row, that one comes out: "-inf number" has "itself", the number.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.run.sweep.spaces import FINITE, NAN, NEGATIVE, POSITIVE

Array = NDArray[Any]
KINDS = {FINITE: "number", NAN: "NaN", POSITIVE: "+inf", NEGATIVE: "-inf"}
ANSWERS = ("number", "NaN", "+inf", "-inf", "0", "1", "itself")


def tallied(kinds: Array, got: Array, finite: Array) -> Counter[tuple[Any, ...]]:
    """Count rows by their kinds (n, r) and answers (k, r), as pairs of tuples.

    `finite` is the sum of the numbers of each row.
    """
    code = np.zeros(kinds.shape[1], np.int64)
    for row in kinds:
        code = code * len(KINDS) + row
    for row in _answers(got, finite):
        code = code * len(ANSWERS) + row
    counts = np.bincount(code)
    return Counter({_decoded(int(one), len(kinds), len(got)): int(counts[one]) for one in np.flatnonzero(counts)})


def _answers(got: Array, finite: Array) -> Array:
    with np.errstate(invalid="ignore"):
        cases = [np.isnan(got), np.isposinf(got), np.isneginf(got), got == 0, got == 1, got == finite]
    return np.select(cases, [1, 2, 3, 4, 5, 6], 0)


def _decoded(code: int, n: int, k: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    answers, kinds = [], []
    for _ in range(k):
        code, last = divmod(code, len(ANSWERS))
        answers.append(ANSWERS[last])
    for _ in range(n):
        code, last = divmod(code, len(KINDS))
        kinds.append(KINDS[last])
    return tuple(kinds[::-1]), tuple(answers[::-1])


def name(kinds: tuple[str, ...], answers: tuple[str, ...]) -> str:
    """The name of what came out, whatever the order of the logits."""
    if len(kinds) != len(answers):
        return f"{' '.join(sorted(kinds))}: {' '.join(answers)}"
    pairs = sorted(zip(kinds, answers, strict=True))
    return f"{' '.join(kind for kind, _ in pairs)}: {' '.join(answer for _, answer in pairs)}"


def legal(part: str, kinds: tuple[str, ...], answers: tuple[str, ...]) -> bool:
    """Return whether the requirements allow an answer; what none of them speaks of is allowed."""
    rule = {"softmax": _row, "log_softmax": _row, "logsumexp": _reduction, "softmax_cross_entropy": _loss}.get(
        part
    )
    return True if rule is None else answers in rule(part, kinds)


def _row(part: str, kinds: tuple[str, ...]) -> list[tuple[str, ...]]:
    zero, one = ("0", "1") if part == "softmax" else ("-inf", "0")
    nan = tuple("NaN" for _ in kinds)
    if "NaN" in kinds:
        return [nan]
    if set(kinds) == {"-inf"}:
        return [nan, tuple(zero for _ in kinds)]
    if "+inf" in kinds:
        at_infinity = tuple("NaN" if kind == "+inf" else zero for kind in kinds)
        one_hot = [tuple(one if kind == "+inf" else zero for kind in kinds)] * (kinds.count("+inf") == 1)
        return [nan, at_infinity, *one_hot]
    masked = [[zero] if kind == "-inf" else [one] if kinds.count("number") == 1 else ANSWERS for kind in kinds]
    return list(product(*masked))


def _reduction(part: str, kinds: tuple[str, ...]) -> list[tuple[str, ...]]:
    if "NaN" in kinds:
        return [("NaN",)]
    if "+inf" in kinds:
        return [("+inf",)]
    if kinds.count("number") == 1:
        return [("itself",), ("0",), ("1",)]  # where the number is
    return [("-inf",)] if "number" not in kinds else [(answer,) for answer in ANSWERS]


def _loss(part: str, kinds: tuple[str, ...]) -> list[tuple[str, ...]]:
    label, *others = kinds
    if "NaN" in kinds:
        return [("NaN",)]
    if "+inf" in kinds:
        return [("NaN",), ("+inf",), ("0",)] if label == "+inf" else [("NaN",), ("+inf",)]
    if set(kinds) == {"-inf"}:
        return [("NaN",), ("+inf",)]
    return [("+inf",)] if label == "-inf" else [("0",)] if set(others) == {"-inf"} else [(a,) for a in ANSWERS]
