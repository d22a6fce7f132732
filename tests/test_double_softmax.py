"""The detector of probabilities that are fed to a loss of logits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from conformance.operations.labels import Loss
from conformance.operations.query import Query, evaluate
from reports.__main__ import main
from reports.double_softmax import floor


def test_the_floor_is_the_true_loss_of_the_best_probabilities() -> None:
    for classes in (2, 10, 1000):
        best = np.zeros((1, classes))
        best[0, 1] = 1.0
        loss = evaluate(Query("softmax_cross_entropy", best, loss=Loss(np.array([1])))).value[0]
        assert floor(classes) == pytest.approx(loss, rel=1e-14)
    assert f"{floor(10):.4f}" == "1.4612"


def test_no_probabilities_have_a_loss_outside_of_what_the_command_allows() -> None:
    random = np.random.default_rng(0)
    for classes in (2, 5, 100):
        p = random.dirichlet(np.full(classes, 0.05), 2000)
        losses = np.log(np.exp(p).sum(axis=1)) - p[:, 0]
        assert floor(classes) - 1e-12 <= losses.min()
        assert losses.max() <= floor(classes) + 1 + 1e-12


@pytest.mark.parametrize(
    ("loss", "code", "says"),
    [
        ("1.4612", 1, "1.4612 lies at 1.4612, the least loss that 10 classes leave"),
        ("1.46", 1, "lies at"),  # as it is printed, with two digits
        ("1.47", 1, "lies 0.0088 above 1.4612"),
        ("2.3026", 1, "ln 10 = 2.3026"),
        ("1.4611", 0, "below"),
        (
            "0.0312",
            0,
            "1.4300 below 1.4612, the least loss that 10 classes leave to probabilities taken for logits",
        ),
        ("0", 0, "below"),
        ("2.47", 0, "their largest is 1 more: no double softmax"),
    ],
)
def test_a_loss_of_ten_classes_is_told_apart(
    loss: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["double-softmax", loss, "--classes", "10"]) == code
    shown = capsys.readouterr()
    assert says in shown.out
    assert len(shown.out.splitlines()) == 1
    assert shown.err == ""


def test_the_floor_rises_with_the_classes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["double-softmax", "9.0", "--classes", "32000"]) == 0
    assert main(["double-softmax", f"{math.log(1 + 31999 / math.e):.6f}", "--classes", "32000"]) == 1
    assert "ln 32000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["x", "--classes", "10"], "'x' is no loss"),
        (["nan", "--classes", "10"], "'nan' is no loss"),
        (["inf", "--classes", "10"], "'inf' is no loss"),
        (["-1", "--classes", "10"], "'-1' is no loss"),
        (["1.5", "--classes", "1"], "'1' is no number of classes"),
        (["1.5", "--classes", "ten"], "'ten' is no number of classes"),
        (["1.5", "--classes", "9" * 30], "is no number of classes"),
        (["1.5"], "--classes"),
        ([], "LOSS"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_code:
        main(["double-softmax", *arguments])
    assert exit_code.value.code == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert says in error
