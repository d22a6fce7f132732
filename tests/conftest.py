"""What several test modules are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from conformance.record.records import Check, Footer
from conformance.record.writing import Writer
from reports import evidence
from reports.evidence import Evidence
from reports.site import build
from tests import browser
from tests.samples import header
from tests.whole_record import ASKED, ROWS

with suppress(ImportError):  # PyTorch imports it late, and behind TensorFlow its library ends the process
    import triton  # noqa: F401


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    def write(*checks: Check, target: str = "torch:cpu:eager", complete: bool = True) -> Path:
        writer = Writer(tmp_path / f"{target.replace(':', '-')}.jsonl", header(target))
        for check in checks:
            writer.write(check)
        if complete:
            writer.write(Footer(rows=len(checks), end="2026-01-01T00:01:00+00:00"))
        writer.close()
        return tmp_path

    return write


@pytest.fixture(scope="session")
def committed() -> Evidence:
    """All committed records and results."""
    return evidence.gather([evidence.RECORDS])


@pytest.fixture(scope="session")
def committed_site(committed: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of them."""
    output = tmp_path_factory.mktemp("committed") / "site"
    build.write(build.texts(committed), output)
    return output


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Chrome]:
    """A browser with a fresh profile."""
    browser.needed()
    with browser.chromium(tmp_path / "profile") as found:
        yield found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A whole record."""
    file = tmp_path / "new" / "torch-cpu-eager.jsonl"
    writer = Writer(file, ASKED)
    for row in ROWS:
        writer.write(row)
    writer.close()
    return file
