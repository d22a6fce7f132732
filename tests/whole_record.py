"""A whole record as it is written, for the tests that read it, whole or broken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.record import reading, schema
from conformance.record.records import OUTCOMES, BrokenRecord, Check, CheckSet, Footer, Header
from tests.samples import header

HEADER = replace(header(), python="3.11.0", cpu_flags="avx2", suite_digest="0123")
CHECKS = [Check("ACC-01", "softmax", "float32", f"case-{outcome}", outcome) for outcome in OUTCOMES]
FULL = Check(
    requirement="SPV-03",
    operation="log_softmax",
    dtype="bfloat16",
    case="einzeln – 行",
    outcome="deviation",
    observed="nan",
    measured={"ratio": {"B": 0.5, "D": "inf"}, "ulps": 1.0},
    bound="D",
    witness={"got": "0x1p-1", "index": [0, 1]},
    message="two\nlines \u2028 and a separator",
    entry="an-entry",
    seconds=0.25,
)
FOOTER = Footer(rows=len(CHECKS) + 1, end="2026-01-01T00:01:00+00:00", unmatched=["x"], error=None)
ROWS: list[Check | Footer] = [*CHECKS, FULL, FOOTER]
SCHEMA = json.loads(schema.FILE.read_text(encoding="utf-8"))
ASKED = replace(HEADER, asked=CheckSet.of(check.id for check in (*CHECKS, FULL)))
KINDS = {"header": Header, "check": Check, "footer": Footer}


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def assert_broken(path: Path, told: str = "") -> None:
    with pytest.raises(BrokenRecord) as raised:
        reading.read(path)
    message = str(raised.value)
    assert message.startswith(f"{path}{told}")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 250
