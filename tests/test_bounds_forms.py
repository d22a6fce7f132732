"""The bounds hold for each form of softmax that grade D grants, with functions as bad as granted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from conformance import operations
from conformance.operations.operation import Setting
from conformance.truth.arithmetic import Arithmetic, Functions, arithmetic
from conformance.truth.formats import Floats, spacing
from tests.emulation import (
    Known,
    Machine,
    first_down,
    known,
    known_logits,
    nearest,
    none,
    random_signs,
    up,
    worst,
)

Form = Callable[[Machine, Floats], Floats]
FORMATS = ("float16", "bfloat16", "float32")
SIGNS = (none, up, first_down, random_signs)


def from_logs(machine: Machine, x: Floats) -> Floats:
    return machine.exp(machine.log_probabilities(x))


def online(machine: Machine, x: Floats) -> Floats:
    """One column at a time, in the format of the sums; what is rescaled is rescaled by a bad exponential."""
    wide = Machine(replace(machine.how, element=machine.how.total), machine.signs)
    peak, total = np.full_like(x[:, :1], -np.inf), np.zeros_like(x[:, :1])
    for j in range(x.shape[1]):
        higher = np.maximum(peak, x[:, j : j + 1])
        gap = np.where(np.isneginf(higher), -np.inf, x[:, j : j + 1] - higher)
        scale = np.where(
            higher == peak, 1.0, wide.exp(wide.rounded(np.where(np.isneginf(peak), 0, peak - higher)))
        )
        scaled = np.where(np.isneginf(peak), 0.0, wide.rounded(total * scale))
        total, peak = wide.rounded(scaled + wide.exp(wide.rounded(gap))), higher
    return machine.rounded(machine.exp(machine.gap(x)) / machine.rounded(total))


def high_reciprocal(machine: Machine, x: Floats) -> Floats:
    e = machine.exp(machine.gap(x))
    reciprocal = machine.rounded(1 / machine.total(e))
    return machine.rounded(e * (reciprocal + spacing(reciprocal, machine.how.element)))


def one_product(machine: Machine, x: Floats) -> Floats:
    """exp2(gap · log₂ e), the product and its constant rounded to the format."""
    constant = nearest(np.asarray(np.log2(np.e)), machine.how.element)
    e = machine.rounded(np.exp2(machine.rounded(machine.gap(x) * constant)))
    return machine.rounded(e / machine.total(e))


def slipping(machine: Machine, x: Floats) -> Floats:
    """Exponentials two units too large among the subnormal numbers."""
    e = machine.exp(machine.gap(x))
    fmt = machine.how.element
    e = np.where((e < fmt.smallest_normal) & np.isfinite(x), e + 2 * fmt.smallest_subnormal, e)
    return machine.rounded(e / machine.total(e))


FORMS = (from_logs, online, high_reciprocal, one_product, slipping)


def granted(form: Form, how: Arithmetic) -> Arithmetic:
    """One through base 2 has two roundings of its argument: the product, and the constant."""
    return replace(how, functions=Functions(slope=2.0)) if form is one_product else how


def ratio(form: Form, machine: Machine, case: Known) -> float:
    with np.errstate(all="ignore"):
        got = machine.finish(form(machine, case.x))
    allowed = operations.get("softmax").tolerance(Setting(case.rows), granted(form, machine.how))
    return worst(got, case.softmax, allowed)


WIDE = {from_logs, high_reciprocal}  # of float32 and wider


@pytest.mark.parametrize(
    ("form", "dtype"),
    [(form, dtype) for form in FORMS for dtype in FORMATS if dtype == "float32" or form not in WIDE],
)
def test_each_form_is_within_grade_d(form: Form, dtype: str) -> None:
    for n in (1, 2, 3, 33, 300):
        cases = [known_logits(dtype, n), known(np.arange(n)[None] * 2.0**-12, dtype)]
        cases += [known(np.arange(n)[None] * -0.75, dtype), known(np.sort(np.arange(n)[None] % 7 * 2.5), dtype)]
        for signs in SIGNS:
            machine = Machine(arithmetic("D", dtype, n), signs)
            assert max(ratio(form, machine, case) for case in cases) <= 1, (n, signs.__name__)


SEEN: dict[Form, list[float]] = {
    one_product: [float.fromhex("0x1.c32af2p-2"), float.fromhex("-0x1.fcf348p+5")],
    from_logs: [float.fromhex(v) for v in ("-0x1.a81afcp+4", "-0x1.d90f02p+4", "-0x1.6e0e4p+6")],
    online: [i * 2.0**-12 for i in range(300)],
}


@pytest.mark.parametrize("form", SEEN)
def test_grade_b_is_not_for_the_forms_that_need_more(form: Form) -> None:
    case = known([SEEN[form]], "float32")
    n = len(SEEN[form])
    strict, lenient = (Machine(arithmetic(grade, "float32", n), up) for grade in "BD")
    assert ratio(form, lenient, case) <= 1
    with np.errstate(all="ignore"):
        got = lenient.finish(form(lenient, case.x))
    assert worst(got, case.softmax, operations.get("softmax").tolerance(Setting(case.rows), strict.how)) > 1


def test_a_narrowed_sum_that_overflows_is_not_granted() -> None:
    case = known(np.zeros((1, 65520)), "float16")
    how = arithmetic("D", "float16", 65520)
    with np.errstate(over="ignore"):
        got = Machine(how, none, True).probabilities(case.x)
    assert (got == 0).all()
    assert worst(got, case.softmax, operations.get("softmax").tolerance(Setting(case.rows), how)) > 1
