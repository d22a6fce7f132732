"""What `python -m reports choose` says is in the records and results, with its number and its source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.timing.cells import DIRECTIONS, OPERATIONS, SHAPES, Cell
from conformance import requirements
from conformance.record.records import Check, Record
from reports import tasks
from reports.__main__ import main
from reports.advice import BAD, GOOD, NEITHER, THRESHOLDS, Advice, Ground, advise
from reports.choose import OURS, markdown
from reports.differences.cost import Cost, TargetCosts
from reports.differences.operands import Operand
from tests.samples import ENTRY, HOSTILE, check, graded, markup, record

SPECIFICATION = requirements.load()
ATTENTION = tasks.load()["attention"]
CELL = Cell("softmax", "forward", "", "float32", "bert", "all")


def facts(*rows: Check, task: str = "attention", dtype: str = "float32") -> dict[str, list[str]]:
    (advice,) = told([record(*rows)], {}, task, dtype)
    return {verdict: [fact.text for fact in advice.of(verdict)] for verdict in (GOOD, BAD, NEITHER)}


def told(
    found: list[Record], columns: dict[str, TargetCosts | None], task: str = "attention", dtype: str = "float32"
) -> list[Advice]:
    ground = Ground(tasks.load()[task], dtype, SPECIFICATION, {ENTRY.id: ENTRY})
    return advise([Operand(one.header.target, one) for one in found], columns, ground)


# The table of uses


@pytest.mark.parametrize("task", tasks.load().values(), ids=tasks.load())
def test_use_names_what_there_is(task: tasks.Task) -> None:
    assert set(task.shapes) <= set(SHAPES)
    assert {operation for operation, _ in task.calls} <= set(OPERATIONS)
    assert {direction for _, direction in task.calls} <= set(DIRECTIONS)
    needed = {name for need in task.needs for name in need.requirements}
    needed |= {feature.requirement for feature in task.features}
    assert needed <= set(SPECIFICATION)
    for name in needed:
        assert set(SPECIFICATION[name].operations) & set(task.operations), name


def test_every_use_has_facts_in_the_committed_records(capsys: pytest.CaptureFixture[str]) -> None:
    for task in tasks.load():
        assert main(["choose", "--task", task, "--dtype", "bfloat16"]) == 0
        text = capsys.readouterr().out
        assert "torch:cpu:eager" in text
        assert f"{OURS}:" not in text
        assert text.count("✓") > 10
        assert text.count("✗") > 3


# Facts


def test_what_holds_is_good_with_its_number() -> None:
    found = facts(check("SPV-01"), check("SPV-08"))
    assert found[GOOD] == ["masks of −inf and of the largest negative number: holds in 2 checks"]


def test_deviation_is_bad_with_its_reason_and_thread() -> None:
    (advice,) = told([record(check("SPV-01", "deviation", entry=ENTRY.id), check("SPV-01", case="other"))], {})
    (fact,) = advice.of(BAD)
    assert f"{ENTRY.title}. {ENTRY.reason} In 1 of 2 checks" in fact.text
    assert fact.sources == ("SPV-01", ENTRY.link)
    assert advice.of(GOOD) == ()


def test_failure_is_bad_with_the_statement_that_is_not_met() -> None:
    (text,) = facts(check("ACC-02", "fail"))[BAD]
    assert f"not met (should): {SPECIFICATION['ACC-02'].text} In 1 of 1 check" in text


def test_absent_feature_is_bad_and_no_failure() -> None:
    found = facts(check("SPV-09", "absent", message="torch has no where"))
    assert found[BAD] == ["lacks a mask as an argument (where): hides scores whatever they hold"]
    assert found[GOOD] == []


def test_legal_choice_is_neither() -> None:
    found = facts(check("SPV-03", "choice", observed="nan"))
    assert found[NEITHER] == ["a row that is masked entirely: NaN at every position (nan), in 1 check"]


def test_what_is_refused_by_name_is_neither() -> None:
    index = {"operation": "softmax_cross_entropy", "case": "index"}
    found = facts(check("LBL-14", observed="uint8 error, int32 accepted", **index), task="llm-training")
    assert found[GOOD] == []
    assert "uint8 error" in found[NEITHER][0]


def test_other_operations_formats_and_label_forms_are_left_out() -> None:
    loss = {"operation": "softmax_cross_entropy"}
    assert facts(check("SPV-01", operation="log_softmax"), check("SPV-01", "fail", **loss))[BAD] == []
    rows = (check("SPV-01", "fail", dtype="float16"), check("SPV-01"))
    assert facts(*rows)[BAD] == []
    assert facts(check("ACC-01", "fail", case="probability", **loss), task="llm-training")[BAD] == []


def test_requirement_that_is_judged_in_another_format_says_so() -> None:
    (text,) = facts(check("SPV-01"), dtype="bfloat16")[GOOD]
    assert text.endswith("holds in 1 check, judged in float32 alone")


@pytest.mark.parametrize(
    ("ratios", "verdict"), [({}, GOOD), ({"B": 2.0}, NEITHER), ({"B": 2.0, "C": 2.0, "D": 2.0, "E": 0.5}, BAD)]
)
def test_grade_is_judged_by_its_letter(ratios: dict[str, Any], verdict: str) -> None:
    assert any(text.startswith("grade") for text in facts(graded(**ratios))[verdict])


def column(latency: float, copies: float | None = None, spread: float = 0.01) -> TargetCosts:
    one = Cost(latency, latency * (1 - spread), latency * (1 + spread), None, copies)
    return TargetCosts("torch-2.0", "cpu", {("here", CELL): one})


def timed(*columns: TargetCosts | None) -> list[Advice]:
    names = [f"torch:cpu:{place}" for place in range(len(columns))]
    return told([record(target=name) for name in names], dict(zip(names, columns, strict=True)))


def test_fastest_is_good_and_more_than_twice_its_time_is_bad() -> None:
    first, between, last = timed(column(1e-3), column(1.5e-3), column(2.5e-3))
    assert [fact.verdict for one in (first, between, last) for fact in one.facts] == [GOOD, NEITHER, BAD]
    assert "2.5 times the fastest, the most in 1 of 1 cell" in last.facts[0].text
    assert last.facts[0].sources == ("softmax forward float32 bert all",)


def test_time_within_the_interval_of_the_fastest_is_as_fast() -> None:
    assert [
        fact.verdict for one in timed(column(1e-3, spread=0.2), column(1.3e-3, spread=0.2)) for fact in one.facts
    ] == [
        GOOD,
        GOOD,
    ]


def test_extra_copies_are_bad() -> None:
    less, more = timed(column(1e-3, 1.0), column(1e-3, 2.0))
    assert less.of(BAD) == ()
    assert "2.0 copies of the logits beside its inputs, where torch:cpu:0 takes 1.0" in more.of(BAD)[0].text


def test_what_is_not_timed_is_compared_with_nothing() -> None:
    first, second = timed(column(1e-3), None)
    assert first.of(GOOD)
    assert second.facts == ()


def test_text_of_a_record_is_never_markup_in_markdown() -> None:
    rows = [check("SPV-03", "choice", observed=HOSTILE), check("SPV-01", "deviation", entry=HOSTILE)]
    text = markdown("head", told([record(*rows, target=f"{HOSTILE}:cpu:eager")], {}), [THRESHOLDS])
    assert "script" in text
    assert markup(text) == []


# The command


def choose(results: Path, *arguments: str) -> int:
    return main(
        ["choose", "--task", "attention", *arguments, "--records", str(results), "--results", str(results)]
    )


def test_thresholds_are_stated(folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert choose(folder(check("SPV-01")), "--markdown") == 0
    assert "more than 2 times the fastest" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--device", "cuda"), "no record is of cuda: python -m conformance --targets torch:cuda:eager"),
        (("--dtype", "float16"), "no record on cpu judges float16 for attention: python -m conformance"),
    ],
)
def test_what_no_record_holds_is_said_with_the_way_to_it(
    arguments: tuple[str, ...], said: str, folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose(folder(check("SPV-01")), *arguments) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("--task", "cooking"), ("--dtype", "int8"), ("--device", "tpu")])
def test_unknown_values_are_exit_code_two_with_the_choices(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        choose(tmp_path, *arguments)
    assert stopped.value.code == 2
    assert "choose from" in capsys.readouterr().err


def test_target_that_is_not_timed_is_noted(
    folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose(folder(check("SPV-01"))) == 0
    assert "torch:cpu:eager is not timed in float32 at the shapes of this use" in capsys.readouterr().out
