"""The base of the honest set."""

from __future__ import annotations

from adapters.numpy import Adapter as Reference


class Honest(Reference):
    """The reference with some steps replaced, under the name of the class and in few formats, to be quick.

    `fails` are the requirements that the method does not claim to meet, and does not. `only` is the operation
    that it is a method of, where all others are the reference's.
    """

    fails: frozenset[str] = frozenset()
    only = ""

    def __init_subclass__(
        cls, dtypes: tuple[str, ...] = ("float16", "float32"), fails: tuple[str, ...] = (), only: str = ""
    ) -> None:
        """Give the class its own name and formats."""
        cls.name, cls.dtypes, cls.fails, cls.only = cls.__name__, frozenset(dtypes), frozenset(fails), only
