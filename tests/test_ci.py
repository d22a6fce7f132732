"""What continuous integration reads of a run: JUnit XML, a summary in Markdown, GitHub's workflow commands."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from conformance.ci import github, junit, summary
from conformance.record.records import Footer, Record
from tests.samples import HOSTILE, check, hostile_record, markup, record

FAILING = record(
    check(message="bad\n  input: 0x1p+0"),
    replace(check("ACC-01", "fail", case="wrong"), message="torch: ACC-01, wrong\n  got 1"),
    check("ACC-02", "fail", case="should"),
    check("ACC-01", "deviation", case="listed", entry="an-entry"),
    check("GRD-01", "crash", case="dead"),
    check("GRD-01", "absent", case="none"),
    check("SPV-03", "choice"),
)
BASELINE = {"torch:cpu:eager": record(check("ACC-01", "fail", case="wrong"))}


def suites(*records: Record, before: dict[str, Record] | None = None) -> list[ElementTree.Element]:
    text = junit.render(records, before or {})
    assert text.startswith('<?xml version="1.0" encoding="utf-8"?>\n<testsuites')
    return list(ElementTree.fromstring(text.encode()))


def outcome(suite: ElementTree.Element, name: str) -> str:
    (case,) = [case for case in suite.iter("testcase") if case.get("name", "").endswith(f"/{name}")]
    return case[0].tag if len(case) else "passed"


def test_a_suite_is_a_target_and_a_case_a_check() -> None:
    (suite,) = suites(FAILING)
    assert suite.get("name") == "torch:cpu:eager"
    told = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert told == {"tests": "7", "failures": "1", "errors": "1", "skipped": "3"}
    found = {name: outcome(suite, name) for name in ("wrong", "should", "listed", "dead", "none")}
    assert found == {
        "wrong": "failure",
        "should": "skipped",
        "listed": "skipped",
        "dead": "error",
        "none": "skipped",
    }
    failure = next(suite.iter("failure"))
    assert failure.get("message") == "torch: ACC-01, wrong"
    assert failure.text == "torch: ACC-01, wrong\n  got 1\n  likely cause: not as required"
    facts = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert facts["likely cause"] == "1: not as required (ACC-01)"
    assert {case.get("classname") for case in suite.iter("testcase")} == {"ACC-01", "ACC-02", "GRD-01", "SPV-03"}


def test_what_the_baseline_knows_is_skipped() -> None:
    (suite,) = suites(FAILING, before=BASELINE)
    assert outcome(suite, "wrong") == "skipped"
    assert outcome(suite, "dead") == "error"


@pytest.mark.parametrize("footer", [None, Footer(1, "", error="no module named torch")])
def test_a_run_that_did_not_come_to_its_end_is_an_error(footer: Footer | None) -> None:
    (suite,) = suites(replace(record(check()), footer=footer))
    assert suite.get("errors") == "1"
    assert next(suite.iter("error")).get("message") == (footer.error if footer else "the run was cut off")


def test_whatever_a_message_holds_the_file_is_xml_that_holds_it() -> None:
    hostile = f"]]>{HOSTILE}&\x00\x1b[31m\ufffe\U0001f600"
    (suite,) = suites(hostile_record(), record(replace(check(outcome="fail"), message=hostile)))[1:]
    text = next(suite.iter("failure")).text or ""
    assert text.partition("\n  likely cause")[0] == hostile.replace("\x00", "\ufffd").replace(
        "\x1b", "\ufffd"
    ).replace("\ufffe", "\ufffd")


def test_a_summary_tells_the_verdict_and_what_is_new() -> None:
    text = summary.render([FAILING, record(check(), target="jax:cpu:jit")], {})
    assert "❌ fails: ACC-01: 1 fail; GRD-01: 1 crash" in text
    assert "✅ holds" in text
    assert "Every element is within the bound" in text
    assert "got 1" in text
    assert "- **1** not as required (ACC-01): Every element is within the bound" in text
    text = summary.render([FAILING], BASELINE)
    assert "GRD-01: 1 new crash" in text
    assert "1 new, 2 known" in text
    assert "got 1" not in text


def test_a_summary_is_short_and_says_what_it_leaves_out() -> None:
    many = [check(f"XYZ-{number:02}", "fail") for number in range(30)]
    text = summary.render([record(*many)], {})
    assert text.count("<details>") == summary.MOST
    assert "And 10 more" in text
    long = replace(check(outcome="fail"), message="x" * 10_000)
    assert len(summary.render([record(long)], {})) < 3000


def test_text_of_a_record_is_never_markup_in_a_summary() -> None:
    text = summary.render([hostile_record()], {})
    assert [
        found
        for found in markup(text)
        if not found.startswith(("<details", "</details", "<summary", "</summary"))
    ] == []


def test_failures_are_workflow_commands() -> None:
    found = github.lines([FAILING], {})
    assert len(found) == 2
    assert found[0].startswith("::error title=ACC-01 softmax%2C torch%3Acpu%3Aeager::Every element")
    assert found[0].endswith("%0ALikely cause: not as required%0Atorch: ACC-01, wrong%0A  got 1")
    error, notice = github.lines([FAILING], BASELINE)
    assert error.startswith("::error title=GRD-01 softmax")
    assert "::notice title=torch%3Acpu%3Aeager::against the baseline: 1 new, 2 known, 0 mended%0A" in notice
    assert github.lines([replace(FAILING, footer=None)], BASELINE)[0].endswith("::the run was cut off")


def test_ten_workflow_commands_are_shown_and_the_rest_is_counted() -> None:
    many = record(*(check(f"XYZ-{number:02}", "fail") for number in range(30)))
    found = github.lines([many], {})
    assert len(found) == 10
    assert found[-1] == "::error title=Softmark::and 21 more failing requirements; see the record"
    assert len(github.lines([record(*many.checks[:10])], {})) == 10


def test_what_is_known_of_another_version_is_counted_everywhere() -> None:
    known = [
        check(outcome="deviation", entry="a"),
        check(case="gone", entry="b"),
        check(outcome="fail", case="new"),
    ]
    run = record(*known, footer=Footer(3, "", known_from="0.10.2"))
    counted = "1 known from 0.10.2, 1 new, 1 gone"
    assert counted in summary.render([run], {})
    assert f'<property name="note" value="{counted}" />' in junit.render([run], {})
    assert github.lines([run], {})[-1] == f"::notice title=torch%3Acpu%3Aeager::{counted}"


def test_a_message_cannot_end_its_command() -> None:
    sly = record(
        replace(check("ACC-01", "fail"), message="50%\r\n::set-env name=PATH::x"), target="a,b:cpu:eager"
    )
    (line,) = github.lines([sly], {})
    assert "\n" not in line
    assert "\r" not in line
    assert "50%25%0A::set-env" in line
    assert "a%2Cb%3Acpu%3Aeager::" in line


@pytest.mark.parametrize(
    ("asked", "variable", "wanted"),
    [(None, "true", True), (None, "", False), (False, "true", False), (True, "", True)],
)
def test_workflow_commands_are_printed_in_a_job_or_as_asked(
    asked: bool | None, variable: str, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", variable)
    assert github.wanted(asked) is wanted
