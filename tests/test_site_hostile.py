"""Text from records never becomes markup: every page of a site whose records are hostile throughout."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from reports import evidence
from reports.site import build
from tests import browser
from tests.samples import ENTRY, HOSTILE, REQUIREMENTS, hostile_record

FOREIGN = {"img", "iframe", "object", "embed", "base", "video", "audio"}


class Tags(HTMLParser):
    """The elements of a page, its scripts by what they load, and its event handlers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.scripts: list[dict[str, str | None]] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag == "script":
            self.scripts.append(dict(attrs))


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    record = hostile_record()
    return build.texts(evidence.assemble([record], [record], requirements=REQUIREMENTS, entries=[ENTRY]))


def test_no_text_of_a_record_is_markup_on_any_page(texts: dict[str, str]) -> None:
    shown = 0
    for name, text in texts.items():
        if not name.endswith(".html"):
            continue
        tags = Tags(text)
        assert not tags.found & FOREIGN, name
        assert not tags.handlers, name
        for script in tags.scripts:
            assert script.get("type") == "application/json" or (script.get("src") or "").startswith(
                ("assets/", "../assets/")
            ), name
        shown += "&lt;script&gt;alert(1)" in text or "\\u003cscript\\u003ealert(1)" in text
    assert shown >= 4
    assert HOSTILE not in "".join(texts.values())


def test_hostile_text_is_shown_as_it_is_in_a_browser(
    texts: dict[str, str], tmp_path: Path, driver: Chrome
) -> None:
    build.write(texts, tmp_path / "site")
    shown = 0
    for name in texts:
        if name.endswith(".html"):
            driver.get((tmp_path / "site" / name).as_uri())
            assert browser.complaints(driver) == [], name
            assert driver.execute_script(
                "return document.querySelectorAll('img, iframe, script:not([src])').length"
            ) == (texts[name].count('type="application/json"')), name
            shown += "<script>alert(1)</script>" in driver.execute_script("return document.body.textContent")
    assert shown >= 4
