"""The rows of a record, and what they say together: one file, JSON Lines, for a run of one target.

A header says what was asked, one row follows for each check as it ends, and a footer closes the file. These are
the rows of the newest format: `reading` turns files of every format ever written into them, and `writing` writes
them. `conformance/records.schema.json` describes the lines, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from adapters import EXEC

FORMAT = 2
PLAIN = ".jsonl"
PACKED = ".jsonl.xz"
OUTCOMES = ("pass", "fail", "deviation", "fixed", "choice", "measured", "absent", "crash", "timeout")
ONE_ANSWER = "one-answer"  # the case of a row that compares the answers of several checks


class BrokenRecord(ValueError):
    """The file is not a record; the message names the file, the line and the field."""


def without_lone_surrogates(text: str) -> str:
    """Return the text with each as U+FFFD, as it is read from a record: no page could be written with one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@dataclass(frozen=True)
class CheckSet:
    """A set of checks: how many there are, and the SHA-256 of their sorted ids."""

    count: int
    digest: str

    @classmethod
    def of(cls, ids: Iterable[str]) -> CheckSet:
        """Return the set of these ids, in whatever order they come."""
        names = sorted(map(without_lone_surrogates, ids))
        return cls(len(names), sha256("\n".join(names).encode()).hexdigest())


@dataclass(frozen=True)
class Header:
    """The target, the machine, the suite, and the checks that were asked.

    `framework` holds name, version and build; `device_model`, `cpu_flags` and `threads` describe the machine;
    `suite_digest` is that of the judging files. `asked` is None where it is unknown: in what format 1 recorded,
    and where the target could not be loaded.
    """

    target: str
    framework: dict[str, str]
    device_model: str
    python: str
    platform: str
    cpu_flags: str
    threads: int
    suite_commit: str
    tier: str
    start: str
    suite_digest: str = ""
    asked: CheckSet | None = None
    format: int = FORMAT


@dataclass(frozen=True)
class Check:
    """One requirement judged on one operation, format and case.

    `observed` names the choice found, `measured` holds numbers, `bound` the grade they were held against,
    `witness` the input and result in hex floats, `message` why it failed, `entry` the deviation's id.
    """

    requirement: str
    operation: str
    dtype: str
    case: str
    outcome: str
    observed: str | None = None
    measured: dict[str, Any] = field(default_factory=dict)
    bound: str | None = None
    witness: dict[str, Any] = field(default_factory=dict)
    message: str | None = None
    entry: str | None = None
    seconds: float = 0.0

    @property
    def id(self) -> str:
        """The name of this check in every run of the suite."""
        return f"{self.requirement}/{self.operation}/{self.dtype}/{self.case}"


@dataclass(frozen=True)
class Footer:
    """The end of a file: the number of rows, when it ended, and what went wrong outside any check.

    `unmatched` lists the deviation entries that concern this target and matched no check; `error` says why a
    target could not be judged at all; `oracle_seconds` is the part of the checks' time spent on true values.
    `known_from` is the newest version that a deviation entry names, where none names the one judged.
    """

    rows: int
    end: str
    unmatched: list[str] = field(default_factory=list)
    error: str | None = None
    oracle_seconds: float = 0.0
    known_from: str = ""


@dataclass(frozen=True)
class Record:
    """One file, read."""

    path: Path
    header: Header
    checks: list[Check]
    footer: Footer | None

    @property
    def complete(self) -> bool:
        """Return whether all that was asked was judged, to the end and without an error."""
        return self.unfinished is None

    @cached_property
    def partial(self) -> str | None:
        """Return why not all was judged that was asked; None where all was, as far as the record can tell."""
        if self.footer is None:
            return "the run was cut off"
        asked = self.header.asked
        judged = judged_of(self.checks)
        if asked is None or judged == asked:
            return None
        if judged.count == asked.count:
            return "the checks judged are not those that were asked"
        return f"{judged.count} of the {asked.count} checks asked were judged"

    @property
    def unfinished(self) -> str | None:
        """Return why the target could not be judged, or not to the end; None where it was."""
        return self.footer.error if self.footer and self.footer.error is not None else self.partial


def judged_of(checks: Iterable[Check]) -> CheckSet:
    """Return the set of the checks judged; rows that compare several checks are beside what was asked."""
    return CheckSet.of(check.id for check in checks if check.case != ONE_ANSWER)


def file_name(target: str) -> str:
    """Return the name of the file that a target's record goes to: "torch-cpu-eager.jsonl".

    That of a command has a digest: commands are long, and differ in what no file name holds.
    """
    name = "".join(c if c.isalnum() or c in "._" else "-" for c in target)
    if target.startswith(EXEC):
        name = f"{name[:60]}-{sha256(target.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"
    return name + PLAIN
