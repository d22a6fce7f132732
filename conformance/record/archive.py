"""Records as they are kept: compressed, and without what can be had again.

The same record gives the same bytes. A row that met its requirement keeps what was asked and what was measured;
its witness in hex floats is kept where it has the worst error of its operation, label form, format and direction.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable
from dataclasses import replace

from conformance.record import writing
from conformance.record.accuracy_keys import place, ratio
from conformance.record.records import Check, Record

MET = ("pass", "choice", "measured")
PRESET = 9 | lzma.PRESET_EXTREME


def pack(record: Record) -> bytes:
    """The record as the bytes of a `*.jsonl.xz` file."""
    text = writing.whole(record.header, thinned(record.checks), record.footer)
    return lzma.compress(text.encode(), preset=PRESET)


def thinned(checks: Iterable[Check]) -> list[Check]:
    """The checks, without the results of those that were met, the worst ones apart."""
    checks = list(checks)
    kept = {id(check) for check in _worst(checks)}
    return [check if check.outcome not in MET or id(check) in kept else _asked(check) for check in checks]


def _worst(checks: Iterable[Check]) -> list[Check]:
    """The check with the largest error over the bound at each place of the table of grades."""
    worst: dict[tuple[str, ...], Check] = {}
    for check in checks:
        at = place(check)
        if at is not None and (at not in worst or _error(check) > _error(worst[at])):
            worst[at] = check
    return list(worst.values())


def _error(check: Check) -> float:
    value = ratio(check, "D")
    return -1.0 if value is None else value


def _asked(check: Check) -> Check:
    call = check.witness.get("call")
    return replace(check, witness={"call": call} if call else {})
