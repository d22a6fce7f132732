"""Truths kept on disk by content: computed once, shared by every target and run.

A key is the digest of the question and of the sources that compute its answer: editing them invalidates what they
computed. A file begins with a checksum of the rest: one that is broken is computed again.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from adapters import ROOT
from conformance import files
from conformance.truth.formats import Floats
from conformance.truth.oracle import Truth

FOLDER = Path(os.environ.get("SOFTMARK_CACHE", ROOT / ".softmark")) / "truths"


_MEMORY: dict[str, Truth] = {}
_SPENT = [0.0]  # seconds
CHECKSUM = 32  # bytes of a SHA-256
_KEPT = 64  # truths in memory at a time; the tests of one case follow one another


def truth(query: Any, evaluate: Callable[[Any], Truth], sources: tuple[Path, ...]) -> Truth:
    """Return the truth of `query`, a dataclass: from memory, disk, or `evaluate`, which `sources` define."""
    began = time.perf_counter()
    digest = _digest(query, sources)
    if digest not in _MEMORY:
        if len(_MEMORY) >= _KEPT:
            _MEMORY.clear()
        _MEMORY[digest] = _kept(FOLDER / digest[:2] / f"{digest}.npy", lambda: evaluate(query))
    _SPENT[0] += time.perf_counter() - began
    return _MEMORY[digest]


def seconds() -> float:
    """Return the seconds that this process has waited for true values."""
    return _SPENT[0]


def _kept(path: Path, compute: Callable[[], Truth]) -> Truth:
    data = b""
    with suppress(OSError):
        data = path.read_bytes()
    if data[:CHECKSUM] == hashlib.sha256(data[CHECKSUM:]).digest():
        value, residual, radius, decided = np.lib.format.read_array(io.BytesIO(data[CHECKSUM:]))
        return Truth(value, residual, radius, decided != 0)
    found = compute()
    _write(path, np.stack([found.value, found.residual, found.radius, found.decided]))
    return found


def _write(path: Path, array: Floats) -> None:
    """Keep it if possible: a truth that is lost is computed again."""
    kept = io.BytesIO()
    np.save(kept, array)
    with suppress(OSError):
        files.write(path, hashlib.sha256(kept.getvalue()).digest() + kept.getvalue(), durable=False)


@cache
def _begun(sources: tuple[Path, ...]) -> hashlib._Hash:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources))


def _digest(query: Any, sources: tuple[Path, ...]) -> str:
    digest = _begun(sources).copy()
    _feed(digest, "query", query)
    return digest.hexdigest()


def _feed(digest: hashlib._Hash, name: str, value: object) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{name}:{value.dtype}:{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        for part in fields(value):
            _feed(digest, f"{name}.{part.name}", getattr(value, part.name))
    else:
        digest.update(f"{name}={value!r}".encode())
