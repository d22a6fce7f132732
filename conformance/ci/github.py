"""Write failures as GitHub's workflow commands, which GitHub shows beside the commit.

GitHub shows ten errors for each step: nine failures, and one line that counts the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from conformance.ci import baseline
from conformance.ci.run_summary import statement
from conformance.foreign import visible
from conformance.record.records import Record

MOST = 10


def wanted(asked: bool | None) -> bool:
    """Return the choice of `--annotations` or `--no-annotations`; by default, True in a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true" if asked is None else asked


def lines(records: Sequence[Record], before: Mapping[str, Record]) -> list[str]:
    """Return a command for each failing requirement and operation of a target, at most ten."""
    commands = [line for record in records for line in _of(record, before.get(record.header.target))]
    if len(commands) <= MOST:
        return commands
    rest = len(commands) - MOST + 1
    return [*commands[: MOST - 1], _command("Softmark", f"and {rest} more failing requirements; see the record")]


def _of(record: Record, before: Record | None) -> Iterator[str]:
    target = record.header.target
    if record.unfinished:
        yield _command(target, record.unfinished)
    for (name, operation), checks in baseline.by_requirement(baseline.failures(record, before)).items():
        more = f" ({len(checks)} checks)" if len(checks) > 1 else ""
        message = f"{statement(name)}{more}\n{checks[0].message or ''}"
        yield _command(f"{name} {operation}, {target}", message.strip())


def _command(title: str, message: str) -> str:
    return f"::error title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return visible(text.replace("\r\n", "\n")).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
