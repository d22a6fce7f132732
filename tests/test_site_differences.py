"""The page of differences: what its script tells of two sides is what `python -m reports compare` tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from benchmarks.timing.cells import Cell
from conformance.record.records import Record
from reports.differences import phrases
from reports.differences.comparison import compare
from reports.differences.cost import Cost, TargetCosts
from reports.differences.operands import operands
from reports.evidence import RECORDS, Evidence, assemble, gather
from reports.site import build, differences, pair_answers
from reports.site.differences import comparable, data, default
from tests import browser
from tests.samples import CALL, ENTRY, HOSTILE, REQUIREMENTS, check, graded, hostile_record, record

TORCH, JAX, TENSORFLOW = "torch:cpu:eager", "jax:cpu:jit", "tensorflow:cpu:eager"
WRONG = {"call": {**CALL, "shape": [1, 4]}, "index": [0, 3], "got": "0x0.0p+0", "expected": "0x1.0p-2"}
LARGEST = 700_000  # bytes of the page of nine records with 81,048 checks and the times of two machines


def evidence(*today: Record, history: tuple[Record, ...] = ()) -> Evidence:
    return assemble(today, history, requirements=REQUIREMENTS, entries=[ENTRY])


def released(version: str, *checks: Any) -> Record:
    one = record(*checks, target=JAX)
    framework = {"name": "jax", "version": version, "build": ""}
    return replace(one, header=replace(one.header, framework=framework))


def some() -> Evidence:
    """Three targets and two releases, with differences of every sort."""
    right = [check(witness={"call": WRONG["call"]}), check("GRD-01"), check("SPV-03", "choice", observed="nan")]
    right += [graded(requirement="GRD-01", D=0.5), check("DET-04", "measured", observed="same bits")]
    wrong = [check(outcome="fail", witness=WRONG), check("GRD-01", "deviation", entry=ENTRY.id)]
    wrong += [check("SPV-03", "choice", observed="empty"), graded(requirement="GRD-01", D=0.9)]
    wrong += [check("DET-04", "measured", observed="other bits")]
    for rows in (right, wrong):
        rows[3] = replace(rows[3], case="graded")
    lacking = [check("SPV-03", "absent", message="tensorflow has no where")]
    return evidence(
        record(*right),
        record(*wrong, target=JAX),
        record(*lacking, target=TENSORFLOW),
        history=(released("0.1", *right), released("0.2", *wrong)),
    )


def page_of(found: Evidence, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page by itself, whatever other pages there are."""
    monkeypatch.setattr(build, "PAGES", (differences.pages,))
    build.write(build.texts(found), folder)
    return folder / differences.ADDRESS


# What the page holds


def test_committed_records_make_a_small_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = page_of(gather([RECORDS]), tmp_path / "site", monkeypatch)
    assert path.stat().st_size < LARGEST


def test_many_releases_make_a_small_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = gather([RECORDS])
    history = tuple(
        replace(one, header=replace(one.header, framework={**one.header.framework, "version": f"0.{place}"}))
        for one in found.records
        for place in range(4)
    )
    path = page_of(replace(found, history=history), tmp_path / "site", monkeypatch)
    assert path.stat().st_size < LARGEST


def test_programs_beyond_the_limit_are_left_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    found = some()
    both = operands(found.records, found.history)
    every, pairs = [*both[0], *both[1]], comparable(*both)
    assert any(line.startswith("x = ") for line in data(every, found, pairs)["lines"])
    monkeypatch.setattr(pair_answers, "MOST_CODE", -1)
    assert not any(line.startswith("x = ") for line in data(every, found, pairs)["lines"])


def test_a_release_is_compared_with_what_is_of_its_framework() -> None:
    found = some()
    today, releases = operands(found.records, found.history)
    names = [one.name for one in (*today, *releases)]
    pairs = {(names[a], names[b]) for a, b in comparable(today, releases)}
    assert {("jax-0.1", "jax-0.2"), (JAX, "jax-0.1"), (TENSORFLOW, TORCH)} <= pairs
    assert not {(TORCH, "jax-0.1"), (TENSORFLOW, "jax-0.2")} & pairs


def test_two_releases_of_two_frameworks_are_left_to_the_terminal(
    driver: Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = page_of(some(), tmp_path / "site", monkeypatch)
    driver.get(f"{path.as_uri()}#a={TORCH}&b=jax-0.1")
    assert summary(driver).endswith(f"python -m reports compare {TORCH} jax-0.1")
    assert browser.complaints(driver) == []


def test_first_pair_is_of_what_there_is() -> None:
    assert default([TORCH, TENSORFLOW, JAX]) == (TENSORFLOW, JAX)
    assert default([TORCH, JAX]) == (JAX, TORCH)
    assert default([TORCH]) == (TORCH, TORCH)


def test_page_without_scripts_tells_one_pair_and_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page_of(some(), tmp_path / "site", monkeypatch).read_text(encoding="utf-8")
    static = text[text.index("<noscript>") : text.index("</noscript>")]
    assert f"python -m reports compare {TENSORFLOW} {JAX}" in static
    assert f"{TENSORFLOW} lacks where" in static


def test_text_of_a_record_is_never_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passing = record(*(check(row.requirement, case=HOSTILE, dtype=HOSTILE) for row in hostile_record().checks))
    text = page_of(evidence(hostile_record(), passing), tmp_path / "site", monkeypatch).read_text(
        encoding="utf-8"
    )
    assert "alert(1)" in text
    assert "<script>alert" not in text
    assert "<img" not in text


# What its script does


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    browser.needed()
    with browser.chromium(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture
def seen(driver: Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chrome]:
    """The page of `some`, opened from its file; the console is empty when the test ends."""
    path = page_of(some(), tmp_path / "site", monkeypatch)
    driver.get("about:blank")
    driver.get(path.as_uri())
    yield driver
    assert browser.complaints(driver) == []
    assert browser.requests(driver) == []


def chosen(driver: Chrome) -> tuple[str, str]:
    first, second = (Select(driver.find_element(By.ID, name)) for name in ("a", "b"))
    return first.first_selected_option.get_attribute("value") or "", (
        second.first_selected_option.get_attribute("value") or ""
    )


def choose(driver: Chrome, first: str, second: str) -> None:
    for name, value in (("a", first), ("b", second)):
        Select(driver.find_element(By.ID, name)).select_by_value(value)


def headings(driver: Chrome) -> list[str]:
    return [one.text for one in driver.find_elements(By.CSS_SELECTOR, "#differences h2")]


def summary(driver: Chrome) -> str:
    return str(driver.find_element(By.ID, "summary").text)


def test_two_are_chosen_and_swapped_and_the_address_tells(seen: Chrome) -> None:
    choose(seen, TORCH, JAX)
    assert seen.current_url.endswith(f"#a={TORCH}&b={JAX}")
    assert headings(seen) == [
        "Wrong, or different in value (2)",
        "Legal answers that differ (1)",
        "Grades that differ (1)",
        "Measured, without a verdict (1)",
    ]
    seen.find_element(By.ID, "swap").click()
    assert chosen(seen) == (JAX, TORCH)
    assert seen.current_url.endswith(f"#a={JAX}&b={TORCH}")


def test_address_brings_a_pair_back(seen: Chrome) -> None:
    address = seen.current_url.partition("#")[0]
    seen.get("about:blank")
    seen.get(f"{address}#a={quote('jax-0.1')}&b=jax-0.2")
    assert chosen(seen) == ("jax-0.1", "jax-0.2")
    assert headings(seen)[0] == "Wrong, or different in value (2)"


def test_unknown_pair_in_the_address_is_the_first_pair(seen: Chrome) -> None:
    seen.get(seen.current_url.partition("#")[0] + "#a=nothing&b=")
    assert chosen(seen) == (TENSORFLOW, JAX)


def test_sorts_and_words_filter(seen: Chrome) -> None:
    choose(seen, TORCH, JAX)
    Select(seen.find_element(By.ID, "sort")).select_by_value("choices")
    assert headings(seen) == ["Legal answers that differ (1)"]
    Select(seen.find_element(By.ID, "sort")).select_by_value("")
    seen.find_element(By.ID, "text").send_keys("gRd-01 STALLS")
    assert headings(seen) == ["Wrong, or different in value (1)"]
    assert "1 of 2 differences in value" in summary(seen)
    seen.find_element(By.ID, "text").clear()


def test_programs_of_both_sides_print_the_wrong_element(seen: Chrome) -> None:
    choose(seen, TORCH, JAX)
    seen.find_element(By.ID, "open").click()
    codes = [one.text for one in seen.find_elements(By.CSS_SELECTOR, "#differences details:first-of-type code")][
        :2
    ]
    assert [code.splitlines()[-1][-8:] for code in codes] == ["[0, 3]))", "[0, 3]))"]
    assert "Recorded: got 0, expected 0.25" in seen.find_element(By.ID, "differences").text
    assert len(seen.find_elements(By.CSS_SELECTOR, "#differences button.copy")) == 3


def test_links_lead_to_the_requirement_and_the_thread(seen: Chrome) -> None:
    choose(seen, TORCH, JAX)
    links = [str(one.get_attribute("href")) for one in seen.find_elements(By.CSS_SELECTOR, "#differences a")]
    assert any(link.endswith("/requirements/GRD-01.html") for link in links)
    assert "https://github.com/pytorch/pytorch/issues/1" in links


def test_hostile_text_stays_text(driver: Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passing = record(*(check(row.requirement, case=HOSTILE, dtype=HOSTILE) for row in hostile_record().checks))
    path = page_of(evidence(passing, hostile_record()), tmp_path / "site", monkeypatch)
    driver.get(path.as_uri())
    choose(driver, f"{HOSTILE}:cpu:eager", TORCH)
    assert "<img src=x" in driver.find_element(By.ID, "differences").text
    assert driver.find_elements(By.CSS_SELECTOR, "main img") == []
    assert len(driver.find_elements(By.CSS_SELECTOR, "script:not([type])")) == 4
    assert browser.complaints(driver) == []


def test_script_tells_of_the_committed_records_what_the_terminal_tells(
    driver: Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = gather([RECORDS])
    path = page_of(found, tmp_path / "site", monkeypatch)
    known = {side.name: side for side in operands(found.records, found.history)[0]}
    driver.get(path.as_uri())
    for first, second in (
        (TENSORFLOW, JAX),
        (TORCH, "torch:cpu:compiled"),
        ("scipy:cpu:eager", "numpy:cpu:eager"),
    ):
        choose(driver, first, second)
        one = compare(known[first], known[second], found)
        assert summary(driver) == phrases.summary(one)
        titles = driver.find_elements(By.CSS_SELECTOR, "#differences details .title")
        shown = [one.get_attribute("textContent") for one in titles]
        assert shown == [told.heading(one.names) for told in one.differences if told.sort != "measured"]
        driver.find_element(By.ID, "open").click()
        told_of = [told for told in one.differences if told.sort != "measured"]
        for title, told in zip(titles, told_of, strict=True):
            codes = title.find_elements(By.XPATH, "ancestor::details[1]//code")
            programs = [code.get_attribute("textContent") for code in codes]
            wanted = [side.program for side in told.operands if side.program]
            if wanted:
                assert programs == wanted
            else:  # a record of neither may hold the call, which the page then shows
                assert len(programs) <= len(told.operands)
        driver.find_element(By.ID, "open").click()
        rows = driver.find_elements(By.CSS_SELECTOR, '[data-sort="costs"] tbody tr')
        assert len(rows) == len(one.costs)


def test_cost_is_told_as_the_terminal_tells_it(
    driver: Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = Cell("softmax", "forward", "", "float32", "imagenet", "1")
    columns = {
        TORCH: TargetCosts("torch-2.0", "cpu", {("here", cell): Cost(1e-3, 0.9e-3, 1.1e-3, 2.0, 1.0)}),
        JAX: TargetCosts("jax-2.0", "cpu", {("here", cell): Cost(2e-3, 1.9e-3, 2.1e-3, 4.0, None)}),
    }
    monkeypatch.setattr("reports.evidence.target_costs", lambda _, target, version: columns[target])
    driver.get(page_of(evidence(record(), record(target=JAX)), tmp_path / "site", monkeypatch).as_uri())
    choose(driver, TORCH, JAX)
    row = driver.find_element(By.CSS_SELECTOR, '[data-sort="costs"] tbody tr')
    texts = [one.get_attribute("textContent") for one in row.find_elements(By.CSS_SELECTOR, "th, td")]
    told = ["1.00 ms (2.00× roofline, 1.0 copies)", "2.00 ms (4.00× roofline)"]
    assert texts == ["softmax forward", "256×1000 float32 on one thread", "2.00×", *told]


def test_data_of_the_page_is_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page_of(some(), tmp_path / "site", monkeypatch).read_text(encoding="utf-8")
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert match is not None
    found = json.loads(match[1])
    assert [operand["name"] for operand in found["operands"]] == [JAX, TENSORFLOW, TORCH, "jax-0.1", "jax-0.2"]
