"""Failures as GitHub's workflow commands, which show beside the commit; printed where GITHUB_ACTIONS is set.

GitHub shows ten errors a step: nine and a line that counts the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from conformance import baseline, requirements
from conformance.records import Record

MOST = 10


def wanted(asked: bool | None) -> bool:
    """What `--annotations` or `--no-annotations` says, and otherwise whether this is a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true" if asked is None else asked


def lines(records: Sequence[Record], before: Mapping[str, Record]) -> list[str]:
    """A command for each failing requirement and operation of a target, at most ten."""
    found = [line for record in records for line in _of(record, baseline.of(before, record))]
    if len(found) <= MOST:
        return found
    rest = len(found) - MOST + 1
    return [*found[: MOST - 1], _command("Softmark", f"and {rest} more failing requirements; see the record")]


def _of(record: Record, before: Record | None) -> Iterator[str]:
    target = record.header.target
    if record.footer is None or record.footer.error is not None:
        said = record.footer.error if record.footer else None
        yield _command(target, said or "the run was cut off")
    for (name, operation), checks in baseline.by_requirement(baseline.failures(record, before)).items():
        known = requirements.load().get(name)
        statement = known.text if known else "a requirement unknown to this suite"
        more = f" ({len(checks)} checks)" if len(checks) > 1 else ""
        yield _command(f"{name} {operation}, {target}", f"{statement}{more}\n{checks[0].message or ''}".strip())


def _command(title: str, message: str) -> str:
    return f"::error title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
