"""A Gumbel-softmax whose noise is known: the softmax of logits that are computed from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.operations import query as questions
from conformance.operations.query import Query
from conformance.truth.arithmetic import Arithmetic
from conformance.truth.formats import Floats


def asked(x: Floats, noise: Floats, temperature: float, cotangent: Floats | None = None) -> Query:
    """Return the softmax of (x + noise) / temperature as a query, or its vjp times the temperature."""
    rows = (x + noise) / temperature
    return Query("softmax", rows, "" if cotangent is None else "vjp", cotangent)


def tolerance(query: Query, how: Arithmetic) -> Floats:
    """Return the largest error of what `asked` asks for, where the logits are computed too.

    Each takes a rounding of its sum and one of its quotient, and another of the difference if the maximum is
    subtracted before the division. That is at most |z_max| + |z_j| long, so four roundings of the larger one
    cover all, and two of float64 those of `asked`. `truth.bounds` says what a row's Δ does.
    """
    at = questions.setting(query)
    size = np.where(np.isinf(query.rows), 0.0, np.maximum(np.abs(query.rows), np.abs(at.rows.peak)))
    off = np.expm1(4 * np.log1p(how.u) + 2 * np.log1p(2.0**-53)) * size + 2 * how.unit(how.element)
    shift = np.max(off, axis=-1, keepdims=True)
    return questions.tolerance(query, replace(at, rows=replace(at.rows, off=off, shift=shift)), how)
