"""Pages seen by a real browser: a folder served on this machine, and Chromium with every other host cut off."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
HERE = "127.0.0.1"
SENT = "Network.requestWillBeSent"
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # the sandbox does not start as root, which is what containers run as
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1000",
    f"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE {HERE}",
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing: pytest would show it as what the test printed."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder; file:// would not do, where browsers refuse a page's XMLHttpRequest."""
    with ThreadingHTTPServer((HERE, 0), partial(_Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HERE}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """A browser with a fresh profile, which keeps what its pages ask for and what they complain of."""
    options = ChromeOptions()
    options.binary_location = str(PROGRAM)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = Chrome(options=options, service=Service(executable_path=DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def needed() -> None:
    """Skip a test where there is no browser; in CI, fail it."""
    if not (PROGRAM and DRIVER):
        missing = "no chromium and chromedriver here; Debian has them as chromium and chromium-driver"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


def waited(driver: Chrome, selector: str) -> list[WebElement]:
    """The elements that a script makes, once there are some."""
    found: list[WebElement] = WebDriverWait(driver, 10).until(
        lambda _: driver.find_elements(By.CSS_SELECTOR, selector)
    )
    return found


def requests(driver: Chrome) -> list[str]:
    """The addresses of the network that were asked for since this was called last."""
    messages = [json.loads(entry["message"])["message"] for entry in _log(driver, "performance")]
    asked = [message["params"]["request"]["url"] for message in messages if message["method"] == SENT]
    return [url for url in asked if urlsplit(url).scheme in ("http", "https", "ws", "wss")]


def complaints(driver: Chrome) -> list[str]:
    """What the console showed since this was called last."""
    return [entry["message"] for entry in _log(driver, "browser")]


def _log(driver: Chrome, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = driver.get_log(kind)
    return found
