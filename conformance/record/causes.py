"""Group failures by their likely cause, by what a record's own rows say.

A cause is a trait that failing checks have and passing ones have not: what was called (operation, format,
derivative, axis, layouts, options), and what was asked and given (SUBJECTS and INPUTS).

- Calls that raise or end their process are grouped by what they say. The rest are wrong answers.
- Everywhere: where nearly all plain values are wrong, so is what rests on them: they are one group.
- A trait makes a group if its checks fail LIFT times as often as the others. Of several, it is the one with the
  best product of two parts: of the failures that have it, and the root of its checks that fail.
- What is left is grouped in the same way; failures that no trait tells apart, or that end at one floor, are one
  group.
- Where plain values fail, what a row holds makes no group: a wrong exponential is wrong beside −inf too.
- A group is named after its usual answer, and after the traits that all of its checks have and few that pass.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import TypeVar

from conformance.operations import OPERATIONS
from conformance.record.accuracy_keys import number
from conformance.record.records import Check
from conformance.record.verdict import fails_run

LIFT = 3.0
RARE = 0.5  # a trait names a group where less than this part of what passes has it
DEATHS = ("crash", "timeout")
ADAPTER = "adapter: "  # begins what is said of an answer that is none
FAR = 2.0**-4  # a relative error beyond it is no inaccuracy
PLAIN = "ACC-01"  # the requirement that asks for plain values
NEARLY = 0.9  # of the plain checks
USUAL = 0.6  # of a group: an answer that names it
EMPTY = -80.0  # a logarithm of a probability that no other fault leaves so far above it
CLIPPED = 0.3  # of a group's values: those that end at a floor
NAMED = 3  # traits that a name holds at most
INACCURATE = "the answer is inaccurate"
ANY = ""  # the trait of every check
JACOBIAN = "the Jacobian of softmax"  # a part of its derivatives, and of every second one

SUBJECTS = {
    "rows of −inf alone": "SPV-03 SPV-13 GRD-06",
    "logits of −inf": "SPV-01 SPV-02 SPV-08 SPV-15 SPV-17 SPV-18 GRD-04 GRD-05 GRD-21 INV-07 CMP-03 "
    "LBL-08 LBL-09 LBL-10 LBL-11",
    "a NaN in a row": "SPV-04 SPV-11 SPV-14 LIN-09 SEL-05",
    "a +inf in a row": "SPV-06 SPV-12 SPV-16 LIN-10",
    "what another row holds": "SPV-05 INV-03 GRD-22",
    "large logits": "RNG-01 RNG-02 RNG-04 RNG-08 GRD-23 INV-01 LBL-06 CMP-01 CMP-02 CMP-05 LIN-11",
    "far below the maximum": "RNG-03 RNG-05 RNG-07",
    "values near zero": "ACC-04 ACC-11",
    "many elements": "ACC-03 GRD-12 LBL-16 LBL-22 LBL-34 IFC-17",
    "the total of a row": "ACC-05 INV-02 INV-06 INV-08",
    "equal and larger logits": "INV-04 INV-05 SEL-04",
    "rounding to the format": "ACC-07 GRD-24",
    "exponential and logarithm": "ACC-08",
    "where": "SPV-09 SPV-10 GRD-16 IFC-20 CRS-08",
    "labels out of range": "LBL-01 LBL-02",
    "format, shape and order of labels": "LBL-14 LBL-18 LBL-26 LBL-28 LBL-33",
    "ignored rows": "LBL-03 LBL-04 LBL-05 LBL-19 LBL-30 LBL-31 LIN-07 LIN-08 LIN-12",
    "probability labels": "LBL-07 LBL-21 LBL-24 LBL-25 LBL-27 LBL-36 ACC-09 GRD-09 GRD-10 GRD-11 CRS-07",
    "focusing": "ACC-10 GRD-25",
    "weights, smoothing and reductions": "LBL-12 LBL-13 LBL-15 LBL-23 LBL-35 GRD-17 LIN-05",
    "the upstream gradient": "GRD-08 GRD-22",
    "how an axis is named": "IFC-02 IFC-14 IFC-15",
    "axes and their order": "IFC-01 IFC-12 LBL-17 SEL-10",
    "a single class": "IFC-09 IFC-10",
    "no rows or no classes": "IFC-06 IFC-08 LBL-20 SEL-08",
    "shape and format of the result": "IFC-04 IFC-05 IFC-13 LIN-15 SEL-12",
    "logits of integers or complex numbers": "IFC-11 IFC-16",
    "classes that are drawn": "SMP-01 SMP-02",
    "frequencies": "SMP-03 SMP-05",
    "seeds": "SMP-04",
    "relaxed samples": "SMP-06 SMP-07 SMP-08 SMP-09 SMP-10",
    "decoding": "USE-01 USE-02 USE-06",
    "the rank of log-probabilities": "USE-04",
    "an argument is overwritten": "IFC-07 IFC-19 LIN-13 SEL-13",
    "repetition": "DET-01 DET-02 DET-08 LIN-14 SEL-14",
    "calls one after another or at once": "DET-09 DET-10 LBL-29",
    "a size of chunks": "LIN-06",
    "a composition": "CMP-01 CMP-02 CMP-03 CMP-04 CMP-05 CMP-06 CMP-07 CMP-10",
    "vmap": "IFC-18 GRD-15 CRS-09",
    "mixed precision": "CMP-08 CRS-10",
    "a graph for every size": "CMP-09 CRS-11",
    "infinities and zeros": "SEL-03 SEL-06 SEL-07",
    "a k out of range": "SEL-09",
    "x in a layout of its own": "IFC-03 SEL-11",
    "cotangent in a layout of its own": "GRD-14",
    "a layout of its own": "IFC-03 GRD-14 SEL-11",
}  # what requirements ask for, by id
INPUTS = {
    "rows of −inf alone": r"all-masked|minus-inf-n|all-minus-inf",
    "logits of −inf": r"masked|minus-inf",
    "a NaN in a row": r"(?<!beside-)\bnan\b",
    "large logits": r"(?<!\b[xcltw]-)offset(?!-regimes)|largest",
    "equal logits": r"\bequal\b|\btie[sd]\b",
    "many elements": r"n65\d{3}|70000|to-16",
}  # what rows hold, by the names of cases
VALUES = {
    *INPUTS, "a +inf in a row", "what another row holds", "far below the maximum", "values near zero",
    "the total of a row", "equal and larger logits", "rounding to the format", "exponential and logarithm",
}  # fmt: skip
ALIKE = {
    kind: " and ".join(name for name, operation in OPERATIONS.items() if operation.kind == kind)
    for kind in sorted({operation.kind for operation in OPERATIONS.values()})
}
Part = TypeVar("Part")


@dataclass(frozen=True)
class Group:
    """Failures of one likely cause, those of the fewest requirements named first."""

    cause: str
    checks: tuple[Check, ...]

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return the ids of the requirements that they fail: those of plain values, then the most frequent."""
        names = [name for name, _ in Counter(check.requirement for check in self.checks).most_common()]
        return tuple(sorted(names, key=lambda name: name[:3] != PLAIN[:3]))


@dataclass(frozen=True, eq=False)
class _Failure:
    check: Check

    @cached_property
    def traits(self) -> tuple[str, ...]:
        return _traits(self.check)

    @cached_property
    def answer(self) -> str:
        return _answer(self.check)

    @property
    def raised(self) -> bool:
        """Return whether there is no answer."""
        return self.answer.startswith(("raises", ADAPTER, *DEATHS))


def groups(checks: Iterable[Check], failures: Iterable[Check] | None = None) -> list[Group]:
    """Return the failures by likely cause, the largest group first; by default those that fail a run."""
    judged = list(checks)
    chosen = [check for check in judged if fails_run(check)] if failures is None else failures
    failed = [_Failure(check) for check in chosen]
    if not failed:
        return []
    passing = [check for check in judged if check.outcome in ("pass", "choice")]
    passed = Counter(trait for check in passing for trait in (*_traits(check), ANY))
    found: dict[str, list[_Failure]] = {}
    for one in filter(lambda one: one.raised, failed):
        found.setdefault(one.answer, []).append(one)
    found = {_named(group, passed): group for group in found.values()}
    failed = [one for one in failed if not one.raised]
    plain = sum(one.check.requirement == PLAIN for one in failed)
    if plain and plain >= NEARLY * (plain + sum(check.requirement == PLAIN for check in passing)):
        found[f"{_usual(failed)} nearly everywhere"] = failed
        failed = []
    while failed:
        group = _told_apart(failed, passed, VALUES if plain else set())
        taken = set(group)
        failed = [one for one in failed if one not in taken]
        same = next((name for name in found if _floor(group) and _floor(group) == _floor(found[name])), "")
        group = found.pop(same, []) + group
        name = _named(group, passed)
        found[name] = found.get(name, []) + group
    return sorted(
        (Group(cause, tuple(one.check for one in group)) for cause, group in found.items()),
        key=lambda group: (-len(group.checks), group.cause),
    )


def _told_apart(failed: list[_Failure], passed: Counter[str], without: set[str]) -> list[_Failure]:
    """Return the failures that the best trait tells apart, or all of them."""
    having: dict[str, list[_Failure]] = {}
    for one in failed:
        for trait in one.traits:
            if trait not in without:
                having.setdefault(trait, []).append(one)

    def share(trait: str) -> float:
        return len(having[trait]) / (len(having[trait]) + passed[trait])

    def tells(trait: str) -> bool:
        others = len(failed) - len(having[trait])
        return share(trait) * (others + passed[ANY] - passed[trait]) >= LIFT * others

    best = max(filter(tells, having), key=lambda trait: len(having[trait]) * share(trait) ** 0.5, default=ANY)
    return having.get(best, failed)


def _named(group: list[_Failure], passed: Counter[str]) -> str:
    """Return the usual answer, and the traits that all have: what is asked, then what few have that pass."""
    common = set.intersection(*(set(one.traits) for one in group))
    named: list[str] = []
    for trait in group[0].traits:
        telling = trait in SUBJECTS or passed[trait] < RARE * passed[ANY]
        if telling and trait in common and len(named) < NAMED and not any(_told(trait, one) for one in named):
            named.append(trait)
    return ": ".join(filter(None, (_usual(group), ", ".join(named))))


def _told(trait: str, named: str) -> bool:
    """Return whether a trait is told by a narrower one."""
    broad = {JACOBIAN: ("its ",), "a derivative": ("its ", JACOBIAN)}.get(trait, ())
    return named.startswith(broad) or trait.split()[-1] == named.split()[-1] or named in trait.split(" and ")


def _usual(group: list[_Failure]) -> str:
    """Return in words what most of a group's checks show."""
    if floor := _floor(group):
        return f"everything below {floor} is clipped"
    counts = Counter(one.answer for one in group)
    counts["the answer is NaN or infinite"] = counts["the answer is NaN"] + counts["the answer is infinite"]
    usual = next((answer for answer in counts if counts[answer] >= USUAL * len(group)), "wrong answers")
    if usual == INACCURATE:
        pairs = [_pairs(one.check)[0] for one in group if one.answer == INACCURATE]
        error = median(abs(got - expected) / abs(expected) for got, expected in pairs)
        return f"accurate to {-math.log2(error):.0f} bits"
    return usual


def _floor(group: list[_Failure]) -> str:
    """Return the logarithm at which probabilities end, where many of a group's do, else ""."""
    pairs = [pair for one in group if (pair := _logarithms(one.check))]
    floors = [got for got, expected in pairs if got < -5 and got - expected > 1]
    below = sum(expected - got > 1 for got, expected in pairs)
    far = any(expected < EMPTY for _, expected in pairs)
    many = far and len(floors) >= CLIPPED * len(pairs) and len(floors) > 9 * below
    return f"{max(floors):.0f}".replace("-", "−") if many else ""


def _logarithms(check: Check) -> tuple[float, float] | None:
    """Return the logarithms of a probability and its true value, of a value that is no derivative."""
    pairs = _pairs(check)
    if _part(check, "derivative", "") or len(pairs) != 1:
        return None
    pair = pairs[0]
    if check.operation == "softmax" and min(pair) >= 0:
        return math.log(pair[0] or 5e-324), math.log(pair[1] or 5e-324)
    sign = {"log_softmax": 1, "softmax_cross_entropy": -1}.get(check.operation)
    return (sign * pair[0], sign * pair[1]) if sign else None


def _answer(check: Check) -> str:
    """Return in words what a failing check shows."""
    if check.outcome == "fixed":
        return "a known deviation no longer shows"
    if check.outcome in DEATHS:
        return f"{check.outcome}: {_plain(check.message or '')}"
    got, expected = str(check.witness.get("got", "")), str(check.witness.get("expected", ""))
    if expected == "a result":
        return _plain(got).removeprefix("TypeError: ") if ADAPTER in got else f"raises {_plain(got)}"
    if check.requirement[:3] == "DET":
        return "two calls differ"
    pairs = _pairs(check)
    if not pairs:
        return "not as required"
    value, right = pairs[0]
    if math.isnan(value):
        return "the answer is NaN"
    if math.isinf(value) and not math.isinf(right):
        return "the answer is infinite"
    if value == 0 and right != 0:
        return "the answer is 0"
    if right == 0 or not math.isfinite(right):
        return f"the answer should be {right:g}"
    return INACCURATE if abs(value - right) <= FAR * abs(right) else "the answer is another number"


def _pairs(check: Check) -> list[tuple[float, float]]:
    """Return the numbers that differ of what a check got and what was expected."""
    got, expected = (_numbers(str(check.witness.get(name, ""))) for name in ("got", "expected"))
    return [(value, right) for value, right in zip(got, expected, strict=False) if value != right]


def _part(check: Check, name: str, default: Part) -> Part:
    """Return a part of a check's call, or the default in place of another type: a record may hold anything."""
    call = check.witness.get("call")
    part = call.get(name) if isinstance(call, dict) else None
    return part if isinstance(part, type(default)) else default


def _numbers(text: str) -> list[float]:
    """Return the numbers of a value or list as records have them."""
    read = (number(part.strip()) for part in text.strip("[]()").split(","))
    return [value for value in read if value is not None]


def _plain(message: str) -> str:
    """Return a message's first line without its numbers, which differ from call to call."""
    first = message.strip().splitlines()[0] if message.strip() else "without a word"
    return re.sub(r"\d+(\.\d+)?", "…", first)[:120]


def _traits(check: Check) -> tuple[str, ...]:
    """Return in words what tells one check from another, the most telling first."""
    return tuple(dict.fromkeys((*_asked(check), *_called(check))))


def _asked(check: Check) -> Iterator[str]:
    yield from (name for name, ids in SUBJECTS.items() if check.requirement in ids)
    yield from (name for name, pattern in INPUTS.items() if re.search(pattern, check.case))


def _called(check: Check) -> Iterator[str]:
    layouts: list[str] = sorted(_part(check, "layouts", {}))
    yield from (f"{name} in a layout of its own" for name in layouts)
    derivative = _part(check, "derivative", "") or _part(check, "method", "")
    if derivative:
        yield f"its {derivative}"
        if _part(check, "wrt", "") not in ("", "x"):
            yield f"by {_part(check, 'wrt', '')}"
        elif derivative == "hvp" or check.operation == "softmax":
            yield JACOBIAN
    axes = len(_part(check, "shape", []))
    if axes and _part(check, "axis", -1) % axes != axes - 1:
        yield "an axis that is not the last"
    yield from (f"more than {many} axes" for many in range(min(axes, 8) - 1, 1, -1))
    yield from sorted(_part(check, "options", {}))
    if _part(check, "where", ""):
        yield "where"
    yield check.operation
    if check.operation in OPERATIONS:
        yield ALIKE[OPERATIONS[check.operation].kind]
    yield check.dtype
    if layouts:
        yield "a layout of its own"
    if derivative:
        yield "a derivative"
