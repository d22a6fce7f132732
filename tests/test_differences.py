"""What differs between two records is told once, in the order of its weight, and never invented."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.timing.cells import Cell
from conformance.record import records as reader
from conformance.record.records import Footer, Record
from reports.differences import cost, grades
from reports.differences.causes import Difference, differences
from reports.differences.comparison import Comparison, compare
from reports.differences.cost import Cost, TargetCosts
from reports.differences.items import items
from reports.differences.operands import Operand, UnknownOperand, find, operands, release_name
from reports.differences.programs import at_element, pair, shown
from reports.differences.values import Value, absent, answer, differ, listed, rounded
from reports.evidence import assemble
from reports.timing import wording
from tests.samples import CALL, ENTRY, REQUIREMENTS, check, graded, header, hostile_record, record

TORCH, JAX = "torch:cpu:eager", "jax:cpu:jit"
HELD = {"call": {**CALL, "shape": [1, 4]}}
WRONG = {
    **HELD,
    "index": [0, 3],
    "got": "0x0.0p+0",
    "expected": "0x1.0p-2",
    "error": "0x1.0p-2",
    "bound": "0x1.0p-20",
}


def found(first: Record, second: Record) -> list[Difference]:
    return differences(items([first, second], REQUIREMENTS, [ENTRY]))


def two(first: Any, second: Any) -> tuple[Record, Record]:
    return record(first), record(second, target=JAX)


def compared(first: Record, second: Record) -> Comparison:
    evidence = assemble([first, second], requirements=REQUIREMENTS, entries=[ENTRY])
    return compare(Operand(first.header.target, first), Operand(second.header.target, second), evidence)


# Which checks differ


def test_alike_answers_are_no_difference() -> None:
    assert found(*two(check(), check())) == []


def test_check_of_one_record_alone_is_counted_and_no_difference() -> None:
    first, second = record(check(), check("GRD-01", "fail")), record(check(), target=JAX)
    one = compared(first, second)
    assert one.differences == ()
    assert one.shared == 1
    assert f"1 check is judged in {TORCH} alone: not compared." in one.notes


def test_what_both_lack_is_no_difference() -> None:
    rows = (check(outcome="absent", message=said) for said in ("torch has no where", "jax has no axis; got 1"))
    assert found(*two(*rows)) == []


@pytest.mark.parametrize(
    ("first", "second", "sort"),
    [
        (check(), check(outcome="fail"), "faults"),
        (check(), check(outcome="crash"), "faults"),
        (check(), check(outcome="deviation", entry=ENTRY.id), "faults"),
        (check(), check(outcome="absent"), "absent"),
        (check(outcome="fail"), check(outcome="absent"), "absent"),
        (check("SPV-03", "choice", observed="nan"), check("SPV-03", "choice", observed="empty"), "choices"),
        (check(observed="uint8 error"), check(observed="uint8 accepted"), "choices"),
        (check("DET-04", "measured", observed="same"), check("DET-04", "measured", observed="other"), "measured"),
    ],
)
def test_sort_follows_from_the_answers(first: Any, second: Any, sort: str) -> None:
    assert [one.sort for one in found(*two(first, second))] == [sort]
    assert [one.sort for one in found(*two(second, first))] == [sort]


def test_differences_come_in_the_order_of_their_weight() -> None:
    first = record(
        check("DET-04", "measured", observed="same"),
        check("ACC-02"),
        check("SPV-03", "choice", observed="nan"),
        check("ACC-01", case="other"),
        check(),
    )
    second = record(
        check("DET-04", "measured", observed="other"),
        check("ACC-02", "fail"),
        check("SPV-03", "choice", observed="empty"),
        check("ACC-01", "absent", case="other", message="jax has no where"),
        check(outcome="fail"),
        target=JAX,
    )
    told = [(one.sort, one.requirements) for one in found(first, second)]
    assert told == [
        ("faults", ("ACC-01",)),
        ("faults", ("ACC-02",)),
        ("choices", ("SPV-03",)),
        ("absent", ("ACC-01",)),
        ("measured", ("DET-04",)),
    ]


def test_one_deviation_is_one_difference_whatever_requirements_it_fails() -> None:
    names = ("ACC-01", "GRD-01")
    first = record(*(check(name) for name in names), target=JAX)
    second = record(*(check(name, "deviation", entry=ENTRY.id) for name in names))
    (one,) = found(first, second)
    assert one.requirements == names
    assert one.checks == 2
    assert one.texts[1] == (f"deviates: {ENTRY.title}",)


def test_known_deviation_is_the_same_in_a_release_that_its_entry_was_not_written_for() -> None:
    before, after = record(check(outcome="fail")), record(check(outcome="deviation", entry=ENTRY.id))
    assert found(before, after) == []
    other = record(check("GRD-01", "fail"))
    assert len(found(record(check("GRD-01")), other)) == 1


def test_a_record_that_is_not_complete_is_noted_with_its_reason() -> None:
    first, second = two(check(), check())
    given_up = replace(second, footer=Footer(1, "", error="given up"))
    cut = replace(first, footer=None)
    notes = compared(cut, given_up).notes
    assert f"{first.header.target} is incomplete: the run was cut off." in notes
    assert f"{second.header.target} is incomplete: given up." in notes


def test_one_missing_feature_is_one_difference() -> None:
    names = ("ACC-01", "GRD-01")
    first = record(*(check(name, "absent", message="torch has no where") for name in names))
    (one,) = compared(first, record(*(check(name) for name in names), target=JAX)).differences
    assert one.heading((TORCH, JAX)) == f"{TORCH} lacks where, a mask of the entries that count"


def test_answer_about_other_answers_is_told_only_where_it_is_wrong() -> None:
    legal = [check("SPV-03", "choice", observed=name, case="one-answer") for name in ("nan", "empty")]
    assert found(*two(*legal)) == []
    assert len(found(*two(legal[0], check("SPV-03", "deviation", entry=ENTRY.id, case="one-answer")))) == 1


def test_losses_differ_by_no_last_digit_of_their_format() -> None:
    rows = [check("SPV-03", "choice", observed=f"loss {loss}") for loss in (2.790947437286377, 2.7909474)]
    assert found(*two(*rows)) == []
    assert rounded("loss 2.790947437286377 / nan") == "loss 2.79 / nan"


def test_bytes_beside_the_copies_are_no_difference() -> None:
    rows = [
        check("DET-04", "measured", measured={"bytes": n, "copies": n / 24000}) for n in (24024, 24048, 48000)
    ]
    assert found(*two(rows[0], rows[1])) == []
    assert len(found(*two(rows[0], rows[2]))) == 1


def test_faults_of_one_title_are_one_answer() -> None:
    same = Value("fault", "deviates: the sum stalls", "one"), Value("fault", "deviates: the sum stalls", "other")
    assert not differ(*same)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("jax has no where", "absent: where, a mask of the entries that count"),
        ("jax has no class_weight, reduction", "absent: class weight, a reduction of the losses (sum, mean)"),
        ("optax.f has no axis; got 1", "absent: optax.f has no axis; got 1"),
        ("", "absent"),
    ],
)
def test_what_is_absent_is_named(message: str, told: str) -> None:
    assert absent(message) == told


def test_fault_tells_what_was_got_and_expected() -> None:
    row = check(outcome="fail", witness=WRONG, bound="D")
    assert answer(row) == "got 0, expected 0.25, 2.62e+05 times the bound of grade D"


def test_of_lists_of_answers_those_to_what_both_were_asked_count() -> None:
    few, more = Value("holds", "holds: uint8 error"), Value("holds", "holds: uint8 error, int16 error")
    assert not differ(few, more)
    assert differ(Value("holds", "holds: uint8 accepted"), more)
    assert differ(Value("holds", "holds: refused"), Value("holds", "holds"))
    assert differ(Value("measured", "same bits"), Value("measured", "other bits"))
    assert listed("NaN at every position (nan)") == {}


def test_several_records_make_the_items_of_each_two() -> None:
    rows = [check(outcome="pass"), check(outcome="fail"), check(outcome="pass")]
    three = [record(row, target=f"torch:cpu:{place}") for place, row in enumerate(rows)]
    every = items(three, REQUIREMENTS, [ENTRY])
    assert [len(differences(every, *pair)) for pair in ((0, 1), (1, 2), (0, 2))] == [1, 1, 0]


# The example and its programs


def test_example_is_the_simplest_check_and_float32() -> None:
    def row(case: str, outcome: str, dtype: str = "float32", rows: int = 1) -> Any:
        call = {"call": {**CALL, "shape": [rows, 4]}}
        return check(outcome=outcome, case=case, dtype=dtype, witness=call)

    cases = (("a", "float16", 1), ("b", "float32", 9), ("c", "float32", 2))
    first, second = (
        record(*(row(case, outcome, dtype, rows) for case, dtype, rows in cases), target=target)
        for target, outcome in ((TORCH, "pass"), (JAX, "fail"))
    )
    (one,) = found(first, second)
    assert one.item.example[0] is not None
    assert one.item.example[0].case == "c"
    assert one.scopes == {"softmax": ("float32", "float16")}


def test_both_sides_print_the_element_that_is_wrong() -> None:
    rows = check(witness=HELD), check(outcome="fail", witness=WRONG)
    for first, second in (rows, rows[::-1]):
        (one,) = found(*two(first, second))
        eager, jitted = pair(*shown(one.item, [TORCH, JAX]))
        assert eager.splitlines()[-1] == "print(float(F.softmax(x, dim=-1)[0, 3]))"
        assert jitted.splitlines()[-1].endswith("(x)[0, 3]))")


def test_call_that_the_record_does_not_tell_whole_has_no_program() -> None:
    rows = [check("DET-04", "measured", observed=bits, witness=HELD) for bits in ("same bits", "other bits")]
    (one,) = found(*two(*rows))
    assert all(side.code == "" for side in shown(one.item, [TORCH, JAX]))


def test_check_without_a_call_shows_the_program_of_its_deviation() -> None:
    (one,) = compared(*two(check(), check(outcome="deviation", entry=ENTRY.id))).differences
    assert one.operands[0].program == ""
    assert one.operands[1].program == ENTRY.reproduction
    assert one.operands[1].recorded == f"prints {ENTRY.prints}; expected: {ENTRY.expected}"


@pytest.mark.parametrize("code", ["", "x = 1\nprint(f(x))"])
def test_element_is_that_of_what_is_printed(code: str) -> None:
    assert at_element(code, "") == code
    assert at_element(code, "[0]") == code.replace("print(f(x))", "print(float(f(x)[0]))")


def test_hostile_record_is_compared_as_any_other() -> None:
    first = hostile_record()
    passing = [replace(row, outcome="pass") for row in first.checks]
    second = replace(first, header=header(JAX), checks=passing)
    one = compared(first, second)
    assert one.differences


# Grades


def test_grades_differ_by_letter_or_by_a_tenth() -> None:
    def letters(**ratios: float) -> list[tuple[str, str]]:
        first, second = two(graded(D=0.5), graded("pass", "ACC-01", **{"D": 0.5, **ratios}))
        rows, places = grades.grades(first, second, REQUIREMENTS)
        assert places == 1
        return [(row.first, row.second) for row in rows]

    assert letters() == []
    assert letters(D=0.52) == []
    assert letters(D=0.6) == [("B (0.5)", "B (0.6)")]
    assert letters(B=1.5) == [("B (0.5)", "C (0.5)")]


def test_grades_are_of_the_checks_that_both_have() -> None:
    first = record(graded(), replace(graded(D=0.9, B=3.0), case="first alone"))
    rows, _ = grades.grades(first, record(graded(), target=JAX), REQUIREMENTS)
    assert rows == []


def test_infinite_errors_are_alike() -> None:
    first, second = two(graded(D="inf"), graded(D="inf"))
    assert grades.grades(first, second, REQUIREMENTS)[0] == []
    assert len(grades.grades(first, two(graded(), graded())[1], REQUIREMENTS)[0]) == 1


# Cost


CELL = Cell("softmax", "forward", "", "float32", "imagenet", "1")


def priced(latency: float, low: float, high: float, copies: float | None = None) -> TargetCosts:
    return TargetCosts("torch-2.0", "cpu", {("here", CELL): Cost(latency, low, high, None, copies)})


@pytest.mark.parametrize(
    ("second", "times"),
    [
        (priced(1.05, 1.04, 1.06), []),  # less than a tenth
        (priced(1.5, 1.0, 2.0), []),  # the intervals meet
        (priced(1.5, 1.4, 1.6), [1.5]),
        (priced(0.5, 0.4, 0.6), [0.5]),
    ],
)
def test_cost_differs_by_a_tenth_outside_both_intervals(second: TargetCosts, times: list[float]) -> None:
    found, timed = cost.pairs(priced(1.0, 0.99, 1.02), second)
    assert timed == 1
    assert [one.times for one in found] == times


def test_copies_differ_without_time() -> None:
    found, _ = cost.pairs(priced(1.0, 0.9, 1.1, 1.0), priced(1.0, 0.9, 1.1, 2.0))
    assert [one.times for one in found] == [None]
    assert cost.pairs(priced(1.0, 0.9, 1.1, 1.0), priced(1.0, 0.9, 1.1, 1.05))[0] == []


def test_target_that_is_not_timed_has_no_cost() -> None:
    assert cost.pairs(None, priced(1.0, 0.9, 1.1)) == ([], 0)
    assert f"{TORCH} is not timed: no cost is compared." in compared(*two(check(), check())).notes


@pytest.mark.parametrize(
    ("seconds", "told"), [(2.0, "2.00 s"), (0.0123, "12.3 ms"), (4.5e-5, "45.0 µs"), (1.2e-7, "120 ns")]
)
def test_time_needs_no_exponent(seconds: float, told: str) -> None:
    assert wording.quantity(seconds, "latency") == told


# Sides


def test_release_is_named_after_its_version_and_a_mode_that_is_not_the_usual_one() -> None:
    def name(target: str, version: str = "2.0") -> str:
        one = record(target=target)
        told = {"name": target.split(":")[0], "version": version, "build": ""}
        return release_name(replace(one, header=replace(one.header, framework=told)))

    assert name(TORCH, "2.13.0+cpu") == "torch-2.13.0"
    assert name("torch:cpu:compiled") == "torch-2.0:compiled"
    assert name("jax:cuda:jit", "0.7.2") == "jax-0.7.2:cuda"
    assert name("mine.own:Adapter:cpu:eager") == "mine.own:Adapter-2.0"


def test_side_is_a_target_a_release_or_a_file(folder: Any) -> None:
    today, releases = operands([record(check())], [record(check())])
    known = [*today, *releases]
    assert [find(name, known).name for name in (TORCH, "torch-2.0")] == [TORCH, "torch-2.0"]
    path = folder(check()) / "torch-cpu-eager.jsonl"
    assert find(str(path), known).target == TORCH
    with pytest.raises(UnknownOperand, match=rf"unknown target 'jax': choose one of {TORCH}, torch-2.0"):
        find("jax", known)
    with pytest.raises(reader.BrokenRecord, match="no such file"):
        find("gone.jsonl", known)


@pytest.mark.parametrize("name", ["torch", "PyTorch", "pytorch"])
def test_a_framework_stands_for_its_usual_mode(name: str) -> None:
    known = [*operands([record(check()), record(check(), target="torch:cpu:compiled")], ())[0]]
    assert find(name, known).name == TORCH


def test_tiers_and_commits_that_differ_are_told() -> None:
    first, second = two(check(), check())
    second = replace(second, header=replace(second.header, tier="full", suite_commit="other"))
    notes = " ".join(compared(first, second).notes)
    assert "Tiers quick and full: only checks that both have are compared." in notes
    assert "different suite commits" in notes
