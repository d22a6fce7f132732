"""Against a baseline a run fails by what is new, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import __main__ as command
from conformance.ci import baseline
from conformance.ci.baseline import BadBaseline
from conformance.record.records import Check, Footer, Record
from conformance.record.writing import whole
from tests.samples import check, header, record

BEFORE = record(
    check("ACC-01", "fail", case="old"),
    check("ACC-01", "pass", case="fine"),
    check("ACC-01", "fail", case="gone"),
    check("GRD-01", "crash", case="dead"),
    check("ACC-02", "fail", case="should"),
)


def now(*checks: Check) -> Record:
    return record(*checks)


@pytest.mark.parametrize(
    ("judged", "new", "known"),
    [
        (check("ACC-01", "fail", case="old"), 0, 1),
        (check("ACC-01", "crash", case="old"), 0, 1),
        (check("ACC-01", "fail", case="fine"), 1, 0),
        (check("ACC-01", "timeout", case="fine"), 1, 0),
        (check("ACC-01", "fail", case="never judged before"), 1, 0),
        (check("ACC-01", "deviation", case="fine", entry="listed"), 0, 1),
        (check("ACC-02", "fail", case="fine"), 0, 0),  # good practice
        (check("ACC-01", "fixed", case="fine", entry="listed"), 0, 0),
        (check("ACC-01", "pass", case="fine"), 0, 0),
    ],
)
def test_only_what_did_not_fail_before_is_new(judged: Check, new: int, known: int) -> None:
    found = baseline.compare(now(judged), BEFORE)
    assert (len(found.new), len(found.known)) == (new, known)
    assert bool(baseline.problems(now(judged), BEFORE)) == bool(new)


def test_what_passes_again_and_what_was_not_judged_is_told() -> None:
    found = baseline.compare(
        now(check("ACC-01", "pass", case="old"), check("GRD-01", "crash", case="dead")), BEFORE
    )
    assert found.mended == ("ACC-01/softmax/float32/old",)
    assert found.unjudged == 1
    assert found.line == "against the baseline: 0 new, 1 known, 1 mended, 1 not judged"


def test_an_incomplete_run_fails_whatever_its_baseline() -> None:
    assert baseline.problems(replace(BEFORE, footer=None), BEFORE)[0].startswith("incomplete")
    assert baseline.problems(replace(BEFORE, footer=Footer(0, "", error="no torch")), BEFORE) == ["no torch"]


def test_entries_that_match_nothing_fail_a_run_without_a_baseline_alone() -> None:
    run = record(check(), footer=Footer(1, "", unmatched=["an-entry"]))
    assert baseline.problems(run, None)
    assert baseline.problems(run, BEFORE) == []


def test_another_tier_is_told() -> None:
    other = replace(BEFORE, header=replace(BEFORE.header, tier="full"))
    assert baseline.notes(now(check()), other)[1] == (
        "the baseline is of tier full: checks of one id are compared"
    )
    assert baseline.notes(now(check()), None) == []


def test_the_last_record_of_a_target_is_the_baseline(folder: Callable[..., Path]) -> None:
    place = folder(check(outcome="fail"))
    path = place / "torch-cpu-eager.jsonl"
    older = header(start="2020-01-01T00:00:00+00:00")
    (place / "zz.jsonl").write_text(whole(older, [check()], Footer(1, "")))
    found = baseline.load(place, ["torch:cpu:eager"])["torch:cpu:eager"]
    assert found.path == path


def test_a_baseline_that_cannot_be_used_is_one_line(folder: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(BadBaseline, match="there is no baseline"):
        baseline.load(tmp_path / "none", [])
    place = folder(check())
    with pytest.raises(BadBaseline, match="has no record of jax:cpu:jit, only torch:cpu:eager"):
        baseline.load(place, ["jax:cpu:jit"])
    (place / "cut.jsonl").write_text(
        (place / "torch-cpu-eager.jsonl").read_text().rpartition('{"kind": "footer"')[0]
    )
    with pytest.raises(BadBaseline, match=r"cut\.jsonl is incomplete"):
        baseline.load(place, ["torch:cpu:eager"])
    (place / "cut.jsonl").write_text("{}\n")
    with pytest.raises(BadBaseline, match=r"the baseline .*cut\.jsonl, line 1"):
        baseline.load(place, ["torch:cpu:eager"])


def test_the_command_takes_a_baseline_and_writes_what_ci_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = "tests.fakes:Uniform"
    first, second = tmp_path / "first", tmp_path / "second"
    assert command.main(["--targets", target, "--output", str(first)]) == 1
    told = capsys.readouterr().out
    assert "     2 not as required: rows of −inf alone" in told
    assert "       SPV-03: 2 fail. A row of −inf alone has the same answer" in told
    files = (
        "--junit",
        str(tmp_path / "new" / "junit.xml"),
        "--summary",
        str(tmp_path / "summary.md"),
        "--annotations",
    )
    assert command.main(["--targets", target, "--output", str(second), "--baseline", str(first), *files]) == 0
    out = capsys.readouterr().out
    assert "holds  tests.fakes:Uniform:cpu:eager" in out
    assert "against the baseline: 0 new" in out
    assert "::error" not in out
    assert "✅ holds" in (tmp_path / "summary.md").read_text()
    assert "it fails in the baseline too" in (tmp_path / "new" / "junit.xml").read_text()

    assert command.main(["--targets", target, "--output", str(second), "--resume", *files]) == 1
    assert "::error title=SPV-03" in capsys.readouterr().out
    assert (tmp_path / "summary.md").read_text().count("## Softmark") == 2

    assert command.main(["--targets", "numpy", "--output", str(second), "--baseline", str(first)]) == 2
    assert "has no record of numpy:cpu:eager" in capsys.readouterr().err
    assert command.main(["--targets", target, "--output", str(second), "--resume", "--junit", str(tmp_path)]) == 2
    assert "another file cannot be written" in capsys.readouterr().err
