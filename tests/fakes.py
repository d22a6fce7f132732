"""Adapters that misbehave, for the tests of the runner: the reference, but for one input."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from adapters.numpy import Adapter


class Small(Adapter):
    """The reference in one format, to be quick."""

    name = "small"
    dtypes = frozenset({"float32"})


class Crashing(Small):
    """Takes its process along on a logit without an axis."""

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """Abort, or softmax."""
        if np.ndim(x) == 0:
            os.abort()
        return super().softmax(x, **kwargs)


class Hanging(Small):
    """Never answers on a logit without an axis."""

    def log_softmax(self, x: Any, **kwargs: Any) -> Any:
        """Sleep, or log_softmax."""
        if np.ndim(x) == 0:
            time.sleep(3600)
        return super().log_softmax(x, **kwargs)


class Stopping(Small):
    """Ends its process at once, as a framework does that cannot initialise."""

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        raise ImportError("libframework.so.1: cannot open shared object file")


class Uniform(Small):
    """A row of −inf alone becomes uniform: one requirement fails, for the tests of deviations."""

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """Softmax, and 1/n in place of NaN in a row of −inf."""
        result = super().softmax(x, **kwargs)
        if np.ndim(x) == 2 and x.shape[1]:
            masked = np.isneginf(x).all(axis=-1)
            result[masked] = 1 / x.shape[1]
        return result


class Cores(Small):
    """Answers with the number of cores that its process may use, and the threads it is told to."""

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        """The two numbers, in a row."""
        return np.array([len(os.sched_getaffinity(0)), int(os.environ.get("OMP_NUM_THREADS", "0"))], np.float32)
