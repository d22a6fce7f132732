"""Arrays of a library that shares memory with NumPy by DLPack, on the CPU: the ground of a judged function."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from adapters.function import Declared
from adapters.protocol import Array, DeviceUnavailable


class Adapter:
    """The library `declared.arrays`, without any operation."""

    declared: Declared
    features: frozenset[str] = frozenset()

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        """Raise DeviceUnavailable off the CPU, ValueError for another mode."""
        name = self.declared.arrays
        if device != "cpu":
            raise DeviceUnavailable(f"arrays go to {name} by NumPy, so on the CPU alone")
        if mode != "eager":
            raise ValueError(f"{name} has no mode {mode!r}: choose eager")
        self.device, self.mode = device, mode
        try:
            self._library = import_module(name)
        except ModuleNotFoundError as error:
            raise ValueError(f"there is no library {name!r} of arrays: {error}") from error

    def asarray(self, x: Any) -> Array:
        """Share a copy: DLPack takes no array that cannot be written."""
        return self._library.from_dlpack(np.array(x, order="K"))

    def to_numpy(self, x: Array) -> Any:
        """Share the memory of `x`."""
        return np.from_dlpack(x)

    def synchronize(self, x: Array | tuple[Array, ...]) -> None:
        """Return at once: on the CPU results are there when they are returned."""

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays)."""
        return function(*arrays)
