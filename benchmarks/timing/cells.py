"""Shapes from real models, and the cells that each tier measures.

A cell is one operation in one direction, mode, format, shape and thread setting; asv's parameters are its
fields, in this order, for every benchmark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from adapters.frameworks import FRAMEWORKS
from conformance import operations
from conformance.operations.operation import Form, Operation

# name → what is timed under it: each form of each operation by itself
TIMED = {form.cell: (operation, form) for operation in operations.OPERATIONS.values() for form in operation.forms}
OPERATIONS = tuple(TIMED)
# Operations beyond the first have blocks of their own: parameters added to a benchmark would ask for it anew.
FIRST = tuple(name for name, (operation, _) in TIMED.items() if not operation.optional)
FURTHER = tuple(name for name, (operation, _) in TIMED.items() if operation.optional)
DIRECTIONS = ("forward", "forward+backward")
MODES = ("eager", "compiled")
FORMATS = {"float32": 4, "bfloat16": 2, "float16": 2, "float64": 8}  # name → bytes an element
THREADS = ("1", "all")
DATA = ("normal", "peaked", "ignored")
PARAMS = ("operation", "direction", "mode", "format", "shape", "threads")


@dataclass(frozen=True)
class ModelShape:
    """Logits of a real model: dimensions, class axis, and by what the first is divided on a CPU."""

    dims: tuple[int, ...]
    where: str
    axis: int = -1
    cpu: int = 1

    def on(self, device: str) -> tuple[int, ...]:
        """The dimensions on `device`: those of the CPU keep within 66 million elements."""
        return (self.dims[0] // self.cpu, *self.dims[1:]) if device == "cpu" else self.dims

    @property
    def n(self) -> int:
        """Classes."""
        return self.dims[self.axis]

    @property
    def small(self) -> bool:
        """Return True if float32 logits are at most 2 MiB: the cost of a call beside its work shows here."""
        return 4 * math.prod(self.on("cpu")) <= 2 << 20


SHAPES = {
    "cifar": ModelShape((128, 10), "CIFAR-10 batch"),
    "imagenet": ModelShape((256, 1000), "ImageNet head"),
    "router8": ModelShape((16384, 8), "mixture-of-experts gate"),
    "router128": ModelShape((16384, 128), "mixture-of-experts gate"),
    "router256": ModelShape((16384, 256), "mixture-of-experts gate"),
    "bert": ModelShape((49152, 128), "attention, S = 128"),
    "vit": ModelShape((151296, 197), "attention, S = 197"),
    "attention": ModelShape((131072, 2048), "unfused attention", cpu=16),
    "long": ModelShape((4096, 32768), "32k context", cpu=16),
    "decode": ModelShape((1, 128256), "sampling, one row"),
    "decode64": ModelShape((64, 151936), "sampling, 64 rows"),
    "llama2": ModelShape((8192, 32000), "language-model head", cpu=16),
    "llama3": ModelShape((8192, 128256), "language-model head", cpu=16),
    "qwen": ModelShape((4096, 152064), "language-model head", cpu=16),
    "gemma": ModelShape((4096, 256000), "language-model head", cpu=16),
    "gpt2": ModelShape((8192, 50257), "raw vocabulary", cpu=16),
    "gpt2-padded": ModelShape((8192, 50304), "padded vocabulary", cpu=16),
    "seg": ModelShape((8, 19, 512, 1024), "segmentation", axis=1, cpu=8),
    "ssd": ModelShape((32, 81, 8732), "SSD", axis=1),
}


@dataclass(frozen=True)
class Cell:
    """One thing that is timed; `data` is no parameter of asv's but part of the benchmark's name."""

    operation: str
    direction: str
    mode: str
    format: str
    shape: str
    threads: str
    data: str = "normal"

    @classmethod
    def of(cls, params: tuple[str, ...], data: str) -> Cell:
        """The cell of `params`, in the order of `PARAMS`."""
        return cls(**dict(zip(PARAMS, params, strict=True)), data=data)

    @property
    def judged(self) -> Operation:
        """The operation as the suite judges it."""
        return TIMED[self.operation][0]

    @property
    def form(self) -> Form:
        """The form of its labels."""
        return TIMED[self.operation][1]

    @property
    def params(self) -> tuple[str, ...]:
        """The values of `PARAMS`."""
        return tuple(getattr(self, name) for name in PARAMS)

    @property
    def name(self) -> str:
        """One line for people."""
        plain = self.params if self.data == "normal" else (*self.params, self.data)
        return " ".join(plain)

    def elements(self, device: str) -> int:
        """Logits in a call."""
        return math.prod(SHAPES[self.shape].on(device))

    def bytes(self, device: str) -> int:
        """Bytes of the logits."""
        return self.elements(device) * FORMATS[self.format]

    def traffic(self, device: str) -> int:
        """The bytes that must move."""
        return self.form.traffic[self.direction] * self.bytes(device)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Block:
    """A full product of parameters: what one class of asv benchmarks covers."""

    modes: tuple[str, ...]
    formats: tuple[str, ...]
    shapes: tuple[str, ...]
    threads: tuple[str, ...] = THREADS
    operations: tuple[str, ...] = FIRST
    directions: tuple[str, ...] = DIRECTIONS
    data: str = "normal"

    @property
    def params(self) -> tuple[list[str], ...]:
        """asv's `params`, in the order of `PARAMS`."""
        return tuple(
            list(values)
            for values in (self.operations, self.directions, self.modes, self.formats, self.shapes, self.threads)
        )

    def __iter__(self) -> Iterator[Cell]:
        """The cells."""
        return (Cell.of(values, self.data) for values in product(*self.params))


CORE_SHAPES = ("cifar", "imagenet", "decode", "bert", "llama2", "seg")
CORE_SMALL = tuple(name for name in CORE_SHAPES if SHAPES[name].small)
CORE_LARGE = tuple(name for name in CORE_SHAPES if not SHAPES[name].small)
CORE = {
    "Eager": Block(("eager",), ("float32",), CORE_SHAPES),
    "Compiled": Block(("compiled",), ("float32",), CORE_SHAPES),
    "Half": Block(MODES, ("bfloat16",), ("imagenet", "llama2")),
}
# In the core tier, the shapes of a framework's less usual mode: a compiler may take seconds a shape.
CORE_KEEPS = {"compiled": ("imagenet", "bert", "llama2"), "eager": ("imagenet",)}
OTHERS = tuple(name for name in SHAPES if name not in CORE_SHAPES)
# whose labels may name the class that is ignored
IGNORABLE = tuple(name for name, (_, form) in TIMED.items() if form.name == "index")
FULL = {
    "Shapes": Block(MODES, ("float32",), OTHERS),
    "Formats": Block(MODES, ("bfloat16", "float16", "float64"), ("cifar", "bert", "gpt2", "seg")),
    "Peaked": Block(MODES, ("float32", "bfloat16"), ("imagenet", "llama2"), data="peaked"),
    "Ignored": Block(MODES, ("float32",), ("imagenet", "llama2"), operations=IGNORABLE, data="ignored"),
    "Further": Block(MODES, ("float32", "bfloat16"), ("imagenet", "decode", "llama2"), operations=FURTHER),
}
TIERS = {"core": CORE, "full": FULL}


def cells(tier: str) -> list[Cell]:
    """Every cell of a tier, those of one shape and format side by side, so that inputs are shared."""
    found = dict.fromkeys(cell for block in TIERS[tier].values() for cell in block)
    order = list(SHAPES)
    return sorted(found, key=lambda cell: (order.index(cell.shape), cell.format, cell.data))


def kept(tier: str, framework: str, cell: Cell) -> bool:
    """Return True if `tier` asks a framework for a cell."""
    usual = cell.mode == FRAMEWORKS[framework].usually_timed
    return tier != "core" or usual or cell.shape in CORE_KEEPS[cell.mode]
