"""Adapters with one mistake each, of the adapter itself and not of the framework under it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.dying import Tiny
from tests.fakes import Small


class ReturnsNone(Small):
    def softmax(self, x: Any, **kwargs: Any) -> Any:
        return None


class ReturnsList(Small):
    def log_softmax(self, x: Any, **kwargs: Any) -> Any:
        return super().log_softmax(x, **kwargs).tolist()


class ReturnsMean(Small):
    def softmax_cross_entropy(self, logits: Any, labels: Any, **kwargs: Any) -> Any:
        return super().softmax_cross_entropy(logits, labels, reduction="mean")


class ReturnsObjects(Small):
    def logsumexp(self, x: Any, **kwargs: Any) -> Any:
        return super().logsumexp(x, **kwargs).astype(object)


class DerivesNone(Small):
    def vjp(self, operation: str, x: Any, cotangent: Any, **kwargs: Any) -> Any:
        return None


class LosesArray(Small):
    def asarray(self, x: Any) -> Any:
        return None


class Widens(Small):
    dtypes = frozenset({"float16"})

    def to_numpy(self, x: Any) -> Any:
        return x.astype(np.float32)


class Flushes(Small):
    def asarray(self, x: Any) -> Any:
        return x + np.float32(0)  # −0 becomes 0


class UnknownFormat(Small):
    dtypes = frozenset({"fp32"})


class ComplexFormat(Small):
    dtypes = frozenset({"complex64"})


class NoFormat(Small):
    dtypes = frozenset()


class TextForFormats(Small):
    dtypes: Any = "float32"


class UnknownFeature(Small):
    features = Small.features | {"grad"}


class NoVersion(Small):
    version: Any = None


class NumberForVersion(Small):
    version: Any = 1.5


class NoName(Small):
    name: Any = None


class NoMethod(Small):
    to_numpy: Any = None


# No mistakes:


class OddVersion(Tiny):
    """A version that no order is known of, with what Rich, HTML and XML take for markup."""

    name = "torch"  # of which there are known deviations
    version = "[bold]nightly[/] <b>&amp;</b> [/red]"


class Raises(Small):
    """A framework of which one function is broken."""

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no kernel image is available")


class Narrows(Small):
    """A framework whose answers have another format, which a requirement asks for."""

    def softmax(self, x: Any, **kwargs: Any) -> Any:
        return super().softmax(x, **kwargs).astype(np.float16)
