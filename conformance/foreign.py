"""Make foreign text visible: whatever a terminal or a log viewer would act on is replaced.

A run imports this module and not `conformance.terminal`: the process that judges a framework needs no Rich.
"""

from __future__ import annotations

import re

# controls but for tab and newline, line separators, marks and overrides of direction, and halves of a character
ACTING = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Return the text with U+FFFD for each character that a terminal or a log viewer would act on."""
    return ACTING.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Return visible text on one line."""
    return visible(" ".join(text.split()))
