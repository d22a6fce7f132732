"""The order that judges top-k, against Python's own sort, and the border of a nucleus, against exact sums."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from conformance.operations import top_k
from conformance.truth.formats import Floats

ROWS = np.random.default_rng(0).integers(-3, 3, (4, 20)) / 1.0
PLACES = np.broadcast_to(np.arange(20.0), ROWS.shape)
SPECIAL = np.array([[1, np.nan, -np.inf, -np.nan, np.inf, -0.0]])


def by_python(row: Floats) -> list[int]:
    """The places, the greatest first, of equal ones the lower."""
    return sorted(range(len(row)), key=lambda i: -row[i])


def test_the_order_is_that_of_a_sort() -> None:
    assert top_k.order(ROWS, -PLACES).tolist() == [by_python(row) for row in ROWS]


def test_any_order_of_equal_elements_follows_and_no_other() -> None:
    lower = top_k.order(ROWS, -PLACES)[:, :9]
    higher = top_k.order(ROWS, PLACES)[:, :9]
    assert top_k.follows(lower, ROWS).all()
    assert top_k.follows(higher, ROWS).all()
    assert not top_k.follows(higher, ROWS, -PLACES).all()
    assert not top_k.follows(lower[:, ::-1], ROWS).all()
    assert not top_k.follows(np.sort(lower, axis=1), ROWS).all()


def test_a_place_out_of_range_is_that_of_no_greater_element() -> None:
    assert top_k.taken(ROWS, np.array([[-1, 20]] * 4)).tolist() == ROWS[:, [0, 19]].tolist()
    assert top_k.taken(ROWS.astype(float), np.full((4, 1), np.inf)).tolist() == ROWS[:, [19]].tolist()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("greatest", [1, 3, 4, 0, 5, 2]), ("least", [4, 0, 5, 2, 1, 3]), ("signed", [1, 4, 0, 5, 2, 3])],
)
def test_nan_stands_where_the_rule_says(rule: str, expected: list[int]) -> None:
    numbers = np.nan_to_num(SPECIAL, nan=0.0, posinf=np.inf, neginf=-np.inf)
    assert top_k.order(top_k.signs(SPECIAL, rule), numbers).tolist() == [expected]


def test_the_gradient_is_the_transpose_of_the_choice() -> None:
    rows, c, t = (np.random.default_rng(i).standard_normal(s) for i, s in enumerate([(3, 9), (3, 4), (3, 9)]))
    chosen = top_k.taken(t, top_k.order(rows)[:, :4])
    np.testing.assert_allclose(np.sum(top_k.scattered(rows, c) * t), np.sum(c * chosen), rtol=1e-14)


def nucleus(shares: Floats, mass: float) -> list[bool]:
    """The set of one row by exact sums."""
    total, inside = Fraction(0), [False] * len(shares)
    for i in by_python(shares):
        inside[i] = total < Fraction(mass)
        total += Fraction(float(shares[i]))
    return inside


@pytest.mark.parametrize("mass", [0.25, 0.5, 0.9, 0.999])
def test_a_nucleus_is_that_of_exact_sums(mass: float) -> None:
    shares = np.random.default_rng(3).dirichlet(np.ones(40), 5)
    inside, outside = top_k.nucleus(shares, np.zeros_like(shares), mass)
    assert inside.tolist() == [nucleus(row, mass) for row in shares]
    assert (inside == ~outside).all()


@pytest.mark.parametrize("size", [1e-4, 1e-2])
def test_shares_within_their_bounds_have_a_nucleus_between_the_two(size: float) -> None:
    random = np.random.default_rng(4)
    shares = random.dirichlet(np.ones(40), 5)
    off = size * random.random(shares.shape)
    inside, outside = top_k.nucleus(shares, off, 0.7)
    assert (~inside & ~outside).any() == (size > 1e-3)
    for _ in range(200):
        moved = np.maximum(shares + off * random.choice([-1.0, 0, 1], shares.shape), 0)
        found = np.array([nucleus(row, 0.7) for row in moved])
        assert (found >= inside).all()
        assert not (found & outside).any()
