"""The page that helps to port: for two frameworks the calls side by side, what breaks, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from adapters.frameworks import FRAMEWORKS
from reports import porting
from reports.checks import split_target
from reports.differences.causes import differences
from reports.differences.comparison import DescribedDifference, OperandText, describe
from reports.differences.items import items
from reports.differences.programs import shown
from reports.differences.values import HOLDS
from reports.evidence import Evidence
from reports.porting import Call
from reports.site.page import Page

ADDRESS = "port.html"
DEFAULT = {"from": "tensorflow", "to": "torch", "of": "loss"}
PARTS = {"loss": "cross-entropy", "softmax": "softmax", "log_softmax": "log_softmax", "logsumexp": "log-sum-exp"}
FIRST = 8  # differences that are shown before the reader asks for more


@dataclass(frozen=True)
class Break:
    """One thing that breaks: the two outputs and the parts of the page that it belongs to."""

    difference: DescribedDifference
    outputs: tuple[str, str]
    parts: tuple[str, ...]

    @property
    def lack(self) -> str:
        """Say in words which argument is lacking, and in which function."""
        function, has, what = self.difference.title.removeprefix("lacks ").partition(" has no ")
        return f"lacks {what.partition(';')[0]} in {function}" if has else self.difference.title


@dataclass(frozen=True)
class Move:
    """A port from one framework to another; the targets are of their usual modes."""

    names: tuple[str, str]
    targets: tuple[str, str]
    versions: tuple[str, str]
    calls: tuple[Call, ...]
    breaks: tuple[Break, ...]
    missing: tuple[Break, ...]

    def of(self, part: str) -> list[Break]:
        """Return what breaks in one part."""
        return [one for one in self.breaks if part in one.parts]

    def lacking(self, part: str) -> list[Break]:
        """Return what one of the two lacks in one part, each feature once: not several together."""
        own = {(one.difference.lacks, one.lack): one for one in reversed(self.missing) if part in one.parts}
        texts = [text.removeprefix("lacks ") for _, text in own]
        return [
            one
            for one in reversed(own.values())
            if not any(f"{text}, " in one.lack or f", {text}" in one.lack for text in texts)
        ]


def pages(evidence: Evidence) -> Iterator[Page]:
    """Yield the page."""
    there = {split_target(record.header.target)[0] for record in evidence.records}
    names = [name for name in porting.portable() if name in there]
    moves = list(_moves(evidence))
    options = [(name, FRAMEWORKS[name].title) for name in names]
    values = {
        "picks": (("from", "From", options), ("to", "To", options), ("of", "What", list(PARTS.items()))),
        "chosen": DEFAULT,
        "moves": moves,
        "parts": PARTS,
        "first": FIRST,
        "rule": porting.RULE,
        "titles": {name: FRAMEWORKS[name].title for name in names},
    }
    yield Page(ADDRESS, "Port from one framework to another", "port.html.j2", ADDRESS, values)


def _moves(evidence: Evidence) -> Iterator[Move]:
    usual = {f"{name}:cpu:{FRAMEWORKS[name].usual}": name for name in porting.portable()}
    records = [record for record in evidence.records if record.header.target in usual]
    every = items(records, evidence.specification, evidence.deviations)
    targets = [record.header.target for record in records]
    examples = {id(item): shown(item, targets) for item in every}
    entries = {entry.id: entry for entry in evidence.deviations}
    for a, b in permutations(range(len(records)), 2):
        told = [
            describe(one, [examples[id(one.item)][side] for side in (a, b)], evidence.specification, entries)
            for one in differences(every, a, b)
        ]
        kept = [one for one in told if one.sort != "measured"]
        ranked = porting.ranked(kept, evidence.specification)
        found = [Break(one, outputs(one.operands), _parts(one)) for one in ranked]
        names = (usual[targets[a]], usual[targets[b]])
        yield Move(
            names=names,
            targets=(targets[a], targets[b]),
            versions=(_version(evidence, targets[a]), _version(evidence, targets[b])),
            calls=tuple(porting.calls(*names)),
            breaks=tuple(one for one in found if one.difference.lacks is None),
            missing=tuple(one for one in found if one.difference.lacks is not None),
        )


def _version(evidence: Evidence, target: str) -> str:
    record = next(record for record in evidence.records if record.header.target == target)
    return record.header.framework.get("version", "?").partition("+")[0]


def outputs(operands: Sequence[OperandText]) -> tuple[str, str]:
    """Return what each side gives: the recorded result where there is one, else the answer in words."""
    first, second = operands
    return _output(first, second), _output(second, first)


def _output(own: OperandText, other: OperandText) -> str:
    if own.recorded:
        return own.recorded
    if own.answer.startswith(HOLDS) and "expected" in other.recorded:
        right = other.recorded.partition("expected")[2].lstrip(": ").partition(", ")[0]
        return f"right: {right}" if other.recorded.startswith("got") else "right"
    return own.answer


def _parts(difference: DescribedDifference) -> tuple[str, ...]:
    names = dict.fromkeys(scope.split(" ")[0] for scope in difference.where.split("; "))
    return tuple("loss" if name == "softmax_cross_entropy" else name for name in names)
