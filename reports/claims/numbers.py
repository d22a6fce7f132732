"""The numbers of each claim, computed from the formats, by the oracle, or from the committed results."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.timing.cells import SHAPES
from conformance.operations.labels import Loss
from conformance.operations.query import Query, evaluate
from conformance.truth.formats import Floats, format_of, spacing
from reports import double_softmax
from reports.claims import costs, gradients
from reports.evidence import Evidence

Values = Mapping[str, str]
VOCABULARY = SHAPES["llama3"].n
FIGURE = (2.0, 1.0, 0.1)  # the worked example of many texts
FAR = 100.0, 1000.0
PARTS = (7, 100, 333)
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# prints a worked figure
FIGURES = "import numpy as np; p = np.exp({}); print(p / p.sum())"


def few(value: float, digits: int = 3) -> str:
    """Return a number for people: few digits, a true minus sign, powers of ten where it is far from 1."""
    text = f"{value:.{digits}g}".replace("-", "−")
    mantissa, _, power = text.partition("e")
    return f"{mantissa}·10{str(int(power.replace('−', '-'))).translate(RAISED)}" if power else text


def gap(value: float) -> str:
    """Return a gap as the table has it."""
    return f"{value:.2f}"


def true(operation: str, *logits: float) -> Floats:
    """Return the true values of one row."""
    return evaluate(Query(operation, np.array([logits]))).value.ravel()


def figure(logits: Sequence[float], printed: Sequence[float]) -> tuple[list[str], str, str]:
    """Return the right probabilities, how far off the printed ones are, and what they sum to."""
    right = true("softmax", *logits)
    off = float(np.max(np.abs(right - printed)))
    return [f"{value:.4f}" for value in right], few(off, 2), few(sum(printed), 3)


def time(evidence: Evidence) -> Values | None:
    """Return what the fits of time over classes say."""
    fits = costs.fits(evidence)
    if not fits:
        return None
    classes = fits[0].points
    return {
        "factor": f"{classes[-1][0] / classes[0][0]:,.0f}",
        "least": f"{min(fit.growth for fit in fits):,.0f}",
        "most": f"{max(fit.growth for fit in fits):,.0f}",
        "low": f"{min(fit.exponent for fit in fits):.2f}",
        "high": f"{max(fit.exponent for fit in fits):.2f}",
        "holds": str(sum(abs(fit.exponent - 1) <= fit.margin for fit in fits)),
        "fits": str(len(fits)),
    }


def memory(evidence: Evidence) -> Values | None:
    """Return the copies of the logits that the loss takes in frameworks."""
    loss = costs.copies(evidence).get("cross_entropy_index", {})
    both, forward = (sorted(loss.get(direction, {}).values()) for direction in ("forward+backward", "forward"))
    if not both or not forward:
        return None
    span = f"{few(forward[0], 2)} to {few(forward[-1], 2)}"
    return {"least": few(both[0], 2), "most": few(both[-1], 2), "forward": span}


def vanishing(_: Evidence) -> Values:
    """Return the gaps from which the gradient of the squared error is 0."""
    gaps = {name: gradients.vanishes(gradients.SQUARED, name) for name in ("float32", "float16")}
    return {"kept": few(-gradients.WRONG.magnitude(gaps["float32"]))} | {
        name: gap(value) for name, value in gaps.items()
    }


def saturation(_: Evidence) -> Values:
    """Return the gaps from which two probabilities round to 1 and to 0."""
    one = {name: math.log(2.0 ** (format_of(name).precision + 1) - 1) for name in ("float32", "float16")}
    return {
        "one": gap(one["float32"]),
        "one16": gap(one["float16"]),
        "zero": gap(gradients.underflow("float32")),
        "zero16": gap(gradients.underflow("float16")),
    }


def naive(_: Evidence) -> Values:
    """Return the logits whose exponential overflows."""
    return {name: gap(math.log(format_of(name).largest)) for name in ("float16", "float32", "float64")}


def shift(_: Evidence) -> Values:
    """Return what a shift leaves wrong."""
    half = format_of("float16")
    most = half.largest + float(spacing(np.array(half.largest), half)) / 2
    return {
        "gap": gap(gradients.underflow("float32")),
        "equal": f"{most:,.0f}",
        "confident": few(true("log_softmax", 0.0, -20.0)[0]),
    }


def batch(_: Evidence) -> Values:
    """Return the distances from which a row has only zeros left."""
    return {name: gap(gradients.underflow(name)) for name in ("float16", "float32")}


def online(_: Evidence) -> Values:
    """Return how far the log-sum-exp that is merged of parts is off."""
    x = np.random.default_rng(1).standard_normal(1000) * 3
    right = true("logsumexp", *x)[0]
    merged = [_merged([x[i : i + size] for i in range(0, len(x), size)]) for size in PARTS]
    off = max(abs(value - right) / abs(right) for value in merged) / format_of("float64").roundoff
    return {"logits": str(len(x)), "parts": ", ".join(map(str, PARTS)), "off": few(off, 2)}


def _merged(parts: Sequence[Floats]) -> float:
    peak, total = -math.inf, 0.0
    for part in parts:
        higher = max(peak, float(part.max()))
        total = total * math.exp(peak - higher) + float(np.exp(part - higher).sum())
        peak = higher
    return peak + math.log(total)


def jacobian(_: Evidence) -> Values:
    """Return what the diagonal leaves out of a worked example."""
    first, second, _third = true("softmax", *FIGURE)
    return {"left": few(-first * second), "sum": few(first * (1 - first))}


def sensitivity(_: Evidence) -> Values:
    """Return the largest norm of the Jacobian, that of two equal logits, and the effect of one ulp on them."""
    p = true("softmax", 0.0, 0.0)
    moved = {
        name: true("softmax", float(spacing(np.array(20.0), format_of(name))), 0.0)[0] - p[0]
        for name in ("float32", "bfloat16")
    }
    norm = float(np.linalg.norm(np.diag(p) - np.outer(p, p), 2))
    return {"norm": few(norm)} | {name: few(value, 2) for name, value in moved.items()}


def double(_: Evidence) -> Values:
    """Return the floor of the loss at some numbers of classes."""
    classes = {"ten": 10, "thousand": 1000, "vocabulary": VOCABULARY}
    return {name: f"{double_softmax.floor(n):.4f}" for name, n in classes.items()}


def labels(_: Evidence) -> Values:
    """Return the loss of a label of −1 as its logit falls behind."""
    loss, more = (true("log_softmax", 0.0, gap)[0] for gap in FAR)
    return {"loss": few(loss, 4), "more": few(more, 5)}


def temperature(_: Evidence) -> Values:
    """Return the temperatures at which a logit of 10 overflows."""
    return {name: few(10 / format_of(name).largest, 2) for name in ("float16", "float32")}


def argmax(_: Evidence) -> Values:
    """Return one ulp of a log-probability near −10."""
    names = ("float16", "bfloat16", "float32")
    return {name: few(float(spacing(np.array(10.0), format_of(name))), 2) for name in names}


def bottleneck(_: Evidence) -> Values:
    """Return the rank of log-probabilities of small whole numbers H Wᵀ."""
    rows, d = 48, 3
    hidden, matrix = (np.random.default_rng(seed).integers(-1, 2, (rows, d)).astype(float) for seed in (2, 3))
    logits = hidden @ matrix.T
    table = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return {"rows": str(rows), "d": str(d), "rank": str(np.linalg.matrix_rank(table))}


def hierarchical(_: Evidence) -> Values:
    """Return the inner nodes of a binary tree that one label and all labels take."""
    return {
        "classes": f"{VOCABULARY:,}",
        "depth": str((VOCABULARY - 1).bit_length()),
        "nodes": f"{VOCABULARY - 1:,}",
    }


def sampled(_: Evidence) -> Values:
    """Return the loss of equal logits over all classes, and over a label and some that are drawn."""
    classes, drawn = SHAPES["gpt2"].n, 64
    return {
        "classes": f"{classes:,}",
        "drawn": str(drawn),
        "sampled": few(math.log(1 + drawn)),
        "whole": few(math.log(classes)),
    }


def focal(_: Evidence) -> Values:
    """Return what the focal loss takes from an example that is right, and where its gradient is 0."""
    p, focal = 0.9, gradients.FORMS[-1]
    return {
        "p": few(p),
        "gamma": str(gradients.GAMMA),
        "times": few((1 - p) ** -gradients.GAMMA),
        "float32": gap(gradients.vanishes(focal, "float32")),
        "float16": gap(gradients.vanishes(focal, "float16")),
        "plain32": gap(gradients.vanishes(gradients.RIGHT, "float32")),
        "plain16": gap(gradients.vanishes(gradients.RIGHT, "float16")),
    }


def weights(_: Evidence) -> Values:
    """Return the mean loss of weighted rows, and that of rows as often as their weights say."""
    rows, classes, often = np.array([FIGURE] * 3), np.arange(3), np.array([1, 2, 3])
    weighted = Loss(classes, "mean", weight=often.astype(float))
    repeated = Loss(np.repeat(classes, often), "mean")
    found = (
        evaluate(Query("softmax_cross_entropy", x, loss=loss)).value
        for x, loss in ((rows, weighted), (np.repeat(rows, often, axis=0), repeated))
    )
    return dict(zip(("weighted", "repeated"), (f"{float(value):.4f}" for value in found), strict=True))


def smoothing(_: Evidence) -> Values:
    """Return the entropy of a smoothed label."""
    epsilon, classes = 0.1, 10
    label = np.full(classes, epsilon / classes)
    label[0] += 1 - epsilon
    return {"epsilon": few(epsilon), "classes": str(classes), "floor": f"{-np.sum(label * np.log(label)):.4f}"}


def distillation(_: Evidence) -> Values:
    """Return the largest element of T² times the gradient by x of KL(uniform ‖ softmax(x/T))."""
    temperatures = (1, 4, 100)
    largest = (t * np.max(np.abs(true("softmax", *(10 * x / t for x in FIGURE)) - 1 / 3)) for t in temperatures)
    return {"gradients": ", ".join(map(few, largest)), "temperatures": ", ".join(map(str, temperatures))}


OF: Mapping[str, Callable[[Evidence], Values | None]] = {
    made.__name__: made
    for made in (
        time, memory, vanishing, saturation, naive, shift, batch, online, jacobian, sensitivity, double, labels,
        temperature, argmax, bottleneck, hierarchical, sampled, focal, weights, smoothing, distillation,
    )
}  # fmt: skip
