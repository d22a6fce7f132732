"""The page of accuracy: cells, colours, sentences and witnesses, of made-up records."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from conformance.record.records import Check, Record
from reports.evidence import Evidence, assemble
from reports.site import accuracy, page
from reports.site.accuracy import HeatCell
from reports.site.build import texts, write
from reports.site.witnesses import NOT_KEPT
from tests import browser
from tests.samples import CALL, ENTRY, REQUIREMENTS, check, graded, hostile_record, record

HEX = {"got": "0x0.0p+0", "expected": "0x1.0p-2", "error": "0x1.0p-2", "bound": "0x1.0p-4", "index": [0, 1]}


def of(length: int, worst: float, outcome: str = "pass", kept: bool = False, **fields: Any) -> Check:
    call = {**CALL, "expression": f"np.zeros((1, {length}))", "shape": [1, length]}
    found = graded(outcome, D=worst)
    return replace(found, case=f"zeros-n{length}", witness={"call": call, **(HEX if kept else {})}, **fields)


def evidence(*records: Record) -> Evidence:
    return assemble(records, requirements=REQUIREMENTS, entries=[ENTRY])


def text(*records: Record) -> str:
    found = evidence(*records)
    (one,) = accuracy.pages(found)
    return page.render(one, found, page.environment())


def rows(html: str) -> list[list[str]]:
    cells = re.findall(r"<tr[^>]*>(.*?)</tr>", html, re.DOTALL)
    return [[re.sub(r"<[^>]*>", "", cell).strip() for cell in re.split(r"</t[hd]>", row)[:-1]] for row in cells]


@pytest.mark.parametrize(
    ("worst", "tone", "shown"),
    [(0.0, "h0", "0"), (0.1, "h0", "0.1"), (1.0, "h3", "1"), (1.001, "o1", "▲ 1"), (math.inf, "o3", "▲ ∞")],
)
def test_the_scale_breaks_at_the_bound(worst: float, tone: str, shown: str) -> None:
    assert (HeatCell(worst, "", 0).tone, HeatCell(worst, "", 0).text) == (tone, shown)


@pytest.mark.parametrize(
    ("call", "case", "length"),
    [
        ({"shape": [19, 3], "axis": 0}, "n7", 19),
        ({"shape": [19, 3]}, "n7", 3),
        ({"shape": [3], "axis": 4}, "equal-n65537-ones", 65537),
        ({}, "n33", 33),
        ({}, "offset-1e4", None),
        ("none", "sun33", None),
    ],
)
def test_the_row_length_is_told_by_the_call_or_the_case(call: Any, case: str, length: int | None) -> None:
    assert accuracy.row_length(check(case=case, witness={"call": call})) == length


def test_a_column_holds_the_worst_of_near_row_lengths() -> None:
    html = text(record(of(1000, 0.2), of(1025, 0.3), of(7, 0.1), of(3, 0.05)))
    section = html.partition('id="torch:cpu:eager"')[2]
    head, row = rows(section)
    assert head[3:] == ["n 3", "n 7", "n 1000–1025"]
    assert row == ["softmax", "float32", "B", "0.05", "0.1", "0.3"]


def test_a_row_length_that_was_not_tried_has_a_dash() -> None:
    html = text(record(of(7, 0.1), replace(of(1000, 0.2), dtype="float16")))
    found = {row[1]: row[3:] for row in rows(html.partition('id="torch:cpu:eager"')[2])[1:]}
    assert found == {"float32": ["0.1", "–"], "float16": ["–", "0.2"]}


def test_all_targets_stand_beside_each_other_and_the_worst_is_named() -> None:
    first = record(of(7, 0.1))
    second = record(of(7, 0.3), target="jax:cpu:jit")
    third = record(of(7, 0.3), target="jax:cpu:eager")
    overview = text(first, second, third).partition('id="overview"')[2].partition("</section>")[0]
    assert "Largest in float32 0.3 (jax:cpu:eager and 1 other)." in overview
    assert rows(overview)[1:] == [
        ["jax:cpu:eager", "B 0.3"],
        ["jax:cpu:jit", "B 0.3"],
        ["torch:cpu:eager", "B 0.1"],
    ]


def test_one_input_outside_the_bound_is_one_sentence_with_its_witness() -> None:
    bad = of(7, 4.0, "deviation", kept=True, entry=ENTRY.id)
    html = text(
        record(bad), record(bad, target="torch:cpu:compiled"), record(of(7, 0.5), target="scipy:cpu:eager")
    )
    part = html.partition('id="outside"')[2].partition('id="grades"')[0]
    assert part.count("<details") == 1
    assert "softmax forward in float32: 4 times the bound</span> in torch:cpu (compiled, eager), at n = 7" in part
    assert "1 are within it; the largest there is 0.5, of scipy:cpu:eager in softmax forward in float32." in part
    assert "0x1p-2" in part
    assert "a known deviation" in part
    (code,) = re.findall(r"<pre data-copy[^>]*><code>(.*?)</code>", part, re.DOTALL)
    assert code.startswith("import numpy as np, torch")
    assert code.endswith("[0, 1]))")


def test_a_failure_is_not_told_as_a_known_deviation() -> None:
    html = text(record(of(7, 4.0, "fail", kept=True)))
    assert "no known deviation" in html
    assert 'class="finding bad"' in html


def test_a_finding_without_a_program_tells_its_call() -> None:
    html = text(record(of(7, 4.0, "fail", kept=True), target="numpy:cpu:eager"))
    part = html.partition('id="outside"')[2].partition('id="grades"')[0]
    assert "np.zeros((1, 7))" in part
    assert "<pre" not in part


def test_the_largest_comes_first_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "MOST", 1)
    html = text(record(of(7, 4.0, "fail"), replace(of(9, math.inf, "fail"), dtype="float16")))
    part = html.partition('id="outside"')[2].partition('id="grades"')[0]
    assert "2 places" in part
    assert "the largest 1 here" in part
    assert "in float16: ∞ times the bound" in part
    assert "in float32" not in part


def witnesses(html: str) -> list[tuple[str, dict[str, str], list[str]]]:
    (data,) = re.findall(r'<script type="application/json" id="witnesses">(.*?)</script>', html, re.DOTALL)
    store = json.loads(data)
    texts = store["texts"]
    return [
        (
            f"{texts[target]} {texts[name]}",
            {texts[label]: texts[value] for label, value in zip(store["labels"][labels], told, strict=True)},
            [texts[line] for line in store["programs"][code]],
        )
        for target, name, labels, told, code in store["witnesses"]
    ]


def test_a_cell_leads_to_its_own_witness() -> None:
    html = text(record(of(7, 0.1), of(1000, 0.2, kept=True)))
    found = witnesses(html)
    numbers = re.findall(r'data-w="(\d+)">([^<]*)<', html.partition('id="torch:cpu:eager"')[2])
    named = {shown: found[int(number)] for number, shown in numbers}
    assert named["0.1"][0] == "torch:cpu:eager ACC-01/softmax/float32/zeros-n7"
    assert named["0.1"][1]["values"] == NOT_KEPT
    assert "np.zeros((1, 7))" in "\n".join(named["0.1"][2])
    assert named["0.2"][1]["got"].startswith("0x0p+0")
    assert not {"values", "logits", "measured"} & set(named["0.2"][1])
    assert len(found) == 2  # the overview shares them


def test_a_small_error_by_row_length_is_a_number_alone() -> None:
    html = text(record(of(7, 0.1), of(1000, 0.09)))
    overview, _, lengths = html.partition('id="targets"')
    assert re.search(r'data-w="\d+">0\.1<', lengths)
    assert re.search(r'<td class="h0">0\.09<', lengths)
    assert len(witnesses(html)) == 1
    assert "numbers below 0.1 have none here" in overview


def test_without_a_program_the_call_is_told_in_words() -> None:
    ((_, told, code),) = witnesses(text(record(of(7, 0.1), target="numpy:cpu:eager")))
    assert code == []
    assert told["logits"] == "np.zeros((1, 7))"


def test_grade_letters_and_their_meanings_are_told() -> None:
    html = text(record(of(7, 0.1)))
    assert "correctly rounded" in html
    assert re.search(r"<dt><b>R</b></dt>", html)


def test_without_errors_the_page_says_so() -> None:
    html = text(record(check()))
    assert "No errors were measured" in html
    assert "<table" not in html


def test_text_of_records_is_no_markup() -> None:
    html = text(hostile_record(), record(of(7, 0.1)))
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "alert(1)" in html


def test_every_anchor_is_there_once_and_the_same_records_give_the_same_page() -> None:
    records = (record(of(7, 0.1)), record(of(7, 3.0, "fail"), target="jax:cpu:jit"))
    html = text(*records)
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', html)) <= set(ids)
    assert {"torch:cpu:eager", "jax:cpu:jit"} <= set(ids)
    assert html == text(*records)


def test_in_a_browser_a_cell_opens_its_witness(tmp_path: Path, driver: Chrome) -> None:
    write(texts(evidence(record(of(7, 0.1), of(1000, 0.2, kept=True)))), tmp_path / "site")
    driver.get((tmp_path / "site" / "accuracy.html").as_uri())
    opened = driver.execute_script(
        "const button = [...document.querySelectorAll('td[data-w] button')].at(-1);"
        "button.focus(); button.click();"
        "const dialog = document.querySelector('dialog[open]'); return dialog && dialog.innerText"
    )
    assert "ACC-01/softmax/float32/zeros-n1000" in opened
    assert "0x1p-2" in opened
    assert "np.zeros((1, 1000))" in opened
    driver.execute_script("document.querySelector('dialog button').click()")
    assert driver.execute_script("return document.querySelectorAll('dialog[open]').length") == 0
    assert browser.complaints(driver) == []
