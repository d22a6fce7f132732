"""Put text into Markdown so that nothing in the text acts as Markdown or HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from conformance.foreign import visible


def escape(text: str) -> str:
    """Return `text` on one line, with everything escaped that Markdown or HTML would act on."""
    return inert(" ".join(text.split()))


def inert(text: str) -> str:
    """Return `text` with its line breaks, and everything else escaped that Markdown or HTML would act on."""
    text = html.escape(visible(text), quote=False)
    text = re.sub(r"([\\`*\[\]|~$])", r"\\\1", text)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)  # within a word, it makes no emphasis


def fence(text: str, language: str = "") -> str:
    """Return `text` as a code block, fenced so that `text` cannot end it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{visible(text.strip())}\n{marks}"


def table_of(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int | None = None) -> str:
    """Return a table of cells that are already Markdown; columns after the first `texts` are aligned right."""
    left = len(head) if texts is None else texts
    marks = ["---" if column < left else "---:" for column in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, marks, *rows))


def list_of(items: Iterable[tuple[str, str]]) -> str:
    """Return a list of names and texts."""
    return "\n".join(f"- {escape(name)}: {escape(text)}" for name, text in items)
