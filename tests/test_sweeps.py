"""The table of complete sweeps: it says what the records say, and no share is rounded up to all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conformance.run.sweep.tally import COUNTS
from reports import sweeps

WORST = {"value": (0.75).hex(), "row": 1, "witness": {"row": [(1.5).hex(), (-2.0).hex()], "got": (1.0).hex()}}


def record(folder: Path, **fields: Any) -> None:
    counts = dict(zip(COUNTS, (2**33 - 6, 3, 2, 1, 0), strict=True))
    part = {"counts": counts, "undecided": 0, "special": {}, "wrong": 0, "ulps": WORST, "bound": WORST}
    told = {
        "target": "torch:cpu:eager",
        "framework": {"name": "torch", "version": "2.13.0"},
        "sample": None,
        "parts": {"softmax float16 n=2 last": part},
    }
    (folder / f"{len(list(folder.iterdir()))}.json").write_text(json.dumps(told | fields))


def test_a_row_has_exact_counts_and_both_witnesses(tmp_path: Path) -> None:
    record(tmp_path)
    (row,) = sweeps.load(tmp_path)
    assert row.cells == (
        *("torch:cpu:eager 2.13.0", "softmax, float16, last", "99.999999 %", "3", "2", "1", "0", "0"),
        *("0.75", "(1.5, −2)", "0.75", "(1.5, −2)"),
    )
    assert not row.beyond
    assert "99.999999 %" in "\n".join(sweeps.section([row]))


def test_a_sample_proves_no_worst_error_and_is_not_shown(tmp_path: Path) -> None:
    record(tmp_path, sample=1000)
    assert sweeps.load(tmp_path) == []
    assert sweeps.section([]) == []


def test_the_committed_records_are_of_complete_sweeps() -> None:
    for path in sweeps.FOLDER.glob("*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        assert told["sample"] is None
        for part in told["parts"].values():
            rows = sum(part["counts"].values()) // 2 + sum(part["special"].values())
            assert rows == 2**32, path.name
