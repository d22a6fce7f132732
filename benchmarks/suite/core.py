"""The core tier: representative shapes, a few minutes for each release.

Error, memory and compilation are audited in one thread on a CPU, and in all threads with a device.
"""

from __future__ import annotations

from benchmarks.asv import metrics
from benchmarks.timing.cells import CORE, CORE_LARGE, CORE_SHAPES, CORE_SMALL, MODES, Block


class _Core:
    """The base of all classes below, measured once for all; asv skips names that begin with an underscore."""

    def setup_cache(self) -> metrics.Cache:
        """Measure every cell of the tier."""
        return metrics.measured("core")

    setup_cache.timeout = metrics.LONGEST  # type: ignore[attr-defined]  # asv reads this attribute


class Eager(_Core, metrics.TimeMetrics):
    """Each operation in eager mode, in float32."""

    block = CORE["Eager"]


class Compiled(_Core, metrics.TimeMetrics):
    """Each operation compiled by jax.jit, torch.compile, or TensorFlow's XLA."""

    block = CORE["Compiled"]


class Half(_Core, metrics.TimeMetrics):
    """Each operation in bfloat16."""

    block = CORE["Half"]


class Dispatch(_Core, metrics.DispatchMetrics):
    """The cost of a call beside its arithmetic, at small shapes."""

    block = Block(MODES, ("float32",), CORE_SMALL)


class Memory(_Core, metrics.MemoryMetrics):
    """The memory of a call, at large shapes."""

    block = Block(MODES, ("float32",), CORE_LARGE)


class Fresh(_Core, metrics.FreshMetrics):
    """The seconds of a call that takes its memory from the system."""

    block = Block(MODES, ("float32",), CORE_LARGE, ("1",))


class Checks(_Core, metrics.CheckMetrics):
    """The error and the compilation time of a call."""

    block = Block(MODES, ("float32",), CORE_SHAPES)


class HalfChecks(_Core, metrics.CheckMetrics):
    """The error and the compilation time of a call in bfloat16."""

    block = Block(MODES, ("bfloat16",), ("imagenet", "llama2"))
