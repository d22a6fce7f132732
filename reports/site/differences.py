"""The page of differences: a script shows two operands that the reader chooses, from tables made in Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.differences import phrases
from reports.differences.causes import SORTS
from reports.differences.comparison import compare
from reports.differences.operands import operands
from reports.evidence import Evidence
from reports.site.page import Page
from reports.site.pairs import data

ADDRESS = "differences.html"
DEFAULT = ("tensorflow:cpu:eager", "jax:cpu:jit")  # the pair that is shown first, if both are there


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page."""
    today, releases = operands(evidence.records, evidence.history)
    every = [*today, *releases]
    pair = default([operand.name for operand in every])
    named = {operand.name: operand for operand in every}
    sections = {key: heading for key, heading in SORTS.items() if key != "measured"}
    yield Page(
        path=ADDRESS,
        title="Differences",
        template="differences.html.j2",
        part=ADDRESS,
        values={
            "data": data(every, evidence),
            "groups": (("Today", today), ("Releases", releases)),
            "pair": pair,
            "sections": {**sections, "grades": "Grades", "costs": "Cost", "measured": SORTS["measured"]},
            "heading": phrases.heading,
            "shown": compare(named[pair[0]], named[pair[1]], evidence),
        },
    )


def default(names: Sequence[str]) -> tuple[str, str]:
    """Return the two operands that are shown first; a single one is shown beside itself."""
    there = [name for name in DEFAULT if name in names]
    first, second, *_ = [*dict.fromkeys((*there, *names)), *names]
    return first, second
