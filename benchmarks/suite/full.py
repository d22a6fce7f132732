"""The full tier: every shape, format and kind of data; an hour a release, so only where SOFTMARK_TIER is full."""

from __future__ import annotations

import os

from benchmarks.asv import metrics
from benchmarks.timing.cells import FULL


class _Full:
    """Measured once for all classes below."""

    def setup_cache(self) -> metrics.Cache:
        """Every cell of the tier, or none: each is absent then."""
        return metrics.measured("full") if os.environ.get("SOFTMARK_TIER") == "full" else {}

    setup_cache.timeout = 5 * metrics.LONGEST  # type: ignore[attr-defined]  # how asv is told


class Shapes(_Full, metrics.Times, metrics.Checks):
    """The shapes that the core tier leaves out."""

    block = FULL["Shapes"]
    params = block.params


class Formats(_Full, metrics.Times, metrics.Checks):
    """float16, bfloat16 and float64."""

    block = FULL["Formats"]
    params = block.params


class Peaked(_Full, metrics.Times, metrics.Checks):
    """Logits of ten times the spread."""

    block = FULL["Peaked"]
    params = block.params


class Ignored(_Full, metrics.Times, metrics.Checks):
    """Three labels in ten are ignored."""

    block = FULL["Ignored"]
    params = block.params


class Further(_Full, metrics.Times, metrics.Checks):
    """The operations that an adapter may lack."""

    block = FULL["Further"]
    params = block.params
