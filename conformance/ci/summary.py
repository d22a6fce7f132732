"""`--summary FILE`: append the run in Markdown to a file such as GitHub's $GITHUB_STEP_SUMMARY."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from conformance.ci import baseline
from conformance.ci.markup import escape, fence, table_of
from conformance.ci.run_summary import GROUPS, counts, named, statement
from conformance.record.records import Check, Record

HEAD = ("target", "version", "verdict", "checks")
MOST = 20  # failing requirements of a target that are listed
LONGEST = 1500  # most characters of a message


def render(records: Sequence[Record], before: Mapping[str, Record], unmatched: Iterable[str] = ()) -> str:
    """Return the summary; `before` holds the baseline of each target that has one.

    `unmatched` are lines on what is allowed and does not fail.
    """
    pairs = [(record, before.get(record.header.target)) for record in records]
    blocks = ["## Softmark", table_of(HEAD, (_row(*pair) for pair in pairs))]
    blocks += [f"❌ {escape(line)}" for line in unmatched]
    for pair in pairs:
        blocks += _failures(*pair)
    return "\n\n".join(blocks) + "\n\n"


def _row(record: Record, before: Record | None) -> tuple[str, ...]:
    problems = baseline.problems(record, before)
    notes = "; ".join(baseline.notes(record, before))
    verdict = (
        f"❌ fails: {'; '.join(problems[:3])}{'; …' if len(problems) > 3 else ''}" if problems else "✅ holds"
    )
    return (
        escape(record.header.target),
        escape(record.header.framework.get("version", "")),
        escape(f"{verdict} ({notes})" if notes else verdict),
        escape(counts(record)),
    )


def _failures(record: Record, before: Record | None) -> Iterator[str]:
    """Yield the likely causes, and the first failing check of each requirement and operation with their count."""
    grouped = baseline.by_requirement(baseline.failures(record, before))
    if grouped:
        yield f"### {escape(record.header.target)}"
        groups = baseline.by_cause(record, before)
        lines = [
            f"- **{len(group.checks)}** {escape(named(group))}: {escape(statement(group.requirements[0]))}"
            for group in groups[:GROUPS]
        ]
        more = [f"- and {len(groups) - GROUPS} smaller groups"] * (len(groups) > GROUPS)
        yield "By likely cause:\n\n" + "\n".join(lines + more)
    for (name, operation), checks in list(grouped.items())[:MOST]:
        count = f"{len(checks)} checks" if len(checks) > 1 else "1 check"
        yield f"**{escape(name)}** {escape(operation)}, {count}: {escape(statement(name))}"
        yield _folded(checks[0])
    if len(grouped) > MOST:
        yield f"And {len(grouped) - MOST} more; the record and the JUnit file have all of them."


def _folded(check: Check) -> str:
    message = (check.message or check.outcome).strip()
    more = "\n…" if len(message) > LONGEST else ""
    return f"<details><summary>{escape(check.id)}</summary>\n\n{fence(message[:LONGEST] + more)}\n\n</details>"
