"""Synchronised latency of one forward call, through the adapters: the same body for every framework.

The frameworks are those installed beside asv; one that is missing skips its cells.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import adapters
from adapters.protocol import NotProvided

SHAPES = {"cifar": (128, 10), "imagenet": (256, 1000), "bert": (3072, 128)}
SAMPLES = 20
LEAST = 2e-3  # seconds a sample, so that the clock's resolution does not show


class Forward:
    """`track_latency` over framework, operation and shape, in float32 on the CPU."""

    params = (list(adapters.NAMES), ["softmax", "log_softmax", "softmax_cross_entropy"], list(SHAPES))
    param_names = ("framework", "operation", "shape")
    version = "1"

    def setup(self, framework: str, operation: str, shape: str) -> None:
        """Load the framework and run the call once: what compiles, compiles here."""
        try:
            self.adapter = adapters.load(framework, mode=adapters.MODES[framework][0])
        except ImportError as error:
            raise NotImplementedError(f"{framework} is not installed") from error
        rows, n = SHAPES[shape]
        rng = np.random.default_rng(0)
        self.function = getattr(self.adapter, operation)
        self.arguments = [self.adapter.asarray(rng.standard_normal((rows, n)).astype(np.float32))]
        if operation == "softmax_cross_entropy":
            self.arguments.append(self.adapter.asarray(rng.integers(0, n, rows)))
        try:
            self.call()
        except NotProvided as error:
            raise NotImplementedError(str(error)) from error

    def call(self) -> None:
        """One call, until its result is there."""
        self.adapter.synchronize(self.function(*self.arguments))

    def track_latency(self, framework: str, operation: str, shape: str) -> dict[str, Any]:
        """Seconds a call, as samples that asv takes for a timing."""
        began = time.perf_counter()
        self.call()
        number = max(1, int(LEAST / (time.perf_counter() - began)))
        samples = []
        for _ in range(SAMPLES):
            began = time.perf_counter()
            for _ in range(number):
                self.call()
            samples.append((time.perf_counter() - began) / number)
        return {"samples": samples, "number": number}

    track_latency.unit = "seconds"  # type: ignore[attr-defined]  # how asv is told, in its manual's words
    track_latency.type = "time"  # type: ignore[attr-defined]  # likewise
