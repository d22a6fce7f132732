"""Judge a function of NumPy arrays by a folder of vectors, with NumPy alone.

python judge_vectors.py DIR my_module:softmax softmax float32
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np

KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def tensors(path):
    """Return a function from the name of an array to the array: eight bytes, a header in JSON, the arrays."""
    data = np.memmap(path, np.uint8, "r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:start].tobytes())

    def load(name):
        first, last = header[name]["data_offsets"]
        return (
            data[start + first : start + last].view(KINDS[header[name]["dtype"]]).reshape(header[name]["shape"])
        )

    return load


def error(got, expected, bound, largest):
    """Return the largest error over the bound; 0 without a true value, and for an overflow within it."""
    value, residual, radius = (expected[name] for name in ("value", "residual", "radius"))
    with np.errstate(all="ignore"):
        off = np.maximum(np.abs((got - value) - residual) - radius, 0)
        edge = np.isinf(got) & (np.sign(got) == np.sign(value)) & (np.abs(value) + bound >= largest)
        off = np.where(np.isnan(value) | edge, 0, np.where(np.isnan(off), np.inf, off))
        return float(np.max(np.where(off == 0, 0, off / bound), initial=0))


def main(folder, function, operation, dtype):
    """Judge the function by each vector of its operation and format, and return the exit code."""
    module, _, name = function.partition(":")
    function = getattr(importlib.import_module(module), name)
    load, failed, count = tensors(Path(folder, "arrays.safetensors")), 0, 0
    for line in Path(folder, "index.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        asked = row.get("judge") == "bound" and (row["operation"], row["dtype"]) == (operation, dtype)
        if not asked or row["level"] != "must" or row["derivative"] or "where" in row["inputs"]:
            continue
        x, *labels = (load(row["inputs"][name]) for name in ("x", "labels", "weight") if name in row["inputs"])
        got = np.asarray(function(x, *labels, axis=row["axis"], **row["options"]), np.float64)
        expected = {name: load(tensor) for name, tensor in row["expected"].items()}
        worst = error(got, expected, load(row["bounds"][row["grade"]]), np.finfo(dtype).max)
        count, failed = count + 1, failed + (worst > 1)
        if worst > 1:
            print(f"{row['check']}: {worst:.3g} times the bound")
    print(f"{count} vectors, {failed} beyond the bound")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.path.insert(0, "")
    sys.exit(main(*sys.argv[1:]))
