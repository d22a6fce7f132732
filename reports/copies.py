"""Computes parts that do not need one another side by side, each in a copy of this process."""

from __future__ import annotations

import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from adapters.frameworks import FRAMEWORKS

Result = TypeVar("Result")
PARTS: list[Callable[[], Any]] = []  # what a copy finds in its memory: none of it is sent to it


def side_by_side(parts: Sequence[Callable[[], Result]], most: int = 2) -> list[Result]:
    """Return what each part returns, in their order; at most so many are computed at a time.

    Where a process cannot be copied, or a framework with threads of its own is loaded, they are computed one
    after another: a copy has no thread but the one that asks for it.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    threaded = {framework.package for framework in FRAMEWORKS.values()} & sys.modules.keys() - {"numpy"}
    if sys.platform != "linux" or min(cores, most, len(parts)) < 2 or threaded:
        return [part() for part in parts]
    PARTS[:] = parts
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the idle threads that NumPy's library has
        pool = multiprocessing.get_context("fork").Pool(min(cores, most))
    with pool:
        found: list[Result] = pool.map(_result, range(len(parts)), chunksize=1)
    PARTS.clear()
    return found


def _result(part: int) -> Any:
    return PARTS[part]()
