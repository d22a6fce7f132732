"""Each framework has a row with its faults, and the ten findings are chosen by the rule that the page states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.deviations import Deviation, Scope
from conformance.record.records import Check, Record
from reports import evidence
from reports.evidence import Evidence
from reports.site import overview, page, ranking
from tests.samples import ENTRY, HOSTILE, LEVELS, REQUIREMENTS, check, hostile_record, record

TARGETS = ("torch:cpu:eager", "jax:cpu:jit", "scipy:cpu:eager")


def entry(name: str, *requirements: str, adapter: str = "torch", link: str = "pytorch/pytorch#1") -> Deviation:
    scopes = tuple(Scope(requirement, ("*",), ("*",), ("*",)) for requirement in requirements)
    return replace(ENTRY, id=name, adapter=adapter, title=f"{name} is wrong", link=link, scopes=scopes)


def of(*records: Record, entries: tuple[Deviation, ...] = ()) -> Evidence:
    return evidence.assemble(records, requirements=REQUIREMENTS, entries=entries)


def deviation(requirement: str, name: str, dtype: str = "float32", operation: str = "softmax") -> Check:
    return check(requirement, "deviation", entry=name, dtype=dtype, operation=operation)


def order(made: Evidence) -> list[str]:
    return [fault.findings[0].id for fault in ranking.faults(made)]


def text(made: Evidence) -> str:
    (only,) = overview.pages(made)
    return page.render(only, made, page.environment())


def test_what_is_not_known_comes_first_whatever_its_level() -> None:
    checks = [deviation("ACC-01", "known"), deviation("GRD-01", "known"), check("SPV-03", "fail")]
    made = of(record(*checks), entries=(entry("known", "ACC-01", "GRD-01"),))
    assert order(made) == ["fail-SPV-03-softmax-torch", "known"]
    assert "not known yet" in text(made)
    assert text(made).index("SPV-03 holds.") < text(made).index("known is wrong")


def test_a_crash_that_is_listed_is_not_new() -> None:
    known, new = check("ACC-01", "crash", entry="known"), check("GRD-01", "timeout")
    made = of(record(known, new), entries=(entry("known", "ACC-01"),))
    assert [(fault.requirement, fault.new) for fault in ranking.faults(made)] == [
        ("GRD-01", True),
        ("ACC-01", False),
    ]


def test_levels_go_before_all_that_is_known_of_a_finding() -> None:
    checks = [
        *(deviation("SPV-03", "choice", dtype) for dtype in ("float32", "float64", "bfloat16")),
        deviation("ACC-01", "must", "float8_e5m2"),
        *(check("ACC-02", "fail", dtype=dtype) for dtype in ("float32", "float64", "bfloat16", "float16")),
        check("DET-04", "fail"),
    ]
    found = order(of(record(*checks), entries=(entry("choice", "SPV-03"), entry("must", "ACC-01"))))
    assert found == ["must", "choice", "fail-ACC-02-softmax-torch", "fail-DET-04-softmax-torch"]


def test_the_strictest_requirement_of_an_entry_gives_its_level() -> None:
    checks = [deviation("SPV-03", "both"), deviation("ACC-01", "both"), deviation("GRD-01", "must")]
    made = of(record(*checks), entries=(entry("both", "SPV-03", "ACC-01"), entry("must", "GRD-01")))
    assert order(made) == ["both", "must"]
    assert ranking.faults(made)[0].requirement == "SPV-03"


def test_formats_of_8_bits_alone_come_after_wider_ones() -> None:
    narrow = [deviation("ACC-01", "narrow", dtype) for dtype in ("float8_e4m3fn", "float8_e5m2")]
    mixed = [deviation("GRD-01", "mixed", dtype) for dtype in ("float8_e5m2", "float16")]
    entries = (entry("narrow", "ACC-01"), entry("mixed", "GRD-01"), entry("wide", "ACC-01"))
    made = of(record(*narrow, *mixed, deviation("ACC-01", "wide", "bfloat16")), entries=entries)
    assert order(made) == ["mixed", "wide", "narrow"]


def test_what_touches_more_comes_first_and_more_cases_of_one_thing_do_not_count() -> None:
    often = [replace(deviation("ACC-01", "often"), case=f"case {place}") for place in range(9)]
    broad = [deviation("GRD-01", "broad"), deviation("GRD-01", "broad", operation="log_softmax")]
    made = of(record(*often, *broad), entries=(entry("often", "ACC-01"), entry("broad", "GRD-01")))
    assert order(made) == ["broad", "often"]
    assert [fault.reach for fault in ranking.faults(made)] == [2, 1]


def test_at_a_tie_what_no_thread_describes_comes_first() -> None:
    entries = (entry("told", "ACC-01"), entry("untold", "GRD-01", link="unreported"))
    made = of(record(deviation("ACC-01", "told"), deviation("GRD-01", "untold")), entries=entries)
    assert order(made) == ["untold", "told"]


def test_findings_at_one_requirement_are_told_together_the_widest_first() -> None:
    names = [f"stall-{target.partition(':')[0]}" for target in TARGETS]
    records = [
        record(deviation("ACC-01", name), target=target) for name, target in zip(names, TARGETS, strict=True)
    ]
    records[1] = record(
        *records[1].checks, deviation("ACC-01", names[1], operation="log_softmax"), target=TARGETS[1]
    )
    made = of(*records, entries=tuple(entry(name, "ACC-01", adapter=name[6:]) for name in names))
    (fault,) = ranking.faults(made)
    assert fault.frameworks[0] == "jax"
    assert set(fault.frameworks) == {"jax", "scipy", "torch"}
    assert fault.findings[0].id == "stall-jax"
    assert all(f"requirements/ACC-01.html#{name}" in text(made) for name in names)


def test_a_finding_leads_to_the_first_requirement_of_its_entry_that_was_met() -> None:
    made = of(
        record(deviation("ACC-01", "several"), deviation("SPV-03", "several")),
        entries=(entry("several", "GRD-01", "SPV-03", "ACC-01"),),
    )
    assert "requirements/SPV-03.html#several" in text(made)


@pytest.mark.parametrize(("number", "rest"), [(3, ""), (12, "2 more")])
def test_ten_are_shown_and_the_rest_is_counted(number: int, rest: str) -> None:
    names = [f"ACC-{place:02}" for place in range(1, number + 1)]
    requirements = {name: replace(REQUIREMENTS["ACC-01"], id=name) for name in names}
    made = evidence.assemble(
        [record(*(check(name, "fail") for name in names))], requirements=requirements, entries=()
    )
    shown = text(made)
    assert shown.count("Reproduce it") == min(number, 10)
    assert ("more are listed on the pages" in shown) == bool(rest)
    assert rest in shown


def test_a_sentence_says_what_happens_where_with_what_is_right_and_who_was_told() -> None:
    shown = text(of(record(deviation("ACC-01", ENTRY.id)), entries=(ENTRY,)))
    for part in (ENTRY.title, ENTRY.reason, f"Expected: {ENTRY.expected}", "torch 2.0", "torch:cpu:eager"):
        assert part in shown
    assert 'href="https://github.com/pytorch/pytorch/issues/1"' in shown
    assert ranking.RULE in shown


def test_nothing_found_is_said() -> None:
    assert "Nothing fails, and these targets have no known deviation" in text(of(record(check())))


def test_a_framework_has_its_known_and_new_faults_over_all_modes() -> None:
    entries = (entry("known", "ACC-01"), entry("other", "GRD-01"))
    eager = record(deviation("ACC-01", "known"), deviation("GRD-01", "other"), check("SPV-03", "fail"))
    compiled = record(deviation("ACC-01", "known"), check("ACC-02", "fail"), target="torch:cpu:compiled")
    (row,) = overview.rows(of(eager, compiled, entries=entries), "cpu", "")
    assert (row.title, row.target) == ("PyTorch", "torch:cpu:eager")
    assert row.faults.sentence == "2 known faults, 1 new"


def test_a_target_that_holds_is_told_by_its_faults() -> None:
    made = of(record(deviation("ACC-01", "known")), entries=(entry("known", "ACC-01"),))
    assert "1 known fault, 0 new" in text(made)


def test_notes_and_what_was_left_out_are_told() -> None:
    late = record(check(), start="2026-02-01T00:00:00+00:00")
    made = evidence.assemble([record(check()), late], requirements=REQUIREMENTS, problems=["x.jsonl: broken"])
    assert "x.jsonl: broken" in text(made)
    assert made.report.notes[0] in text(made)


def test_hostile_text_stays_text_and_a_requirement_unknown_here_has_no_page() -> None:
    made = evidence.assemble([hostile_record()], requirements=REQUIREMENTS, entries=[ENTRY])
    (only,) = overview.pages(made)
    shown = text(made)
    assert HOSTILE not in shown
    assert "&lt;script&gt;alert(1)" in shown
    values: Any = only.values["faults"]
    assert {fault.requirement for fault in values} - LEVELS.keys() == {HOSTILE}
    assert "requirements.html#unknown" in shown
