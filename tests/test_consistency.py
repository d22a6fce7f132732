"""Answers of one target side by side: what differs from the usual one fails and says where."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conformance import requirements
from conformance.record import reading
from conformance.record.records import ONE_ANSWER, Check
from conformance.run.consistency import judge, prevailing
from conformance.run.processes import supervisor

TARGET = "torch:cpu:eager"


def answered(observed: str, case: str, operation: str = "softmax", **kwargs: str) -> Check:
    return Check(
        "SPV-06", operation, kwargs.get("dtype", "float32"), case, kwargs.get("outcome", "choice"), observed
    )


def outcomes(rows: list[Check]) -> dict[tuple[str, str], str]:
    return {(row.operation, row.dtype): row.outcome for row in judge(TARGET, rows)}


def test_one_answer_everywhere_is_a_choice() -> None:
    rows = [answered("nan", "n3"), answered("nan", "n33"), answered("nan", "n3", "log_softmax")]
    found = judge(TARGET, rows)
    assert [(row.operation, row.outcome, row.observed, row.case) for row in found] == [
        ("softmax", "choice", "nan", ONE_ANSWER),
        ("log_softmax", "choice", "nan", ONE_ANSWER),
    ]


def test_another_answer_at_another_length_fails_and_says_where() -> None:
    rows = [answered("nan", "n3"), answered("nan", "n33"), answered("one_hot", "n130")]
    (row,) = judge(TARGET, rows)
    assert (row.outcome, row.observed) == ("fail", "nan / one_hot")
    assert row.message is not None
    assert "nan in 2 of 3 checks, but softmax n130: one_hot" in row.message
    assert TARGET in row.message
    assert requirements.load()["SPV-06"].text in row.message


def test_two_functions_that_differ_fail_in_the_one_whose_answer_is_listed_later() -> None:
    rows = [answered("nan_at_inf", "n3", "log_softmax"), answered("nan", "n3")]
    assert outcomes(rows) == {("softmax", "float32"): "choice", ("log_softmax", "float32"): "fail"}


def test_formats_are_compared_each_by_itself() -> None:
    rows = [answered("nan", "n3"), answered("nan", "n33")]
    rows += [answered("one_hot", name, dtype="float16") for name in ("n3", "n33")]
    assert set(outcomes(rows).values()) == {"choice"}


def test_a_loss_may_answer_otherwise_than_the_functions() -> None:
    rows = [Check("CMP-08", "softmax", "float16", name, "choice", "kept") for name in ("n3", "n33")]
    rows += [
        Check("CMP-08", "softmax_cross_entropy", "float16", name, "choice", "widened") for name in ("n3", "n33")
    ]
    assert {row.outcome for row in judge(TARGET, rows)} == {"choice"}


def test_what_fails_already_and_what_stands_alone_is_left_out() -> None:
    assert judge(TARGET, [answered("nan", "n3")]) == []
    assert judge(TARGET, [answered("nan", "n3"), answered("x / y", "n33", outcome="deviation")]) == []
    assert judge(TARGET, [Check("ACC-01", "softmax", "float32", name, "pass") for name in "ab"]) == []


def test_long_lists_of_places_are_cut() -> None:
    rows = [answered("nan", f"a{i}") for i in range(9)] + [answered("one_hot", f"b{i}") for i in range(8)]
    (row,) = judge(TARGET, rows)
    assert row.message is not None
    assert re.search(r"b5: one_hot; and 2 more$", row.message)


def test_the_usual_answer_is_the_most_frequent() -> None:
    requirement = requirements.load()["SPV-06"]
    assert prevailing(requirement, ["one_hot", "nan", "one_hot"]) == "one_hot"
    assert prevailing(requirement, ["unheard of", "one_hot"]) == "one_hot"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the record of an adapter whose two functions answer +inf differently."""
    output = tmp_path_factory.mktemp("mixed")
    order = supervisor.Order("adapters.faulty:LogSoftmaxOwnInfinity", "cpu", "eager", "quick", output, 60.0)
    supervisor.run(order, lambda progress: None)
    return output


def test_a_run_ends_with_the_rows_that_compare_its_answers(mixed: Path) -> None:
    (path,) = mixed.glob("*.jsonl")
    record = reading.read(path)
    rows = [check for check in record.checks if check.case == ONE_ANSWER]
    assert {row.outcome for row in rows if row.requirement == "SPV-06" and row.operation == "log_softmax"} == {
        "fail"
    }
    assert {row.outcome for row in rows if row.requirement == "SPV-03"} == {"choice"}
    last = json.loads(path.read_text(encoding="utf-8").splitlines()[-2])
    assert last["case"] == ONE_ANSWER
