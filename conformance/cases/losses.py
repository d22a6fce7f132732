"""Cases of the labels: what yields them for each requirement of the family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from conformance.cases.rows import index_labels, normal, soft_labels, with_labels
from conformance.run.case import Case
from conformance.truth.formats import format_of

X = normal(6, 33, seed=3)
IGNORED = -7  # any integer may be the ignored one
PARTLY = f"np.array([1, {IGNORED}, 3, {IGNORED}, 5, 6])"
WEIGHT = "0.5 + np.arange(33) % 5 * 0.25"
CHANNELS = "np.random.default_rng(4).standard_normal((4, 5, 7))"  # (N, C, d), to class axis 1
CHANNEL_LABELS = "np.arange(28).reshape(4, 7) % 5"
CHANNEL_SOFT = "np.moveaxis(np.random.default_rng(5).dirichlet(np.ones(5), (4, 7)), -1, 1)"


def bare(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Ordinary logits with index labels."""
    yield Case("n33", X, labels=index_labels(6, 33))


def every_rank(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Ordinary logits with index labels, and with a class axis of channels."""
    yield Case("n33", X, labels=index_labels(6, 33))
    if tier != "quick" or dtype == "float32":  # each rank and reduction is compiled anew
        yield Case("channel-axis", CHANNELS, axis=1, labels=CHANNEL_LABELS)


def every_reduction(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The same, unreduced and in every reduction."""
    for case in every_rank(operation, dtype, tier):
        yield case
        for reduction in ("sum", "mean"):
            yield replace(case, name=f"{reduction}-{case.name}", options={"reduction": reduction})


def integers(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """One class more than 8-bit labels tell apart, and one more than 16-bit labels do."""
    yield Case("n257", normal(3, 257, seed=3), labels="np.array([200, 127, 3])")
    if tier != "quick" and dtype == "float32":
        yield Case("n65537", normal(3, 65537, seed=3), labels="np.array([40000, 32767, 3])")


def partly_ignored(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Two of six rows ignored, by a label outside and by one inside the classes."""
    yield Case("ignored-outside", X, labels=PARTLY, options={"ignore_index": IGNORED})
    yield Case("ignored-inside", X, labels="np.array([1, 3, 3, 2, 5, 3])", options={"ignore_index": 3})


def one_hot(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Index labels at several common offsets."""
    for offset in (0.0, 1e4, 1e6, 1e8):
        if offset <= format_of(dtype).largest:
            yield Case(f"offset-{offset:g}", f"{X} + {offset}", labels=index_labels(6, 33))


def unnormalised(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Probability labels whose rows do not sum to one."""
    scale = "np.array([[2.0], [0.5], [0], [1], [3], [0.25]])"
    yield Case("label-sums", X, labels=f"{soft_labels(6, 33)} * {scale}")


def masked_zero_label(derivative: str) -> Any:
    """Probability labels of 0 where the logit is −inf."""

    def cases(operation: str, dtype: str, tier: str) -> Iterator[Case]:
        if format_of(dtype).infinite:
            yield Case(
                "masked-zero-label",
                "np.array([[0.5, -np.inf, 2], [1, 0, -np.inf]])",
                labels="np.array([[0.25, 0, 0.75], [1, 0, 0.0]])",
                derivative=derivative,
                cotangent="np.ones(2)" if derivative else None,
            )

    return cases


def masked_other_class(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """−inf at classes that the index does not name."""
    if format_of(dtype).infinite:
        yield Case("masked-other", "np.array([[0.5, -np.inf, 2], [1, 0, -np.inf]])", labels="np.array([0, 1])")
        if tier != "quick":  # a whole block of the kernels of long rows, which read 32768 logits at a time
            row = "np.where(np.arange(65536) < 32768, -np.inf, 0.0)[None]"
            yield Case("masked-first-32768-n65536", row, labels="np.array([65535])")


def masked_label(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """−inf at the class that the index names."""
    if format_of(dtype).infinite:
        yield Case("masked-label", "np.array([[0.5, -np.inf, 2], [1, 0, 2]])", labels="np.array([1, 1])")


def weighted(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Class weights in every reduction of the index form, and with probabilities."""
    for reduction in ("none", "sum", "mean"):
        options = {"weight": WEIGHT, "reduction": reduction}
        yield Case(f"index-weight-{reduction}", X, labels=index_labels(6, 33), options=options)
    partly = {"weight": WEIGHT, "reduction": "mean", "ignore_index": IGNORED}
    yield Case("index-weight-mean-ignored", X, labels=PARTLY, options=partly)
    yield Case("probability-weight-none", X, labels=soft_labels(6, 33), options={"weight": WEIGHT})


def smoothed(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Label smoothing in both forms, alone, with weights and with ignored rows."""
    smoothing = {"label_smoothing": 0.1}
    yield from with_labels(Case("smoothed", X, options=smoothing), operation, 6, 33)
    both = smoothing | {"weight": WEIGHT, "reduction": "mean"}
    yield Case("index-smoothed-weighted-mean", X, labels=index_labels(6, 33), options=both)
    ignored = smoothing | {"ignore_index": IGNORED, "reduction": "mean"}
    yield Case("index-smoothed-ignored-mean", X, labels=PARTLY, options=ignored)


def reduced(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Sum and mean in both label forms, and with a class axis of channels."""
    for reduction in ("sum", "mean"):
        options = {"reduction": reduction}
        yield from with_labels(Case(f"{reduction}-n33", X, options=options), operation, 6, 33)
        if tier != "quick" or dtype == "float32":
            for case in channels(operation, dtype, tier):
                form = case.name.removesuffix("-channel-axis")
                yield replace(case, name=f"{form}-{reduction}-channel-axis", options=options)


def many_rows(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """2000 rows whose losses sum to more than float16 holds."""
    x = "np.array([0.0, 4, 2]) * (1 + np.arange(2000) % 7)[:, None] * 4"
    case = Case("index-mean-2000-rows", x, labels="np.zeros(2000, int)", options={"reduction": "mean"})
    yield case
    if tier != "quick" or dtype == "float16":
        x = f"np.moveaxis(({x}).reshape(500, 4, 3), -1, 1)"
        yield replace(case, name="index-mean-500-by-4-rows", x=x, axis=1, labels="np.zeros((500, 4), int)")


def every_class(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every class of a short row, and of a long one those about its ends, its blocks and its maximum."""
    long = "np.array([0, 1, 31, 4095, 4096, 8190, 8191, 8192])"
    at_maximum = f"np.append({long}, 2048)"
    for name, x, labels, rows in (
        ("n33", normal(33, 33, seed=3), "np.arange(33)", 33),
        ("n8193", "np.arange(8193) % 7 - 3.0 + 4 * (np.arange(8193) == 2048) + np.zeros((9, 1))", at_maximum, 9),
    ):
        if dtype == "float32" or tier != "quick":
            yield Case(f"every-class-{name}", x, labels=labels)
            yield Case(
                f"gradient-every-class-{name}", x, labels=labels, derivative="vjp", cotangent=f"np.ones({rows})"
            )


def past_the_format(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Classes whose number the 16-bit format of the logits rounds to another."""
    first = {"float16": 2049, "bfloat16": 257}.get(dtype)
    if first is not None:
        x = f"np.arange({first + 1}) % 5 - 2.0 + np.zeros((2, 1))"
        yield Case(f"label-{first}", x, labels=f"np.array([{first}, {first - 2}])")


MANY = 70000  # past the largest number of float16, and past what bfloat16 counts to


def past_the_count(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The sum, the mean and its gradient of more equal losses than a 16-bit format counts to."""
    if dtype in ("float16", "bfloat16"):
        x, labels = f"np.zeros(({MANY}, 2))", f"np.zeros({MANY}, int)"
        for reduction in ("sum", "mean"):
            yield Case(f"{reduction}-{MANY}-rows", x, labels=labels, options={"reduction": reduction})
        yield Case(
            f"gradient-of-mean-{MANY}-rows", x, labels=labels, options={"reduction": "mean"},
            derivative="vjp", cotangent="np.array(1.0)",
        )  # fmt: skip


def nan_weights(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A weight of NaN for a class that no label names."""
    weight = "np.where(np.arange(33) == 4, np.nan, 1.0)"
    yield Case("weight-nan", X, labels="np.array([1, 2, 3, 5, 6, 7])", options={"weight": weight})


def nan_labels(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A probability of NaN in row 2."""
    at = "np.arange(198).reshape(6, 33) == 70"
    yield Case("probability-nan", X, labels=f"np.where({at}, np.nan, {soft_labels(6, 33)})")


def equal_rows(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """So many rows with the loss log 2 that a float32 sum of them, one after another, is far off or stops."""
    if dtype == "float32":
        for count in (2**20,) if tier == "quick" else (2**20, 2**24 + 3):
            case = Case("", f"np.zeros(({count}, 2))", options={"reduction": "mean"})
            yield replace(case, name=f"index-mean-{count}-rows", labels=f"np.zeros({count}, int)")
            if tier != "quick":
                yield replace(case, name=f"probability-mean-{count}-rows", labels=f"np.full(({count}, 2), 0.5)")


def channels(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Class axis 1 of (N, C, d)."""
    yield Case("index-channel-axis", CHANNELS, axis=1, labels=CHANNEL_LABELS)
    yield Case("probability-channel-axis", CHANNELS, axis=1, labels=CHANNEL_SOFT)


def no_classes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """An index for rows that have no class at all."""
    if tier != "quick" or dtype == "float32":
        yield Case("no-classes", "np.zeros((2, 0))", labels="np.zeros(2, int)")
    if tier != "quick":
        yield Case("no-classes-one-row", "np.zeros((1, 0))", labels="np.zeros(1, int)")
        yield Case("no-classes-channel-axis", "np.zeros((2, 0, 3))", axis=1, labels="np.zeros((2, 3), int)")


def no_rows(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The mean over a batch of no rows in both label forms, and with a class axis of channels."""
    if tier == "quick" and dtype != "float32":
        return
    case = Case("", "np.zeros((0, 33))", options={"reduction": "mean"})
    yield replace(case, name="index-mean-no-rows", labels="np.zeros(0, int)")
    yield replace(case, name="probability-mean-no-rows", labels="np.zeros((0, 33))")
    if tier != "quick":
        block = replace(case, x="np.zeros((0, 5, 7))", axis=1)
        yield replace(block, name="index-mean-no-rows-channel-axis", labels="np.zeros((0, 7), int)")
        yield replace(block, name="probability-mean-no-rows-channel-axis", labels="np.zeros((0, 5, 7))")


# by format, where the whole product is not asked: each combines what `weighted` and `smoothed` have apart
COMBINED = {
    "float32": (
        "index-weighted-smoothed-ignored-none",
        "index-weighted-smoothed-ignored-sum",
        "index-weighted-smoothed-ignored-mean",
        "probability-weighted-smoothed-sum",
    ),
    "float16": ("index-weighted-smoothed-ignored-mean",),
}


def combined(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every reduction of every choice of class weights, smoothing and ignored rows in both label forms.

    An ignored index says nothing of probabilities, and what their weighted mean divides by is a choice.
    """
    whole = tier == "exhaustive" or (tier == "full" and dtype == "float32")
    switches = ("", "weighted"), ("", "smoothed"), ("", "ignored")
    for form, *chosen, reduction in product(("index", "probability"), *switches, ("none", "sum", "mean")):
        name = "-".join(part for part in (form, *chosen, reduction) if part)
        if form == "probability" and ("ignored" in chosen or ("weighted" in chosen and reduction == "mean")):
            continue
        if not whole and name not in COMBINED.get(dtype, ()):
            continue
        known = {"weighted": ("weight", WEIGHT), "smoothed": ("label_smoothing", 0.1)}
        options = dict(known[part] for part in chosen if part in known) | {"reduction": reduction}
        labels = index_labels(6, 33) if form == "index" else soft_labels(6, 33)
        if "ignored" in chosen:
            options, labels = options | {"ignore_index": IGNORED}, PARTLY
        yield Case(name, X, labels=labels, options=options)


WEIGHT_SUM = 16


def weighted_probabilities(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Probabilities whose weights sum to WEIGHT_SUM over the six rows, exactly in every format."""
    if tier == "quick" and dtype != "float32":
        return
    weight = "2.0 + 2 * (np.arange(33) % 3 == 0)"
    labels = "(np.eye(6, 33) + np.eye(6, 33, k=1)) / 2"
    yield Case("probability-weighted-sum", X, labels=labels, options={"weight": weight, "reduction": "sum"})


def beyond_probability(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Labels below zero, above one and, in rows that sum to one, both."""
    yield Case("negative", X, labels="np.eye(6, 33) * -0.25")
    yield Case("above-one", X, labels="np.eye(6, 33) * 1.5")
    yield Case("sum-one", X, labels="np.eye(6, 33) * 1.25 - np.eye(6, 33, k=1) * 0.25")


def integers_like_logits(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """One-hot integers of the logits' own shape."""
    if tier != "quick" or dtype == "float32":
        yield Case("integers-n33", X, labels="np.eye(6, 33, dtype=int)")
        yield Case("integers-square", normal(33, 33, seed=3), labels="np.eye(33, dtype=int)")


def one_label_row(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows that share one row of probabilities."""
    if tier != "quick" or dtype == "float32":
        for rows in (6, 33):
            labels = f"np.repeat({soft_labels(1, 33)}, {rows}, axis=0)"
            yield Case(f"shared-by-{rows}-rows", normal(rows, 33, seed=3), labels=labels)


def views(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Index labels behind every kind of view, which the format of the logits has no part in."""
    if tier == "exhaustive" or dtype == "float32":
        for name in ("strided", "reversed"):
            yield Case(name, X, labels=index_labels(6, 33))
        yield Case("broadcast", X, labels="np.full(6, 4)")
        yield Case("transposed", CHANNELS, axis=1, labels=CHANNEL_LABELS)


def ignored_without_truth(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """One NaN, one +inf or nothing but −inf in a row that is ignored."""
    one = "np.where((np.arange(6)[:, None] == 3) & (np.arange(33) == 4), {}, {})"
    inputs = {"nan": one.format("np.nan", X)}
    if format_of(dtype).infinite:
        inputs["plus-inf"] = one.format("np.inf", X)
        inputs["all-minus-inf"] = f"np.where(np.arange(6)[:, None] == 3, -np.inf, {X})"
    for name, x in inputs.items():
        yield Case(name, x, labels=PARTLY, options={"ignore_index": IGNORED})


def no_weight(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The weighted mean of rows whose class has no weight, with ignored rows beside them or none."""
    options = {"weight": "1.0 * (np.arange(33) != 3)", "reduction": "mean"}
    yield Case("index-mean-no-weight", X, labels="np.full(6, 3)", options=options)
    partly = f"np.array([3, {IGNORED}, 3, {IGNORED}, 3, 3])"
    yield Case("index-mean-no-weight-ignored", X, labels=partly, options=options | {"ignore_index": IGNORED})


def zero_probability(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Probabilities of 0 beside others and alone in a row, at logits that are finite and −inf."""
    yield Case(
        "zero-at-finite",
        "np.array([[0.5, -1, 2], [1, 0, 3], [0, 1, 2]])",
        labels="np.array([[0.25, 0, 0.75], [1, 0, 0], [0, 0, 0]])",
    )
    yield from masked_zero_label("")(operation, dtype, tier)


def masked_probability(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """−inf at a class with a probability, all of it and a part."""
    if format_of(dtype).infinite:
        labels = "np.array([[0.25, 0.25, 0.5], [0, 1, 0]])"
        yield Case("masked-probability", "np.array([[0.5, -np.inf, 2], [1, -np.inf, 2]])", labels=labels)


def own_softmax(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Probabilities that are the softmax of their row, rounded to the format."""
    for n in (32, 1000):
        x = f"{normal(6, n, seed=3)} * [[0.0], [0.01], [1], [2], [4], [10]]"
        yield Case(f"own-softmax-n{n}", x, labels=f"(lambda e: e / e.sum(-1, keepdims=True))(np.exp({x}))")
