"""List the checks of a target: every requirement on each of its operations, the target's formats and all cases.

It depends on no selection of pytest's: what `-k`, `-x` or a dead worker leave out was asked all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest

from adapters.frameworks import FRAMEWORKS
from adapters.protocol import Adapter
from conformance import HERE, operations, requirements
from conformance.record.records import CheckSet
from conformance.requirements import Requirement
from conformance.run.case import Case, label_form
from conformance.run.target import Subject

# What a tier asks of some formats only: each is compiled anew, and an 8-bit one that is wrong is so throughout.
PARTLY: dict[str, dict[str, tuple[str, ...]]] = {
    "quick": {
        "bfloat16": ("ACC", "SPV", "RNG", "GRD", "CRS", "LIN", "SMP", "USE"),
        "float64": ("ACC", "SPV", "RNG", "GRD", "CRS", "LIN"),
        "float8_e4m3fn": ("ACC",),
        "float8_e5m2": ("ACC",),
    },
    "full": {"float8_e4m3fn": ("ACC",), "float8_e5m2": ("ACC",)},
}


WIDER = ("LIN", "SEL")  # families of what nobody computes in 8 bits


def judged_in(dtype: str, family: str) -> bool:
    """Return whether a format is judged on a family in any tier."""
    return family not in WIDER or not dtype.startswith("float8")


def takes_part(dtype: str, family: str, tier: str) -> bool:
    """Return whether a format is judged on a family: float32 and float16 always, any in the exhaustive tier."""
    of_tier = PARTLY.get(tier, {}).get(dtype, tuple(requirements.FAMILIES))
    return judged_in(dtype, family) and family in of_tier


# A compiler is asked fewer crossed cases: each level in quick, each pair without a layout in full.
FEWER = {"quick": "few", "full": "copied"}


def asked_of(adapter: Adapter, requirement: Requirement, tier: str) -> str:
    """Return the tier whose cases of a requirement an adapter is asked."""
    if requirement.family != "CRS":
        return tier
    framework = FRAMEWORKS.get(adapter.name)
    if adapter.mode != "eager" or (framework and framework.modes["eager"].per_shape):
        return FEWER.get(tier, tier)
    return "copied" if tier == "quick" and framework and framework.copies else tier


def takes(operation: str, case: Case) -> bool:
    """Return whether an operation has the labels, the options and the derivative of a case, if it is a loss."""
    op = operations.get(operation)
    if op.kind != "loss":
        return True
    known = {argument.name for argument in op.arguments}
    asked = case.derivative if case.wrt == "x" else f"{case.derivative}, by {case.wrt}"
    formed = len(op.labels) > 1 or case.labels is None or label_form(case.labels) in op.labels
    return case.options.keys() <= known and asked in op.truths and formed


def subjects(adapter: Adapter, marker: pytest.Mark, tier: str) -> Iterator[Subject]:
    """Yield what the test with this `requirement` marker judges of an adapter."""
    requirement = requirements.load()[marker.args[0]]
    for operation in requirement.operations:
        for dtype in sorted(adapter.dtypes):
            if takes_part(dtype, requirement.family, tier):
                for case in marker.kwargs["cases"](operation, dtype, asked_of(adapter, requirement, tier)):
                    if takes(operation, case):
                        yield Subject(requirement, operation, dtype, case)


def check_id(subject: Subject) -> str:
    """Return the id of the check, as in a record."""
    return "/".join((subject.requirement.id, subject.operation, subject.dtype, subject.case.name))


def every(adapter: Adapter, tier: str) -> Iterator[Subject]:
    """Yield what all tests together judge of an adapter in a tier."""
    tests = (
        test
        for path in sorted(HERE.glob("test_*.py"))
        for test in vars(import_module(f"{HERE.name}.{path.stem}")).values()
    )
    markers = (mark for test in tests for mark in getattr(test, "pytestmark", ()) if mark.name == "requirement")
    for marker in markers:
        yield from subjects(adapter, marker, tier)


def asked(adapter: Adapter, tier: str) -> CheckSet:
    """Return all checks of an adapter in a tier."""
    return CheckSet.of(map(check_id, every(adapter, tier)))
