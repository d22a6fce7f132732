"""One target under test, and the trial that a test function is given.

Helpers here run, measure and describe; only `test_*.py` assert.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.protocol import Adapter, NoAnswer, NotProvided
from conformance import operations
from conformance.operations import softmax
from conformance.operations.operation import Operation
from conformance.requirements import Requirement
from conformance.run import single_thread
from conformance.run.case import Case
from conformance.run.elementary import Errors, measure
from conformance.run.measure import Call, Judgement, Traits, compare, judge, provide
from conformance.truth.formats import Floats, exact, format_of, round_to

Array = NDArray[Any]


@dataclass(repr=False)  # pytest spells out what a failing assertion compares; the arrays here take seconds
class Target:
    """An adapter on a device in a mode, with what has been probed of it."""

    name: str  # "torch:cpu:eager"
    adapter: Adapter
    _flushes: dict[str, bool] = field(default_factory=dict)
    _errors: dict[str, Errors] = field(default_factory=dict)
    _judged: dict[str, Judgement] = field(default_factory=dict)

    def flushes(self, dtype: str) -> bool:
        """Return True if a softmax of a quarter of the smallest normal comes out as zero; probed once.

        8-bit formats are taken to keep it: what is computed in them varies too much to be a probe. So is any
        format where there is no softmax to probe.
        """
        if dtype.startswith("float8"):
            return False
        if dtype not in self._flushes:
            tiny = np.log(format_of(dtype).smallest_normal / 4)
            x = round_to([[0.0, tiny, tiny]], dtype)
            try:
                self._flushes[dtype] = bool(exact(Call(softmax.OPERATION.name, x).run(self.adapter))[0, 1] == 0)
            except NotProvided:
                self._flushes[dtype] = False
        return self._flushes[dtype]

    def errors(self, dtype: str) -> Errors:
        """E₀, E₁ and L in `dtype`, measured once; assumed where the framework does not expose its functions."""
        if "elementary" not in self.adapter.features or dtype not in self.adapter.dtypes:
            return Errors()
        if dtype not in self._errors:
            self._errors[dtype] = measure(self.adapter, dtype)
        return self._errors[dtype]

    def traits(self, dtype: str) -> Traits:
        """Return the traits that the bounds of `dtype` depend on: its own, and those of its wider float32."""
        names = (dtype, "float32")
        return Traits(self.flushes(dtype), {name: self.errors(name).granted(format_of(name)) for name in names})

    def require_judged(self, requirement: str) -> None:
        """Raise NotProvided where the adapter says why the requirement is not to be judged on it."""
        if reason := getattr(self.adapter, "unjudged", {}).get(requirement):
            raise NotProvided(reason)

    def in_one_thread(self, call: Call) -> Any:
        """Return the answer of the framework in a process of its own that may use one core.

        Raises:
            NotProvided: the device is not the CPU, or there is but one core.
        """
        return single_thread.run(self.name, call)

    def judge(self, case: Case, operation: str, dtype: str) -> Judgement:
        """`case` measured, kept while the requirements that look at it follow one another."""
        key = repr((case, operation, dtype))
        if key not in self._judged:
            if len(self._judged) > 256:
                self._judged.clear()
            self._judged[key] = judge(self.adapter, case.call(operation, dtype), self.traits(dtype))
        return self._judged[key]


@dataclass(frozen=True)
class Subject:
    """The subject of one check."""

    requirement: Requirement
    operation: str
    dtype: str
    case: Case

    @property
    def id(self) -> str:
        """The test's parameter id, which `pytest -k` looks through."""
        return f"{self.requirement.id}-{self.operation}-{self.dtype}-{self.case.name}"


@dataclass(frozen=True)
class Refused:
    """The framework raised instead of answering."""

    error: str


class Inconsistent(AssertionError):
    """The same input has different answers in one target."""


@dataclass(repr=False)  # likewise
class Trial:
    """A subject on a target, and what is found while it is judged."""

    target: Target
    subject: Subject
    tier: str
    observed: str | None = None
    measured: dict[str, Any] = field(default_factory=dict)
    bound: str | None = None
    witness: dict[str, Any] = field(default_factory=dict)

    @property
    def adapter(self) -> Adapter:
        """The adapter under test.

        Raises:
            NotProvided: it has no such operation.
        """
        provide(self.target.adapter, self.operation)
        return self.target.adapter

    @property
    def operation(self) -> str:
        """The operation under test."""
        return self.subject.operation

    @property
    def op(self) -> Operation:
        """Return the operation as data."""
        return operations.get(self.operation)

    @property
    def dtype(self) -> str:
        """The format under test."""
        return self.subject.dtype

    @property
    def case(self) -> Case:
        """The case under test."""
        return self.subject.case

    @cached_property
    def call(self) -> Call:
        """The case as a call."""
        return self.case.call(self.operation, self.dtype)

    def need(self, *features: str) -> None:
        """Raise NotProvided unless the adapter has all of `features`."""
        missing = [feature for feature in features if feature not in self.adapter.features]
        if missing:
            raise NotProvided(f"{self.adapter.name} has no {', '.join(missing)}")

    def need_arguments(self, *features: str) -> None:
        """Raise NotProvided unless the adapter has `features`, and those that the case's arguments ask for."""
        asked = {argument.name: argument.feature for argument in self.op.arguments}
        axis = ["class_axis"] if self.case.axis != -1 else []
        self.need(*features, *axis, *(asked[option] for option in self.case.options))

    def need_method(self, name: str) -> None:
        """Raise NotProvided unless the adapter has the method `name`; "" names none."""
        if name and not callable(getattr(self.adapter, name, None)):
            raise NotProvided(f"{self.adapter.name} has no {name}")

    def result(self, case: Case | None = None) -> Floats:
        """Return the answer of the framework for the case, as exact float64."""
        return exact((case or self.case).call(self.operation, self.dtype).run(self.adapter))

    def judge(self, grade: str = "D", case: Case | None = None) -> float:
        """Worst error over the bound of `grade`; the numbers and the worst element are kept."""
        return self.keep(self.target.judge(case or self.case, self.operation, self.dtype), grade, case)

    def compare(self, got: Any, grade: str = "D", case: Case | None = None) -> float:
        """The same for `got`, which the framework returned by another way than the case's own call."""
        call = (case or self.case).call(self.operation, self.dtype)
        return self.keep(compare(call, exact(got), self.target.traits(self.dtype)), grade, case)

    def keep(self, judgement: Judgement, grade: str = "D", case: Case | None = None) -> float:
        """Worst error over the bound; the numbers and the worst element are kept where none was worse."""
        worst = judgement.worst(grade)
        if "ratio" not in self.measured or worst > float(self.measured["ratio"][grade]):
            self.bound = grade
            self.measured |= {
                "ratio": {letter: number(judgement.worst(letter)) for letter in "ABCDE"},
                **_spread(judgement.ulps),
            }
            self.witness = judgement.witness(grade)
            self.describe(case or self.case)
        return worst

    def judgement(self, case: Case | None = None) -> Judgement:
        """The case measured."""
        return self.target.judge(case or self.case, self.operation, self.dtype)

    def show(self, got: Any, expected: Any, case: Case | None = None, **numbers: float) -> None:
        """Keep what was found and what was expected, in hex where they are floats."""
        self.witness = {"got": _shown(got), "expected": _shown(expected)}
        self.measured |= {name: number(float(value)) for name, value in numbers.items()}
        self.describe(case or self.case)

    def holds(self, condition: Any, got: Any, expected: Any) -> bool:
        """Return whether a condition holds at every element; the first one where it does not is kept.

        `got` and `expected` are shaped as the condition, or one value for all; a text is kept as it is.
        """
        condition = np.asarray(condition)
        if condition.all():
            return True
        at = np.unravel_index(int(np.argmin(condition)), condition.shape)
        pair = [v if isinstance(v, str) else np.broadcast_to(v, condition.shape)[at] for v in (got, expected)]
        told = self.witness.get("call")
        self.bound, self.witness = None, {}  # what was within its bound is not what failed
        self.show(pair[0], pair[1])
        self.witness |= {"element": [int(i) for i in at]} | ({"call": told} if told else {})
        return False

    def describe(self, case: Case) -> None:
        """Keep what the call was, and its logits where they are few."""
        call = case.call(self.operation, self.dtype)
        self.witness["call"] = case.describe(call)
        if call.x.size <= 64:
            self.witness["input"] = _shown(call.x)

    def attempt(self, function: Callable[[], Any]) -> Any:
        """function(), or `Refused` where the framework raises; to lack it or to give no answer is no refusal."""
        try:
            return function()
        except (NotProvided, NoAnswer):
            raise
        except Exception as error:  # the framework's own, of any kind: that it refuses is the answer
            return Refused(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")

    def call_another(self) -> None:
        """Make a call of the same shapes with other logits, whose result the next one may be given."""
        x = self.call.x
        other = replace(self.call, x=np.resize(np.array([0.5, -1, 2, 0.25, 0, 1, -0.5], x.dtype), x.shape))
        self.attempt(lambda: other.native(self.adapter))

    def choose(self, answers: dict[str, str]) -> str:
        """Keep the one answer found; `answers` maps where it was looked for to its name.

        Raises:
            Inconsistent: different answers in one target.
            AssertionError: an answer that is not among the requirement's choices.
        """
        found = sorted(set(answers.values()))
        self.observed = " / ".join(found)
        places = "; ".join(f"{where}: {answer}" for where, answer in answers.items())
        outside = [answer for answer in found if answer not in self.subject.requirement.choices]
        if outside or len(found) > 1:
            self.witness.setdefault("got", self.observed)
            self.witness.setdefault("expected", f"one of {', '.join(self.subject.requirement.choices)}")
        if outside:
            allowed = ", ".join(self.subject.requirement.choices)
            raise AssertionError(f"{self.observed} is not among the legal answers ({allowed}): {places}")
        if len(found) > 1:
            raise Inconsistent(f"different answers in one target: {places}")
        return found[0]

    def explain(self) -> str:
        """A failure message that stands alone."""
        lines = [
            f"{self.target.name} ({self.target.adapter.name} {self.target.adapter.version}), "
            f"{self.subject.requirement.id}: {self.operation}, {self.dtype}, case {self.case.name}",
            f"  required: {self.subject.requirement.text}",
        ]
        if self.bound and "ratio" in self.measured:
            ratio = self.measured["ratio"][self.bound]
            lines.append(f"  error over the bound of grade {self.bound}: {ratio}")
        if "call" in self.witness:
            lines.append(f"  logits: {self.witness['call']['expression']}")
        for name in ("input", "element", "index", "logit", "max", "got", "expected", "error", "bound"):
            if name in self.witness:
                lines.append(f"  {name}: {self.witness[name]}")
        return "\n".join(lines)


def _spread(ulps: Floats) -> dict[str, Any]:
    """The largest error of many outputs in ulps, their mean (bias) and variance."""
    if not ulps.size:
        return {"ulps": 0.0, "bias": 0.0, "variance": 0.0, "elements": 0}
    return {
        "ulps": number(float(np.max(np.abs(ulps)))),
        "bias": number(float(np.mean(ulps))),
        "variance": number(float(np.var(ulps))),
        "elements": int(ulps.size),
    }


def number(value: float) -> float | str:
    """JSON has no infinity."""
    return value if np.isfinite(value) else str(value)


def _shown(value: Any, most: int = 24) -> Any:
    """Hex floats for arrays, the first ones of a long one; text for anything else."""
    if isinstance(value, str | Refused) or value is None:
        return str(value)
    array = np.asarray(value)
    if array.dtype.kind in "iub":
        return str(array.tolist())
    flat = exact(array).ravel()
    shown = ", ".join(float(v).hex() for v in flat[:most])
    return f"[{shown}{', …' if flat.size > most else ''}]" if array.ndim else shown
