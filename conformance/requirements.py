"""Read `requirements.toml`, the specification as data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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


FILE = Path(__file__).with_name("requirements.toml")


@cache
def load(path: Path = FILE) -> dict[str, Requirement]:
    """Return every requirement by id, in the order of the file."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Requirement(
            id=name,
            operations=tuple(table["operations"]),
            level=table["level"],
            text=table["text"],
            sources=tuple(table["sources"]),
            choices=table.get("choices", {}),
            catches=tuple(table.get("catches", ())),
        )
        for name, table in data.items()
    }
