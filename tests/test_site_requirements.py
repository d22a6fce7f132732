"""Every requirement has a page, with the code that judges it and what each target did."""

from __future__ import annotations

import ast
import html
from dataclasses import replace
from typing import Any

import pytest

from conformance import requirements as specification
from conformance.records import Record
from reports.site import evidence, judging, page, requirements
from reports.site.evidence import Evidence
from tests.samples import CALL, ENTRY, REQUIREMENTS, check, record


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


@pytest.mark.parametrize("name", ["SPV-01", "RNG-01", "GRD-09"])
def test_the_code_shown_is_that_of_the_test_with_the_marker(name: str) -> None:
    judge = judging.judges()[name]
    lines = (judging.FOLDER.parent / judge.file).read_text(encoding="utf-8").splitlines()
    assert f'requirement("{name}"' in lines[judge.line - 1]
    (function,) = ast.parse(judge.source).body
    assert isinstance(function, ast.FunctionDef)
    assert function.name.startswith("test_")
    assert judge.source.splitlines()[0] == lines[judge.line - 1]
    text = rendered(evidence.assemble([record(check())]))[f"requirements/{name}.html"]
    assert judge.source in html.unescape(text)


def test_cases_beside_the_test_are_shown_and_others_are_named() -> None:
    beside = judging.judges()["SPV-01"]
    assert beside.cases.startswith(f"def {beside.provider}(")
    assert any(not judge.cases and judge.provider for judge in judging.judges().values())


def test_each_target_says_what_it_did() -> None:
    wrong = check(outcome="fail", witness={"call": CALL, "error": "0x1.8p+0", "bound": "0x1.0p+0"})
    absent = replace(check(outcome="absent"), message="torch: no where")
    text = rendered(of(record(wrong, check()), record(absent, target="jax:cpu:jit")))["requirements/ACC-01.html"]
    assert "1 fail" in text
    assert "1 pass" in text
    assert "1.5" in text
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


def test_a_mark_is_the_worst_over_the_modes_of_a_framework() -> None:
    made = of(
        record(check(), target="torch:cpu:eager"), record(check(outcome="fail"), target="torch:cpu:compiled")
    )
    (index, *_) = requirements.pages(made)
    groups: Any = index.values["groups"]
    (one, (cell,)), *_ = groups[0].rows
    assert (one.id, cell.worst, cell.total) == ("ACC-01", "fail", 2)


def test_a_requirement_that_the_suite_does_not_know_is_named() -> None:
    found = rendered(of(record(check("XYZ-99"))))
    assert "does not state: XYZ-99" in found["requirements.html"]
    assert "requirements/XYZ-99.html" not in found
