"""Cases of the interface: what yields them for each requirement of the family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conformance import operations
from conformance.cases.gradients import differentiated
from conformance.cases.rows import normal, regimes, with_labels
from conformance.cases.views import VIEWS
from conformance.run.case import Case
from conformance.truth.formats import format_of

SHAPES = ((3, 3), (1, 4), (2, 3, 2, 4), (1, 2, 2, 2, 3))  # square, with an axis of one, of four and five axes
BLOCK = "np.random.default_rng(6).standard_normal((5, 6, 7)) * 3"


def axes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Every axis of a block, from either end."""
    for axis in (0, 1, -1, -2) if tier == "quick" else (0, 1, 2, -1, -2, -3):
        yield Case(f"axis-{axis}".replace("--", "-minus-"), BLOCK, axis=axis)
    if dtype == "float32" or tier == "exhaustive":
        for shape in SHAPES:
            for axis in range(len(shape)):
                yield from _along(operation, shape, axis)


def _along(operation: str, shape: tuple[int, ...], axis: int) -> Iterator[Case]:
    """Value and gradient along an axis of normal logits."""
    x, name = f"np.random.default_rng(6).standard_normal({shape}) * 3", "-".join(map(str, shape))
    case = Case(f"axis-{axis}-of-{name}", x, axis=axis)
    yield case
    of_rows = shape[:axis] + shape[axis + 1 :] if operations.get(operation).per_row else shape
    upstream = f"np.random.default_rng(7).standard_normal({of_rows})"
    yield replace(case, name=f"gradient-{case.name}", derivative="vjp", cotangent=upstream)


def wrong_axes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Axes that a matrix does not have."""
    for axis in (2, 3, -3, -4):
        yield Case(f"no-axis-{axis}".replace("--", "-minus-"), "np.zeros((2, 3))", axis=axis)


def plain(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Ordinary logits."""
    yield from with_labels(Case("regimes-n33-seed33", regimes(33, seed=33)), operation, 6, 33)


def all_arguments(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Calls with every array that there may be: in reverse and forward mode, by labels and in one step."""
    if tier == "quick" and dtype != "float32":
        return
    plain = Case("", regimes(33, seed=33))
    for kind, method in (("vjp", ""), ("vjp", "value_and_vjp"), ("jvp", ""), ("hvp", "")):
        for case in differentiated(plain, kind, operation, 33):
            yield replace(case, name=f"{case.name}{method or kind}-n33", method=method)
    op = operations.get(operation)
    if op.labelled:
        options = {"weight": "0.5 + np.arange(33) % 5 * 0.25", "label_smoothing": 0.25}
        case = next(differentiated(plain, "vjp", operation, 33))
        yield replace(case, name="index-weighted-vjp-n33", options=options)
        for case in with_labels(plain, operation, 6, 33):
            yield replace(case, name=f"{case.name}weighted-n33", options=options)
    elif op.arguments:
        case = next(differentiated(plain, "vjp", operation, 33))
        yield replace(case, name="where-vjp-n33", where="np.arange(33) % 3 != [[0], [1], [2], [0], [1], [2]]")


def no_rows(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A batch of no rows."""
    case = Case("no-rows", "np.zeros((0, 33))")
    if not operations.get(operation).labelled:
        yield case
        return
    yield replace(case, name="index-no-rows", labels="np.zeros(0, int)")
    yield replace(case, name="probability-no-rows", labels="np.zeros((0, 33))")


def no_classes(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows of no classes."""
    yield Case("no-classes", "np.zeros((2, 0))")
    if dtype == "float32" or tier == "exhaustive":
        yield Case("no-classes-rank-1", "np.zeros(0)")
        yield Case("no-classes-axis-0", "np.zeros((0, 2))", axis=0)
        yield Case("no-classes-no-rows", "np.zeros((0, 0))")


def single_class(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Rows of one class, from the smallest subnormal to the largest number."""
    smallest = format_of(dtype).smallest_subnormal
    # 67 rows: vectors of rows and a tail
    case = Case("single-class", f"np.resize([0.0, 1, -3, MAX, -MAX, {smallest}, 0.3], (67, 1))")
    yield from with_labels(case, operation, 67, 1)


def scalar(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A logit without an axis."""
    yield Case("zero-dimensional", "np.array(2.0)")


def whole(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Whole logits, which an integer format holds as well."""
    if dtype == "float32":
        yield Case("whole", "np.array([[200, 0, 110, 103], [107, 220, 107, 101.0]])")


def axes_of_one(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Axes of size one after and before the class axis."""
    yield Case("shape-3-1-1-axis-0", "np.array([1.0, 2, 4]).reshape(3, 1, 1)", axis=0)
    yield Case("shape-1-3-1-axis-1", "np.array([1.0, 2, 4]).reshape(1, 3, 1)", axis=1)
    yield Case("shape-1-1-3-axis-2", "np.array([1.0, 2, 4]).reshape(1, 1, 3)", axis=2)
    yield Case("shape-1-1-1-1-2-3-axis-5", "np.arange(6.0).reshape(1, 1, 1, 1, 2, 3)", axis=5)


def unbatched(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """One row of logits, without an axis for the batch."""
    yield Case("index-unbatched-n33", "np.linspace(-2, 2, 33)", labels="np.array(5)")
    soft = "np.random.default_rng(5).dirichlet(np.ones(33))"
    yield Case("probability-unbatched-n33", "np.linspace(-2, 2, 33)", labels=soft)


def blocks(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """A block of three axes, in few formats: which axes are meant does not depend on it."""
    if dtype == "float32" or tier == "exhaustive":
        yield Case("block-5-6-7", BLOCK)


def complex_logits(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """The real part of complex logits; only complex64 and complex128 are formats of such."""
    if dtype in ("float32", "float64"):
        yield Case("complex-row", "np.array([[0.5, -1.0, 2.0]])")


def many_elements(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Batches past the 2¹⁶th, 2²⁴th and 2³¹st element: what an index of 16, 24 or 31 bits cannot count.

    Value and gradient; and past the 2¹⁶th row, and the 2¹⁶th position behind the class axis.
    """
    block = Case("elements-2-to-16", regimes(33, seed=33))
    if dtype in ("float16", "float32"):
        yield from _value_and_gradient(block, operation, 33)
    if dtype == "float32" and tier != "quick":
        yield from _value_and_gradient(replace(block, name="elements-2-to-24"), operation, 33)
    if dtype == "bfloat16" and tier == "exhaustive":
        yield from _value_and_gradient(replace(block, name="elements-2-to-31"), operation, 33)
    if dtype == "float32":
        rows = Case("rows-2-to-16", normal(6, 2, seed=6))
        for case in _value_and_gradient(rows, operation, 2):
            if tier != "quick" or not case.derivative:
                yield case
        for case in _value_and_gradient(replace(rows, name="inner-2-to-16"), operation, 2):
            if tier != "quick" or case.derivative:
                across = (case.cotangent and f"({case.cotangent}).T", case.labels and f"({case.labels}).T")
                yield replace(case, x=f"({case.x}).T", axis=0, cotangent=across[0], labels=across[1])


def _value_and_gradient(case: Case, operation: str, n: int) -> Iterator[Case]:
    yield from with_labels(case, operation, 6, n)
    yield from differentiated(replace(case, name=f"gradient-{case.name}"), "vjp", operation, n)


def masks_of_another_shape(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Masks of one axis more than the logits."""
    if dtype == "float32":
        yield Case("one-axis-more-rank-1", "np.array([0.0, 1, 2])", where="np.array([[True, False, True]])")
        yield Case("one-axis-more-rank-2", "np.array([[0.0, 1, 2]])", where="np.array([[[True, False, True]]])")


def views(operation: str, dtype: str, tier: str) -> Iterator[Case]:
    """Logits behind every kind of view; in two formats alone where one has the width of another."""
    alone = ("transposed", "strided")
    for name in alone if dtype in ("bfloat16", "float64") else (*VIEWS, "broadcast"):
        yield Case(f"{name}-regimes-n33-seed33", regimes(33, seed=33))
    yield Case("transposed-regimes-n1000-seed1000", regimes(1000, seed=1000))
