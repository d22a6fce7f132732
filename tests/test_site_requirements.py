"""Every requirement has a page, with the code that judges it and what each target did."""

from __future__ import annotations

import ast
import html
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from conformance import requirements as specification
from conformance.record.records import Record
from reports import evidence
from reports.checks import all_checks
from reports.evidence import Evidence
from reports.kills import fault
from reports.site import build, judging, page, requirements
from tests import browser
from tests.samples import CALL, ENTRY, HOSTILE, REQUIREMENTS, check, hostile_record, record


def of(*records: Record) -> Evidence:
    return evidence.assemble(records, requirements=REQUIREMENTS, entries=[ENTRY])


def rendered(made: Evidence) -> dict[str, str]:
    jinja = page.environment()
    return {one.path: page.render(one, made, jinja) for one in requirements.pages(made)}


def test_every_requirement_of_the_suite_has_its_page_and_its_judge() -> None:
    made = evidence.assemble([record(check())])
    paths = [one.path for one in requirements.pages(made)]
    assert paths == ["requirements.html", *(f"requirements/{name}.html" for name in specification.load())]
    assert judging.judges().keys() == specification.load().keys()


@pytest.mark.parametrize("name", specification.load())
def test_the_code_shown_is_that_of_the_test_with_the_marker(name: str) -> None:
    test = judging.judges()[name].test
    lines = (judging.FOLDER.parent / test.file).read_text(encoding="utf-8").splitlines()
    assert f'requirement("{name}"' in lines[test.line - 1]
    (function,) = ast.parse(test.source).body
    assert isinstance(function, ast.FunctionDef)
    assert function.name.startswith("test_")
    assert test.source.splitlines() == lines[test.line - 1 : test.line - 1 + len(test.source.splitlines())]


@pytest.mark.parametrize("name", ["SPV-01", "GRD-01", "LBL-03"])
def test_the_page_shows_the_test_and_what_yields_its_cases(name: str) -> None:
    made = evidence.assemble([record(check())])
    (one,) = (found for found in requirements.pages(made) if found.path == requirements.path(name))
    text = html.unescape(page.render(one, made, page.environment()))
    judge = judging.judges()[name]
    assert judge.cases
    for part in (judge.test.source, judge.cases.source, judge.provider, judge.cases.says):
        assert part in text


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("beside", "beside"),
        ("made('vjp')", "made"),
        ("plain", "elsewhere"),
        ("others.elsewhere", "elsewhere"),
        ("np.nowhere", None),
    ],
)
def test_the_source_of_cases_is_followed_to_its_module(written: str, found: str | None, tmp_path: Path) -> None:
    (tmp_path / "others.py").write_text('def elsewhere(operation):\n    """Yields."""\n')
    (tmp_path / "test_it.py").write_text(
        "import numpy as np\nfrom conformance import others\nfrom conformance.others import elsewhere as plain\n"
        "def beside(operation): ...\ndef made(kind): ...\n"
        f"@pytest.mark.requirement('ACC-01', cases={written})\ndef test_one(check):\n    assert check\n"
    )
    judge = judging.judges(tmp_path)["ACC-01"]
    assert judge.provider == written
    assert judge.test.line == 6
    named = judge.cases.source.partition("(")[0].removeprefix("def ") if judge.cases else None
    assert named == found


def test_each_target_says_what_it_did() -> None:
    wrong = check(outcome="fail", witness={"call": CALL, "error": "0x1.8p+0", "bound": "0x1.0p+0"})
    absent = replace(check(outcome="absent"), message="torch: no where")
    text = rendered(of(record(wrong, check()), record(absent, target="jax:cpu:jit")))["requirements/ACC-01.html"]
    assert "1 fail" in text
    assert "1 pass" in text
    assert "1.5" in text
    assert "softmax/float32/zeros" in text
    assert "torch: no where" in text
    assert "import numpy as np, torch" in text  # the call in the framework alone


def test_the_evidence_of_a_deviation_is_of_the_requirement_whose_page_it_stands_on() -> None:
    checks = [
        replace(check(name, "deviation", entry=ENTRY.id), case=f"case-{name}") for name in ("ACC-01", "GRD-01")
    ]
    text = rendered(of(record(*checks)))["requirements/GRD-01.html"]
    assert f'id="{ENTRY.id}"' in text
    assert "case-GRD-01" in text
    assert "case-ACC-01" not in text
    assert 'href="../requirements/ACC-01.html"' in text


def test_how_a_check_went_wrong_is_said_by_sign_and_word() -> None:
    checks = [
        check(outcome="fail"),
        check(outcome="crash", case="b"),
        check(outcome="deviation", entry=ENTRY.id, case="c"),
        check(outcome="fixed", entry=ENTRY.id, case="d"),
    ]
    text = rendered(of(record(*checks)))["requirements/ACC-01.html"]
    for name in ("failures", "crashes", "deviations", "stale"):
        assert requirements.SIGNS[name] in text
    assert f'id="{ENTRY.id}"' in text
    assert f'id="stale-{ENTRY.id}"' in text
    good = rendered(of(record(check("ACC-02", "fail"))))["requirements/ACC-02.html"]
    assert requirements.SIGNS["should"] in good


def test_an_entry_is_told_with_its_program_and_what_it_prints() -> None:
    text = html.unescape(
        rendered(of(record(check(outcome="deviation", entry=ENTRY.id))))["requirements/ACC-01.html"]
    )
    for part in (ENTRY.title, ENTRY.reason, ENTRY.reproduction, ENTRY.prints, ENTRY.expected):
        assert part in text
    assert 'href="https://github.com/pytorch/pytorch/issues/1"' in text


def test_of_many_checks_some_are_listed_and_all_are_counted() -> None:
    checks = [check(outcome="fail", case=f"case-{place:03}") for place in range(30)]
    text = rendered(of(record(*checks)))["requirements/ACC-01.html"]
    assert f"and {30 - requirements.MOST_CASES} more" in text
    assert sum(f"case-{place:03}</li>" in text for place in range(30)) == requirements.MOST_CASES


def test_a_target_that_was_not_asked_is_not_judged_and_no_test_is_said() -> None:
    text = rendered(of(record(check())))["requirements/GRD-01.html"]
    assert "not judged" in text
    assert "Where it does not hold" not in text


def test_answers_are_told_with_what_they_mean_and_what_it_catches() -> None:
    answers = check("SPV-06", "choice", observed="nan_at_inf")
    made = evidence.assemble([record(answers)])
    text = html.unescape(rendered(made)["requirements/SPV-06.html"])
    asked = specification.load()["SPV-06"]
    assert "<div>nan_at_inf</div>" in text
    assert asked.choices["nan_at_inf"] in text
    for name in asked.catches:
        assert name in text
        assert fault(name)[:40] in text
    assert "requirements/SPV-05.html" in text
    assert "requirements/SPV-08.html" in text


def test_hostile_text_stays_text() -> None:
    texts = rendered(evidence.assemble([hostile_record()], requirements=REQUIREMENTS, entries=[ENTRY]))
    assert HOSTILE not in "".join(texts.values())
    for name in REQUIREMENTS:
        assert "&lt;script&gt;alert(1)" in texts[f"requirements/{name}.html"]
    assert f"does not state: {html.escape(HOSTILE)}, ACC-08." in texts["requirements.html"]


def test_the_largest_error_is_told_with_the_case_that_has_it() -> None:
    witness = {"bound": "0x1.0p+0"}
    checks = [
        check(case=case, witness={**witness, "error": error})
        for case, error in (("small", "0x1.0p-2"), ("large", "0x1.8p-1"), ("none", "0x0.0p+0"))
    ]
    found = requirements.outcome("torch", all_checks([record(*checks, check(case="unmeasured"))], REQUIREMENTS))
    assert (found.worst, found.case) == ("0.75", "softmax/float32/large")
    assert requirements.outcome("torch", all_checks([record(check())], REQUIREMENTS)).worst == ""


def test_a_mark_is_the_worst_over_the_modes_of_a_framework() -> None:
    made = of(
        record(check(), target="torch:cpu:eager"), record(check(outcome="fail"), target="torch:cpu:compiled")
    )
    (index, *_) = requirements.pages(made)
    groups: Any = index.values["groups"]
    (one, (cell,)), *_ = groups[0][2]
    assert (one.id, cell.worst, cell.items) == ("ACC-01", "fail", (("fail", 1), ("pass", 1)))


def test_a_requirement_that_the_suite_does_not_know_is_named() -> None:
    found = rendered(of(record(check("XYZ-99"))))
    assert "does not state: XYZ-99" in found["requirements.html"]
    assert "requirements/XYZ-99.html" not in found


def test_the_table_is_filtered_by_words_family_and_level_and_the_address_keeps_them(
    tmp_path: Path, driver: Chrome
) -> None:
    made = evidence.assemble([record(check("ACC-01", "fail"))])
    build.write(build.texts(made), tmp_path / "site")
    address = (tmp_path / "site" / "requirements.html").as_uri()
    known = specification.load().values()

    def shown() -> list[str]:
        found: list[str] = driver.execute_script(
            "return [...document.querySelectorAll('tr[data-level]:not([hidden])')]"
            ".map(e => e.cells[0].textContent)"
        )
        assert f"{len(found)} of {len(known)}" == driver.find_element(By.ID, "shown").text
        return found

    driver.get(f"{address}#family=SPV")
    assert shown() == [one.id for one in known if one.family == "SPV"]
    Select(driver.find_element(By.ID, "level")).select_by_value("choice")
    assert shown() == [one.id for one in known if one.family == "SPV" and one.level == "choice"]
    assert driver.current_url == f"{address}#family=SPV&level=choice"
    driver.find_element(By.ID, "text").send_keys("no such words")
    assert shown() == []
    assert not driver.find_elements(By.CSS_SELECTOR, "#all > details:not([hidden])")
    driver.get(f"{address}#text=✕ fail&family=NONE")
    assert shown() == ["ACC-01"]
    driver.get(address)
    assert len(shown()) == len(known)
    assert browser.complaints(driver) == []


def test_modes_that_answer_alike_share_a_row_and_devices_do_not() -> None:
    checks = all_checks([record(check())], REQUIREMENTS)
    alike = ("torch:cpu:eager", "torch:cpu:compiled", "torch:cuda:eager", "jax:cpu:eager")
    every = [requirements.outcome(target, checks) for target in alike]
    every.append(requirements.outcome("torch:cpu:other", []))
    assert [one.target for one in requirements.merged(every)] == [
        "torch:cpu:eager, torch:cpu:compiled",
        "torch:cuda:eager",
        "jax:cpu:eager",
        "torch:cpu:other",
    ]
