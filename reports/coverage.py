"""Makes coverage.md: how many pairs and triples of levels crossed cases ask, which are impossible, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from conformance.cases import designs
from conformance.cases.crossed import ROWS
from conformance.cases.designs import Design, Tuple

TIERS = ("quick", "full")


HEAD = (
    "# Coverage of the crossed cases",
    "",
    "A crossed case has one level of each factor of its design: axis, rank, layout of each array, options, and",
    "so on, which [factors.toml](../conformance/cases/factors.toml) declares. The quick tier asks every pair",
    "of levels, the full tier every triple, but for those that are impossible for the reasons given here. Of a",
    "framework that copies what it is given (TensorFlow, JAX) the quick tier asks every pair without a layout.",
    "Compilers are asked less: each level in the quick tier, every pair in the full one.",
    "",
)


@dataclass(frozen=True)
class Count:
    """The tuples of levels of one size: those asked in each tier, the impossible ones, and those left out."""

    asked: dict[str, int]
    impossible: Counter[str]  # by reason
    left_out: tuple[Tuple, ...]  # possible, and in no row of the full tier

    @property
    def possible(self) -> int:
        """Return how many there are in a row that no rule forbids."""
        return self.asked["full"] + len(self.left_out)


@cache
def count(name: str, size: int) -> Count:
    """Count the tuples of `size` levels of a design."""
    design = designs.load()[name]
    asked = {tier: designs.asked(design, size, ROWS[tier](design)) for tier in TIERS}
    impossible, left_out = Counter[str](), list[Tuple]()
    for levels in design.tuples(size):
        if levels in asked["full"]:
            continue
        part = next((pair for pair in combinations(levels, 2) if pair in _impossible(name)), None)
        if part is None and design.possible(levels):
            left_out.append(levels)
        else:
            impossible[design.why_not(part or levels) or "several of these together leave no case"] += 1
    return Count({tier: len(found) for tier, found in asked.items()}, impossible, tuple(left_out))


@cache
def _impossible(name: str) -> frozenset[Tuple]:
    """Return the pairs of levels that no row of a design may have."""
    design = designs.load()[name]
    held = designs.asked(design, 2, design.rows(3))
    return frozenset(pair for pair in design.tuples(2) if pair not in held and not design.possible(pair))


def page() -> str:
    """Return the page."""
    known = designs.load().values()
    of_each = (line for one in known for line in _design(one))
    return "\n".join((*HEAD, *_table(known), "", *_kinds(known), *of_each))


def _table(known: Iterable[Design]) -> list[str]:
    lines = [
        "| design | factors | levels | cases, quick | full | pairs asked | of | triples, quick | full | of |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for one in known:
        pairs, triples = count(one.name, 2), count(one.name, 3)
        cells = (
            f"{one.name}: {one.title}", len(one.factors), sum(map(len, one.factors.values())),
            len(ROWS["quick"](one)), len(ROWS["full"](one)), pairs.asked["quick"], pairs.possible,
            triples.asked["quick"], triples.asked["full"], triples.possible,
        )  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def _kinds(known: Iterable[Design]) -> list[str]:
    """Return the sums by kind of operation."""
    lines = [
        "By kind of operation:",
        "",
        "| kind | tier | cases | pairs asked | of | triples asked | of |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for kind in dict.fromkeys(kind for one in known for kind in one.kinds):
        members = [one for one in known if kind in one.kinds]
        for tier in TIERS:
            pairs, triples = ([count(one.name, size) for one in members] for size in (2, 3))
            cells = (
                sum(len(ROWS[tier](one)) for one in members),
                sum(found.asked[tier] for found in pairs), sum(found.possible for found in pairs),
                sum(found.asked[tier] for found in triples), sum(found.possible for found in triples),
            )  # fmt: skip
            lines.append(f"| {kind} | {tier} | {' | '.join(map(str, cells))} |")
    return [*lines, ""]


def _design(one: Design) -> list[str]:
    pairs, triples = count(one.name, 2).impossible, count(one.name, 3).impossible
    reasons = sorted({*pairs, *triples}, key=lambda reason: (-pairs[reason], -triples[reason], reason))
    return [
        f"## {one.name}",
        "",
        "| factor | levels |",
        "|---|---|",
        *(f"| {factor} | {', '.join(levels)} |" for factor, levels in one.factors.items()),
        "",
        "| impossible because | pairs | triples |",
        "|---|--:|--:|",
        *(f"| {reason} | {pairs[reason]} | {triples[reason]} |" for reason in reasons),
        "",
    ]
