"""The Jinja environment of every page: text is escaped, and a missing value is an error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.checks import parts, plural
from reports.witness import short


def environment(folders: Sequence[Path]) -> Environment:
    """Return an environment whose templates lie in the folders."""
    made = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"short": short, "parts": parts, "plural": plural}
    return made
