"""Small calls that tell one implementation from another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adapters
from adapters.numpy import Adapter

FRAMEWORKS = {*adapters.MODES, "optax"} - {"numpy"}
INF, NAN = np.inf, np.nan

NORMAL = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
LONG = np.random.default_rng(1).standard_normal((6, 1000)).astype(np.float32)
OTHER = np.random.default_rng(2).standard_normal((3, 4)).astype(np.float32)
SOFT = np.random.default_rng(3).dirichlet(np.ones(4), 3).astype(np.float32)
INDEX = np.array([0, 3, 1])
UPSTREAM = np.array([1, -2, 0.5], np.float32)
CERTAIN = np.array([[200, 0, 0]], np.float32)
LOSS = "softmax_cross_entropy"

Call = Callable[[Adapter], Any]


def softmax(x: Any, dtype: Any = np.float32, **kwargs: Any) -> Call:
    return lambda a: a.softmax(np.asarray(x, dtype), **kwargs)


def log_softmax(*x: float) -> Call:
    return lambda a: a.log_softmax(np.array(x, np.float32))


def logsumexp(x: Any, **kwargs: Any) -> Call:
    return lambda a: a.logsumexp(np.asarray(x, np.float32), **kwargs)


def loss(labels: Any, x: Any = NORMAL, **kwargs: Any) -> Call:
    return lambda a: a.softmax_cross_entropy(np.asarray(x), np.asarray(labels), **kwargs)


def divergence(labels: Any = SOFT, x: Any = NORMAL, **kwargs: Any) -> Call:
    return lambda a: a.kl_divergence(np.asarray(x, np.float32), np.asarray(labels, np.float32), **kwargs)


def focal(labels: Any = SOFT, x: Any = NORMAL, **kwargs: Any) -> Call:
    return lambda a: a.focal_loss(np.asarray(x, np.float32), np.asarray(labels, np.float32), **kwargs)


def draws(x: Any = NORMAL, count: int = 500, seed: int = 1) -> Call:
    return lambda a: a.categorical(np.asarray(x, np.float32), count=count, seed=seed)


def relaxed(x: Any = NORMAL, dtype: Any = np.float32, **kwargs: Any) -> Call:
    return lambda a: a.gumbel_softmax(np.asarray(x, dtype), seed=1, **kwargs)


def drawn_again(a: Adapter) -> Any:
    return (draws()(a) == draws()(a)).all()


def top_k(x: Any = NORMAL, k: int = 2, dtype: Any = np.float32, **kwargs: Any) -> Call:
    return lambda a: np.stack(a.top_k(np.asarray(x, dtype), k, **kwargs))


def derivative(kind: str, operation: str, *vectors: Any, **kwargs: Any) -> Call:
    return lambda a: getattr(a, kind)(operation, NORMAL, *vectors, **kwargs)


def repeated(a: Adapter) -> Any:
    return (a.softmax(LONG) == a.softmax(LONG)).all()


def afterwards(a: Adapter) -> Any:
    x = NORMAL.copy()
    a.softmax(x)
    return x


def sorted_in_place(a: Adapter) -> Any:
    x = NORMAL.copy()
    a.top_k(x, 2)
    return x


def overwritten(a: Adapter) -> Any:
    first = a.softmax(NORMAL)
    a.log_softmax(NORMAL)
    return first


def ignored_gradient(a: Adapter) -> Any:
    x = np.where([[False], [True], [False]], np.float32(NAN), NORMAL)
    return a.vjp(LOSS, x, UPSTREAM, labels=np.array([0, -7, 1]), ignore_index=-7)


def after_refusal(a: Adapter) -> Any:
    with pytest.raises(IndexError):
        a.softmax_cross_entropy(NORMAL, np.array([0, 4, 1]))
    return a.softmax_cross_entropy(NORMAL, INDEX)


def overwritten_upstream(a: Adapter) -> Any:
    cotangent = OTHER.copy()
    a.vjp("softmax", NORMAL, cotangent)
    return cotangent


def changed_in_place(a: Adapter) -> Any:
    x = NORMAL.copy()
    a.softmax(x)
    x[...] = OTHER
    return a.softmax(x)


def two_at_once(a: Adapter) -> Any:
    x = np.resize(LONG, (2, 4096))
    alone = a.softmax(x)
    with ThreadPoolExecutor(max_workers=2) as pool:
        calls = [pool.submit(a.softmax, (x, -x)[i % 2]) for i in range(200)]
        return all((call.result() == alone).all() for call in calls[::2])


def given_to_loss(smoothing: float = 0.0, **given: Any) -> Call:
    def call(a: Adapter) -> Any:
        arrays: dict[str, Any] = {name: np.array(value, np.float32) for name, value in given.items()}
        labels = arrays.pop("labels", INDEX)
        a.softmax_cross_entropy(NORMAL, labels, label_smoothing=smoothing, **arrays)
        return np.concatenate([labels.ravel(), *arrays.values()])

    return call


def mapped(**options: Any) -> Call:
    labels = np.stack([INDEX, INDEX])
    return lambda a: a.vmap(
        lambda x, y: a.softmax_cross_entropy(x, y, **options), np.stack([NORMAL, OTHER]), labels
    )


def linear(x: Any, matrix: Any = None, dtype: Any = np.float32, **kwargs: Any) -> Call:
    hidden = np.asarray(x, dtype)
    weight = _matrix(hidden) if matrix is None else np.asarray(matrix, dtype)
    return lambda a: a.linear_cross_entropy(hidden, weight, np.arange(len(hidden)) % len(weight), **kwargs)


def _matrix(hidden: Any) -> Any:
    return np.random.default_rng(4).standard_normal((40, hidden.shape[1])).astype(hidden.dtype)


def linear_gradient(x: Any, wrt: str, **kwargs: Any) -> Call:
    upstream, labels = np.cos(np.arange(len(x))).astype(x.dtype), np.arange(len(x))
    given = {"matrix": _matrix(x), "labels": labels, "wrt": wrt, **kwargs}
    return lambda a: a.vjp("linear_cross_entropy", x, upstream, **given)


def overwritten_hidden(a: Adapter) -> Any:
    x = NORMAL.copy()
    linear_gradient(x, "x")(a)
    return x


def answer(a: Adapter, call: Call) -> tuple[Any, ...]:
    """What `a` returns, down to format, shape and bits; or that it raises."""
    try:
        result = np.asarray(call(a))
    except (ValueError, TypeError, IndexError):
        return ("raises",)
    return result.dtype.name, result.shape, result.tobytes()


def frameworks_after(statement: str) -> list[str]:
    """The frameworks that a fresh interpreter has imported after `statement`."""
    program = f"import sys; {statement}; print(*{FRAMEWORKS} & sys.modules.keys())"
    root = Path(adapters.__file__).parents[1]
    return subprocess.check_output([sys.executable, "-c", program], cwd=root, text=True).split()
