"""Stores witnesses as data for a script: each text is kept once, and a witness is the numbers of its texts."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.record.records import Check
from reports.reproduce import reproduction
from reports.site.numbered import Numbered
from reports.witness import rows

ASKED = ("logits", "labels", "cotangent", "tangent", "arguments")  # a program says these itself
NOT_KEPT = "–, the record keeps the call only"


@dataclass
class Witnesses:
    """Witnesses in the order in which they were asked for, each check of a target once."""

    _texts: Numbered[str] = field(default_factory=Numbered)
    _found: dict[tuple[str, str], int] = field(default_factory=dict)
    _labels: Numbered[tuple[int, ...]] = field(default_factory=Numbered)
    _programs: Numbered[tuple[int, ...]] = field(default_factory=Numbered)
    _witnesses: list[tuple[int, int, int, list[int], int]] = field(default_factory=list)

    def add(self, target: str, check: Check) -> int:
        """Return the number of the witness of a check."""
        key = (target, check.id)
        if key not in self._found:
            text = self._texts.number
            self._found[key] = len(self._witnesses)
            code = reproduction(target, check)
            pairs = values(check, code is not None)
            self._witnesses.append(
                (
                    text(target),
                    text(check.id),
                    self._labels.number(tuple(text(label) for label, _ in pairs)),
                    [text(value) for _, value in pairs],
                    self._programs.number(tuple(map(text, (code or "").splitlines()))),
                )
            )
        return self._found[key]

    def data(self) -> dict[str, object]:
        """Return the data of the script; a witness numbers its target, check, labels, values, program."""
        return {
            "texts": self._texts.rows,
            "labels": self._labels.rows,
            "programs": self._programs.rows,
            "witnesses": self._witnesses,
        }


def values(check: Check, short: bool) -> tuple[tuple[str, str], ...]:
    """Return the labels and values of a witness, without those of the call if `short`."""
    pairs = tuple(
        (name, text) for name, text in rows(check) if name != "measured" and not (short and name in ASKED)
    )
    return pairs if "got" in check.witness or "input" in check.witness else (*pairs, ("values", NOT_KEPT))
