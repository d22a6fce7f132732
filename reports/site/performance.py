"""The page of performance: times the roofline and memory today, latency over releases, and the changes in it."""

from __future__ import annotations

from collections.abc import Iterator

from reports.evidence import Evidence
from reports.site import charts
from reports.site.page import Page


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page."""
    values: dict[str, object] = {
        "places": (),
        "asv": evidence.asv,
        "outlines": charts.MARKS,
    }
    if evidence.results:  # and so there is asv, which these modules need
        from reports.site.machines import sections
        from reports.timing import wording
        from reports.timing.performance import CHANGES, FRESH

        values |= {"places": sections(evidence, evidence.results), "rule": CHANGES, "fresh": FRESH}
        values["number"] = wording.number
    yield Page("performance.html", "Performance", "performance.html.j2", "performance.html", values)
