"""What `python -m reports choose` says is in the records and results, with its number and its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.timing.cells import DIRECTIONS, OPERATIONS, SHAPES
from conformance import requirements
from conformance.record.records import Check, Footer, Record
from reports import tasks, uses
from reports.__main__ import main
from reports.choose import lines, markdown
from reports.differences.cost import Cost
from reports.evidence import assemble
from reports.uses import UseRow, compared
from tests.samples import ENTRY, HOSTILE, check, graded, markup, record

SPECIFICATION = requirements.load()


def rows(*records: Record, task: str = "attention", dtype: str = "float32", history: Any = ()) -> list[UseRow]:
    found = assemble(records, history, requirements=SPECIFICATION, entries=[ENTRY])
    return uses.rows(found, tasks.load()[task], "cpu", dtype)


def told(*checks: Check, task: str = "attention", dtype: str = "float32") -> list[tuple[str, str]]:
    (row,) = rows(record(*checks), task=task, dtype=dtype)
    return [line for line in lines(row, "usual") if line[0] != "time"]


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
        assert "numpy:" not in text
        assert text.count("wrong") > 3
        assert len(text.split()) < 1000


# Facts


def test_what_holds_is_not_told() -> None:
    assert told(check("SPV-01"), check("SPV-08")) == [("wrong", "nothing that is known")]


def test_deviation_is_told_with_what_it_breaks_its_evidence_its_thread_and_its_releases() -> None:
    def released(version: str, outcome: str) -> Record:
        one = record(check("ACC-01", outcome), footer=Footer(1, ""))
        return replace(one, header=replace(one.header, framework={"name": "torch", "version": version}))

    history = (released("1.0", "pass"), released("2.0", "fail"))
    failing = check("ACC-01", "deviation", entry=ENTRY.id)
    (row,) = rows(record(failing, check("ACC-01", case="other")), history=history)
    (line,) = [text for heading, text in lines(row, "usual") if heading == "wrong"]
    need = tasks.load()["attention"].needs[0].why
    assert line == f"{need}: {ENTRY.title} [ACC-01, 1 check, {ENTRY.link}]; since 2.0 (not yet in 1.0)"


def test_failure_of_good_practice_is_told_apart_with_its_statement() -> None:
    ((heading, text), *_) = told(check("ACC-02", "fail"))
    assert (heading, SPECIFICATION["ACC-02"].text in text) == ("practice", True)


def test_absent_feature_is_lacking_and_no_fault() -> None:
    found = told(check("SPV-09", "absent", message="torch has no where"), check("SPV-01"))
    assert ("lacks", "a mask as an argument (where)") in found
    assert ("wrong", "nothing that is known") in found


def test_legal_choice_is_an_answer() -> None:
    found = told(check("SPV-03", "choice", observed="nan"))
    assert ("answers", "a row that is masked entirely: NaN at every position (nan)") in found


def test_what_is_refused_by_name_is_an_answer() -> None:
    index = {"operation": "softmax_cross_entropy", "case": "index"}
    found = told(check("LBL-14", observed="uint8 error, int32 accepted", **index), task="llm-training")
    assert ("answers", "labels in small integer formats: uint8 error, int32 accepted") in found


def test_other_operations_formats_and_label_forms_are_left_out() -> None:
    loss = {"operation": "softmax_cross_entropy"}
    nothing = ("wrong", "nothing that is known")
    assert told(check("SPV-01"), check("SPV-01", "fail", **loss))[0] == nothing
    assert told(check("SPV-01", "fail", dtype="float16"), check("SPV-01"))[0] == nothing
    forms = (check("ACC-01", "fail", case="probability", **loss), check("ACC-01", case="index", **loss))
    assert told(*forms, task="llm-training")[0] == nothing


def test_grade_is_told_with_its_largest_error() -> None:
    assert ("grade", "softmax forward E (2)") in told(graded(B=2.0, C=2.0, D=2.0, E=0.5))


def test_times_are_told_apart_only_by_their_intervals() -> None:
    def cost(low: float, latency: float, high: float) -> Cost:
        return Cost(latency, low, high, None, None)

    wide, narrow = cost(3.86e-3, 5.96e-3, 8.21e-3), cost(2.15e-3, 3.2e-3, 4.56e-3)
    assert compared(wide, [("torch", narrow)]) == "cannot be told apart from torch (medians differ 1.86 times)"
    assert compared(narrow, [("jax", wide)]) == "cannot be told apart from jax (medians differ 1.86 times)"
    fast = cost(0.9e-3, 1e-3, 1.1e-3)
    assert compared(wide, [("torch", narrow), ("jax", fast)]) == "6.0 times as long as jax"
    assert compared(fast, [("torch", narrow)]) == "fastest; the next, torch, takes 3.2 times as long"
    assert compared(fast, []) == "no other is timed here"


def test_text_of_a_record_is_never_markup_in_markdown() -> None:
    checks = [check("SPV-03", "choice", observed=HOSTILE), check("SPV-01", "deviation", entry=HOSTILE)]
    text = markdown("head", rows(record(*checks, target=f"{HOSTILE}:cpu:eager")), "usual")
    assert "script" in text
    assert markup(text) == []


# The command


def choose(results: Path, *arguments: str) -> int:
    return main(
        ["choose", "--task", "attention", *arguments, "--records", str(results), "--results", str(results)]
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--device", "cuda"), "no record is of cuda: python -m conformance --targets torch:cuda:eager"),
        (("--dtype", "float16"), "judges float16 for attention: python -m conformance"),
        (("--mode", "compiled"), "no record on cpu in compiled judges float32 for attention"),
    ],
)
def test_what_no_record_holds_is_said_with_the_way_to_it(
    arguments: tuple[str, ...], said: str, folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose(folder(check("SPV-01")), *arguments) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [("--task", "cooking"), ("--dtype", "int8"), ("--device", "tpu"), ("--mode", "fast")]
)
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
    assert "not timed in this format: python -m benchmarks current torch --tier full" in capsys.readouterr().out
