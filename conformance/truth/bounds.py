"""How far a result may be from the truth: a bound for each element, from the input and the arithmetic.

Shifted softmax commits one rounding in x_j − m (relative u_p on gap_j = m − x_j), one exponential (relative
error E·u_p), a sum with at most h additions on any path (u_s each), one narrowing of the sum where u_s < u_p,
and one division. With g the exact softmax and nothing of second order left out,

    B±    = Σ g_i · exp(±u_p·gap_i)
    S_max = B+ (1 + E·u_p)(1 + u_s)^h (1 + u_p)          S_min = B− (1 − E·u_p)(1 − u_s)^h (1 − u_p)
    lower_j = g_j · exp(−u_p·gap_j)(1 − E·u_p)(1 − u_p) / S_max
    upper_j = g_j · exp(+u_p·gap_j)(1 + E·u_p)(1 + u_p) / S_min

and for log_softmax = (x_j − m) − log Σ, with b = log Σ exp(−gap), D = max(ln S_max, −ln S_min) and L·u_p the
error of the logarithm,

    A = u_p·gap_j + D + L·u_p·(b + D)                    |l̂_j − l_j| ≤ A + u_p(|l_j| + A).

To first order |p̂_j − g_j| ≤ g_j·u·[gap_j + H(g) − b + 2E + h + 1]: the normwise constant of Blanchard, Higham
and Higham (IMA J. Numer. Anal. 2021) sharpened to one an element. A result rounded once more to a narrower
output adds half an ulp of it; underflow adds the smallest subnormal, or the smallest normal where the target
flushes. E and L are a target's own where `elementary` measures them to be worse than the defaults. The bounds
are evaluated in float64 in forms without cancellation, and enlarged by 2^−30 for that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conformance.truth.formats import Floats, Format, format_of, spacing
from conformance.truth.oracle import Query, Truth

EXPONENTIAL = 4.0  # E, in unit roundoffs: two ulps, where a target's own is not measured to be worse
LOGARITHM = 4.0  # L, likewise
SLACK = 1 + 2.0**-30  # over the rounding errors of evaluating a bound in float64
GRADES = ("A", "B", "C", "D", "E")  # and F, outside all of them


@dataclass(frozen=True)
class Arithmetic:
    """How a result is computed, as far as its error bound depends on it."""

    element: Format  # of the elementwise arithmetic: u_p
    total: Format  # of the sum: u_s
    output: Format
    additions: int  # h, the most on any path of the sum
    flushes: bool = False  # subnormal results become zero
    exponential: float = EXPONENTIAL  # E of the elementwise format
    logarithm: float = LOGARITHM  # L
    blocked: bool = False  # sums of any length are taken in blocks or pairs

    def path(self, count: int) -> int:
        """The most additions on any path of a sum of `count` numbers that is not along a row."""
        return additions(count, self.blocked)

    @property
    def u(self) -> float:
        """Unit roundoff of the elementwise arithmetic."""
        return self.element.roundoff

    @property
    def narrowed(self) -> bool:
        """Whether the sum is rounded to a narrower format before the division."""
        return self.total.precision > self.element.precision

    def unit(self, fmt: Format) -> float:
        """The error that one underflow in `fmt` can make."""
        return fmt.smallest_normal if self.flushes else fmt.smallest_subnormal

    def rounded(self, value: Floats, tolerance: Floats) -> Floats:
        """`tolerance`, and the rounding to the output where that is narrower; no less than 0."""
        if self.output.precision < self.element.precision:
            half_ulp = spacing(np.abs(value) + tolerance, self.output) / 2
            tolerance = tolerance + half_ulp + (self.unit(self.output) if self.flushes else 0.0)
        enlarged: Floats = tolerance * SLACK
        return enlarged


def additions(count: int, blocked: bool) -> int:
    """h of a sum of `count` numbers: count − 1 one after another, ⌈log₂ count⌉ + 8 in blocks or pairs."""
    sequential = max(count - 1, 0)
    return min(sequential, math.ceil(math.log2(max(count, 1))) + 8) if blocked else sequential


def arithmetic(
    grade: str,
    output: str,
    n: int,
    flushes: bool = False,
    errors: Mapping[str, tuple[float, float]] | None = None,
) -> Arithmetic:
    """The arithmetic that grade B, C, D or E grants to rows of n in format `output`.

    B: all in float32 or wider, h = ⌈log₂ n⌉ + 8, rounded once. C: the same with h = n − 1. D: elementwise in
    the format itself, the sum in float32 or wider. E: everything in the format itself. `errors` holds E and L
    by format, where they are measured.
    """
    own = format_of(output)
    wide = own if own.precision >= 24 else format_of("float32")
    element, total = {"B": (wide, wide), "C": (wide, wide), "D": (own, wide), "E": (own, own)}[grade]
    blocked = grade == "B"
    exponential, logarithm = (errors or {}).get(element.name, (EXPONENTIAL, LOGARITHM))
    return Arithmetic(element, total, own, additions(n, blocked), flushes, exponential, logarithm, blocked)


@dataclass(frozen=True)
class Rows:
    """What the bounds need of the rows (r, n): gaps, true probabilities and true log-probabilities."""

    gap: Floats  # +inf where the logit is −inf
    g: Floats
    l: Floats  # noqa: E741 -- the letter of the formulas
    log_total: Floats  # b, (r, 1)

    @staticmethod
    def of(x: Floats, softmax: Truth, log_softmax: Truth) -> Rows:
        """From exact logits and the truth of both functions."""
        peak = np.max(x, axis=-1, keepdims=True, initial=-np.inf)
        with np.errstate(invalid="ignore", over="ignore"):
            gap = np.where(np.isneginf(x), np.inf, peak - x)
            log_total = -np.max(log_softmax.value, axis=-1, keepdims=True, initial=-np.inf)
        return Rows(gap, softmax.value, log_softmax.value, log_total)

    @property
    def live(self) -> Floats:
        """Gaps with 0 in place of an infinite one, whose g is 0."""
        return np.where(np.isinf(self.gap), 0.0, self.gap)


@dataclass(frozen=True)
class Spread:
    """How far a computed sum may be from Σ: ln S_max and −ln S_min, (r, 1) each, both ≥ 0."""

    up: Floats
    down: Floats

    @property
    def widest(self) -> Floats:
        """D."""
        return np.maximum(self.up, self.down)


def spread(rows: Rows, how: Arithmetic) -> Spread:
    """ln S_max and −ln S_min of the module's formula, with each underflowed exponential counted."""
    u, u_s, h = how.u, how.total.roundoff, how.additions
    # g·expm1(±u·gap) as exp(l ± …)·(1 − exp(…)): no overflow times zero far from the maximum
    wider = np.exp(rows.l + u * rows.live) * -np.expm1(-u * rows.live)
    narrower = rows.g * -np.expm1(-u * rows.live)
    lost = how.unit(how.element) / np.exp(rows.log_total)  # the share of Σ that one underflow can make
    raised = rows.gap.shape[-1] * lost
    fallen = np.minimum(lost / (1 - how.exponential * u), rows.g - narrower)  # none loses more than itself
    up = np.log1p(_total(wider)) + math.log1p(how.exponential * u) + h * math.log1p(u_s) + np.log1p(raised)
    down = -np.log1p(-_total(narrower + fallen)) - math.log1p(-how.exponential * u) - h * math.log1p(-u_s)
    if how.narrowed:
        up, down = up + math.log1p(u), down - math.log1p(-u)
    return Spread(up, down)


def softmax(rows: Rows, how: Arithmetic) -> Floats:
    """Largest |p̂ − g| of each element, (r, n); 0 where the logit is −inf."""
    return np.where(np.isinf(rows.gap), 0.0, how.rounded(rows.g, probability_error(rows, how)))


def probability_error(rows: Rows, how: Arithmetic) -> Floats:
    """The same before the rounding to the output: what a derivative starts from."""
    u = how.u
    off = spread(rows, how)
    above = u * rows.live + math.log1p(how.exponential * u) + math.log1p(u) + off.down
    below = u * rows.live - math.log1p(-how.exponential * u) - math.log1p(-u) + off.up
    upper = np.exp(rows.l + above) * -np.expm1(-above)
    lower = rows.g * -np.expm1(-below)
    tolerance = np.maximum(upper, lower) + 2 * how.unit(how.element)
    return np.where(np.isinf(rows.gap), 0.0, tolerance)


def log_softmax(rows: Rows, how: Arithmetic) -> Floats:
    """Largest |l̂ − l| of each element, (r, n); 0 where the logit is −inf."""
    tolerance = _log_error(rows, how)
    return np.where(np.isinf(rows.gap), 0.0, how.rounded(rows.l, tolerance))


def _log_error(rows: Rows, how: Arithmetic) -> Floats:
    u = how.u
    d = spread(rows, how).widest
    magnitude = np.where(np.isinf(rows.gap), 0.0, np.abs(rows.l))
    a = u * rows.live + d + how.logarithm * u * (np.abs(rows.log_total) + d)
    tolerance: Floats = a + u * (magnitude + a) + how.unit(how.element)
    return tolerance


def confident(rows: Rows, how: Arithmetic) -> Floats:
    """Largest |l̂ − l| at each row's maximum, (r,), for −log1p(rest): relative to l, however near zero (grade R).

    The rest, Σ of the other exponentials, is a sum of positive terms and relatively accurate, and log1p takes
    a relative error of its argument to no larger one of its value.
    """
    u = how.u
    peak = np.argmax(rows.g, axis=-1)[:, None]
    others = rows.l.copy()
    np.put_along_axis(others, peak, -np.inf, axis=-1)
    mass = _total(np.exp(others))
    wider = _total(np.exp(others + u * rows.live) * -np.expm1(-u * rows.live))
    with np.errstate(invalid="ignore"):
        drift = np.where(mass > 0, wider / mass, 0.0)
    off = np.log1p(drift) + math.log1p(how.exponential * u) + how.additions * math.log1p(how.total.roundoff)
    off = off + math.log1p(how.logarithm * u) + math.log1p(u)
    nearest = np.abs(np.take_along_axis(rows.l, peak, axis=-1))
    lost = (rows.gap.shape[-1] + 1) * how.unit(how.element)  # by each of the others, and by the logarithm
    return how.rounded(nearest, nearest * np.expm1(off) + lost)[:, 0]


@dataclass(frozen=True)
class Running:
    """A quantity and a bound on the error it carries, in the manner of a running error analysis.

    Fed with magnitudes it bounds every order of evaluation at once: each computed term is the exact one times
    factors within the bounds, whatever cancels afterwards. Fed with signed values it bounds that one order,
    and sees cancellation.
    """

    value: Floats
    error: Floats | float = 0.0

    def times(self, other: Running) -> Running:
        """The product, before its rounding."""
        crossed = np.abs(self.value) * other.error + np.abs(other.value) * self.error
        return Running(self.value * other.value, crossed + self.error * other.error)

    def plus(self, other: Running) -> Running:
        """The sum, before its rounding."""
        return Running(self.value + other.value, self.error + other.error)

    def rounded(self, how: Arithmetic, times: int = 1) -> Running:
        """After `times` roundings, each fl(z) = z(1 + δ) + η with |δ| ≤ u_p and η what an underflow loses."""
        growth = np.expm1(times * math.log1p(how.u))
        lost = times * how.unit(how.element)
        return Running(self.value, self.error + growth * (np.abs(self.value) + self.error) + lost)

    def total(self, how: Arithmetic, additions: int | None = None) -> Running:
        """The sum along the last axis, kept: h additions on any path, and its narrowing."""
        h = how.additions if additions is None else additions
        growth = np.expm1(h * math.log1p(how.total.roundoff))
        carried = _total(self.error + np.zeros_like(self.value))
        whole = Running(_total(self.value), carried + growth * (_total(np.abs(self.value)) + carried))
        return whole.rounded(how) if how.narrowed else whole


@dataclass(frozen=True)
class Weights:
    """A loss's weights q of `labels.Target` in float64, (r, n), and what its rows are multiplied by."""

    q: Floats
    share: float = 1.0
    roundings: int = 0  # in computing q from labels, smoothing and class weights
    scale: Floats | float = 1.0  # ∂q/∂label

    def running(self, how: Arithmetic) -> Running:
        """q with the error of its own computation."""
        exact = Running(self.q)
        return exact.rounded(how, self.roundings) if self.roundings else exact

    def mass(self, how: Arithmetic) -> Running:
        """Σ_j q_j, (r, 1); exact where a row has one label."""
        dense = np.count_nonzero(self.q, axis=-1).max(initial=0) > 1
        return self.running(how).total(how, None if dense else 0)


def losses(rows: Rows, weights: Weights, how: Arithmetic) -> Running:
    """Each row's Σ_j −q_j·l_j, (r,), with its error: that of l, one product and h additions more."""
    counted = weights.q != 0
    magnitude = np.where(counted, np.abs(rows.l), 0.0)
    logs = Running(magnitude, np.where(counted, _log_error(rows, how), 0.0))
    single = np.count_nonzero(counted, axis=-1).max(initial=0) <= 1
    loss = weights.running(how).times(logs).rounded(how, 2).total(how, 0 if single else None)
    return Running(loss.value[..., 0], (loss.error + np.zeros_like(loss.value))[..., 0])


def cross_entropy(
    rows: Rows, weights: Weights, how: Arithmetic, reduced: bool = False, copies: int = 1
) -> Floats:
    """Largest error of the loss: of each row (r,), or of the reduction to one number of `copies` of the rows."""
    loss = losses(rows, weights, how)
    if reduced:
        loss = _reduced(loss, weights, how, copies)
    return how.rounded(loss.value, loss.error + np.zeros_like(loss.value))


def _reduced(loss: Running, weights: Weights, how: Arithmetic, copies: int = 1) -> Running:
    """`share` times the sum over the rows, each addition in the format of the sums.

    k copies of a loss l with the error e add k·l and k·e: what they sum to exactly, and how far off the sum of
    the computed ones is. Only the number of additions on a path is then that of k times as many rows.
    """
    many = Running(loss.value * copies, loss.error * copies)
    whole = many.total(how, how.path(len(loss.value) * copies)).times(Running(np.asarray(abs(weights.share))))
    whole = whole.rounded(how, 2)
    return Running(whole.value[..., 0], np.asarray(whole.error)[..., 0])


def jacobian(g: Running, v: Running, how: Arithmetic) -> Running:
    """|(diag g − g gᵀ) v| with its error, for g(v − Σ g v) and for g v − g Σ g v alike.

    Two roundings an operation, where either order needs one, leave room for the products and quotients that
    a framework's own differentiation puts between.
    """
    inner = g.times(v).rounded(how).total(how)
    return g.times(v.plus(inner).rounded(how)).rounded(how, 2)


def derivative(query: Query, rows: Rows, weights: Weights | None, how: Arithmetic) -> Floats:
    """Largest error of a vjp, jvp or hvp of `query`, elementwise.

    With ĝ the computed probabilities (or exp of the computed log-probabilities, where these are what a
    framework keeps) every derivative is a polynomial in ĝ, the cotangent and the tangent. Evaluated on
    magnitudes as `Running`, it bounds |computed − exact| for any order of evaluation. The gradient of the
    loss, g·Σq − q, is evaluated with its signs instead: its last rounding is relative to what cancels.
    """
    g = _saved(query.operation, rows, how)
    c = _magnitude(query.cotangent)
    t = _magnitude(query.tangent)
    if weights is not None:
        result = _loss_derivative(query, rows, weights, g, c, t, how)
    elif query.operation == "softmax":
        result = (
            _softmax_hvp(g, c, t, how)
            if query.derivative == "hvp"
            else jacobian(g, c if query.derivative == "vjp" else t, how)
        )
    elif query.derivative == "vjp":
        result = c.plus(g.times(c.total(how)).rounded(how)).rounded(how)
    elif query.derivative == "jvp":
        result = t.plus(g.times(t).rounded(how).total(how)).rounded(how)
    else:
        result = jacobian(g, t, how).times(c.total(how)).rounded(how)
    return how.rounded(result.value, result.error + np.zeros_like(result.value))


def _magnitude(vector: Floats | None) -> Running:
    return Running(np.zeros(()) if vector is None else np.abs(vector))


def _saved(operation: str, rows: Rows, how: Arithmetic) -> Running:
    """The probabilities that a derivative starts from, and their error."""
    error = probability_error(rows, how)
    if operation != "softmax":
        from_logs = _log_error(rows, how) + math.log1p(how.exponential * how.u)
        raised = np.exp(np.where(rows.g == 0, -np.inf, rows.l + from_logs)) * -np.expm1(-from_logs)
        raised = raised + how.unit(how.element)
        error = np.maximum(error, np.where(np.isinf(rows.gap), 0.0, raised))
    return Running(rows.g, error)


def _softmax_hvp(g: Running, c: Running, t: Running, how: Arithmetic) -> Running:
    """s(c − Σ g c) − g Σ s c with s = (diag g − g gᵀ) t; its magnitudes are those of the adjoint order too."""
    step = jacobian(g, t, how)
    first = step.times(c.plus(g.times(c).rounded(how).total(how)).rounded(how)).rounded(how, 2)
    second = g.times(step.times(c).rounded(how).total(how)).rounded(how, 2)
    return first.plus(second).rounded(how)


def _loss_derivative(
    query: Query, rows: Rows, weights: Weights, g: Running, c: Running, t: Running, how: Arithmetic
) -> Running:
    q, mass = weights.running(how), weights.mass(how)
    share = Running(np.asarray(abs(weights.share)))
    upstream = c if c.value.ndim == 0 else Running(c.value[..., None])
    if weights.share != 1:
        upstream = upstream.times(share).rounded(how, 2 + len(rows.g))  # the mean's own divisor is a sum
    inner = g.times(t).rounded(how).total(how)
    if query.wrt == "labels":
        scale = Running(np.abs(weights.scale) + np.zeros_like(rows.g)).rounded(how)
        if query.derivative == "vjp":
            slope = Running(np.abs(rows.l), _log_error(rows, how))
        else:
            slope = inner.plus(t).rounded(how)
        return slope.times(scale).rounded(how).times(upstream).rounded(how)
    if query.derivative == "jvp":
        along = q.times(t.plus(inner).rounded(how)).rounded(how, 2).total(how)
        flat = Running(along.value[..., 0], np.asarray(along.error)[..., 0])
        return flat if query.loss is None or query.loss.reduction == "none" else _reduced(flat, weights, how)
    if query.derivative == "hvp":
        return jacobian(g, t, how).times(mass).rounded(how, 2).times(upstream).rounded(how)
    negative = Running(-q.value, q.error)
    residual = g.times(mass).rounded(how).plus(negative).rounded(how)
    return residual.times(upstream).rounded(how, 2)


def _total(values: Floats) -> Floats:
    total: Floats = np.sum(values, axis=-1, keepdims=True)
    return total
