"""Read `requirements.toml`, the specification as data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.operations import OPERATIONS

FAMILIES = {
    "ACC": "accuracy",
    "SPV": "special values",
    "RNG": "range",
    "INV": "invariants",
    "GRD": "gradients",
    "LBL": "labels",
    "IFC": "interface",
    "DET": "determinism",
    "CMP": "compiled and composed",
    "CRS": "crossed",
    "LIN": "linear",
    "SMP": "sampling",
    "SEL": "selection",
    "USE": "use",
}
TIERS = ("quick", "full", "exhaustive")
LEVELS = ("must", "should", "choice", "report")
RETIRED = {"SPV-07": "part of SPV-06"}  # ids of former requirements, which are never used again


@dataclass(frozen=True)
class Requirement:
    """One statement that an implementation meets or does not meet.

    `choices` maps the name of each legal answer to its meaning when the level is "choice". `catches` names the
    gallery classes that fail the requirement.
    """

    id: str
    operations: tuple[str, ...]
    level: str
    text: str
    sources: tuple[str, ...]
    choices: dict[str, str]
    catches: tuple[str, ...]

    @property
    def family(self) -> str:
        """Return the prefix of the id."""
        return self.id[:3]


def of_kinds(kinds: list[str]) -> tuple[str, ...]:
    """Return the names of the operations of `kinds`."""
    return tuple(name for name, operation in OPERATIONS.items() if operation.kind in kinds)


FILE = Path(__file__).with_name("requirements.toml")


@cache
def load(path: Path = FILE) -> dict[str, Requirement]:
    """Return every requirement by id, in the order of the file."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Requirement(
            id=name,
            operations=tuple(table["operations"]) if "operations" in table else of_kinds(table["kinds"]),
            level=table["level"],
            text=table["text"],
            sources=tuple(table["sources"]),
            choices=table.get("choices", {}),
            catches=tuple(table.get("catches", ())),
        )
        for name, table in data.items()
    }
