"""No false alarm: the suite finds nothing wrong with implementations that are right in different ways."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import adapters
from adapters.honest import Honest
from adapters.numpy import Adapter
from conformance import requirements
from conformance.record import reading, verdict
from conformance.record.records import Record
from conformance.run.processes import supervisor
from tests.calls import answer, divergence, draws, focal, frameworks_after, linear, relaxed, top_k


def kinds(base: type[Honest]) -> list[type[Honest]]:
    """All classes below `base`."""
    return [kind for child in base.__subclasses__() for kind in (child, *kinds(child))]


HONEST = {kind.__name__: kind for kind in kinds(Honest)}
BACKWARDS = tuple(reversed(HONEST))  # another worker may be judging them one by one, the first ones first
CITED = r"\b[\w.-]+/[\w.-]+#\d+\b|arXiv:\d{4}\.\d{5}|\(\d{4}\)|textbook method"
RIGHT = {"pass", "choice", "measured", "absent"}
INF, NAN = np.inf, np.nan

Call = Callable[[Adapter], Any]

NORMAL = np.random.default_rng(0).standard_normal((50, 1000)).astype(np.float32)
OTHER = np.random.default_rng(1).standard_normal((50, 1000)).astype(np.float32)
SOFT = np.random.default_rng(5).dirichlet(np.ones(1000), 50).astype(np.float32)
MASKED = np.array([[0, -INF, 1]], np.float32)
LARGEST = np.array([1, -1], np.float32) * np.finfo(np.float32).max
LOSS = "softmax_cross_entropy"


def softmax(x: Any, **kwargs: Any) -> Call:
    return lambda a: a.softmax(np.asarray(x), **kwargs)


def loss(x: Any, labels: Any, **kwargs: Any) -> Call:
    return lambda a: a.softmax_cross_entropy(np.asarray(x), np.asarray(labels), **kwargs)


def gradient(operation: str, x: Any, *vectors: Any, **kwargs: Any) -> Call:
    return lambda a: a.vjp(operation, np.asarray(x), *vectors, **kwargs)


BLOCK = NORMAL[:6, :20].reshape(2, 3, 20)
EMPTY = np.array([[-INF, -INF]], np.float32)
HIDDEN = np.zeros((1, 2), bool)
THIRD = np.full((1, 3), 1 / 3, np.float32)

# each class, and calls to which its answers are not, bit for bit, the reference's
DIFFERS: dict[str, tuple[Call, ...]] = {
    "Float64Inside": (softmax(NORMAL),),
    "CompensatedSum": (softmax(NORMAL),),
    "BlockedSum": (softmax(NORMAL),),
    "SequentialWide": (softmax(NORMAL),),
    "ReciprocalMultiply": (softmax(NORMAL),),
    "OnlineSoftmax": (softmax(NORMAL), softmax(np.array([INF, 0], np.float32))),
    "ChunkedOnlineSoftmax": (softmax(NORMAL),),
    "Base2Exponential": (softmax(NORMAL), softmax(NORMAL.astype(np.float64))),
    "Log1pForm": (softmax(NORMAL), softmax(np.array([INF, 0], np.float32))),
    "PlainLogSumExp": (lambda a: a.logsumexp(NORMAL),),
    "GradientFromLogs": (gradient("log_softmax", NORMAL, OTHER),),
    "ExpandedJacobian": (gradient("softmax", NORMAL, OTHER),),
    "FlushingToZero": (
        softmax(np.array([0, -88], np.float32)),
        softmax(np.array([0, -10], np.float16)),
        softmax(np.array([0, -88], ml_dtypes.bfloat16)),
    ),
    "SafeSoftmax": (
        softmax(EMPTY),
        softmax(np.array([INF, 0], np.float32)),
        softmax(np.float32(1)),
        softmax(np.array([1, 2])),
        softmax(np.zeros((2, 0), np.float32)),
        gradient("log_softmax", EMPTY, np.ones((1, 2), np.float32)),
        loss(NORMAL, np.full(50, -1), ignore_index=-1, reduction="mean"),
    ),
    "TensorFlowAnswers": (
        softmax(BLOCK, axis=None),
        lambda a: a.log_softmax(LARGEST),
        loss(NORMAL, np.full(50, 1000)),
        loss(NORMAL, np.full(50, -1)),
        loss(MASKED, np.array([[0.5, 0, 0.5]], np.float32)),
        gradient(LOSS, NORMAL[:1, :3], np.ones(1, np.float32), labels=THIRD * 2),
    ),
    "SeveralAxes": (
        softmax(BLOCK, axis=(0, 2)),
        softmax(BLOCK, axis=None),
        softmax(BLOCK[0] + np.complex64(1j)),
    ),
    "ImplicitAxis": (
        softmax(BLOCK, axis=None),
        lambda a: a.autocast(a.softmax, BLOCK.astype(np.float16)),
    ),
    "OtherLabels": (
        loss(NORMAL[:2, :3], -THIRD[[0, 0]]),
        loss(NORMAL[:2, :3], THIRD),
        loss(NORMAL[:1, :3], np.array([[0, 1, 0]])),
        loss(NORMAL[:1, :3], THIRD, weight=np.array([1, 2, 4], np.float32), reduction="mean"),
    ),
    "OneProductExp2": (softmax(NORMAL), softmax(NORMAL.astype(np.float64))),
    "TwoConstantExp2": (softmax(NORMAL),),
    "TwoUlpsExponential": (softmax(NORMAL), softmax(NORMAL.astype(np.float64))),
    "FourUlpsExponential": (softmax(NORMAL),),
    "HighReciprocal": (softmax(np.array([0], np.float32)),),
    "SoftmaxFromLogs": (softmax(NORMAL),),
    "OnlineByColumn": (softmax(NORMAL),),
    "TilesOf16": (softmax(NORMAL),),
    "TilesOf333": (softmax(NORMAL),),
    "LanesOf8": (softmax(NORMAL),),
    "KahanSum": (softmax(NORMAL),),
    "FusedProducts": (gradient("softmax", NORMAL, OTHER),),
    "ChunkedLoss": (loss(NORMAL[:33], np.arange(33), reduction="mean"),),
    "LossFromSums": (loss(NORMAL[:, :3], np.repeat(THIRD, 50, axis=0)),),
    "GradeD": (softmax(NORMAL), softmax(NORMAL.astype(np.float16)), softmax(NORMAL.astype(ml_dtypes.bfloat16))),
    "GradeDFlushing": (softmax(np.array([0, -88], np.float32)), softmax(np.array([0, -10], np.float16))),
    "GradeE": (softmax(NORMAL.astype(np.float16)), softmax(NORMAL.astype(ml_dtypes.bfloat16))),
    "LinearChunksOfRows": (linear(BLOCK[0], dtype=np.float16),),
    "LinearBlocksOfClasses": (linear(NORMAL[:, :20]),),
    "LinearStoredLogits": (linear(BLOCK[0], dtype=np.float16),),
    "DivergenceByTerms": (divergence(SOFT, NORMAL),),
    "DivergenceByProducts": (lambda a: a.kl_divergence(NORMAL.astype(np.float16), SOFT.astype(np.float16)),),
    "FocalFromSoftmax": (focal(SOFT, NORMAL * 4),),
    "FocalFromLogs": (focal(SOFT, NORMAL * 4),),
    "GumbelMax": (draws(),),
    "ExponentialRace": (draws(),),
    "NarrowInverse": (draws(),),
    "GumbelOfUniform": (relaxed(),),
    "TopKByHeap": (top_k(np.zeros(99)), top_k([NAN, 0])),
    "TopKByPartition": (top_k(np.zeros(99)), top_k([NAN, 0])),
    "TopKByNetwork": (top_k(np.arange(99) % 3, 90),),
    "TopKByRadix": (top_k([-0.0, 0]), top_k([-NAN, 0])),
    "TopKFlushing": (top_k([0, 1e-40]),),
    "EmptyRowIsNaN": (softmax(np.ones((1, 2), np.float32), where=HIDDEN),),
}


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str], Record]:
    """The record of a class on the quick tier, which the first of pytest's workers that asks for it makes.

    A method of one operation is judged in that one: elsewhere it is the reference, which the gallery's tests ask.
    """
    base = tmp_path_factory.getbasetemp()
    output: Path = (base if worker_id == "master" else base.parent) / "honest"
    output.mkdir(exist_ok=True)

    @cache
    def judge(name: str) -> Record:
        asked = tuple(filter(None, [HONEST[name].only]))
        order = supervisor.Order(
            f"adapters.honest:{name}", "cpu", "eager", "quick", output, check_timeout=120, requirements=asked
        )
        with (output / f"{name}.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            return (
                reading.read(order.record) if order.record.exists() else supervisor.run(order, lambda now: None)
            )

    return judge


def observed(record: Record) -> set[tuple[str, str]]:
    """The answers of each requirement: those in "nan", or in "int64 error, uint8 converted"."""
    return {
        (check.requirement, word) for check in record.checks for word in re.findall(r"\w+", check.observed or "")
    }


@pytest.mark.parametrize("name", HONEST)
def test_nothing_is_found_wrong_but_what_is_not_claimed(name: str, judged: Callable[[str], Record]) -> None:
    wrong = [check for check in judged(name).checks if check.outcome not in RIGHT]
    assert [check.message for check in wrong if check.requirement not in HONEST[name].fails] == []
    assert {check.requirement for check in wrong} == HONEST[name].fails
    problems = [one for one in verdict.problems(judged(name)) if not (HONEST[name].only and "--resume" in one)]
    assert HONEST[name].fails or problems == []


def test_every_requirement_is_judged(judged: Callable[[str], Record]) -> None:
    found = {
        check.requirement
        for record in map(judged, BACKWARDS)
        for check in record.checks
        if check.outcome in RIGHT
    }
    assert found == requirements.load().keys()


def test_every_legal_answer_is_given(judged: Callable[[str], Record]) -> None:
    given = set().union(*map(observed, map(judged, BACKWARDS)))
    legal = {(name, answer) for name, stated in requirements.load().items() for answer in stated.choices}
    assert legal - given == set()


@pytest.mark.parametrize("name", HONEST)
def test_docstring_says_where_the_method_is_found(name: str) -> None:
    text = HONEST[name].__doc__ or ""
    assert re.search(CITED, text)
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("name", HONEST)
def test_class_is_loaded_under_its_own_name(name: str) -> None:
    adapter = adapters.load(f"adapters.honest:{name}")
    assert (adapter.name, adapter.version) == (name, np.__version__)
    assert adapter.dtypes <= Adapter.dtypes


def test_each_class_is_shown_to_differ() -> None:
    assert DIFFERS.keys() == HONEST.keys()


@pytest.mark.parametrize(("name", "call"), [(name, call) for name, calls in DIFFERS.items() for call in calls])
def test_class_is_not_the_reference_under_another_name(name: str, call: Call) -> None:
    assert answer(HONEST[name](), call) != answer(Adapter(), call)


@pytest.mark.parametrize("name", [name for name, kind in HONEST.items() if kind.only])
def test_class_of_one_operation_is_the_reference_elsewhere(name: str) -> None:
    elsewhere = [
        call for other, calls in DIFFERS.items() if HONEST[other].only != HONEST[name].only for call in calls
    ]
    assert [call for call in elsewhere if answer(HONEST[name](), call) != answer(Adapter(), call)] == []


def test_importing_the_honest_set_imports_numpy_alone() -> None:
    assert frameworks_after("import adapters.honest") == []
