"""Exact counts of a sweep's results, and its worst errors with their witnesses; merged in any order, the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

COUNTS = ("correct", "B", "C", "D", "beyond")  # each result is in one: the first that holds


@dataclass
class Worst:
    """The largest of some measure, in the row of the least number that attains it."""

    value: float = 0.0
    row: int = -1
    witness: dict[str, Any] = field(default_factory=dict)

    def beats(self, value: float, row: int) -> bool:
        """Return True if this one stays before another."""
        return self.row >= 0 and (self.value, -self.row) >= (value, -row)

    def take(self, other: Worst) -> None:
        """Keep the worse of both."""
        if other.row >= 0 and not self.beats(other.value, other.row):
            self.value, self.row, self.witness = other.value, other.row, other.witness


@dataclass
class Tally:
    """The counts and worst errors of one operation or derivative, in one format, row length and axis.

    `counts` are of results in rows of finite logits, `undecided` of those whose rounding ball arithmetic decided.
    `special` counts rows with a NaN or an infinity, by what they hold and what came out, and `wrong` those of
    them with no legal answer.
    """

    counts: Counter[str] = field(default_factory=Counter)
    special: Counter[str] = field(default_factory=Counter)
    undecided: int = 0
    wrong: int = 0
    ulps: Worst = field(default_factory=Worst)
    bound: Worst = field(default_factory=Worst)  # error over the bound of grade D
    first_wrong: Worst = field(default_factory=Worst)

    def merge(self, other: Tally) -> None:
        """Add another part of the same sweep."""
        self.counts += other.counts
        self.special += other.special
        self.undecided += other.undecided
        self.wrong += other.wrong
        for name in ("ulps", "bound", "first_wrong"):
            getattr(self, name).take(getattr(other, name))

    def told(self) -> dict[str, Any]:
        """Return it as JSON, floats in hex."""
        return {
            "counts": {name: self.counts[name] for name in COUNTS},
            "undecided": self.undecided,
            "special": dict(sorted(self.special.items())),
            "wrong": self.wrong,
            **{
                name: {"value": float(worst.value).hex(), "row": worst.row, "witness": worst.witness}
                for name in ("ulps", "bound", "first_wrong")
                if (worst := getattr(self, name)).row >= 0
            },
        }

    @staticmethod
    def read(told: Mapping[str, Any]) -> Tally:
        """Return what `told` was made of."""
        worst = {
            name: Worst(float.fromhex(one["value"]), one["row"], one["witness"])
            for name in ("ulps", "bound", "first_wrong")
            if (one := told.get(name))
        }
        counts, special = Counter(told["counts"]), Counter(told["special"])
        return Tally(counts, special, told["undecided"], told["wrong"], **worst)


def merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge tallies by name, each as JSON."""
    whole: dict[str, Tally] = {}
    for part in parts:
        for name, told in part.items():
            whole.setdefault(name, Tally()).merge(Tally.read(told))
    return {name: whole[name].told() for name in sorted(whole)}
