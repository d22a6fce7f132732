"""The report says what the records say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.record import accuracy_keys
from conformance.record.reading import read
from conformance.record.records import ONE_ANSWER, Check, Footer
from reports import model, witness
from reports.checks import Part, parts
from tests.samples import (
    CALL,
    ENTRY,
    REQUIREMENTS,
    assembled,
    check,
    graded,
    record,
    section,
)


def test_checks_are_counted_by_outcome_and_level() -> None:
    checks = [check(), check(), check(outcome="fail"), check("ACC-02", "fail"), check("DET-04", "measured")]
    (target,) = assembled(record(*checks)).targets
    assert dict(target.counts.items) == {"fail": 1, "fail (should)": 1, "pass": 2, "measured": 1}
    assert target.seconds == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("rows", "footer", "state", "verdict"),
    [
        ([check()], None, "holds", "holds"),
        (
            [check("ACC-02", "fail"), check("ACC-01", "deviation", entry="stalled-sum")],
            None,
            "holds",
            "holds",
        ),
        ([check(outcome="fail")], None, "failures", "1 must failure"),
        ([check("SPV-03", "fail"), check(outcome="fail")], None, "failures", "2 must failures"),
        ([check(outcome="crash")], None, "failures", "1 crash"),
        ([check(outcome="fixed", entry="stalled-sum")], None, "failures", "1 deviation entry to narrow"),
        ([check()], Footer(1, "", unmatched=["a"]), "failures", "1 deviation entry matches nothing"),
        ([], Footer(0, "", error="no module named torch"), "error", "not judged: no module named torch"),
        ([], None, "incomplete", "no checks were run"),
    ],
)
def test_verdict_is_that_of_the_run(rows: list[Check], footer: Footer | None, state: str, verdict: str) -> None:
    (target,) = assembled(record(*rows, footer=footer)).targets
    assert (target.state, target.verdict) == (state, verdict)


def test_families_have_a_cell_for_each_target() -> None:
    report = assembled(
        record(check(outcome="fail"), check()), record(check("SPV-03", "choice"), target="jax:cpu:jit")
    )
    cells = {family.prefix: [cell.items for cell in family.cells] for family in report.families}
    assert [target.name for target in report.targets] == ["jax:cpu:jit", "torch:cpu:eager"]
    assert cells == {"ACC": [(), (("fail", 1), ("pass", 1))], "SPV": [(("choice", 1),), ()]}


def test_cell_takes_its_look_from_the_worst_outcome() -> None:
    report = assembled(record(check(), check(outcome="deviation", entry="stalled-sum"), check("ACC-02", "fail")))
    assert report.families[0].cells[0].worst == "fail (should)"


def test_record_without_a_footer_is_called_incomplete(folder: Callable[..., Path]) -> None:
    path = folder(check(), check(case="ones"), complete=False) / "torch-cpu-eager.jsonl"
    (target,) = assembled(read(path)).targets
    assert target.state == "incomplete"
    assert "the run stopped after 2 checks" in target.verdict


def test_latest_record_of_a_target_is_used_and_named() -> None:
    old, new = record(check(outcome="fail")), record(check(), start="2026-02-01T00:00:00+00:00")
    for pair in ((old, new), (new, old)):
        report = assembled(*pair)
        assert report.targets[0].counts.items == (("pass", 1),)
        assert "2026-02-01" in report.notes[0]


def test_unknown_requirement_is_named_and_its_failure_counts() -> None:
    report = assembled(record(check("XYZ-99", "fail")))
    assert report.notes == ("XYZ-99: unknown to this suite, 1 check",)
    assert report.targets[0].state == "failures"
    assert [family.prefix for family in report.families] == ["XYZ"]


# What is found


def test_deviations_are_one_finding_an_entry() -> None:
    rows = [check(case=f"n{n}", outcome="deviation", entry="stalled-sum") for n in (2049, 65537)]
    report = assembled(record(*rows), record(*rows, target="torch:cpu:compiled"))
    (found,) = section(report, "deviations")
    assert found.title == "The sum stalls"
    assert found.targets == ("torch:cpu:compiled", "torch:cpu:eager")
    assert found.reason == "70000 equal logits give 0, not 1/70000"
    assert found.link == (Part("pytorch/pytorch#1", "https://github.com/pytorch/pytorch/issues/1"),)
    assert (found.reproduction, found.prints, found.expected) == ("print(0)", "0", "1.43e-05")


def test_entry_that_the_suite_does_not_hold_is_shown_by_its_name() -> None:
    (found,) = section(assembled(record(check(outcome="deviation", entry="gone"))), "deviations")
    assert found.title.startswith("gone, an entry that")
    assert found.link == (Part("unreported"),)


def test_failures_share_a_line_by_requirement_operation_and_framework() -> None:
    report = assembled(
        record(graded("fail", D=3.1), graded("fail", D=7.04)),
        record(graded("fail", D=2.0), target="torch:cpu:compiled"),
        record(graded("fail", D=2.0), target="jax:cpu:jit"),
    )
    _, found = section(report, "failures")
    assert "outside the bound by 7.04×" in found.reason
    assert found.targets == ("torch:cpu:compiled", "torch:cpu:eager")


def test_failures_are_listed_by_likely_cause() -> None:
    jit = record(check(), check(outcome="fail", case="one", witness={"got": "nan", "expected": "0x1.0p-1"}))
    eager = replace(jit, header=replace(jit.header, target="torch:cpu:compiled"))
    known = record(check(outcome="crash", case="dead", entry=ENTRY.id), target="jax:cpu:jit")
    (finding,) = section(assembled(jit, eager, known), "causes")
    assert finding.title.startswith("the answer is NaN")
    assert finding.targets == ("torch:cpu:compiled", "torch:cpu:eager")
    assert finding.reason == "2 checks of ACC-01"
    assert finding.statement == f"ACC-01: {REQUIREMENTS['ACC-01'].text}"


def test_stale_entries_are_found_passing_or_unmatched() -> None:
    rows = [check(outcome="fixed", entry="stalled-sum")]
    footer = Footer(1, "", unmatched=["other"])
    reasons = [finding.reason for finding in section(assembled(record(*rows, footer=footer)), "stale")]
    assert reasons == ["it matches no check", "1 check that it lists passes (softmax float32)"]


def test_failure_brings_its_witness_in_hex_and_decimal() -> None:
    row = check(
        outcome="fail",
        bound="D",
        witness={"got": "0x1.8p+1", "expected": "0x1.0p+1", "error": "0x1.0p+0", "bound": "0x1.0p-2"},
    )
    shown = dict(witness.rows(row))
    assert shown["got"] == "0x1.8p+1 ≈ 3"
    assert shown["error / bound D"] == "4"


@pytest.mark.parametrize("text", ["10", "0x", "nonsense", "0x1p99999", True, None, [1]])
def test_text_that_is_no_hex_float_has_no_value(text: Any) -> None:
    assert accuracy_keys.number(text) is None


def test_sources_and_addresses_become_links_and_nothing_else_does() -> None:
    found = parts("see a/b#1, https://x.org/a#b. javascript:alert(1) c/d")
    assert [part.url for part in found if part.url] == [
        "https://github.com/a/b/issues/1",
        "https://x.org/a#b",
    ]
    assert "".join(part.text for part in found) == "see a/b#1, https://x.org/a#b. javascript:alert(1) c/d"


# Behaviour and accuracy


def test_behaviour_differs_where_two_targets_answer_one_check_differently() -> None:
    first = record(check("SPV-03", "choice", observed="nan"))
    second = record(check("SPV-03", "choice", observed="empty"), target="jax:cpu:jit")
    other_case = record(check("SPV-03", "choice", observed="empty", case="x"), target="jax:cpu:jit")
    assert assembled(first, second).behaviour[0].differs
    assert not assembled(first, other_case).behaviour[0].differs


def test_several_answers_of_one_target_are_listed_with_their_place() -> None:
    rows = [check("SPV-03", "choice", observed="nan", dtype=name) for name in ("float32", "float64")]
    rows.append(check("SPV-03", "fail", observed="empty", dtype="float16"))
    (cell,) = assembled(record(*rows)).behaviour[0].cells
    assert [(answer.text, answer.where, answer.verdict) for answer in cell] == [
        ("nan", "all other checks", ""),
        ("empty", "softmax float16", "fails"),
    ]


@pytest.mark.parametrize(
    ("rows", "letter"),
    [
        ([graded(A=1.0)], "A"),
        ([graded()], "B"),
        ([graded(), graded(B=1.5)], "C"),
        ([graded(A=0.1, B=2), graded(A=1.5, B=0.1, C=0.1)], "C"),
        ([graded(), graded(B=9, C=9, D="inf", E="inf")], "F"),
    ],
)
def test_grade_is_the_worst_over_all_rows(rows: list[Check], letter: str) -> None:
    (table,) = assembled(record(*rows)).accuracy
    cell = table.rows[0].cells[0]
    assert cell is not None
    assert cell.letter == letter
    assert cell.worst == max(accuracy_keys.ratio(row, "D") or 0 for row in rows)


def derived(derivative: str, wrt: str = "x", B: float = 0.5, C: float = 0.5, D: float = 0.4) -> Check:  # noqa: N803
    call = {**CALL, "derivative": derivative, "wrt": wrt}
    return replace(graded(requirement="GRD-01", B=B, C=C, D=D, E=D), witness={"call": call})


def test_results_and_each_derivative_are_graded_apart() -> None:
    rows = [derived("hvp", B=9, C=9, D=9), graded(), derived("vjp", B=4), derived("jvp", B=4, C=4)]
    tables = assembled(record(*rows)).accuracy
    letters = {
        table.title: [(row.direction, cell.letter) for row in table.rows for cell in row.cells if cell]
        for table in tables
    }
    assert letters == {"results": [("forward", "B")], "derivatives": [("vjp", "C"), ("jvp", "D"), ("hvp", "F")]}


def test_derivative_by_labels_is_graded_by_itself() -> None:
    (table,) = assembled(record(derived("vjp", "labels"), derived("vjp"))).accuracy
    assert [row.direction for row in table.rows] == ["vjp", "vjp, by labels"]


def test_relative_grade_is_told_where_it_was_measured() -> None:
    row = check("ACC-02", measured={"relative": "inf"})
    (table,) = assembled(record(graded(), row)).accuracy
    assert [cell and cell.relative for cell in table.rows[0].cells] == [False]


def test_answers_of_the_comparison_of_answers_are_not_counted_twice() -> None:
    rows = [
        check("SPV-03", "choice", observed="nan"),
        check("SPV-03", "fail", observed="nan / x", case=ONE_ANSWER),
    ]
    (row,) = assembled(record(*rows)).behaviour
    assert row.answers == ("nan",)


def test_grades_are_those_of_the_bounds() -> None:
    from conformance.truth.arithmetic import GRADES

    assert set(model.GRADES) == {*GRADES, "F", "R"}


# Nothing in a record becomes markup
