"""Times by a device's own clock; absent on a CPU."""

from __future__ import annotations

import os

from benchmarks.asv import metrics
from benchmarks.timing.cells import CORE_SHAPES, MODES, Block


class _Device(metrics.DeviceMetrics):
    """Measured once for both classes below."""

    def setup_cache(self) -> metrics.Cache:
        """Every cell of the core tier, or none on a CPU: each is absent then."""
        return metrics.measured("core") if os.environ.get("SOFTMARK_DEVICE", "cpu") != "cpu" else {}

    setup_cache.timeout = metrics.LONGEST  # type: ignore[attr-defined]  # how asv is told


class Device(_Device):
    """In float32."""

    block = Block(MODES, ("float32",), CORE_SHAPES, ("all",))
    params = block.params


class HalfDevice(_Device):
    """In bfloat16."""

    block = Block(MODES, ("bfloat16",), ("imagenet", "llama2"), ("all",))
    params = block.params
