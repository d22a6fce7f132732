"""Makes scope.md: what is judged, legal, lacking, and not tested, which `scope.toml` holds with the reasons."""

from __future__ import annotations

import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.ci.markup import escape, table_of
from conformance.record.records import Record
from conformance.requirements import Requirement
from reports.accuracy import by_format
from reports.behaviour import REST, Behaviour, with_verdict
from reports.checks import parts
from reports.markdown import linked, sources
from reports.model import Report

FILE = Path(__file__).with_name("scope.toml")
MOST = 12  # answers of one requirement that are listed


@dataclass(frozen=True)
class Left:
    """Something that the suite leaves out, and the reason; `sources` are the threads that ask for it."""

    subject: str
    reason: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """The content of `scope.toml`: what is not tested, and the requirements that were rejected."""

    untested: tuple[Left, ...]
    candidates: tuple[Left, ...]


def load(path: Path = FILE) -> Limits:
    """Read the file.

    Raises:
        ValueError: it is not TOML, or an entry is not one; a line that names the file.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name}: {error}") from error
    if unknown := data.keys() - {"untested", "candidate"}:
        raise ValueError(f"{path.name}: unknown {', '.join(sorted(unknown))}")
    return Limits(
        *(tuple(_left(path, table) for table in data.get(key, ())) for key in ("untested", "candidate"))
    )


def _left(path: Path, table: dict[str, Any]) -> Left:
    cited = table.get("sources", [])
    texts = [table.get("subject"), table.get("reason"), *cited]
    if table.keys() - {"subject", "reason", "sources"} or not all(isinstance(t, str) and t for t in texts):
        raise ValueError(f"{path.name}: not an entry of subject, reason and sources: {table}")
    return Left(table["subject"], table["reason"], tuple(cited))


def page(
    records: Sequence[Record], report: Report, specification: dict[str, Requirement], limits: Limits | None = None
) -> str:
    """Return the page; `report` is made of `records`, and `limits` are those of `scope.toml` unless given."""
    limits = limits or load()
    blocks = [
        "# What is not tested, and what is legal",
        "## What is judged",
        "The records beside this page hold the checks of these targets. The tier (`quick`, `full` or "
        "`exhaustive`) sets how many cases ran.",
        _judged(records),
        "## Where several answers are legal",
        "Each target must give one of the listed answers, the same one at every position, length and shape; any "
        "other answer fails. These are the answers of each target:",
        *_answered("choice", report, specification),
        "## What is only reported",
        "These are measurements without a verdict.",
        *_answered("report", report, specification),
        "## What a target lacks",
        "A feature that a framework does not offer is recorded as *absent*: it is not a failure, and is not "
        "emulated.",
        _absent(records),
        "## What is not tested, and why",
        "\n".join(map(_line, limits.untested)),
        "## Requirements that were left out",
        "Each was a candidate, from the threads named, and did not become a requirement of this suite.",
        "\n".join(map(_line, limits.candidates)) or "None is listed yet.",
    ]
    return "\n\n".join(blocks) + "\n"


def _judged(records: Iterable[Record]) -> str:
    return table_of(
        ("target", "framework", "tier", "formats", "checks", "device", "suite commit"),
        (
            (
                escape(record.header.target),
                escape(" ".join(record.header.framework.get(key, "?") for key in ("name", "version"))),
                escape(record.header.tier),
                escape(", ".join(sorted({check.dtype for check in record.checks}, key=by_format))),
                str(len(record.checks)),
                escape(record.header.device_model),
                escape(record.header.suite_commit),
            )
            for record in records
        ),
    )


def _answered(level: str, report: Report, specification: dict[str, Requirement]) -> Iterator[str]:
    rows = {row.requirement.id: row for row in report.behaviour}
    targets = [target.name for target in report.targets]
    for name, requirement in specification.items():
        if requirement.level == level:
            yield f"### {name} {escape(requirement.text)}"
            yield f"{escape(', '.join(requirement.operations))}. Sources: {sources(requirement)}"
            yield _answers(requirement, targets, rows.get(name))


def _answers(requirement: Requirement, targets: Sequence[str], row: Behaviour | None) -> str:
    given: dict[str, list[str]] = {name: [] for name in requirement.choices}
    for target, cell in zip(targets, row.cells if row else (), strict=False):
        for answer in cell:
            if answer.verdict and requirement.choices:  # what it was in each format is the record's to tell
                others = given.setdefault(f"another [{answer.verdict}]", [])
                others += [target] * (target not in others)
                continue
            place = "elsewhere" if answer.where == REST else answer.where
            given.setdefault(with_verdict(answer), []).append(target if len(cell) == 1 else f"{target} ({place})")
    if not given:
        return "Not measured in these records."
    rows = [
        (escape(name), escape(requirement.choices.get(name, "")), escape(", ".join(who)) or "no target")
        for name, who in given.items()
    ]
    more = [("…", f"and {len(rows) - MOST} more", "")] if len(rows) > MOST else []
    if requirement.choices:
        return table_of(("answer", "what it means", "given by"), rows[:MOST] + more)
    return table_of(("measured", "of"), ((name, who or meaning) for name, meaning, who in rows[:MOST] + more))


def _absent(records: Iterable[Record]) -> str:
    """Return a row for each missing feature; a check that lacks two features counts for both."""
    lacking_of: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    asked: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in records:
        adapter, target = record.header.target.rsplit(":", 2)[0], record.header.target
        for check in record.checks:
            if check.outcome == "absent":
                for lacking in _lacking(adapter, check.message or "no reason given"):
                    lacking_of[adapter][lacking][target] += 1
                    asked[adapter, lacking].add(check.requirement)
    if not lacking_of:
        return "Nothing."
    rows = (
        (
            escape(adapter),
            escape(lacking),
            # the modes of a framework lack the same, and some are asked for more
            str(max(counts.values())),
            escape(", ".join(sorted(asked[adapter, lacking]))),
        )
        for adapter, lacks in sorted(lacking_of.items())
        for lacking, counts in sorted(lacks.items())
    )
    return table_of(("framework", "lacks", "checks of a target", "requirements"), rows)


def _lacking(adapter: str, message: str) -> list[str]:
    """Return the features in "torch has no where, vmap"; any other message is returned as it is."""
    features = message.removeprefix(f"{adapter} has no ")
    return [message] if features == message else features.split(", ")


def _line(left: Left) -> str:
    cited = "; ".join(linked(parts(source)) for source in left.sources)
    return f"- **{escape(left.subject)}**: {linked(parts(left.reason))}" + (f" ({cited})" if cited else "")
