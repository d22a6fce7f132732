"""Triton's interpreter, which runs kernels without a GPU, and what interpreter.toml says not to trust it with."""

from __future__ import annotations

import math
import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.protocol import Array, NotProvided

VARIABLE = "TRITON_INTERPRET"
UNTRUSTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def choose(device: str) -> bool:
    """Choose the interpreter on the CPU, before Triton is imported, and return whether it runs the kernels.

    Raises:
        ValueError: this process has imported Triton for the other kind of device.
    """
    chosen = str(int(device == "cpu"))
    if "triton" in sys.modules and os.environ.get(VARIABLE, "0") != chosen:
        raise ValueError(f"this process has imported Triton for another device than {device}: use another one")
    os.environ[VARIABLE] = chosen
    return runs(device)


def runs(device: str) -> bool:
    """Return whether the interpreter runs the kernels of this process on a device."""
    return device == "cpu" and os.environ.get(VARIABLE) == "1"


def require_trusted(target: str, x: Array, axis: int, options: Mapping[str, Any]) -> None:
    """Raise NotProvided for a call of a row operation or loss that the interpreter is not to be trusted with."""
    told = UNTRUSTED["formats"].get(str(x.dtype).rpartition(".")[2])
    for option, reason in UNTRUSTED["options"].get(target, {}).items():
        told = reason if options.get(option) is not None else told
    if math.prod(x.shape) > UNTRUSTED["rows"]["most"] * x.shape[axis]:
        told = UNTRUSTED["rows"]["reason"]
    if told:
        raise NotProvided(f"interpreter: {told}")
