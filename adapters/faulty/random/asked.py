"""A call as it arrives at an adapter: its arguments by their names, whatever method was called."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from adapters.rows import Array

VECTORS = ("cotangent", "tangent")
ARRAYS = ("x", "labels", *VECTORS, "weight", "where")


@dataclass(frozen=True)
class Asked:
    """The method, the operation, and the arguments that were given."""

    method: str
    operation: str
    given: dict[str, Any] = field(default_factory=dict)

    def answer(self, adapter: Any) -> Any:
        """Return what `adapter` answers."""
        named = {name: value for name, value in self.given.items() if name not in ("x", *VECTORS)}
        along = [self.given[name] for name in VECTORS if name in self.given]
        of = [] if self.method == self.operation else [self.operation]
        return getattr(adapter, self.method)(*of, self.given["x"], *along, **named)

    def with_(self, **changed: Any) -> Asked:
        """Return the call with some arguments replaced."""
        return replace(self, given=self.given | changed)

    def without(self, *names: str) -> Asked:
        """Return the call with some arguments left out."""
        return replace(self, given={name: value for name, value in self.given.items() if name not in names})

    @property
    def x(self) -> Array:
        """The logits."""
        return np.asarray(self.given["x"])

    @property
    def axis(self) -> int:
        """The class axis, counted from the first."""
        axis = self.given.get("axis", -1)
        return int(axis) % self.x.ndim if isinstance(axis, int | np.integer) and self.x.ndim else 0

    @property
    def n(self) -> int:
        """The row length."""
        return self.x.shape[self.axis] if self.x.ndim else 1

    @property
    def count(self) -> int:
        """The number of rows."""
        return self.x.size // self.n if self.n else 0

    def rows(self, name: str = "x") -> Array:
        """Return an array of the logits' shape as rows (r, n)."""
        array = np.asarray(self.given[name])
        return np.moveaxis(np.atleast_1d(array), self.axis, -1).reshape(-1, self.n)
