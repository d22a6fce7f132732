"""Write failures as GitHub's workflow commands, which GitHub shows beside the commit.

GitHub shows ten errors for each step: nine failures, and one line that counts the rest. Notices tell what
does not fail the run: what is allowed, or known of the baseline or another version.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from conformance.ci import baseline
from conformance.ci.run_summary import statement
from conformance.foreign import visible
from conformance.record.records import Record

MOST = 10


def wanted(asked: bool | None) -> bool:
    """Return the choice of `--annotations` or `--no-annotations`; by default, True in a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true" if asked is None else asked


def lines(records: Sequence[Record], before: Mapping[str, Record], unmatched: Iterable[str] = ()) -> list[str]:
    """Return an error for each failing requirement and operation of a target, and notices; at most ten of each.

    `unmatched` are lines on what is allowed and does not fail.
    """
    errors = [_command("Softmark", line) for line in unmatched]
    errors += [line for record in records for line in _of(record, before.get(record.header.target))]
    if len(errors) > MOST:
        rest = f"and {len(errors) - MOST + 1} more failing requirements; see the record"
        errors = [*errors[: MOST - 1], _command("Softmark", rest)]
    notes = {(name := record.header.target): baseline.notes(record, before.get(name)) for record in records}
    notices = [_command(target, "\n".join(told), "notice") for target, told in notes.items() if told]
    return [*errors, *notices[:MOST]]


def _of(record: Record, before: Record | None) -> Iterator[str]:
    target = record.header.target
    if record.unfinished:
        yield _command(target, record.unfinished)
    cause = {check.id: group.cause for group in baseline.by_cause(record, before) for check in group.checks}
    for (name, operation), checks in baseline.by_requirement(baseline.failures(record, before)).items():
        more = f" ({len(checks)} checks)" if len(checks) > 1 else ""
        message = f"{statement(name)}{more}\nLikely cause: {cause[checks[0].id]}\n{checks[0].message or ''}"
        yield _command(f"{name} {operation}, {target}", message.strip())


def _command(title: str, message: str, kind: str = "error") -> str:
    return f"::{kind} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return visible(text.replace("\r\n", "\n")).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
