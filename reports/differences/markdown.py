"""A comparison as Markdown that GitHub renders: text from records is escaped, code is fenced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from conformance.ci.markup import escape, fence, table_of
from reports.checks import parts
from reports.differences import phrases
from reports.differences.compared import Comparison, Told
from reports.differences.pair import SORTS
from reports.differences.terminal import MOST
from reports.markdown import linked


def render(one: Comparison, every: bool = False) -> str:
    """The whole comparison."""
    blocks = [
        f"# {escape(phrases.heading(one))}",
        escape(phrases.summary(one)),
        *(f"> {escape(note)}" for note in one.notes),
    ]
    for sort in (*SORTS,)[:-1]:
        found = one.of(sort)
        if found:
            blocks.append(f"## {SORTS[sort]} ({len(found)})")
            blocks += (block for told in found for block in _told(told, one))
    blocks += _table(phrases.grades(one), phrases.GRADE_HEAD, phrases.grade_rows(one), one, every)
    blocks += _table(phrases.costs(one), phrases.COST_HEAD, phrases.cost_rows(one), one, every)
    blocks += _table(SORTS["measured"], phrases.MEASURED_HEAD, phrases.measured_rows(one), one, every)
    return "\n\n".join(blocks) + "\n"


def _told(told: Told, one: Comparison) -> Iterator[str]:
    yield f"### {escape(told.title)}"
    yield linked(parts(phrases.line(told)))
    for side, answer in zip((one.a, one.b), told.sides, strict=True):
        yield f"**{escape(side.name)}**: {escape(answer.text)}"
        if answer.code:
            yield fence(answer.code, "python")
        if answer.told:
            yield f"Recorded: {escape(answer.told)}"


def _table(
    title: str, head: Sequence[str], rows: Iterable[Sequence[str]], one: Comparison, every: bool
) -> Iterator[str]:
    rows = list(rows)
    if not rows:
        return
    kept = rows if every else rows[:MOST]
    yield f"## {escape(title)}"
    yield table_of(
        [*map(escape, head), escape(one.a.name), escape(one.b.name)], (list(map(escape, row)) for row in kept)
    )
    if len(kept) < len(rows):
        yield f"And {len(rows) - len(kept)} more: `--all`."
