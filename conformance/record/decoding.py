"""Decodes a check that is written as the suite writes it, in a fraction of the time that `reading` takes.

A line is left to `reading` where anything about it asks for a closer look: it alone says what is wrong.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any, TypedDict, get_type_hints

import msgspec

from conformance.record.records import Check

DEEPEST = 16  # objects and lists nested in a row; the suite writes four
START = '{"kind": "check", '
# surrogates, and what lets a key stand where `KEY` does not find it
UNUSUAL = ("\\ud", "\\uD", '" :', "  :", "\t", "\r")
KEY = '":'  # in a text it stands as \":, and such a line is left to `reading`
DECODER = msgspec.json.Decoder(TypedDict("Line", get_type_hints(Check)))  # type: ignore[operator]
FIELDS = 1 + len(get_type_hints(Check))  # the first is `kind`


def check(line: str, met: Set[tuple[str, Any]]) -> Check | None:
    """Return the check of a line, None where it takes a closer look.

    `met` holds the pairs of field and text that the schema allows, as far as they were seen.
    """
    if not line.startswith(START) or any(map(line.__contains__, UNUSUAL)):
        return None
    try:
        fields = DECODER.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if line.count(KEY) != FIELDS + keys(fields["measured"]) + keys(fields["witness"]):
        return None  # a field is unknown, or stands twice
    if ("requirement", fields["requirement"]) not in met or ("outcome", fields["outcome"]) not in met:
        return None
    return None if fields["seconds"] < 0 or too_deep(line, fields) else Check(**fields)


def too_deep(line: str, value: Any) -> bool:
    """Return whether more than `DEEPEST` objects and lists are nested in a line: a report descends into each."""
    return line.count("[") + line.count("{") > DEEPEST and not _within(value, DEEPEST)


def _within(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_within(item, levels - 1) for item in inner)


def keys(value: dict[str, Any] | list[Any]) -> int:
    """Return the number of keys of an object, or of the objects in a list, and of those in them."""
    known, inner = (len(value), value.values()) if isinstance(value, dict) else (0, value)
    return known + sum(keys(item) for item in inner if isinstance(item, dict | list))
