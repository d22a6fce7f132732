"""`python -m reports.kills DIR`: which requirement catches which class of the gallery, from their records."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from conformance import records, requirements

CAUGHT = ("fail", "crash", "timeout")
PREFIX = "adapters.faulty:"


def kills(read: Iterable[records.Record]) -> dict[str, set[str]]:
    """The requirements that each gallery class fails, by its name."""
    return {
        record.header.target.removeprefix(PREFIX).split(":")[0]: {
            check.requirement for check in record.checks if check.outcome in CAUGHT
        }
        for record in read
    }


def survivors(found: dict[str, set[str]]) -> list[str]:
    """The pairs that `requirements.toml` lists under `catches` and that did not come about."""
    return [
        f"{requirement.id} does not catch {name}"
        for requirement in requirements.load().values()
        for name in requirement.catches
        if requirement.id not in found.get(name, set())
    ]


def table(found: dict[str, set[str]]) -> str:
    """The matrix as Markdown: `X` where a listed pair came about, `x` where another did, `!` where it did not."""
    listed = requirements.load()
    columns = [name for name, requirement in listed.items() if requirement.level != "report"]
    lines = ["| class | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, caught in sorted(found.items()):
        cells = [_cell(name in listed[column].catches, column in caught) for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(wanted: bool, caught: bool) -> str:
    return ("X" if wanted else "x") if caught else ("!" if wanted else " ")


def main(arguments: list[str]) -> int:
    """Print the matrix; 1 where a class survives, 2 without records."""
    try:
        read = [records.read(path) for path in records.find([Path(argument) for argument in arguments])]
    except records.BrokenRecord as error:
        print(f"reports.kills: {error}", file=sys.stderr)
        return 2
    if not read:
        print("reports.kills: no records; give the folder that holds the gallery's", file=sys.stderr)
        return 2
    found = kills(read)
    print(table(found))
    missing = survivors(found)
    for line in missing:
        print(line, file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
