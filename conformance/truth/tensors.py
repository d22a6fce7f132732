"""Read and write arrays as safetensors: eight bytes with a length, so many bytes of JSON, then the arrays.

The package of that name writes none of NumPy's 8-bit formats, and would be needed beside every framework.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
KINDS = {"f": "F", "i": "I", "u": "U"}
FOREIGN = {"bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "bool": "BOOL"}
NUMPY = {named: dtype for dtype, named in FOREIGN.items()}


def code(dtype: np.dtype[Any]) -> str:
    """Return the format's name in safetensors: "F32"."""
    return FOREIGN.get(dtype.name) or f"{KINDS[dtype.kind]}{8 * dtype.itemsize}"


def dtype_of(code: str) -> np.dtype[Any]:
    """Return NumPy's format of a name in safetensors."""
    if code in NUMPY:
        return np.dtype(getattr(ml_dtypes, NUMPY[code], NUMPY[code]))
    return np.dtype(f"<{code[0].lower()}{int(code[1:]) // 8}")


@dataclass
class Tensors:
    """Arrays on their way to a file, each kept once under a name of its content."""

    arrays: dict[str, Array] = field(default_factory=dict)

    def add(self, array: Array) -> str:
        """Keep an array and return its name."""
        array = np.ascontiguousarray(array).reshape(array.shape)
        about = f"{array.dtype.name}{array.shape}".encode()
        name = hashlib.sha256(about + array.tobytes()).hexdigest()[:32]
        self.arrays.setdefault(name, array)
        return name

    def write(self, file: BinaryIO) -> None:
        """Write all arrays."""
        if sys.byteorder != "little":
            raise NotImplementedError("safetensors are little-endian, and this machine is not")
        header, end = {}, 0
        for name, array in self.arrays.items():
            begin, end = end, end + array.nbytes
            header[name] = {"dtype": code(array.dtype), "shape": array.shape, "data_offsets": [begin, end]}
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        file.write(len(text).to_bytes(8, "little") + text)
        for array in self.arrays.values():
            file.write(array.tobytes())


def read(path: Path) -> dict[str, Array]:
    """Return the arrays of a file by name; they stay on the disk until they are looked at.

    Raises:
        ValueError: it is no such file, or has lost its end.
    """
    data = np.memmap(path, np.uint8, "r")
    length = int.from_bytes(data[:8].tobytes(), "little")
    start = 8 + length
    try:
        header = json.loads(data[8:start].tobytes())
        return {
            name: data[start + begin : start + end].view(dtype_of(about["dtype"])).reshape(about["shape"])
            for name, about in header.items()
            for begin, end in [about["data_offsets"]]
        }
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no whole file of safetensors: {error}") from error
