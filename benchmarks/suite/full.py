"""The full tier: every shape, format and kind of data. It takes an hour and needs SOFTMARK_TIER=full."""

from __future__ import annotations

import os

from benchmarks.asv import metrics
from benchmarks.timing.cells import FULL


class _Full:
    """The base of all classes below, measured once for all."""

    def setup_cache(self) -> metrics.Cache:
        """Measure every cell of the tier; without SOFTMARK_TIER=full, measure none, so that each is absent."""
        return metrics.measured("full") if os.environ.get("SOFTMARK_TIER") == "full" else {}

    setup_cache.timeout = 5 * metrics.LONGEST  # type: ignore[attr-defined]  # asv reads this attribute


class Shapes(_Full, metrics.TimeMetrics, metrics.CheckMetrics):
    """The shapes that the core tier leaves out."""

    block = FULL["Shapes"]


class Formats(_Full, metrics.TimeMetrics, metrics.CheckMetrics):
    """Each operation in float16, bfloat16 and float64."""

    block = FULL["Formats"]


class Peaked(_Full, metrics.TimeMetrics, metrics.CheckMetrics):
    """Logits of ten times the spread."""

    block = FULL["Peaked"]


class Ignored(_Full, metrics.TimeMetrics, metrics.CheckMetrics):
    """Cross-entropies of which three labels in ten are ignored."""

    block = FULL["Ignored"]


class Further(_Full, metrics.TimeMetrics, metrics.CheckMetrics):
    """The operations that an adapter may lack."""

    block = FULL["Further"]
