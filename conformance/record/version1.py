"""Turns the rows of format 1 into those of format 2, which says what was asked and seals the file."""

from __future__ import annotations

from typing import Any

NEWER: dict[str, dict[str, Any]] = {
    "header": {"suite_digest": "", "asked": None},
    "footer": {"known_from": "", "judged": {"count": 0, "digest": "0" * 64}, "checksum": "0" * 64},
}


def upgrade(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row as format 2 has it; where format 1 says nothing, with values that stand for nothing.

    Raises:
        ValueError: the row has a field that format 1 does not have.
    """
    newer = NEWER.get(kind, {})
    for name in row:
        if name in newer:
            raise ValueError(f"a {kind} has no field {name!r}")
    if kind == "header":
        return {**row, **newer, "format": 2}
    return {"oracle_seconds": 0.0, **row, **newer} if kind == "footer" else row  # the first footers lack it
