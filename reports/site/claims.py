"""The page of claims: what people say of softmax, what is true, and two charts that show it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from conformance.truth.formats import format_of
from reports.claims import costs, gradients
from reports.claims import page as written
from reports.claims.claims import claims
from reports.evidence import Evidence
from reports.site import charts
from reports.site.charts import Curves, Line, Series, TrendChart
from reports.site.page import Page
from reports.timing import wording

ADDRESS = "claims.html"
SHOWN = ("softmax", "log_softmax", "cross_entropy_index")
HELD = ("float16", "bfloat16", "float32")  # of the chart of gradients
WIDE, STEP = 110, 10  # its gaps


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page."""
    drawn = (time_chart(evidence), None, gradient_chart())
    titles = (written.TIME_TITLE, written.MEMORY_TITLE, written.GAP_TITLE)
    values = {
        "claims": claims(evidence),
        "introduction": written.INTRODUCTION,
        "sections": written.sections(evidence),
        "charts": dict(zip(titles, drawn, strict=True)),
        "outlines": charts.MARKS,
    }
    yield Page(ADDRESS, "What is said of softmax, and what is true", "claims.html.j2", ADDRESS, values)


def time_chart(evidence: Evidence) -> TrendChart | None:
    """Return the time of a row over classes on the first machine, a small chart for each operation, or None."""
    fits = [fit for fit in costs.fits(evidence) if fit.machine == costs.machines(evidence)[0]]
    if not fits:
        return None
    from reports.site.latency import seconds
    from reports.site.roofline import series

    panels = []
    for operation in SHOWN:
        lines = []
        for fit in fits:
            if fit.operation == operation:
                look = series((fit.framework, fit.mode))
                tips = (
                    (n, time, f"{look.name}, {n:,} classes: {wording.quantity(time, 'latency')}", False)
                    for n, time in fit.points
                )
                lines.append((look, tuple(tips)))
        if lines:
            panels.append(Curves(f"{wording.OPERATIONS[operation]}, time of a row", tuple(lines)))
    along = charts.scale(n for fit in fits for n, _ in fit.points)
    powers = [10**power for power in range(9) if along.low <= 10**power <= along.high]
    ticks = tuple((along.place(n), f"{n:,}") for n in powers)
    return charts.over_axis("Time of a row over classes", panels, along.place, ticks, seconds)


def gradient_chart() -> TrendChart:
    """Return the gradient of each form of loss over the gap, as far as each format holds it."""
    ticks = tuple((100 * gap / WIDE, str(gap)) for gap in range(0, WIDE, 2 * STEP))
    panels = [Curves(f"{dtype}: gradient until it rounds to 0", tuple(_lines(dtype))) for dtype in HELD]
    return charts.over_axis(
        "Gradient over the gap", panels, lambda gap: round(100 * gap / WIDE, 2), ticks, "{:g}".format
    )


def _lines(dtype: str) -> Iterator[Line]:
    """Yield a line for each form of loss; of those with the same gradient, the first."""
    least = format_of(dtype).smallest_subnormal
    forms = {form.log: form for form in reversed(gradients.FORMS)}.values()
    for at, (form, marker) in enumerate(zip(reversed(forms), charts.MARKS, strict=False)):
        end = min(gradients.vanishes(form, dtype), WIDE)
        points = []
        for gap in (*range(0, math.ceil(end), STEP), end):
            value = max(form.magnitude(gap), least)
            points.append((gap, value, f"{form.name}, gap {gap:.4g}: {value:.2g}", False))
        yield Series(form.name, 1 + at % charts.SERIES, marker), tuple(points)
