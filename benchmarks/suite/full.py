"""The full tier: every shape, format and kind of data; an hour a release, so only where SOFTMARK_TIER is full."""

from __future__ import annotations

import os

from benchmarks import tracks
from benchmarks.cells import FULL


class _Full:
    """Measured once for all classes below."""

    def setup_cache(self) -> tracks.Cache:
        """Every cell of the tier, or none: each is absent then."""
        return tracks.measured("full") if os.environ.get("SOFTMARK_TIER") == "full" else {}

    setup_cache.timeout = 5 * tracks.LONGEST  # type: ignore[attr-defined]  # how asv is told


class Shapes(_Full, tracks.Times, tracks.Checks):
    """The shapes that the core tier leaves out."""

    block = FULL["Shapes"]
    params = block.params


class Formats(_Full, tracks.Times, tracks.Checks):
    """float16, bfloat16 and float64."""

    block = FULL["Formats"]
    params = block.params


class Peaked(_Full, tracks.Times, tracks.Checks):
    """Logits of ten times the spread."""

    block = FULL["Peaked"]
    params = block.params


class Ignored(_Full, tracks.Times, tracks.Checks):
    """Three labels in ten are ignored."""

    block = FULL["Ignored"]
    params = block.params
