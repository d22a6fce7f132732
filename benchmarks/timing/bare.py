"""A framework's own calls as its users write them, from the spelling in `adapters/frameworks.toml`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.frameworks import Spelling
from benchmarks.timing.cells import TIMED

CALLS = [(operation.name, form.name) for operation, form in TIMED.values() if form.name != "probability"]

Call = Callable[[], Any]


def bare(spelling: Spelling, decorator: str, x: Any, labels: Any) -> dict[str, Call]:
    """Return the framework's own calls as its users write them, compiled where there is a decorator."""
    found: dict[str, Call] = {}
    names: dict[str, Any] = {"x": x, "labels": labels}
    exec("\n".join(f"import {module}" for module in spelling.imports), names)
    for operation, form in CALLS:
        if (operation, form) in spelling.calls:
            arguments = "x, labels" if form else "x"
            call = spelling.call(operation, form)
            if decorator:
                names[operation] = eval(f"{decorator}(lambda {arguments}: {call})", names)
                call = f"{operation}({arguments})"
            found[operation] = eval(f"lambda: {call}", names)
    return found
