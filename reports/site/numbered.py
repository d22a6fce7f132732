"""Numbers distinct things, so that the data of a page holds each of them once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Set
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Thing = TypeVar("Thing", bound=Hashable)
Pairs = Set[tuple[int, int]]  # the places of two operands that are compared, the lower one first


class Numbered(Generic[Thing]):
    """Distinct things in the order in which they were first numbered."""

    def __init__(self) -> None:
        self._numbers: dict[Thing, int] = {}

    def number(self, thing: Thing) -> int:
        """Return the number of a thing, the next one if it is new."""
        return self._numbers.setdefault(thing, len(self._numbers))

    @property
    def rows(self) -> list[Thing]:
        """The things by their numbers."""
        return list(self._numbers)


@dataclass(frozen=True)
class Tables:
    """The texts, links (text and address) and programs that the other tables name by number."""

    texts: Numbered[str] = field(default_factory=Numbered)
    links: Numbered[tuple[str, str]] = field(default_factory=Numbered)
    lines: Numbered[str] = field(default_factory=Numbered)
    programs: Numbered[tuple[int, ...]] = field(default_factory=Numbered)

    def program(self, code: str) -> int:
        """Return the number of a program, -1 for none."""
        return self.programs.number(tuple(map(self.lines.number, code.split("\n")))) if code else -1


def triangle(numbers: list[int], entry: Callable[[int, int], Any], pairs: Pairs) -> list[list[Any]]:
    """Compare each two numbers: row i holds the entries of each number before i and i, None where none is asked.

    `numbers` gives each place its number, and `entry` takes two places, each the first one of its number. Only
    numbers of which two places are among the `pairs` are compared.
    """
    first = [numbers.index(number) for number in range(max(numbers, default=-1) + 1)]
    asked = {tuple(sorted((numbers[a], numbers[b]))) for a, b in pairs}
    return [
        [
            entry(before, after) if (other, number) in asked else None
            for other, before in enumerate(first[:number])
        ]
        for number, after in enumerate(first)
    ]
