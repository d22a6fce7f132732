"""`python -m conformance.cases.covering --write`: make the rows of every design of `factors.toml` anew.

The covering arrays are Coverwise's; it is needed to make them and not to use them. The same factors give the same
rows.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from conformance.cases.designs import ARRAYS, Design, Levels, load

STRENGTHS = (1, 2, 3)


def model(design: Design) -> dict[str, Any]:
    """The design as Coverwise takes it, with its impossible pairs: Coverwise's own search for them is limited."""
    rules = [_spelled(rule.levels) for rule in design.rules]
    beside: dict[tuple[str, str, str], set[str]] = {}  # factor, its level, another factor → its impossible levels
    for (factor, level), (other, impossible) in design.tuples(2):
        if not design.possible(((factor, level), (other, impossible))):
            beside.setdefault((factor, level, other), set()).add(impossible)
    pairs = [_spelled({factor: {level}, other: levels}) for (factor, level, other), levels in beside.items()]
    parameters = [{"name": factor, "values": list(levels)} for factor, levels in design.factors.items()]
    return {"parameters": parameters, "constraints": [f"NOT ({rule})" for rule in (*rules, *pairs)]}


def _spelled(levels: Mapping[str, Iterable[str]]) -> str:
    return " AND ".join(f"{factor} IN {{{', '.join(sorted(known))}}}" for factor, known in levels.items())


def rows(design: Design) -> list[list[Levels]]:
    """The rows of each strength that those of the ones before lack."""
    import coverwise

    asked, found = model(design), list[Levels]()
    parts = []
    for strength in STRENGTHS:
        made = coverwise.extend_tests(found, asked, strength=strength)
        if made["coverage"] != 1:
            raise ValueError(f"{design.name}: {made['uncovered']} of strength {strength} are in no row")
        parts.append(made["tests"][len(found) :])
        found = made["tests"]
    return parts


def text(design: Design, parts: list[list[Levels]]) -> str:
    """Return the text of the committed file: a paragraph of words for each strength."""
    words = (" ".join(design.word(row) for row in part) for part in parts)
    return "\n\n".join(textwrap.fill(part, 113) for part in words) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Say how many rows there are, or write them."""
    parser = argparse.ArgumentParser(prog="conformance.cases.covering", description=__doc__)
    parser.add_argument("--write", action="store_true", help="make the rows anew and write them")
    options = parser.parse_args(arguments)
    for design in load().values():
        if options.write:
            ARRAYS.mkdir(exist_ok=True)
            (ARRAYS / f"{design.name}.txt").write_text(text(design, rows(design)), encoding="ascii")
        counts = (len(design.rows(strength)) for strength in STRENGTHS)
        print(f"{design.name}: {', '.join(map(str, counts))} rows of strength 1, 2, 3")
    return 0


if __name__ == "__main__":
    sys.exit(main())
