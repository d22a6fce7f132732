"""Failures are grouped by their likely cause."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.record import causes
from conformance.record.records import Check

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
        ("0x1.01p-1", "the answer is inaccurate"),
        ("[0x1.0p-1, nan]", "the answer is NaN"),
        ("refused", "INV-01 is not met"),
    ],
)
def test_a_group_is_named_after_what_is_seen(got: str, cause: str) -> None:
    wrong = check("INV-01", got=got)
    expected = {**wrong.witness, "expected": "[0x1.0p-1, 0x1.0p-1]"} if "[" in got else wrong.witness
    seen = Check("INV-01", "softmax", "float32", "", "fail", witness=expected)
    assert told(check("ACC-01", "pass"), seen) == [(1, cause)]


def test_a_group_is_named_after_the_traits_that_it_alone_has() -> None:
    passing = [check("ACC-01", "pass"), check("GRD-01", "pass", derivative="vjp")]
    strided = [check("INV-01", layouts={"x": "a"}, axis=0), check("INV-02", layouts={"x": "a"}, axis=0)]
    assert told(*passing, *strided) == [
        (2, "the answer is 0: an axis that is not the last, x in a layout of its own")
    ]


def test_a_function_that_is_wrong_everywhere_has_one_group() -> None:
    wrong = [check("ACC-01"), check("ACC-03"), check("SPV-01", got="0x1.0p+3"), check("IFC-02", got="accepted")]
    assert told(*wrong) == [(4, "the answer is 0 nearly everywhere")]
    assert causes.groups(reversed(wrong))[0].requirements[:2] == ("ACC-03", "ACC-01")
    assert len(told(check("ACC-01", "pass"), *wrong)) == 3


def test_errors_are_grouped_whatever_numbers_they_name() -> None:
    raised = [
        Check(
            "INV-01",
            "softmax",
            "float32",
            "",
            "fail",
            witness={"got": f"IndexError: {n} of 3", "expected": "a result"},
        )
        for n in (4, 50)
    ]
    died = Check("INV-02", "softmax", "float32", "", "crash", message="x: signal SIGSEGV")
    assert told(*raised, died) == [(2, "raises IndexError: … of …"), (1, "crash: x: signal SIGSEGV")]
