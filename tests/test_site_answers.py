"""Four users get their answer on the first screen that one click of the navigation leads to, and can search."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from tests import browser

# the words at first sight, and the height in pixels, of a page 1400 wide
MOST_WORDS, MOST_PIXELS = 3_000, 6_000
KINDS = (
    "index",
    "choose",
    "port",
    "history",
    "differences",
    "accuracy",
    "performance",
    "claims",
    "requirements",
    "glossary",
)


def opened(driver: Chrome, site: Path, name: str) -> None:
    """Open the overview and follow one link of its navigation or of its table."""
    driver.get("about:blank")
    driver.get((site / "index.html").as_uri())
    driver.find_element(By.LINK_TEXT, name).click()


def pick(driver: Chrome, **values: str) -> None:
    for name, value in values.items():
        Select(driver.find_element(By.ID, name)).select_by_value(value)


def seen(driver: Chrome, element: WebElement) -> bool:
    """Tell whether the element begins on the first screen."""
    top = driver.execute_script("return arguments[0].getBoundingClientRect().top + scrollY", element)
    return bool(element.is_displayed() and top < driver.execute_script("return innerHeight"))


def test_who_chooses_sees_what_is_wrong_with_torch_and_jax_for_a_loss(
    committed_site: Path, driver: Chrome
) -> None:
    opened(driver, committed_site, "Choose")
    pick(driver, task="llm-training", dtype="bfloat16")
    rows = {
        row.find_element(By.TAG_NAME, "th").text.split()[0]: row
        for row in driver.find_elements(By.CSS_SELECTOR, "table.choose tbody tr")
        if row.is_displayed()
    }
    assert list(rows) == ["torch:cpu:eager", "tensorflow:cpu:eager", "jax:cpu:jit"]
    torch, jax = rows["torch:cpu:eager"], rows["jax:cpu:jit"]
    assert seen(driver, torch)
    assert seen(driver, jax)
    assert "Optax reads a negative label as a class counted from the end" in jax.text
    assert "LBL-02" in jax.text
    for row in (torch, jax):
        assert "512×32000 bfloat16" in row.text
        assert "ms" in row.text
        assert "D" in row.text
    assert "task=llm-training" in driver.current_url
    address = driver.current_url
    driver.get("about:blank")
    driver.get(address)
    assert Select(driver.find_element(By.ID, "dtype")).first_selected_option.text == "bfloat16"


def test_who_chooses_for_a_gpu_is_told_how_to_add_one(committed_site: Path, driver: Chrome) -> None:
    opened(driver, committed_site, "Choose")
    pick(driver, device="cuda")
    assert "torch:cuda:eager" in driver.find_element(By.TAG_NAME, "main").text


def test_who_ports_a_loss_sees_what_the_default_is_and_what_is_ignored(
    committed_site: Path, driver: Chrome
) -> None:
    opened(driver, committed_site, "Port")
    rows = [row for row in driver.find_elements(By.CSS_SELECTOR, "table.port tbody tr") if row.is_displayed()]
    text = {row.find_element(By.TAG_NAME, "th").text: row for row in rows}
    mean, ignored = text["default reduction, mean loss"], text["ignored labels, −100"]
    assert "one loss for each row" in mean.text
    assert "the mean, unless reduction=" in mean.text
    assert "is an error" in ignored.text
    assert "has loss 0, in silence" in ignored.text
    assert seen(driver, mean)
    assert seen(driver, ignored)


def test_who_upgrades_sees_what_changed_between_two_releases(committed_site: Path, driver: Chrome) -> None:
    opened(driver, committed_site, "Upgrade")
    pick(driver, to="jax-0.10.2")
    pick(driver, **{"from": "jax-0.7.2"})
    shown = [item for item in driver.find_elements(By.CSS_SELECTOR, ".release") if item.is_displayed()]
    heads = [item.find_element(By.TAG_NAME, "summary").text for item in shown]
    assert all(head.startswith("jax 0.") for head in heads)
    versions = [head.split()[1] for head in heads]
    assert versions == sorted(versions, key=lambda version: [-int(part) for part in version.split(".")])
    assert "0.7.2" not in versions
    assert any("times slower than 0.7.2" in item.text for item in shown)
    assert seen(driver, shown[0])


def test_who_maintains_sees_what_is_wrong_today(committed_site: Path, driver: Chrome) -> None:
    opened(driver, committed_site, "JAX")
    first = driver.find_element(By.CSS_SELECTOR, "#faults + ol > li")
    assert "known faults, 0 new" in driver.find_element(By.TAG_NAME, "main").text
    assert seen(driver, first)
    assert "since" in driver.find_element(By.CSS_SELECTOR, "#faults + ol").text


def test_the_overview_begins_with_a_table_of_frameworks(committed_site: Path, driver: Chrome) -> None:
    driver.get((committed_site / "index.html").as_uri())
    rows = driver.find_elements(By.CSS_SELECTOR, "#frameworks tbody tr")
    assert {"JAX", "PyTorch", "TensorFlow", "SciPy", "NumPy"} == {
        row.find_element(By.TAG_NAME, "a").text for row in rows
    }
    assert all(seen(driver, row) for row in rows)
    text = driver.find_element(By.TAG_NAME, "main").text
    assert "full tier" in text
    assert "holds" not in text.lower()


def test_a_slash_leads_to_the_search_which_finds_requirements_findings_and_shapes(
    committed_site: Path, driver: Chrome
) -> None:
    for name in ("index.html", "requirements/ACC-01.html"):
        driver.get((committed_site / name).as_uri())
        driver.find_element(By.TAG_NAME, "body").send_keys("/")
        field = driver.switch_to.active_element
        assert field.get_attribute("id") == "search"
        for words, kind in (("negative label", "finding"), ("LBL-02", "requirement"), ("128256", "shape")):
            field.clear()
            field.send_keys(words)
            found = browser.waited(driver, "#found a")
            assert kind in " ".join(item.text for item in found), words
    field.clear()
    field.send_keys("LBL-02")
    browser.waited(driver, "#found a")
    field.send_keys(Keys.ARROW_DOWN, Keys.NULL)
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert "LBL-02" in driver.current_url
    assert browser.complaints(driver) == []


def test_a_word_of_the_glossary_shows_its_meaning_on_focus(committed_site: Path, driver: Chrome) -> None:
    driver.get((committed_site / "choose.html").as_uri())
    driver.find_element(By.CSS_SELECTOR, "main > details:last-of-type > summary").click()
    term = next(item for item in driver.find_elements(By.CSS_SELECTOR, ".term") if item.is_displayed())
    tip = term.find_element(By.CSS_SELECTOR, ".tip")
    assert not tip.is_displayed()
    driver.execute_script("arguments[0].focus()", term)
    assert tip.is_displayed()


@pytest.mark.parametrize("name", [*KINDS, "frameworks/jax", "requirements/ACC-01"])
def test_a_page_is_short_at_first_sight(name: str, committed_site: Path, driver: Chrome) -> None:
    driver.set_window_size(1400, 1000)
    driver.get((committed_site / f"{name}.html").as_uri())
    words = len(driver.execute_script("return document.body.innerText").split())
    height = driver.execute_script("return document.documentElement.scrollHeight")
    assert words <= MOST_WORDS, f"{words} words, {height} px"
    assert height <= MOST_PIXELS, f"{words} words, {height} px"
