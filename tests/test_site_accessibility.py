"""Every kind of page, in axe: wide and narrow, light and dark, with its details open and closed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from reports.evidence import assemble
from reports.site import build
from reports.site.page import NAVIGATION
from tests import browser
from tests.samples import ENTRY, REQUIREMENTS, check, record
from tests.test_performance import read, written

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
PAGES = (*NAVIGATION, "frameworks/torch.html", "requirements/ACC-01.html", "glossary.html")
WIDTHS = {1400: 1000, 390: 844}
# each width, scheme and state of <details> once; every pair of them is in the four
VIEWS = [(1400, "light", False), (1400, "dark", True), (390, "light", True), (390, "dark", False)]
SEEN = """
const done = arguments[0];
axe.run().then(found => done(found.violations.map(one => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`)));
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small one: axe takes minutes for the committed one."""
    folder = tmp_path_factory.mktemp("small")
    written(folder / "results")
    records = [record(check("ACC-01", "fail")), record(check("ACC-01"), target="jax:cpu:jit")]
    made = assemble(records, records, read(folder / "results"), REQUIREMENTS, [ENTRY])
    build.write(build.texts(made), folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    browser.needed()
    with browser.chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


def violations(driver: Chrome, page: Path, width: int, scheme: str, opened: bool) -> list[str]:
    """The rule and the first element of each violation."""
    size = {"width": width, "height": WIDTHS[width], "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    driver.get(page.as_uri())
    driver.execute_script("for (const e of document.querySelectorAll('details')) e.open = arguments[0]", opened)
    driver.execute_script(AXE)
    found: list[str] = driver.execute_async_script(SEEN)
    return found


@pytest.mark.parametrize(("width", "scheme", "opened"), VIEWS)
def test_axe_finds_nothing(driver: Chrome, site: Path, width: int, scheme: str, opened: bool) -> None:
    driver.set_script_timeout(60)
    found = {name: violations(driver, site / name, width, scheme, opened) for name in PAGES}
    assert {name: said for name, said in found.items() if said} == {}


def test_axe_finds_what_is_wrong(driver: Chrome, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<!doctype html><title>a</title><img src='a.png'>", encoding="utf-8")
    said = violations(driver, tmp_path / "page.html", 1400, "light", False)
    assert {one.partition(":")[0] for one in said} >= {"image-alt", "html-has-lang"}
