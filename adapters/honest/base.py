"""The base of the honest set."""

from __future__ import annotations

from adapters.numpy import Adapter as Reference


class Honest(Reference):
    """The reference with some steps replaced, under the name of the class and in few formats, to be quick."""

    def __init_subclass__(cls, dtypes: tuple[str, ...] = ("float16", "float32")) -> None:
        """Give the class its own name and formats."""
        cls.name, cls.dtypes = cls.__name__, frozenset(dtypes)
