"""The designs of `factors.toml`, their rows in `arrays/`, and which tuples of levels a design allows.

A row is a level for each factor. The rows of strength t hold every tuple of levels of t factors that no rule
forbids, and begin with those of strength t − 1.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from pathlib import Path

FILE = Path(__file__).with_name("factors.toml")
ARRAYS = Path(__file__).with_name("arrays")
LAYOUTS = ("x", "c", "t", "l", "w")  # the factors that say how an array is stored
FEW = 200  # rows
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

Levels = Mapping[str, str]  # factor → level
Tuple = tuple[tuple[str, str], ...]  # of (factor, level), in the order of the factors


@dataclass(frozen=True)
class Rule:
    """Levels that never meet: rows in which each of the factors has one of its levels."""

    levels: Mapping[str, frozenset[str]]
    because: str


@dataclass(frozen=True)
class Design:
    """Factors with their levels, for kinds of operations, and the rules that concern them."""

    name: str
    title: str
    kinds: tuple[str, ...]
    factors: Mapping[str, tuple[str, ...]]
    rules: tuple[Rule, ...]

    def word(self, row: Levels) -> str:
        """Return `row` as a word of one digit a factor."""
        return "".join(DIGITS[levels.index(row[factor])] for factor, levels in self.factors.items())

    def row(self, word: str) -> Levels:
        """Return the row that `word` spells."""
        return {
            factor: levels[DIGITS.index(digit)]
            for digit, (factor, levels) in zip(word, self.factors.items(), strict=True)
        }

    def rows(self, strength: int) -> list[Levels]:
        """Return those of the committed covering array."""
        parts = (ARRAYS / f"{self.name}.txt").read_text(encoding="ascii").split("\n\n")
        return [self.row(word) for part in parts[:strength] for word in part.split()]

    def quick(self) -> list[Levels]:
        """Return the rows of the quick tier: every pair, and every triple of a design that has few."""
        return self.rows(3) if len(self.rows(3)) <= FEW else self.rows(2)

    def without_layouts(self) -> list[Levels]:
        """Return rows of strength 2 that hold every level, and every pair without the layout of an array.

        A framework that copies what it is given meets no layout twice.
        """
        rows = self.rows(2)
        factors = [factor for factor in self.factors if factor not in LAYOUTS]
        held = [{*row.items(), *combinations(((factor, row[factor]) for factor in factors), 2)} for row in rows]
        left, chosen = set().union(*held), list[int]()
        while left:
            chosen.append(max(range(len(rows)), key=lambda i: len(held[i] & left)))
            left -= held[chosen[-1]]
        return [rows[i] for i in sorted(chosen)]

    def tuples(self, strength: int) -> Iterator[Tuple]:
        """Yield every tuple of levels of `strength` factors, possible or not."""
        for factors in combinations(self.factors, strength):
            for levels in product(*(self.factors[factor] for factor in factors)):
                yield tuple(zip(factors, levels, strict=True))

    def possible(self, levels: Tuple) -> bool:
        """Return whether some row that no rule forbids has these levels."""
        fixed = dict(levels)
        domains = {
            factor: {fixed[factor]} if factor in fixed else set(known) for factor, known in self.factors.items()
        }
        return _completes(domains, self.rules)

    def why_not(self, levels: Tuple) -> str:
        """Return the reason of the rule that forbids `levels`, or "" where several together leave no row."""
        held = dict(levels)
        reasons = (
            rule.because
            for rule in self.rules
            if all(held.get(factor) in forbidden for factor, forbidden in rule.levels.items())
        )
        return next(reasons, "")


def _completes(domains: dict[str, set[str]], rules: tuple[Rule, ...]) -> bool:
    if not _narrow(domains, rules):
        return False
    open_ = [factor for factor, levels in domains.items() if len(levels) > 1]
    if not open_:
        return True
    factor = min(open_, key=lambda name: len(domains[name]))
    # copies: what one level rules out, another does not
    return any(
        _completes({name: set(levels) for name, levels in domains.items()} | {factor: {level}}, rules)
        for level in sorted(domains[factor])
    )


def _narrow(domains: dict[str, set[str]], rules: tuple[Rule, ...]) -> bool:
    """Take out of the domains what the rules leave no row for; return whether all of them keep a level."""
    changed = True
    while changed:
        changed = False
        for rule in rules:
            free = [factor for factor, forbidden in rule.levels.items() if not domains[factor] <= forbidden]
            if not free:
                return False
            if len(free) == 1 and domains[free[0]] & rule.levels[free[0]]:
                domains[free[0]] -= rule.levels[free[0]]
                changed = True
    return True


def asked(design: Design, strength: int, rows: list[Levels]) -> set[Tuple]:
    """Return the tuples of levels of `strength` factors that `rows` hold."""
    return {
        tuple((factor, row[factor]) for factor in factors)
        for factors in combinations(design.factors, strength)
        for row in rows
    }


@cache
def load() -> dict[str, Design]:
    """Return every design by its name."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    rules = data.pop("never")
    return {name: _design(name, table, rules) for name, table in data.items()}


def _design(name: str, table: dict[str, dict[str, list[str]]], rules: list[dict[str, list[str]]]) -> Design:
    factors = {factor: tuple(levels) for factor, levels in table["factors"].items()}
    concerned = []
    for rule in rules:
        levels = {factor: set(forbidden) for factor, forbidden in rule.items() if factor != "because"}
        if levels.keys() <= factors.keys():
            within = {factor: frozenset(forbidden & set(factors[factor])) for factor, forbidden in levels.items()}
            if all(within.values()):
                concerned.append(Rule(within, str(rule["because"])))
    return Design(name, str(table["title"]), tuple(table["kinds"]), factors, tuple(concerned))
