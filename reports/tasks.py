"""Reads `tasks.toml`: the uses of softmax and cross-entropy, and what matters for each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("tasks.toml")


@dataclass(frozen=True)
class Need:
    """Requirements that matter for one reason."""

    requirements: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Feature:
    """A feature that the use needs; the checks of `requirement` are absent if a framework lacks it."""

    name: str
    requirement: str
    why: str


@dataclass(frozen=True)
class Task:
    """One use. `form` narrows a cross-entropy to index or probability labels, "" takes both.

    `calls` are operation and direction of a benchmark's cells, `graded` those of the grades.
    """

    name: str
    title: str
    operations: tuple[str, ...]
    form: str
    calls: tuple[tuple[str, str], ...]
    shapes: tuple[str, ...]
    graded: tuple[tuple[str, str], ...]
    needs: tuple[Need, ...]
    features: tuple[Feature, ...]


@cache
def load(path: Path = FILE) -> dict[str, Task]:
    """Return every task by name, in the order of the file."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Task(
            name=name,
            title=table["title"],
            operations=tuple(table["operations"]),
            form=table.get("form", ""),
            calls=tuple((operation, direction) for operation, direction in table["calls"]),
            shapes=tuple(table["shapes"]),
            graded=tuple((operation, direction) for operation, direction in table["graded"]),
            needs=tuple(Need(tuple(need["requirements"]), need["why"]) for need in table["needs"]),
            features=tuple(Feature(**feature) for feature in table["features"]),
        )
        for name, table in data.items()
    }
