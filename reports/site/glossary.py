"""The glossary: a page, and the data of the script that shows a word's definition on hover and focus."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

from reports.evidence import Evidence
from reports.site.page import Page

FILE = Path(__file__).with_name("glossary.toml")
ADDRESS = "glossary.html"


def load() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return word → its definition and its other spellings."""
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {word: (table["says"], tuple(table.get("forms", ()))) for word, table in tables.items()}


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page."""
    yield Page(ADDRESS, "Glossary", "glossary.html.j2", ADDRESS, {"words": load()})


def script() -> str:
    """Return the data as a script: every spelling, in lower case, and its definition."""
    told = {form.lower(): says for word, (says, forms) in load().items() for form in (word, *forms)}
    return f"const GLOSSARY = {json.dumps(told, ensure_ascii=False, sort_keys=True)};\n"
