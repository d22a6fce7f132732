"""`--allow FILE` lets failures pass that it names with a reason, and hides none of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import __main__ as command
from conformance.ci import allowing, badge, baseline, github, junit, summary
from conformance.ci.allowing import Allowance, BadList
from tests.samples import check, record

FLUSHED = Allowance("ACC-01/softmax/float16/*", "float16 is computed with flushes, see #12")
RUN = record(
    check("ACC-01", "fail", dtype="float16", case="a"),
    check("ACC-01", "crash", dtype="float16", case="b"),
    check("ACC-01", "fail", case="c"),
    check("ACC-01", dtype="float16", case="passes"),
    check("ACC-02", "fail", dtype="float16", case="good practice"),
)


def file(folder: Path, text: str) -> Path:
    path = folder / "allow.txt"
    path.write_text(text)
    return path


def test_a_line_has_a_pattern_and_a_reason(tmp_path: Path) -> None:
    text = f"# young\n\n  {FLUSHED.pattern} : {FLUSHED.reason}\nRNG-01/* :  it's : so\n"
    assert allowing.load(file(tmp_path, text)) == (FLUSHED, Allowance("RNG-01/*", "it's : so"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# one\nRNG-01/* :\n", r"allow.txt, line 2: RNG-01/\* has no reason"),
        ("RNG-01/* : \n", "line 1: RNG-01/.* has no reason"),
        ("RNG-01/*\n", "is no pattern with a reason"),
        ("all of it fails\n", "is no pattern with a reason"),
    ],
)
def test_a_line_that_cannot_be_read_is_told(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadList, match=why):
        allowing.load(file(tmp_path, text))
    with pytest.raises(BadList, match="cannot read what is allowed"):
        allowing.load(tmp_path / "none")


def test_an_allowed_failure_does_not_fail_the_run_and_is_told_everywhere() -> None:
    told = allowing.told(RUN, [FLUSHED])
    note = "allowed: 2, float16 is computed with flushes, see #12"
    assert baseline.problems(told, None) == ["ACC-01: 1 fail"]
    assert baseline.notes(told, None) == [note]
    text = junit.render([told], {})
    assert text.count('<skipped message="allowed: float16 is computed with flushes, see #12" />') == 2
    assert text.count("<failure") == 1
    assert f"fails: ACC-01: 1 fail ({note})" in summary.render([told], {})
    assert "2 allowed" in summary.render([told], {})
    assert github.lines([told], {})[1:] == [f"::notice title=torch%3Acpu%3Aeager::{note}"]


def test_an_allowed_failure_is_neither_new_nor_mended() -> None:
    told = allowing.told(RUN, [FLUSHED])
    found = baseline.compare(told, record(check("ACC-01", "fail", dtype="float16", case="a")))
    assert [one.case for one in found.new] == ["c"]
    assert found.mended == ()


def test_a_line_that_matches_no_failure_is_told() -> None:
    gone = Allowance("ACC-01/softmax/float16/passes", "once")
    lines = allowing.unmatched([allowing.told(RUN, [FLUSHED, gone])], [FLUSHED, gone])
    assert lines == [f"allowed {gone.pattern} matches no failure: narrow it or take it out"]
    assert lines[0] in github.lines([RUN], {}, lines)[0]
    assert "❌ allowed" in summary.render([RUN], {}, lines)
    assert junit.render([RUN], {}, lines).count("<failure") == 3
    assert allowing.unmatched([replace(RUN, footer=None)], [gone]) == []


def colour(*arguments: object) -> tuple[str, str]:
    found = json.loads(badge.render(*arguments))  # type: ignore[arg-type]  # as the caller gives them
    assert (found.pop("schemaVersion"), found.pop("label")) == (1, "softmark")
    return found["message"], found["color"]


def test_a_badge_is_green_only_where_all_was_judged_and_holds() -> None:
    holds = record(check())
    assert colour([holds, allowing.told(RUN, [Allowance("*", "young")])], {}) == ("holds", "brightgreen")
    assert colour([holds, RUN], {}) == ("fails: 3", "red")
    assert colour([RUN], {"torch:cpu:eager": record(*RUN.checks[:2])}) == ("fails: 1 new", "red")
    assert colour([holds], {}, ["allowed * matches no failure"]) == ("fails: a list to narrow", "red")
    for run in ([], [record(check(outcome="absent"))], [holds, replace(RUN, footer=None)]):
        assert colour(run, {}) == ("incomplete", "lightgrey")


def test_the_command_takes_what_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_with_progress", lambda *arguments: [RUN])
    made = tmp_path / "badge.json"
    given = ["--targets", "torch", "--output", str(tmp_path / "results"), "--badge", str(made)]
    allow = ["--allow", str(file(tmp_path, "ACC-* :\n"))]
    made.write_text('{"message": "holds"}')
    assert command.main([*given, *allow]) == 2
    assert "ACC-* has no reason" in capsys.readouterr().err
    assert json.loads(made.read_text())["message"] == "incomplete"
    file(tmp_path, "* : it is young\n")
    assert command.main([*given, *allow]) == 0
    assert "       allowed: 3, it is young" in capsys.readouterr().out
    assert json.loads(made.read_text())["message"] == "holds"
    file(tmp_path, "* : it is young\nXYZ-* : there is none\n")
    assert command.main([*given, *allow]) == 1
    assert "FAILS  allowed XYZ-* matches no failure" in capsys.readouterr().out
