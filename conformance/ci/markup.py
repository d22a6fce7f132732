"""Text in Markdown: whatever it holds, nothing in it acts on the page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence


def escape(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown or HTML would act on."""
    return inert(" ".join(text.split()))


def inert(text: str) -> str:
    """`text` with its line breaks, and nothing else that Markdown or HTML would act on."""
    text = html.escape(text, quote=False)
    text = re.sub(r"([\\`*\[\]|~$])", r"\\\1", text)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)  # within a word it is no emphasis


def fence(text: str, language: str = "") -> str:
    """`text` as a code block that it cannot end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{text.strip()}\n{marks}"


def table_of(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def list_of(items: Iterable[tuple[str, str]]) -> str:
    """A list of names and texts."""
    return "\n".join(f"- {escape(name)}: {escape(text)}" for name, text in items)
