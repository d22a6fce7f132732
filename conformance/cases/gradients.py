"""Cases of the gradients: what yields them for each requirement of the family."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from conformance import operations
from conformance.cases.losses import combined
from conformance.cases.ranges import offsets
from conformance.cases.rows import normal, regimes, rows_of, soft_labels, with_index, with_labels
from conformance.run.case import Case
from conformance.truth.formats import format_of

Provider = Callable[[str, str, str], Iterator[Case]]

COTANGENT = "np.random.default_rng(11).standard_normal((6, 33))"
UPSTREAM = "np.array([1, -2, 0.5, 3, 1, 1.5])"  # of six losses
THIRD = "(np.arange(33) % 3 == [[0], [1], [2], [0], [1], [2]])"  # what is masked or hidden
# a logit so far ahead of 0 that one minus the softmax of it is below half an ulp of one, and is representable
AHEAD = {"float16": 9.0, "bfloat16": 17.0, "float32": 17.0, "float64": 40.0}


def per_row(operation: str) -> bool:
    """Return whether a row has one result, and one cotangent."""
    return operations.get(operation).per_row


def upstream(operation: str, cotangent: str) -> str:
    """Return `cotangent` of six rows of 33, or one of six results."""
    return UPSTREAM if per_row(operation) else cotangent


def lengths(dtype: str, tier: str) -> tuple[int, ...]:
    """The row lengths a tier tries in a format; each is compiled anew, with its derivative."""
    if tier == "quick":
        return (33, 1000)
    few = (1, 3, 33, 129, 1000, 1025, 4097) if dtype == "float32" else (33, 1000, 1025)
    return (*few, 2, 50257) if tier == "exhaustive" else few


def derivative(kind: str) -> Provider:
    """`kind` of every regime, for a random cotangent and tangent."""

    def cases(operation: str, dtype: str, tier: str) -> Iterator[Case]:
        for n in lengths(dtype, tier):
            case = Case(f"regimes-n{n}-seed{n}", regimes(n, seed=n))
            yield from differentiated(case, kind, operation, n, rows_of(n))

    return cases


def differentiated(case: Case, kind: str, operation: str, n: int, rows: int = 6) -> Iterator[Case]:
    """`case` with what `kind` needs, in both label forms."""
    cotangent = f"np.random.default_rng(11).standard_normal({rows if per_row(operation) else (rows, n)})"
    tangent = f"np.random.default_rng(12).standard_normal(({rows}, {n}))"
    made = replace(
        case,
        derivative=kind,
        cotangent=cotangent if kind != "jvp" else None,
        tangent=tangent if kind != "vjp" else None,
    )
    yield from with_labels(made, operation, rows, n)


def masked(kind: str) -> Provider:
    """Rows with −inf at every third position, where cotangent and tangent are 0."""

    def cases(operation: str, dtype: str, tier: str) -> Iterator[Case]:
        if not format_of(dtype).infinite:
            return
        x = f"np.where({THIRD}, -np.inf, np.random.default_rng(33).standard_normal((6, 33)))"
        tangent = f"np.where({THIRD}, 0, np.random.default_rng(12).standard_normal((6, 33)))"
        case = Case(
            "third-masked-n33",
            x,
            derivative=kind,
            cotangent=None if kind == "jvp" else upstream(operation, f"np.where({THIRD}, 0, {COTANGENT})"),
            tangent=None if kind == "vjp" else tangent,
        )
        yield with_index(case, operation, "np.array([1, 2, 0, 4, 5, 3])")  # no class that is masked in its row

    return cases


def all_masked(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A row of −inf alone between ordinary ones."""
    if format_of(dtype).infinite:
        x = "np.where(np.arange(6)[:, None] == 1, -np.inf, np.linspace(-1, 1, 33))"
        yield Case("row-1-all-masked-n33", x, derivative="vjp", cotangent=upstream(operation, COTANGENT))


def upstream_zero(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """An upstream gradient that is 0 in every other row."""
    case = Case(
        "upstream-alternates-n33",
        regimes(33, seed=33),
        derivative="vjp",
        cotangent="np.array([0.0, 1, 0, -2, 0, 0.5])",
    )
    yield from with_labels(case, operation, 6, 33)


def in_labels(kind: str) -> Provider:
    """Derivatives with respect to probability labels."""

    def cases(operation: str, dtype: str, tier: str) -> Iterator[Case]:
        for n in (33,) if tier == "quick" else (3, 33):
            x = f"{normal(6, n, seed=n)} * 2"
            case = Case(
                f"labels-n{n}",
                x,
                labels=soft_labels(6, n),
                derivative=kind,
                wrt="labels",
                cotangent=UPSTREAM,
            )
            tangent = f"np.random.default_rng(12).standard_normal((6, {n}))"
            yield case if kind == "vjp" else replace(case, tangent=tangent)

    return cases


def unnormalised(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Labels whose rows sum to 2, to 0.5 and to 0."""
    labels = "np.array([[1.0, 0.5, 0.5], [0.25, 0.25, 0], [0, 0, 0]])"
    yield Case(
        "label-sums-2-half-0",
        "np.array([[0.5, -1, 2], [1, 0, -2], [3, 1, 0]])",
        labels=labels,
        derivative="vjp",
        cotangent="np.ones(3)",
    )


def long_rows(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Equal logits past what a 16-bit sum can count, and one ahead of the others, for a cotangent of ones."""
    for n in (2049, 65546):
        if 1 / n >= format_of(dtype).smallest_subnormal:
            ones = "np.ones(1)" if per_row(operation) else f"np.ones((1, {n}))"
            ahead = f"np.where(np.arange({n}) == 0, 5.0, np.zeros((1, {n})))"
            yield Case(f"ahead-n{n}-ones", ahead, derivative="vjp", cotangent=ones)
            yield Case(f"equal-n{n}-ones", f"np.zeros((1, {n}))", derivative="vjp", cotangent=ones)


def strided(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A cotangent stored in another order than it is read."""
    yield from differentiated(Case("regimes-n33-seed33", regimes(33, seed=33)), "vjp", operation, 33)


def mapped(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A batch to be taken row by row; its labels are indices."""
    if tier != "quick" or dtype == "float32":
        yield next(strided(operation, dtype, tier))


def outside_where(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every third logit outside `where`, holding what no exponential can hold, beside a cotangent of any size."""
    if not format_of(dtype).infinite or (tier == "quick" and dtype != "float32"):
        return
    values = {"far-above": "1e4", "largest": "MAX", "inf": "np.inf", "minus-inf": "-np.inf", "nan": "np.nan"}
    for name, value in values.items():
        x = f"np.where({THIRD}, {value}, {normal(6, 33, seed=33)})"
        yield Case(f"hidden-{name}-n33", x, derivative="vjp", cotangent=COTANGENT)


def shown_alone(case: Case) -> Case:
    """The same gradient without `where`: −inf and a cotangent of 0 in place of what it hides."""
    x = f"np.where({THIRD}, -np.inf, {case.x})"
    return replace(case, name="bare", x=x, cotangent=f"np.where({THIRD}, 0, {case.cotangent})")


def options(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The gradients of `label_cases.combined`: in the full tier its whole product in float32 alone."""
    for case in combined(operation, dtype, "quick" if dtype != "float32" else tier):
        reduced = case.options["reduction"] != "none"
        yield replace(case, derivative="vjp", cotangent="np.array(1.5)" if reduced else UPSTREAM)


def far_ahead(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The maximum of two logits, whose gradient is minus the other's."""
    if dtype in AHEAD and (tier != "quick" or dtype == "float32"):
        op = operations.get(operation)
        yield Case(
            f"ahead-by-{AHEAD[dtype]:g}",
            f"np.array([[{AHEAD[dtype]}, 0]])",
            labels="np.zeros(1, int)" if op.labelled else None,
            derivative="vjp",
            cotangent="np.ones(1)" if op.per_row else "np.array([[1.0, 0]])",
        )


def kept(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits beside which what is kept for each row is little."""
    if tier != "quick" or dtype == "float32":
        yield from with_labels(Case("normal-6x1000-seed4", normal(6, 1000, seed=4)), operation, 6, 1000)


def tied(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows of two, three, every other and all logits at the maximum, in reverse and in forward mode."""
    n = "np.arange(33)"
    ties = f"np.array([{n} < 2, {n} > 29, {n} % 32 == 0, {n} % 16 == 3, {n} % 2 == 1, {n} >= 0])"
    x = f"np.where({ties}, 2.0, np.minimum({normal(6, 33, seed=33)}, 1.5))"
    for kind in ("vjp", "jvp"):
        yield from differentiated(Case(f"{kind}-tied-maxima-n33", x), kind, operation, 33)


def poisoned_upstream(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """An upstream gradient of NaN or infinity in row 2, at one position where there are several."""
    for name in ("nan", "inf") if format_of(dtype).infinite else ("nan",):
        for case in differentiated(Case(f"{name}-upstream-n33", regimes(33, seed=33)), "vjp", operation, 33):
            at = "np.arange(6) == 2" if per_row(operation) else "np.arange(198).reshape(6, 33) == 70"
            yield replace(case, cotangent=f"np.where({at}, np.{name}, {case.cotangent})")


def without_row_2(case: Case) -> Case:
    """The same case without the row that holds what has no truth."""
    others = "[[0, 1, 3, 4, 5]]"
    return replace(
        case,
        name="others",
        x=f"({case.x}){others}",
        cotangent=f"({case.cotangent}){others}",
        labels=case.labels and f"({case.labels}){others}",
    )


def far_off(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Equal logits and logits a few ulps apart at a large common offset; in the quick tier a positive one."""
    for case in offsets(operation, dtype, tier):
        if tier != "quick" or "minus" not in case.name:
            yield replace(case, derivative="vjp", cotangent=upstream(operation, COTANGENT))


def many(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Enough gradients of one sign, in which nothing cancels, for the mean of their errors to be one.

    For a one-hot cotangent at k they are −g_j g_k of softmax and −g_j of log_softmax, and g_j of a loss:
    products, which computed in float32 are rounded once. Rows of three keep what else a framework may round
    to 16 bits (the log-probability it saves, say) near one; their number averages what is common to a row.
    """
    if dtype in ("float16", "bfloat16"):
        case = Case("one-hot-2048x3-seed9", f"{normal(2048, 3, seed=9)} / 2", derivative="vjp")
        op = operations.get(operation)
        yield replace(
            case,
            labels="np.arange(2048) % 3" if op.labelled else None,
            cotangent="np.ones(2048)" if op.per_row else "np.eye(3)[np.arange(2048) % 3]",
        )
