"""Use: what the errors mean to those who decode with the results, train with them, or compare their ranks.

The data are seeded. All arithmetic beside the framework's own call is float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from conformance.cases.rows import normal
from conformance.operations import query as questions
from conformance.operations import softmax, top_k
from conformance.run.case import Case
from conformance.run.measure import Call
from conformance.run.target import Trial, number
from conformance.truth.formats import Floats, exact, round_to

STEPS = 8  # tokens of a sequence
FEATURES = 8
RATE, EPOCHS = 0.5, 20
# classes of a hundred rows, of sixty, … and of one
IMBALANCED = "np.repeat(np.arange(10), (100 * 0.6 ** np.arange(10)).astype(int) + 1)"
GAPS = "np.stack([np.zeros(3201), -np.arange(3201) / 4], axis=1)"  # 0 to 800: exp(−745.1…) is 0 in float64


def vocabularies(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits as a vocabulary gives them, and with many near ties."""
    for n in (32768,) if tier == "quick" else (32768, 131072, 256000):
        yield Case(f"vocabulary-{n}", f"{normal(8, n, seed=n)} * 3")
    yield Case("near-ties", "8 + np.random.default_rng(1).integers(0, 64, (64, 1000)) * 2.0**-9")


def tables(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits of the next token, a row for each token before it; the name says how wide the beam is."""
    for n, width in ((64, 4),) if tier == "quick" else ((64, 4), (256, 16)):
        yield Case(f"{n}-tokens-beam-{width}", f"{normal(n, n, seed=n)} * 4")


def training(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Labels of a training set, and logits of its shape."""
    rows = "np.zeros((254, 10))"
    plain = Case("imbalanced", rows, labels=IMBALANCED, cotangent="np.ones(254)", derivative="vjp")
    yield plain
    yield replace(plain, name="imbalanced-two-layers")
    yield replace(plain, name="imbalanced-weighted", options={"weight": "2.0 ** (np.arange(10) // 2)"})
    yield replace(plain, name="imbalanced-smoothed", options={"label_smoothing": 0.125})
    if tier != "quick":
        labels = "np.arange(16) * 2039"
        yield replace(plain, name="32k", x="np.zeros((16, 32768))", labels=labels, cotangent="np.ones(16)")


def low_rank(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits H Wᵀ of small integers, which every format holds exactly."""
    random = "np.random.default_rng(2).integers(-1, 2, (48, 3)).astype(float)"
    yield Case("48x48-rank-3", f"({random}) @ ({random.replace('(2)', '(3)')}).T")


def masses(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits of a vocabulary; the name says what part of all probability is kept."""
    for n in (1000,) if tier == "quick" else (1000, 32768):
        for mass in ("0.5", "0.9"):
            yield Case(f"{n}-classes-{mass}", f"{normal(8, n, seed=n)} * 3", options={"k": n})


def gaps(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Two classes and a gap that grows from row to row; the name says what is differentiated."""
    zero = "np.zeros(3201, int)"
    if operation == "softmax_cross_entropy":
        yield Case("cross-entropy", GAPS, labels=zero, cotangent="np.ones(3201)", derivative="vjp")
    elif operation == "log_softmax":
        yield Case("log-probability", GAPS, cotangent="np.tile([-1.0, 0], (3201, 1))", derivative="vjp")
    else:
        # the probability of the second class is wanted: the residual p − q is (1, −1) where the gap is large
        yield Case("squared-error", GAPS, cotangent="np.tile([1.0, -1], (3201, 1))", derivative="vjp")


@pytest.mark.requirement("USE-01", cases=vocabularies)
def test_greedy_decoding_takes_the_largest_logit(check: Trial) -> None:
    check.judge("D")
    judgement = check.judgement()
    rows, got = judgement.call.rows(judgement.call.x), judgement.got
    taken, best = got.argmax(axis=-1), rows.argmax(axis=-1)
    at = np.arange(len(rows))
    behind = judgement.truth.value[at, best] - judgement.truth.value[at, taken]
    tolerance = judgement.tolerance["D"]
    flipped = rows[at, taken] != rows[at, best]
    near = behind <= tolerance[at, best] + tolerance[at, taken]
    check.measured |= {"tokens": len(rows), "flipped": int(np.count_nonzero(flipped))}
    assert check.holds(~flipped | near, taken, best)


@pytest.mark.requirement("USE-02", cases=tables)
def test_beam_search_finds_the_exact_sequence(check: Trial) -> None:
    check.judge("D")
    judgement = check.judgement()
    width = int(check.case.name.rpartition("-")[2])
    starts = range(16)
    found = [beam(judgement.got, start, width) for start in starts]
    true = [beam(judgement.truth.value, start, width, judgement.tolerance["D"]) for start in starts]
    same = np.array([got == best for (got, _), (best, _) in zip(found, true, strict=True)])
    decided = np.array([sure for _, sure in true])
    check.measured |= {"sequences": len(same), "flipped": int(sum(~same)), "decided": int(sum(decided))}
    assert check.holds(same | ~decided, "another sequence", "the exact one")


def beam(table: Floats, start: int, width: int, tolerance: Floats | None = None) -> tuple[tuple[int, ...], bool]:
    """Return the best sequence of `STEPS` tokens behind `start`, and whether errors within `tolerance` keep it.

    `table` is the log-probability of each token, (n, n), a row for each token before it.
    """
    margins = np.zeros_like(table) if tolerance is None else tolerance
    sequences, scores, off, sure = [(start,)], np.zeros(1), np.zeros(1), True
    for _ in range(STEPS):
        last = [sequence[-1] for sequence in sequences]
        score, error = (scores[:, None] + table[last]).ravel(), (off[:, None] + margins[last]).ravel()
        order = np.argsort(-score, kind="stable")
        kept, left = order[:width], order[width:]
        sure &= bool(np.min((score - error)[kept]) > np.max((score + error)[left]))
        sequences = [(*sequences[i // len(table)], int(i % len(table))) for i in kept]
        scores, off = score[kept], error[kept]
    sure &= bool(scores[0] - off[0] > np.max((scores + off)[1:]))
    return sequences[0], sure


@pytest.mark.requirement("USE-03", cases=training)
def test_training_ends_near_the_exact_weights(check: Trial) -> None:
    check.need("vjp")
    check.need_arguments()
    call = check.call
    layers = start(call, two="two-layers" in check.case.name)
    true = layers
    for _ in range(EPOCHS):
        layers = step(layers, call, lambda now: exact(now.run(check.adapter)), call.dtype)
        true = step(true, call, lambda now: questions.truth(now.query).value, "float64")
    logits, expected = (forward(weights)[-1] for weights in (layers, true))
    check.measured = {
        "weights": number(max(float(np.max(np.abs(a - b))) for a, b in zip(layers[1:], true[1:], strict=True))),
        "loss": number(abs(loss(logits, call) - loss(expected, call))),
        "flipped": int(np.count_nonzero(logits.argmax(-1) != expected.argmax(-1))),
    }
    check.describe(check.case)


def start(call: Call, two: bool) -> list[Floats]:
    """Return seeded features (rows, FEATURES), and the weights of one layer or of two."""
    random = np.random.default_rng(4)
    assert call.labels is not None
    centres = random.standard_normal((call.x.shape[1], FEATURES))
    features = centres[call.labels] + random.standard_normal((len(call.x), FEATURES))
    hidden = [random.standard_normal((FEATURES, FEATURES)) / 4] if two else []
    return [features, *hidden, np.zeros((call.x.shape[1], FEATURES))]


def forward(layers: list[Floats]) -> list[Floats]:
    """Return the inputs of each layer, and the logits."""
    features, *hidden, last = layers
    values = [features]
    for weights in hidden:
        values.append(np.tanh(values[-1] @ weights.T))
    return [*values, values[-1] @ last.T]


def step(layers: list[Floats], call: Call, gradient: Callable[[Call], Floats], dtype: str) -> list[Floats]:
    """Return the layers after one step of gradient descent over all rows; logits are rounded to the format."""
    *values, logits = forward(layers)
    rows = gradient(replace(call, x=round_to(logits, dtype))) / len(logits)
    changed = [layers[-1] - RATE * rows.T @ values[-1]]
    for i in range(len(layers) - 2, 0, -1):
        rows = rows @ layers[i + 1] * (1 - values[i] ** 2)
        changed.insert(0, layers[i] - RATE * rows.T @ values[i - 1])
    return [layers[0], *changed]


def loss(logits: Floats, call: Call) -> float:
    """Return the mean cross-entropy of index labels."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    assert call.labels is not None
    taken = np.take_along_axis(shifted, call.labels[:, None], axis=-1)[:, 0]
    return float(np.mean(np.log(np.exp(shifted).sum(axis=-1)) - taken))


@pytest.mark.requirement("USE-04", cases=low_rank)
def test_log_probabilities_have_the_rank_of_their_logits_and_one_more(check: Trial) -> None:
    check.judge("D")
    judgement = check.judgement()
    allowed = float(np.linalg.norm(judgement.tolerance["D"]))
    beyond = (
        float(np.linalg.svd(judgement.got, compute_uv=False)[4]) if np.isfinite(judgement.got).all() else np.inf
    )
    check.show(beyond, f"no more than {allowed}", singular=beyond, allowed=allowed)
    assert beyond <= allowed


@pytest.mark.requirement("USE-05", cases=gaps)
def test_gap_at_which_the_gradient_is_zero(check: Trial) -> None:
    check.need("vjp")
    zero = np.all(check.result() == 0, axis=-1)
    # a gap that the format rounds is the one that it holds
    gap = -check.call.rows(check.call.x)[:, 1]
    check.measured = {"gap": number(float(gap[zero].min(initial=np.inf)))}
    check.observed = "exactly zero" if zero.any() else "never zero"
    check.describe(check.case)


@pytest.mark.requirement("USE-06", cases=masses)
def test_nucleus_is_that_of_exact_probabilities(check: Trial) -> None:
    mass = float(check.case.name.rpartition("-")[2])
    judgement = check.target.judge(replace(check.case, options={}), softmax.OPERATION.name, check.dtype)
    shares = check.adapter.asarray(judgement.got.astype(check.call.x.dtype))
    values, places = map(check.adapter.to_numpy, check.adapter.top_k(shares, **check.case.options))
    before = np.cumsum(exact(values), axis=-1) - exact(values)
    kept = np.zeros(judgement.got.shape, bool)
    np.put_along_axis(kept, places.astype(int), before < mass, axis=-1)
    inside, outside = top_k.nucleus(judgement.truth.value, judgement.tolerance["D"], mass)
    check.measured = {"kept": int(kept.sum()), "open": int((~inside & ~outside).sum())}
    check.describe(check.case)
    assert check.holds(kept >= inside, "left out", "in the set")
    assert check.holds(~(kept & outside), "in the set", "left out")
