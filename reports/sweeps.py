"""Tables of complete sweeps: every pair of logits of a format, so that a worst error is the worst there is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.ci.markup import escape, table_of
from reports.evidence import RECORDS

FOLDER = RECORDS / "sweeps"
HEAD = (
    "target",
    "operation, format, axis",
    "correctly rounded",
    "B",
    "C",
    "D",
    "beyond",
    "special wrong",
    "worst error (ulps)",
    "of the row",
    "worst error / bound",
    "of the row",
)
TEXTS = 2  # columns of text
ABOUT = (
    "Every row of two logits there is, 2³² of each 16-bit format, judged by `python -m conformance sweep`. Each "
    "result counts once, in the first column that holds; the worst error is no estimate. A row with a NaN or an "
    "infinity counts as a whole, and is wrong where no requirement allows its answer. Along the first axis a row "
    "is a column."
)


@dataclass(frozen=True)
class SweepRow:
    """One target, operation, format and axis, as texts in the order of `HEAD`; `beyond` if something is wrong."""

    cells: tuple[str, ...]
    beyond: bool


def load(folder: Path = FOLDER) -> list[SweepRow]:
    """Return a row for each part of each complete sweep in the folder."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return [
        _row(record, name, part)
        for record in records
        if record["sample"] is None
        for name, part in record["parts"].items()
    ]


def _row(record: Mapping[str, Any], name: str, part: Mapping[str, Any]) -> SweepRow:
    *operation, dtype, length, axis = name.split()
    counts = part["counts"]
    results = sum(counts.values())
    place = f"{' '.join(operation)}, {dtype}{'' if length == 'n=2' else f', {length}'}, {axis}"
    cells = (
        f"{record['target']} {record['framework']['version']}",
        place,
        _share(counts["correct"], results),
        *(f"{counts[name]}" for name in ("B", "C", "D", "beyond")),
        f"{part['wrong']}",
        *_worst(part.get("ulps")),
        *_worst(part.get("bound")),
    )
    return SweepRow(cells, bool(counts["beyond"] + part["wrong"]))


def _share(count: int, results: int) -> str:
    """A share that is 100 % only if it is all."""
    if count == results:
        return "all"
    return f"{min(100 * count / results, 99.999999):.6f} %"


def _worst(worst: Mapping[str, Any] | None) -> Sequence[str]:
    if worst is None:
        return "–", "–"
    row = ", ".join(f"{float.fromhex(value):.9g}" for value in worst["witness"]["row"]).replace("-", "−")
    return f"{float.fromhex(worst['value']):.6g}", f"({row})"


def section(rows: Sequence[SweepRow]) -> list[str]:
    """Return the blocks of Markdown, none where there is no sweep."""
    if not rows:
        return []
    return ["## Every pair", ABOUT, table_of(HEAD, ([escape(cell) for cell in row.cells] for row in rows), TEXTS)]
