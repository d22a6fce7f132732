"""`--badge FILE`: write the verdict as JSON that shields.io shows as a badge, its "endpoint".

A badge is green only where each target was judged to the end and holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from conformance.ci import baseline
from conformance.record.records import Record


def _badge(message: str, color: str) -> str:
    return json.dumps({"schemaVersion": 1, "label": "softmark", "message": message, "color": color}) + "\n"


UNFINISHED = _badge("incomplete", "lightgrey")


def render(records: Sequence[Record], before: Mapping[str, Record], unmatched: Sequence[str] = ()) -> str:
    """Return the badge of a run; `before` holds the baseline of each target that has one.

    `unmatched` are lines on what is allowed and does not fail.
    """
    judged = [any(check.outcome != "absent" for check in record.checks) for record in records]
    if not judged or not all(judged) or any(record.unfinished for record in records):
        return UNFINISHED
    pairs = [(record, before.get(record.header.target)) for record in records]
    failed = sum(len(baseline.failures(*pair)) for pair in pairs)
    if failed or unmatched or any(baseline.problems(*pair) for pair in pairs):
        new = f"{failed} new" if before else str(failed)
        return _badge(f"fails: {new}" if failed else "fails: a list to narrow", "red")
    return _badge("holds", "brightgreen")
