"""Reads format 1, which did not say what was asked, had no checksum, and came to have `oracle_seconds` midway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NEWER = {"header": ("suite_digest", "asked"), "footer": ("judged", "checksum")}
OPTIONAL = ("oracle_seconds",)  # the first records of this format do not have it


def kinds(newest: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the schema of each kind of row in format 1: that of format 2 without what is newer."""
    return {kind: _older(branch, NEWER.get(kind, ())) for kind, branch in newest.items()}


def _older(branch: Mapping[str, Any], newer: tuple[str, ...]) -> dict[str, Any]:
    properties = {name: part for name, part in branch["properties"].items() if name not in newer}
    if "format" in properties:
        properties["format"] = {"const": 1}
    required = [name for name in branch["required"] if name not in (*newer, *OPTIONAL)]
    return {**branch, "properties": properties, "required": required}


def upgrade(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row as format 2 has it; what it does not say keeps the default of its field."""
    return {**row, "format": 2} if row["kind"] == "header" else row
