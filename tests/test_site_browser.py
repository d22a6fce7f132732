"""The site of all committed records, opened from a file in a real browser: every page, link and script of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from reports.site.page import NAVIGATION
from tests import browser

MOST_BYTES = 5_000_000
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
SAMPLE = ("requirements/ACC-01.html", "requirements/SPV-06.html", "requirements/LBL-01.html")


class Addresses(HTMLParser):
    """Where a page's links lead, what it loads, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.anchors: set[str] = set()
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.handlers += [name for name in given if name.startswith("on")]
        if "id" in given:
            self.anchors.add(given["id"])
        if tag == "a":
            self.links.add(given.get("href", ""))
        else:
            self.loads |= {given[name] for name in ("href", "src", "data", "poster", "action") if name in given}


@pytest.fixture(scope="module")
def site(committed_site: Path) -> Path:
    return committed_site


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Addresses]:
    """Path → what is in it."""
    found = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return {name: Addresses((site / name).read_text(encoding="utf-8")) for name in found}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    browser.needed()
    with browser.chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


def test_the_site_is_small(site: Path) -> None:
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MOST_BYTES


def test_every_link_within_the_site_leads_to_a_place_that_is_there(
    site: Path, pages: dict[str, Addresses]
) -> None:
    lost = []
    for name, page in pages.items():
        for link in page.links | page.loads:
            path, fragment = urldefrag(link)
            if urlsplit(link).scheme in ("https", "data") or path.startswith("../" * (name.count("/") + 1)):
                continue  # upstream threads; asv's own site, which is beside this one
            target = os.path.normpath(os.path.join(os.path.dirname(name), unquote(path))) if path else name
            there = (site / target).is_file()
            anchored = (
                "=" in fragment or not fragment or unquote(fragment) in pages[target].anchors if there else 0
            )
            if not (there and anchored):
                lost.append(f"{name}: {link}")
    assert lost == []


def test_nothing_is_loaded_from_another_host_and_no_markup_runs_code(pages: dict[str, Addresses]) -> None:
    for name, page in pages.items():
        assert not page.handlers, name
        assert {urlsplit(address).scheme for address in page.loads} <= {"", "data"}, name


def test_every_page_opens_from_a_file_without_a_complaint(
    site: Path, pages: dict[str, Addresses], driver: Chrome
) -> None:
    for name in pages:
        driver.get((site / name).as_uri())
        assert driver.find_element(By.TAG_NAME, "h1").text, name
        assert browser.complaints(driver) == [], name
        assert browser.requests(driver) == [], name


@pytest.mark.parametrize("name", [*NAVIGATION, *SAMPLE])
def test_a_page_fits_a_phone(name: str, site: Path, driver: Chrome) -> None:
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        driver.get((site / name).as_uri())
        width = driver.execute_script("return document.documentElement.scrollWidth")
        assert width <= PHONE["width"]
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("name", [*NAVIGATION, *SAMPLE])
def test_a_page_has_one_title_and_names_its_controls(name: str, site: Path, driver: Chrome) -> None:
    driver.get((site / name).as_uri())
    assert len(driver.find_elements(By.TAG_NAME, "h1")) == 1
    unnamed = driver.execute_script("""
        const named = e => e.labels?.length || e.ariaLabel || e.textContent.trim() || e.title;
        return [...document.querySelectorAll("input, select, button, a[href]")].filter(e => !named(e))
            .map(e => e.outerHTML.slice(0, 100));
    """)
    assert unnamed == []
    levels = driver.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,h4,h5')].map(e => +e.tagName[1])"
    )
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels


def test_the_navigation_leads_through_the_site(site: Path, driver: Chrome) -> None:
    driver.get((site / "index.html").as_uri())
    for path, name in NAVIGATION.items():
        driver.find_element(By.LINK_TEXT, name).click()
        assert driver.current_url == (site / path).as_uri()
        assert driver.find_element(By.CSS_SELECTOR, "nav [aria-current=page]").text == name
    assert browser.complaints(driver) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(scheme: str, site: Path, driver: Chrome) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for name in (*NAVIGATION, *SAMPLE):
        driver.get((site / name).as_uri())
        faint = driver.execute_script(CONTRAST)
        assert faint == [], name


# the text whose contrast with the colour behind it is below 4.5, by WCAG 2.2
CONTRAST = """
    const parsed = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = e => {
        for (; e; e = e.parentElement) {
            const colour = parsed(getComputedStyle(e).backgroundColor);
            if (colour.length < 4 || colour[3] > 0.99) return colour;
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const e of document.querySelectorAll("main *, nav *, footer *")) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
        if (!own || e.closest("svg, [hidden]") || !e.checkVisibility()) continue;
        const [a, b] = [light(parsed(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${e.outerHTML.slice(0, 90)}`);
    }
    return found.slice(0, 5);
"""
