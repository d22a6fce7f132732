"""The bound of a Gumbel-softmax whose noise is known, against computations that round where it grants them."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.numpy import Adapter
from conformance.operations import noisy
from conformance.operations import query as questions
from conformance.truth.arithmetic import arithmetic
from conformance.truth.formats import exact, round_to

SEED = 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("temperature", [2.0, 1.0, 0.125])
@pytest.mark.parametrize("shifted", [False, True])
def test_each_operation_rounded_to_the_format_is_within_the_bound(
    dtype: str, temperature: float, shifted: bool
) -> None:
    random = np.random.default_rng(0)
    x, g = (
        round_to(values, dtype) for values in (random.standard_normal((64, 33)) * 4, random.gumbel(size=(64, 33)))
    )
    z = x + g
    if shifted:
        z = z - z.max(axis=-1, keepdims=True)
    z = z / x.dtype.type(temperature)
    got = exact(Adapter().softmax(z))
    asked = noisy.asked(exact(x), exact(g), temperature)
    how = arithmetic("D", dtype, 33)
    error, allowed = np.abs(got - questions.truth(asked).value), noisy.tolerance(asked, how)
    assert (error <= allowed).all()
    assert (error > allowed / 64).any()


def test_the_reference_adds_the_noise_that_it_tells() -> None:
    x = np.random.default_rng(1).standard_normal((6, 33)).astype(np.float32)
    a = Adapter()
    told = a.softmax((x + a.gumbel_noise(x, seed=SEED)) * np.float32(2))
    np.testing.assert_allclose(a.gumbel_softmax(x, seed=SEED, temperature=0.5), told, rtol=1e-5)


def test_the_gradient_of_the_reference_is_that_of_differences() -> None:
    random = np.random.default_rng(2)
    x, c, t = (random.standard_normal((2, 5)) for _ in range(3))
    a, h = Adapter(), 1e-6
    up, down = (a.gumbel_softmax(x + s * h * t, seed=SEED, temperature=0.5) for s in (1, -1))
    slope = ((up - down) / (2 * h) * c).sum()
    assert (a.vjp("gumbel_softmax", x, c, seed=SEED, temperature=0.5) * t).sum() == pytest.approx(slope, rel=1e-7)
