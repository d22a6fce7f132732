"""Truths on disk: computed once, read back bit for bit, and never a reason to stop."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from conformance.operations import query as questions
from conformance.operations.labels import Loss
from conformance.operations.query import Query
from conformance.truth import cache
from conformance.truth.oracle import Truth

X = np.array([[0.0, 1.5, -np.inf], [3.0, 3.0, 1e-300]])
QUERIES = [
    Query("softmax", X),
    Query("log_softmax", X),
    Query("log_softmax", np.array([[np.nan, 1.0], [1.0, 2.0]])),
    Query("softmax_cross_entropy", X, loss=Loss(np.array([0, 1]))),
    Query("softmax_cross_entropy", X, loss=Loss(np.array([0, 1]), "mean")),
    Query("softmax", X, "vjp", np.ones((2, 3))),
]


class Counter:
    """The oracle, counting what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, query: Query) -> Truth:
        self.asked += 1
        return EVALUATE(query)


EVALUATE = questions.evaluate


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
    counter = Counter()
    monkeypatch.setattr(cache, "FOLDER", tmp_path / "truths")
    monkeypatch.setattr(cache, "_MEMORY", {})
    monkeypatch.setattr(questions, "evaluate", counter)
    return counter


def forget() -> None:
    cache._MEMORY.clear()


def files() -> list[Path]:
    return [path for path in cache.FOLDER.rglob("*") if path.is_file()]


def bits(truth: Truth) -> list[bytes]:
    return [np.asarray(part).tobytes() for part in vars(truth).values()]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_a_truth_is_computed_once_and_read_back_bit_for_bit(query: Query, counter: Counter) -> None:
    first = questions.truth(query)
    assert questions.truth(query) is first
    forget()
    again = questions.truth(query)
    assert counter.asked == 1
    assert bits(again) == bits(first) == bits(EVALUATE(query))
    assert [np.shape(part) for part in vars(again).values()] == [np.shape(first.value)] * 4
    assert [path.suffix for path in files()] == [".npy"]


@pytest.mark.parametrize(
    "broken", [b"", b"\x93NUMPY", b"garbage", b"PK\x03\x04 not a zip", "half", "two", "object"]
)
def test_a_broken_file_is_recomputed_and_replaced(broken: bytes | str, counter: Counter) -> None:
    query = QUERIES[0]
    first = questions.truth(query)
    (path,) = files()
    whole = path.read_bytes()
    if broken == "half":
        path.write_bytes(whole[: len(whole) // 2])
    elif broken == "two":
        np.save(path, np.zeros((2, 2, 3)))
    elif broken == "object":
        np.save(path, np.array([{}], object), allow_pickle=True)
    else:
        assert isinstance(broken, bytes)
        path.write_bytes(broken)
    forget()
    assert bits(questions.truth(query)) == bits(first)
    assert counter.asked == 2
    assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_no_error(
    counter: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(cache, "FOLDER", tmp_path / "file" / "truths")
    assert bits(questions.truth(QUERIES[0])) == bits(EVALUATE(QUERIES[0]))


def test_another_source_of_the_oracle_is_another_key(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    questions.truth(QUERIES[0])
    forget()
    monkeypatch.setattr(cache, "_begun", lambda sources: hashlib.sha256(b"another oracle"))
    questions.truth(QUERIES[0])
    assert counter.asked == 2
    assert len(files()) == 2


def test_every_part_of_a_query_is_part_of_its_key(counter: Counter) -> None:
    loss = "softmax_cross_entropy"
    labels = np.array([0, 1])
    asked = [
        *QUERIES,
        Query("softmax", X.reshape(3, 2)),
        Query("softmax", X, "jvp", None, np.ones((2, 3))),
        Query("softmax", X, "hvp", np.ones((2, 3)), np.ones((2, 3))),
        Query("softmax", np.where(X == 0, -0.0, X)),
        Query(loss, X, loss=Loss(labels, "sum")),
        Query(loss, X, loss=Loss(labels[::-1])),
        Query(loss, X, loss=Loss(labels, weight=np.ones(3))),
        Query(loss, X, loss=Loss(labels, ignore_index=1)),
        Query(loss, X, loss=Loss(labels, label_smoothing=0.5)),
        Query(loss, X, "vjp", np.ones(2), loss=Loss(np.eye(2, 3))),
        Query(loss, X, "vjp", np.ones(2), wrt="labels", loss=Loss(np.eye(2, 3))),
    ]
    assert len({cache._digest(query, questions.SOURCES) for query in asked}) == len(asked)


def test_memory_holds_no_more_than_it_is_granted(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_KEPT", 100)
    monkeypatch.setattr(cache, "_HELD", [0])
    for query in QUERIES:
        newest = questions.truth(query)
        assert any(truth is newest for truth in cache._MEMORY.values())
        assert len(cache._MEMORY) == 1 or sum(truth.value.nbytes for truth in cache._MEMORY.values()) <= 100
    assert 0 < len(cache._MEMORY) < len(QUERIES)


def test_waiting_for_truths_is_counted(counter: Counter) -> None:
    before = cache.seconds()
    questions.truth(QUERIES[0])
    assert cache.seconds() > before
