"""Failures are grouped by their likely cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance import requirements
from conformance.record import causes
from conformance.record.records import Check
from conformance.run.measure import Call
from tests.mistaken import DerivesNone
from tests.samples import hostile_record

CALL = {"operation": "softmax", "dtype": "float32", "shape": [2, 3], "axis": -1, "derivative": ""}


def check(requirement: str, outcome: str = "fail", got: str = "0x0.0p+0", **call: Any) -> Check:
    witness = {"got": got, "expected": "0x1.0p-1", "call": CALL | call}
    return Check(requirement, "softmax", "float32", requirement, outcome, witness=witness)


def told(*checks: Check) -> list[tuple[int, str]]:
    return [(len(group.checks), group.cause) for group in causes.groups(checks)]


def test_what_holds_has_no_cause() -> None:
    assert told(check("ACC-01", "pass"), check("ACC-02"), check("IFC-02", "absent")) == []  # ACC-02 is a should


@pytest.mark.parametrize(
    ("got", "cause"),
    [
        ("0x0.0p+0", "the answer is 0"),
        ("nan", "the answer is NaN"),
        ("-inf", "the answer is infinite"),
        ("0x1.0p+9", "the answer is another number"),
        ("0x1.01p-1", "accurate to 8 bits"),
        ("[0x1.0p-1, nan]", "the answer is NaN"),
        ("refused", "not as required"),
    ],
)
def test_a_group_is_named_after_what_is_seen(got: str, cause: str) -> None:
    wrong = check("LBL-06", got=got)
    expected = {**wrong.witness, "expected": "[0x1.0p-1, 0x1.0p-1]"} if "[" in got else wrong.witness
    seen = Check("LBL-06", "softmax", "float32", "", "fail", witness=expected)
    assert told(*[check("ACC-01", "pass")] * 9, seen) == [(1, f"{cause}: large logits")]


def test_a_group_is_named_after_the_traits_that_it_alone_has() -> None:
    passing = [check("ACC-01", "pass"), check("GRD-01", "pass", derivative="vjp")]
    strided = [check("CRS-01", layouts={"x": "a"}, axis=0), check("CRS-02", layouts={"x": "a"}, axis=0)]
    assert told(*passing, *strided) == [
        (2, "the answer is 0: x in a layout of its own, an axis that is not the last")
    ]


def test_what_fails_in_two_places_is_two_groups() -> None:
    passing = [check(f"ACC-0{n}", "pass") for n in range(9)]
    first = [check("GRD-01", got="0x1.0p+3", derivative="vjp") for _ in range(3)]
    second = [check("IFC-02", got="accepted") for _ in range(2)]
    assert told(*passing, *first, *second) == [
        (3, "the answer is another number: its vjp"),
        (2, "not as required: how an axis is named"),
    ]


def test_a_floor_of_probabilities_is_named() -> None:
    floored = [replace(check("RNG-07", got=(1e-28).hex()), case=f"far-{n}") for n in range(4)]
    floored = [replace(one, witness={**one.witness, "expected": "0x0.0p+0"}) for one in floored]
    assert told(*floored, check("RNG-07", "pass")) == [
        (4, "everything below −64 is clipped: far below the maximum")
    ]


def test_a_function_that_is_wrong_everywhere_has_one_group() -> None:
    wrong = [check("ACC-01"), check("ACC-03"), check("SPV-01"), check("IFC-02", got="accepted")]
    assert told(*wrong) == [(4, "the answer is 0 nearly everywhere")]
    assert causes.groups(reversed(wrong))[0].requirements[:2] == ("ACC-03", "ACC-01")
    assert "nearly everywhere" not in str(told(check("ACC-01", "pass"), *wrong))


def test_errors_are_grouped_whatever_numbers_they_name() -> None:
    got = [{"got": f"IndexError: {n} of 3", "expected": "a result"} for n in (4, 50)]
    raised = [replace(check("CRS-01"), witness=witness) for witness in got]
    died = replace(check("CRS-01", "crash"), message="x: signal SIGSEGV")
    assert told(*raised, died) == [(2, "raises IndexError: … of …"), (1, "crash: x: signal SIGSEGV")]


def test_an_adapter_that_returns_nothing_is_named() -> None:
    with pytest.raises(TypeError, match="adapter: vjp returned None") as raised:
        Call("softmax", np.zeros((1, 3)), derivative="vjp", cotangent=np.zeros((1, 3))).run(DerivesNone())
    witness = {"got": f"TypeError: {raised.value}", "expected": "a result"}
    failed = [replace(check("GRD-01"), case=str(n), witness=witness) for n in range(3)]
    assert told(check("ACC-01", "pass"), *failed)[0] == (3, "adapter: vjp returned None")


def test_what_requirements_ask_for_is_told_of_each_that_has_a_verdict() -> None:
    known = requirements.load()
    told_of = {name for ids in causes.SUBJECTS.values() for name in ids.split()}
    assert told_of <= set(known)
    judged = {name for name, one in known.items() if one.level != "report"}
    left = {name for name in judged - told_of if known[name].family not in ("ACC", "GRD", "CRS")}
    plain = {*(f"LIN-0{i}" for i in (1, 2, 3, 4)), *(f"SEL-{i}" for i in ("01", "02", "15", "16", "17"))}
    assert left == {"LBL-32"} | plain  # values and gradients


def test_a_record_that_holds_anything_has_groups() -> None:
    odd: list[Any] = [None, "call", {"shape": "x", "axis": "y", "layouts": [1], "options": 3, "wrt": {}}]
    failed = [replace(check("ACC-01"), witness={"call": call, "got": {}, "expected": []}) for call in odd]
    assert sum(count for count, _ in told(*failed, *hostile_record().checks)) >= 3
