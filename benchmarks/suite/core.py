"""The core tier: the shapes that stand for the others, a few minutes a release.

What an audit tells (error, memory, compilation) is of one thread on a CPU, and of all beside a device.
"""

from __future__ import annotations

from benchmarks.asv import metrics
from benchmarks.timing.cells import CORE, CORE_LARGE, CORE_SHAPES, CORE_SMALL, MODES, Block


class _Core:
    """Measured once for all classes below; asv leaves out a name that begins with an underscore."""

    def setup_cache(self) -> metrics.Cache:
        """Every cell of the tier."""
        return metrics.measured("core")

    setup_cache.timeout = metrics.LONGEST  # type: ignore[attr-defined]  # how asv is told


class Eager(_Core, metrics.TimeMetrics):
    """Each operation as it is called."""

    block = CORE["Eager"]
    params = block.params


class Compiled(_Core, metrics.TimeMetrics):
    """By jax.jit, torch.compile, or XLA in TensorFlow."""

    block = CORE["Compiled"]
    params = block.params


class Half(_Core, metrics.TimeMetrics):
    """In bfloat16."""

    block = CORE["Half"]
    params = block.params


class Dispatch(_Core, metrics.DispatchMetrics):
    """What a call costs beside its work."""

    block = Block(MODES, ("float32",), CORE_SMALL)
    params = block.params


class Memory(_Core, metrics.MemoryMetrics):
    """What a call takes of memory."""

    block = Block(MODES, ("float32",), CORE_LARGE)
    params = block.params


class Fresh(_Core, metrics.FreshMetrics):
    """What a call takes longer for where its memory comes from the system."""

    block = Block(MODES, ("float32",), CORE_LARGE, ("1",))
    params = block.params


class Checks(_Core, metrics.CheckMetrics):
    """Error and compilation."""

    block = Block(MODES, ("float32",), CORE_SHAPES)
    params = block.params


class HalfChecks(_Core, metrics.CheckMetrics):
    """Error and compilation in bfloat16."""

    block = Block(MODES, ("bfloat16",), ("imagenet", "llama2"))
    params = block.params
