"""The ten findings are chosen by the rule that the page states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.deviations import Deviation, Scope
from conformance.records import Check, Record
from reports.site import evidence, overview, page
from reports.site.evidence import Evidence
from tests.samples import ENTRY, REQUIREMENTS, check, record

TARGETS = ("torch:cpu:eager", "jax:cpu:jit", "scipy:cpu:eager")


def entry(name: str, requirement: str, adapter: str = "torch") -> Deviation:
    return replace(
        ENTRY,
        id=name,
        adapter=adapter,
        title=f"{name} is wrong",
        scopes=(Scope(requirement, ("*",), ("*",), ("*",)),),
    )


def of(*records: Record, entries: tuple[Deviation, ...] = ()) -> Evidence:
    return evidence.assemble(records, requirements=REQUIREMENTS, entries=entries)


def deviation(requirement: str, name: str, dtype: str = "float32", case: str = "a") -> Check:
    return replace(check(requirement, "deviation", entry=name), dtype=dtype, case=case)


def test_what_most_frameworks_share_comes_first_then_float32_then_most_checks() -> None:
    shared = [
        record(deviation("ACC-01", f"stall-{name}", "float16"), target=target)
        for name, target in zip("abc", TARGETS, strict=True)
    ]
    torch = record(
        *shared[0].checks,
        deviation("SPV-03", "half", "bfloat16", "x"),
        deviation("SPV-03", "half", "bfloat16", "y"),
        deviation("SPV-03", "half", "bfloat16", "z"),
        deviation("GRD-01", "once"),
        deviation("ACC-02", "twice", case="x"),
        deviation("ACC-02", "twice", case="y"),
        target=TARGETS[0],
    )
    entries = (
        *(
            entry(f"stall-{name}", "ACC-01", target.partition(":")[0])
            for name, target in zip("abc", TARGETS, strict=True)
        ),
        entry("half", "SPV-03"),
        entry("once", "GRD-01"),
        entry("twice", "ACC-02"),
    )
    found = overview.faults(of(torch, *shared[1:], entries=entries))
    assert [fault.requirement for fault in found] == ["ACC-01", "ACC-02", "GRD-01", "SPV-03"]
    assert set(found[0].frameworks) == {"jax", "scipy", "torch"}
    assert len(found[0].findings) == 3


def test_a_failure_counts_and_good_practice_does_not() -> None:
    found = overview.faults(
        of(record(check("ACC-01", "fail"), check("ACC-02", "fail"), check("SPV-03", "crash")))
    )
    assert [fault.requirement for fault in found] == ["ACC-01", "SPV-03"]
    assert [fault.usual for fault in found] == [True, False]


def test_a_fault_lies_at_the_first_requirement_of_its_entry_that_was_met() -> None:
    several = replace(
        ENTRY, scopes=tuple(Scope(name, ("*",), ("*",), ("*",)) for name in ("GRD-01", "SPV-03", "ACC-01"))
    )
    made = record(deviation("ACC-01", ENTRY.id), deviation("SPV-03", ENTRY.id))
    (fault,) = overview.faults(of(made, entries=(several,)))
    assert fault.requirement == "SPV-03"


@pytest.mark.parametrize(("number", "rest"), [(3, ""), (12, "2 more")])
def test_ten_are_shown_and_the_rest_is_counted(number: int, rest: str) -> None:
    names = [f"ACC-{place:02}" for place in range(1, number + 1)]
    requirements = {name: replace(REQUIREMENTS["ACC-01"], id=name) for name in names}
    made = evidence.assemble(
        [record(*(check(name, "fail") for name in names))], requirements=requirements, entries=()
    )
    (only,) = overview.pages(made)
    text = page.render(only, made, page.environment())
    assert text.count("Reproduce it") == min(number, 10)
    assert ("more stand on the pages" in text) == bool(rest)
    assert rest in text


def test_nothing_found_is_said() -> None:
    made = of(record(check()))
    (only,) = overview.pages(made)
    assert "Nothing fails, and no deviation is known" in page.render(only, made, page.environment())
