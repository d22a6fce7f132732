"""What only a CUDA device has: its own clock, its allocator's peak, its name and driver.

The frameworks are imported inside the functions: whoever is measured is loaded already.
"""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable
from typing import Any

QUERY = "name,driver_version,clocks.max.sm,clocks.max.mem,power.limit,memory.total"


def describe() -> dict[str, str]:
    """What nvidia-smi says of the first device; empty without one."""
    try:
        line = subprocess.run(
            ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"],
            capture_output=True, text=True, check=True, timeout=30,
        ).stdout.splitlines()[0]  # fmt: skip
    except (OSError, subprocess.SubprocessError, IndexError):
        return {}
    return dict(zip(QUERY.split(","), (field.strip() for field in line.split(",")), strict=True))


def throttled() -> bool:
    """Whether the first device is slowed by heat or power at this moment."""
    try:
        line = subprocess.run(
            ["nvidia-smi", "--query-gpu=clocks_throttle_reasons.active", "--format=csv,noheader"],
            capture_output=True, text=True, check=True, timeout=30,
        ).stdout.splitlines()[0]  # fmt: skip
        reasons = int(line, 16)
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return False
    return bool(reasons & 0xE8)  # hardware and software slowdown, thermal and power brake: NVML's own bits


def allocator_peak(framework: str, run: Callable[[], Any]) -> int | None:
    """Bytes by which `run` raises the allocator's peak, its result included; None if the framework hides it.

    JAX's peak cannot be forgotten: an earlier one that was higher hides this one.
    """
    if framework == "torch":
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        kept = run()
        torch.cuda.synchronize()
        peak = int(torch.cuda.max_memory_allocated()) - before
    elif framework == "jax":
        import jax

        stats = jax.devices("cuda")[0].memory_stats
        earlier, before = stats()["peak_bytes_in_use"], stats()["bytes_in_use"]
        kept = jax.block_until_ready(run())
        reached = stats()["peak_bytes_in_use"]
        if reached <= earlier:
            return None
        peak = int(reached) - before
    elif framework == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.reset_memory_stats("GPU:0")
        before = tf.config.experimental.get_memory_info("GPU:0")["current"]
        kept = run()
        peak = int(tf.config.experimental.get_memory_info("GPU:0")["peak"]) - before
    else:
        return None
    del kept
    return int(max(0, peak))


def kernel_seconds(framework: str, start: Callable[[], Any], wait: Callable[[Any], None]) -> float | None:
    """Seconds that the device itself takes for a call, by CUDA events; None without a way to ask.

    Only PyTorch hands out events on its own stream. For the others the slope between k and 4k calls stands in.
    """
    if framework != "torch":
        return None
    import torch

    wait(start())
    times = []
    for _ in range(10):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        start()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) * 1e-3)
    return float(statistics.median(times))
