"""Made-up results in asv's own files, written by asv's own classes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from asv import util
from asv.benchmarks import Benchmarks
from asv.results import Results

from adapters.releases import PACKAGES, Release
from benchmarks.timing.cells import PARAMS, Block, Cell

# metric → (unit, type), and whether it is returned as samples
METRICS = {
    "latency": ("seconds", "time", True),
    "roofline": ("times the roofline", "track", True),
    "memory": ("logit copies", "track", False),
    "error": ("worst error over bound", "track", False),
}
SMALL = Block(("eager", "compiled"), ("float32",), ("imagenet", "decode"), ("1",), ("softmax",), ("forward",))
FIRST = date(2025, 1, 31)
STARTED = datetime(2026, 1, 1, tzinfo=UTC)

Value = float | Sequence[float] | None  # a number, samples, or null


def release(framework: str, version: str, day: date = FIRST) -> Release:
    """A release that pins its own packages."""
    names = dict.fromkeys((*PACKAGES[framework], "ml-dtypes", "numpy"))
    own = PACKAGES[framework][: 2 if framework == "jax" else 1]
    pins = tuple(f"{name}=={version if name in own else '1.0.0'}" for name in names)
    return Release(framework, version, day, ">=3.11,<3.14", pins)


def line(framework: str, *versions: str) -> list[Release]:
    """Releases thirty days apart."""
    return [release(framework, version, FIRST + timedelta(30 * i)) for i, version in enumerate(versions)]


def commit(of: Release) -> str:
    """A commit for a release."""
    return sha1(of.tag.encode()).hexdigest()


def commits(*releases: Release) -> dict[str, Release]:
    """Commit → release."""
    return {commit(one): one for one in releases}


def samples(median: float, noise: float, random_: random.Random, count: int = 5) -> list[float]:
    """`count` samples about a median, of Gaussian noise relative to it."""
    return [median * (1 + random_.gauss(0, noise)) for _ in range(count)]


@dataclass
class Folder:
    """A folder of results of one machine; `blocks` are the classes of benchmarks, by name."""

    path: Path
    machine: str = "box"
    cpu: str = "A CPU"
    blocks: Mapping[str, Block] = field(default_factory=lambda: {"Eager": SMALL})

    def __post_init__(self) -> None:
        known = {"machine": self.machine, "cpu": self.cpu, "num_cpu": "2", "ram": "17179869184", "arch": "x86_64"}
        util.write_json(str(self.path / self.machine / "machine.json"), {**known, "os": "Linux"}, 1)
        self.benchmarks = {
            f"core.{name}.track_{metric}": {
                "name": f"core.{name}.track_{metric}",
                "param_names": list(PARAMS),
                "params": [[repr(value) for value in values] for values in block.params],
                "unit": unit,
                "type": kind,
                "version": "1",
            }
            for name, block in self.blocks.items()
            for metric, (unit, kind, _) in METRICS.items()
        }
        config = SimpleNamespace(benchmark_dir="", results_dir=str(self.path))
        Benchmarks(config, self.benchmarks.values()).save()

    def add(
        self,
        of: Release,
        values: Mapping[tuple[str, Cell], Value],
        *,
        env: str = "virtualenv-py3.11",
        keep: bool = True,
        version: str = "1",
        started: datetime = STARTED,
        **params: str,
    ) -> Path:
        """Write the results of a release: (metric, cell) → value; cells that are not named are null."""
        facts = {"machine": self.machine, **params}
        results = Results(facts, {}, commit(of), 0, "3.11", env, {})
        for name, benchmark in self.benchmarks.items():
            _, block, method = name.split(".")
            given = [values.get((method.removeprefix("track_"), cell)) for cell in self.blocks[block]]
            outcome: Any = SimpleNamespace(
                result=[value[0] if isinstance(value, Sequence) else value for value in given],
                samples=[list(value) if isinstance(value, Sequence) else None for value in given],
                number=[1 if isinstance(value, Sequence) else None for value in given],
                stderr="", errcode=0, profile=None,
            )  # fmt: skip
            results.add_result({**benchmark, "version": version}, outcome, started, 1.0, record_samples=keep)
        results.save(str(self.path))
        return self.path / str(results._filename)
