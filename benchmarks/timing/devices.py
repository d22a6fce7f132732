"""Read a CUDA device: its name and driver, the reasons that slow it, its own clock, its memory.

The frameworks are imported inside the functions, which are called when the framework is already loaded.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.protocol import Adapter
from benchmarks.timing import clock

FACTS = ("name", "driver_version", "clocks.max.sm", "clocks.max.mem", "power.limit", "memory.total")
CAPPED = ("sw_power_cap",)  # at the power limit, where some devices are under every load
SLOWED = ("sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown")
COUNTERS = {f"clocks_event_reasons_counters.{reason}": reason for reason in CAPPED + SLOWED}
# the same counters in the output of `nvidia-smi -q -x`, for drivers that cannot be queried for them
ELEMENTS = {
    "clocks_event_reasons_counters_sw_power_cap": "sw_power_cap",
    "clocks_event_reasons_counters_sw_therm_slowdown": "sw_thermal_slowdown",
    "clocks_event_reasons_counters_hw_therm_slowdown": "hw_thermal_slowdown",
    "clocks_event_reasons_counters_hw_power_brake": "hw_power_brake_slowdown",
}
MOST = 0.1  # share of the sampled time for which a device may be slowed

TIMES = 7  # samples of a device's own time
SPAN = 5e-3  # seconds that the calls of one sample take, roughly
QUEUED = 20  # most calls between two events; the least is 2
CLOCK = 2e9  # cycles a second; torch.cuda._sleep takes cycles
ASLEEP = 2e-2  # first attempt: seconds that the device sleeps while calls are queued
LONGEST = 1.0  # most seconds of such a sleep
IN_FLIGHT = 32  # calls that JAX starts before it waits for the first
BUSY = 0.8  # a call waits for the device if the host spends less than this share of its time


def describe() -> dict[str, str]:
    """Return nvidia-smi's facts of the device that frameworks use; empty without a device."""
    return asked(FACTS)


def asked(fields: Sequence[str]) -> dict[str, str]:
    """Return the values of fields of `nvidia-smi --help-query-gpu`; empty where it cannot answer."""
    told = smi(f"--query-gpu={','.join(fields)}", "--format=csv,noheader")
    values = [value.strip() for value in told.strip().split(",")]
    return dict(zip(fields, values, strict=True)) if len(values) == len(fields) else {}


def smi(*arguments: str) -> str:
    """Return the output of nvidia-smi; empty where it fails or is missing.

    It describes the first device of CUDA_VISIBLE_DEVICES, by number or UUID: `rounds.PLAIN` makes CUDA number
    devices as nvidia-smi does.
    """
    device = os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0].strip() or "0"
    command = ["nvidia-smi", f"--id={device}", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def counters() -> dict[str, str]:
    """Return the driver's counters of slowdowns, such as "123 us", by reason; empty where it has none."""
    if queried := asked(tuple(COUNTERS)):
        return {COUNTERS[field]: value for field, value in queried.items()}
    try:
        page = ElementTree.fromstring(smi("-q", "-x"))
    except ElementTree.ParseError:
        return {}
    found = {reason: page.find(f".//{name}") for name, reason in ELEMENTS.items()}
    return {reason: element.text or "" for reason, element in found.items() if element is not None}


@dataclass(frozen=True)
class Slowdowns:
    """Seconds for which a device was slowed so far, by reason, as far as its driver counts them."""

    lasted: Mapping[str, float]

    @classmethod
    def now(cls) -> Slowdowns:
        """Read the counters now."""
        told = {reason: value.split()[0] for reason, value in counters().items() if value.split()}
        return cls({reason: 1e-6 * int(value) for reason, value in told.items() if value.isdecimal()})

    def since(self, before: Slowdowns, reasons: Sequence[str]) -> float | None:
        """Return the seconds of the longest of `reasons` since then; None if the driver counts none of them."""
        known = self.lasted.keys() & before.lasted.keys() & set(reasons)
        return max((self.lasted[reason] - before.lasted[reason] for reason in known), default=None)


def holds(framework: str, array: Any) -> bool:
    """Return True if a native array is in the device's own memory, not in the host's."""
    if framework == "torch":
        return bool(array.device.type == "cuda")
    if framework == "jax":
        return all(device.platform != "cpu" for device in array.devices())
    if framework == "tensorflow":
        return "GPU" in array.backing_device
    return False


def peak(adapter: Adapter, call: Callable[..., Any], arrays: Sequence[Any]) -> int | None:
    """Return the peak bytes of `call(*arrays)` on the device, its result included; None where it is unknown.

    PyTorch and TensorFlow can reset the peak of their allocator. JAX cannot, so its compiler tells how much the
    program allocates; for calls that are not compiled, the peak is unknown.
    """
    if adapter.name == "torch":
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        adapter.synchronize(call(*arrays))
        return int(max(0, torch.cuda.max_memory_allocated() - before))
    if adapter.name == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.reset_memory_stats("GPU:0")
        before = tf.config.experimental.get_memory_info("GPU:0")["current"]
        adapter.synchronize(call(*arrays))
        return int(max(0, tf.config.experimental.get_memory_info("GPU:0")["peak"] - before))
    if adapter.name == "jax" and adapter.mode == "jit":
        import jax

        known = jax.jit(call).lower(*arrays).compile().memory_analysis()
        return None if known is None else int(known.temp_size_in_bytes + known.output_size_in_bytes)
    return None


def kernel_seconds(
    framework: str, start: Callable[[], Any], wait: Callable[[Any], None], expected: float
) -> float | None:
    """Return the seconds that the device itself takes for a call; None where they are unknown.

    `expected` is roughly the seconds of a call that is waited for. PyTorch has events on its stream; the other
    frameworks are measured by a slope.
    """
    return between_events(start, expected) if framework == "torch" else slope(start, wait, expected)


def between_events(start: Callable[[], Any], expected: float) -> float | None:
    """Return the seconds of a call between two CUDA events, without time in which the device waits for the host.

    The device sleeps while calls are queued. If it passes the first event before the last call is queued, the
    sleep was too short, and the sample is discarded. If no sleep is long enough, as for a call that waits for the
    device itself, return None.
    """
    import torch

    count = min(QUEUED, max(2, round(SPAN / expected)))
    times: list[float] = []
    asleep = ASLEEP
    while len(times) < TIMES and asleep <= LONGEST:
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda._sleep(int(CLOCK * asleep))
        begin.record()
        for _ in range(count):
            start()
        end.record()
        in_time = not begin.query()
        torch.cuda.synchronize()
        if in_time:
            times.append(begin.elapsed_time(end) * 1e-3 / count)
        else:
            asleep *= 2
    return statistics.median(times) if len(times) == TIMES else None


def slope(start: Callable[[], Any], wait: Callable[[Any], None], expected: float) -> float | None:
    """Return the seconds of a call as the slope between few calls and four times as many, all queued.

    The slope is the device's time only if the host starts calls faster than the device computes them; return None
    otherwise.
    """
    few = min(IN_FLIGHT // 4, max(1, round(SPAN / expected)))

    slopes, handed = [], []
    for _ in range(TIMES):
        less = clock.queue(start, wait, few)
        more = clock.queue(start, wait, 4 * few)
        slopes.append((more[0] - less[0]) / (3 * few))
        handed.append((more[1] - less[1]) / (3 * few))
    found = statistics.median(slopes)
    return found if found > 0 and statistics.median(handed) < BUSY * found else None
