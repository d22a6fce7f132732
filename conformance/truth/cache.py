"""Truths kept on disk by content: computed once, shared by every target and run.

A key is the digest of the question and of the sources that compute its answer: editing them invalidates what they
computed. A file begins with a checksum of the rest: one that is broken is computed again.

Vectors (`conformance.vectors`) take the place of all this in a run that is given a folder of them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from adapters import CACHE
from conformance import files
from conformance.truth import tensors
from conformance.truth.formats import Floats
from conformance.truth.oracle import Truth

FOLDER = CACHE / "truths"
VECTORS = "SOFTMARK_VECTORS"  # the variable that names a folder of vectors to judge from
ASKED = "SOFTMARK_ASKED"  # the variable that names a file in which to note each question
INDEX, ARRAYS = "index.jsonl", "arrays.safetensors"  # of a folder of vectors

_MEMORY: dict[str, Truth] = {}
_HELD = [0]  # bytes
_SPENT = [0.0]  # seconds
CHECKSUM = 32  # bytes of a SHA-256
_KEPT = 2**26  # bytes of values in memory at a time: the checks of many requirements share a row


class NoTruth(BaseException):
    """The vectors of the run do not answer a question: no error of a framework, which a test may expect."""


def truth(query: Any, evaluate: Callable[[Any], Truth], sources: tuple[Path, ...]) -> Truth:
    """Return the truth of `query`, a dataclass: from memory, disk, or `evaluate`, which `sources` define."""
    began = time.perf_counter()
    digest = _digest(query, sources)
    if digest not in _MEMORY:
        _remember(digest, _found(query, digest, evaluate))
    _SPENT[0] += time.perf_counter() - began
    return _MEMORY[digest]


def _remember(digest: str, found: Truth) -> None:
    """Keep a truth in memory, and forget the oldest ones where all are too many; the newest one stays."""
    _MEMORY[digest] = found
    _HELD[0] += found.value.nbytes
    while _HELD[0] > _KEPT and len(_MEMORY) > 1:
        _HELD[0] -= _MEMORY.pop(next(iter(_MEMORY))).value.nbytes


def seconds() -> float:
    """Return the seconds that this process has waited for true values."""
    return _SPENT[0]


def _found(query: Any, digest: str, evaluate: Callable[[Any], Truth]) -> Truth:
    if given := os.environ.get(VECTORS):
        return _given(Path(given), question(query))
    path = FOLDER / digest[:2] / f"{digest}.npy"
    found = _kept(path, lambda: evaluate(query))
    if asked := os.environ.get(ASKED):
        with Path(asked).open("a", encoding="ascii") as file:
            file.write(f"{question(query)} {path.name}\n")
    return found


def question(query: Any) -> str:
    """Return the digest of a question alone, whatever computes its answer."""
    return _digest(query, ())


def answer(name: str) -> Truth:
    """Return the truth in a file that `ASKED` names.

    Raises:
        NoTruth: it is not there: the folder cannot be written to.
    """

    def lost() -> Truth:
        raise NoTruth(f"the true values cannot be kept in {FOLDER}")

    return _kept(FOLDER / name[:2] / name, lost)


def _given(folder: Path, asked: str) -> Truth:
    arrays, answers = vectors(folder)
    if asked not in answers:
        raise NoTruth(f"the vectors in {folder} lack a true value: write them anew, by this suite in this tier")
    parts = [arrays[name] for name in answers[asked]]
    return Truth(parts[0], parts[1], parts[2], parts[3] != 0)


@cache
def vectors(folder: Path) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return the arrays of a folder of vectors, and the names of the four that answer each question.

    Raises:
        ValueError, OSError: it is none.
    """
    answers = {}
    with (folder / INDEX).open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["kind"] == "truth":
                answers[row["question"]] = [row[part.name] for part in fields(Truth)]
    return tensors.read(folder / ARRAYS), answers


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
