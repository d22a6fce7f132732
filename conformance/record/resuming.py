"""Decides whether a run may go on in the file of an earlier one: only where it would judge the very same."""

from __future__ import annotations

from pathlib import Path

from conformance.record.reading import read
from conformance.record.records import BrokenRecord, Header
from conformance.record.storage import set_aside
from conformance.record.writing import Writer, trim

SAME = ("target", "tier", "suite_commit", "suite_digest", "asked")


class NotResumed(Exception):
    """The run cannot go on in that file, which now has another name; the message is one line."""


def resume(path: Path, header: Header) -> Writer | None:
    """Return what appends to the record in `path`; None where all was judged already.

    `header` describes the run as it would start now.

    Raises:
        NotResumed: the file holds a run of something else, or no record.
        OSError: the file cannot be written.
    """
    try:
        record = read(path)
        reason = difference(record.header, header) if record.checks else None
    except BrokenRecord as error:
        record, reason = None, str(error)
    if reason:
        raise NotResumed(f"{reason}; it is kept as {set_aside(path)}, and the next run starts anew")
    if record and record.checks:
        if record.footer and not record.unfinished and not record.footer.unmatched:
            return None
        trim(path)
        return Writer(path)
    return Writer(path, header)  # nothing was judged


def difference(earlier: Header, now: Header) -> str | None:
    """Return what an earlier run had otherwise, in words; None where it is the same run."""
    changed = [name for name in SAME if getattr(earlier, name) != getattr(now, name)]
    changed += ["framework"] * (earlier.framework != now.framework)
    if not changed:
        return None
    return f"it is of another run: {'; '.join(_words(name, earlier, now) for name in changed)}"


def _words(name: str, earlier: Header, now: Header) -> str:
    if name in ("suite_digest", "asked"):
        return {"suite_digest": "the judging files have changed", "asked": "other checks are asked"}[name]
    was, is_now = (getattr(header, name) for header in (earlier, now))
    if name == "framework":
        part = next(key for key in {**was, **is_now} if was.get(key) != is_now.get(key))
        name, was, is_now = f"{name} {part}", was.get(part), is_now.get(part)
    return f"{name.replace('_', ' ')} {was}, now {is_now}"
