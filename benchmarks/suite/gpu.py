"""Times by a device's own clock; absent on a CPU."""

from __future__ import annotations

import os

from benchmarks.asv import metrics
from benchmarks.timing.cells import CORE_SHAPES, MODES, Block


class _Device(metrics.DeviceMetrics):
    """The base of both classes below, measured once for both."""

    def setup_cache(self) -> metrics.Cache:
        """Measure every cell of the core tier; on a CPU, measure none, so that each is absent."""
        return metrics.measured("core") if os.environ.get("SOFTMARK_DEVICE", "cpu") != "cpu" else {}

    setup_cache.timeout = metrics.LONGEST  # type: ignore[attr-defined]  # asv reads this attribute


class Device(_Device):
    """Each operation in float32."""

    block = Block(MODES, ("float32",), CORE_SHAPES, ("all",))


class HalfDevice(_Device):
    """Each operation in bfloat16."""

    block = Block(MODES, ("bfloat16",), ("imagenet", "llama2"), ("all",))
