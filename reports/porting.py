"""Says what changes for code that moves from one framework to another: the calls, then what breaks.

The calls stand in adapters/frameworks.toml; a test runs both sides of each and holds what they print together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.frameworks import FRAMEWORKS, Spelling
from conformance.requirements import LEVELS, Requirement
from reports import tasks
from reports.accuracy import FORMATS
from reports.differences.comparison import DescribedDifference

# what a porter looks for → title, and the operations that it belongs to
CALLS = {
    "softmax": ("softmax", "softmax"),
    "log_softmax": ("log_softmax", "log_softmax"),
    "logsumexp": ("log-sum-exp", "logsumexp"),
    "row_losses": ("loss of each row, argument order", "loss"),
    "mean": ("default reduction, mean loss", "loss"),
    "label_type": ("type of index labels", "loss"),
    "soft_labels": ("labels as probabilities", "loss"),
    "axis": ("class axis of (2, 4, 3) logits", "loss"),
    "ignored": ("ignored labels, −100", "loss"),
    "smoothed": ("label smoothing", "loss"),
    "weighted": ("class weights, what the mean divides by", "loss"),
    "masked": ("mask", "softmax"),
}
# the arrays of the calls: name → NumPy expression and kind
ARRAYS = {
    "x": ("np.array([[1, 2, 3, 5], [0.5, -1, 0, 2], [3, 1, -2, 0]])", "float32"),
    "labels": ("np.array([3, 0, 1])", "integer"),
    "p": ("np.array([[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 0], [0.25, 0.25, 0.25, 0.25]])", "float32"),
    "z": ("np.linspace(-2, 3, 24).reshape(2, 4, 3)", "float32"),
    "k": ("np.array([[3, 0, 1], [2, 2, 0]])", "integer"),
    "ignored": ("np.array([3, 0, -100])", "integer"),
    "w": ("np.array([1, 2, 0.5, 4])", "float32"),
    "m": ("np.array([[1, 0, 1, 1], [1, 1, 1, 0], [0, 0, 1, 1]], bool)", "integer"),
}
# requirements about inputs that few programs meet: NaN, infinities, vast offsets, long equal rows, no rows
RARE_FAMILIES = ("SPV", "RNG")
RARE = {
    *("ACC-03", "GRD-12", "GRD-22", "CMP-05", "IFC-06", "IFC-08", "IFC-10", "IFC-16"),
    *("LBL-18", "LBL-20", "LBL-21", "LBL-30", "LBL-35", "LBL-36"),
}
RULE = (
    "First what shows on ordinary inputs; then what needs a NaN, an infinity, a vast offset, thousands of equal "
    "logits or an empty batch. Within each, what more of the tasks need comes first, then float32 and the 16-bit "
    "formats before others, then must before should before choice."
)


@dataclass(frozen=True)
class Call:
    """One thing to port: its title, what it is of, and for each of two frameworks the call and what it says."""

    key: str
    title: str
    part: str
    codes: tuple[str, str]
    says: tuple[str, str]


def portable() -> tuple[str, ...]:
    """Return the frameworks between which calls can be ported."""
    return tuple(name for name, known in FRAMEWORKS.items() if known.spelling and known.spelling.ported)


def code(spelling: Spelling, key: str) -> str:
    """Return the call of one thing, "" if the framework has none."""
    if key in spelling.ported:
        return spelling.ported[key].strip()
    return spelling.call(key) if (key, "") in spelling.calls else ""


def calls(first: str, second: str) -> Iterator[Call]:
    """Yield each thing that both frameworks have a call of."""
    spellings = [spelling for name in (first, second) if (spelling := FRAMEWORKS[name].spelling)]
    for key, (title, part) in CALLS.items():
        a, b = (code(spelling, key) for spelling in spellings)
        if a and b:
            says = [spelling.habits[key]["says"] if key in spelling.habits else "" for spelling in spellings]
            yield Call(key, title, part, (a, b), (says[0], says[1]))


def program(name: str, body: str) -> str:
    """Return a program that prints the value of `body`, a call or the call of a habit, in one framework."""
    spelling = FRAMEWORKS[name].spelling
    assert spelling is not None
    *statements, value = body.split("\n")
    arrays = [f"{array} = {spelling.made(expression, kind)}" for array, (expression, kind) in ARRAYS.items()]
    lines = "\n".join([*arrays, *statements, f"print({value})"])
    return f"import {', '.join(spelling.needed(lines))}\n{lines}"


def ranked(
    differences: Sequence[DescribedDifference], specification: Mapping[str, Requirement]
) -> list[DescribedDifference]:
    """Return the differences by `RULE`."""
    return sorted(differences, key=lambda difference: _rank(difference, specification))


def _rank(difference: DescribedDifference, specification: Mapping[str, Requirement]) -> tuple[int, ...]:
    names = difference.requirements
    rare = all(name in RARE or name[:3] in RARE_FAMILIES for name in names)
    needing = sum(
        any(set(names) & set(need.requirements) for need in task.needs) for task in tasks.load().values()
    )
    order = ("float32", "bfloat16", "float16", *FORMATS)
    formats = [order.index(dtype) for dtype in order if dtype in difference.where]
    levels = [LEVELS.index(specification[name].level) for name in names if name in specification]
    return rare, -needing, min(formats, default=len(order)), min(levels, default=0)
