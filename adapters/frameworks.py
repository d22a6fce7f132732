"""Read `frameworks.toml`, which describes its fields, and write calls as the frameworks spell them.

This module makes text and never runs it. Importing it imports no framework.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("frameworks.toml")
DEFAULTS = {"gamma": "2.0"}  # of the arguments that a call may name
FOREIGN = ("bfloat16", "float8_e4m3fn", "float8_e5m2")  # formats that NumPy knows through ml_dtypes only


@dataclass(frozen=True)
class Mode:
    """One mode: roughly the seconds of its full tier, and the decorator that compiles a function.

    `per_shape`: nothing is decorated, yet each single operation is compiled for each shape that it meets.
    """

    seconds: int
    decorator: str = ""
    per_shape: bool = False


@dataclass(frozen=True)
class Spelling:
    """The spelling of one framework's calls of x, labels, w (weight), c (cotangent) and t (tangent)."""

    array: str
    index: str
    calls: Mapping[tuple[str, str], str]  # of an operation and its label form, or ""
    imports: tuple[str, ...] = ()
    before: str = ""
    float64: str = ""
    formats: Mapping[str, str] = field(default_factory=dict)
    on_device: str = "{array}"
    wait: str = "{result}"
    synchronize: str = ""
    derivatives: Mapping[str, str] = field(default_factory=dict)
    ported: Mapping[str, str] = field(default_factory=dict)
    habits: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # each with says, call and prints
    compiles_forward: bool = False
    written_out: bool = False

    def made(self, value: str, dtype: str, device: str = "cpu") -> str:
        """Return the array of a NumPy expression in a format, or of unconverted integers in "integer"."""
        template = self.index if dtype == "integer" else self.array
        numpy = f"ml_dtypes.{dtype}" if dtype in FOREIGN else f"np.{dtype}"
        array = template.format(value=value, dtype=dtype, numpy=numpy)
        return array if device == "cpu" else self.on_device.format(array=array)

    def call(
        self,
        operation: str,
        form: str = "",
        *,
        x: str = "x",
        axis: str = "-1",
        dtype: str = "float32",
        options: Mapping[str, str] | None = None,
    ) -> str:
        """Return the call of an operation on `x`, whose last line is the value; top-k has values and places.

        Raises:
            KeyError: the framework does not have the operation, or not in this form.
            ValueError: its function does not take the options.
        """
        template = self.calls[operation, form]
        named = {name: value for name, value in (options or {}).items() if f"{{{name}}}" in template}
        others = {name: value for name, value in (options or {}).items() if name not in named}
        if others and "{options}" not in template:
            raise ValueError("an option that the framework's own function does not take")
        given = {"reduction": "'none'", **others}
        return template.format(
            x=x,
            axis=axis,
            along="" if axis == "-1" else f", axis={axis}",
            format=self.formats.get(dtype, dtype),
            options="".join(f", {name}={value}" for name, value in given.items()),
            **DEFAULTS | named,
        )

    def needed(self, program: str) -> list[str]:
        """Return the modules that `program` needs, of NumPy and `imports`, as an import statement names them."""
        needed = [module for module in self.imports if re.search(rf"(?<![\w.]){bound(module)}\.", program)]
        return ["numpy as np", *needed]


@dataclass(frozen=True)
class Framework:
    """One framework: its names, modes and distributions, and what runs do with it by default."""

    name: str
    title: str
    package: str  # that is imported
    distributions: tuple[str, ...]
    modes: Mapping[str, Mode]
    cross_entropy: str
    long_title: str = ""
    docs: str = ""
    aliases: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    judged: bool = False
    timed: bool = False
    tracked: bool = False
    gpu: bool = False
    big: bool = False
    copies: bool = False
    compiled: str = ""
    label_type: str = "int32"
    device_label_type: str = ""
    compiler_cache: Mapping[str, str] = field(default_factory=dict)
    spelling: Spelling | None = None

    @property
    def usual(self) -> str:
        """Return the mode that a plain run takes."""
        return next(iter(self.modes))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names that people give it, in lower case."""
        return (self.name, self.title.lower(), *self.aliases)

    @property
    def packages(self) -> tuple[str, ...]:
        """Return the distributions that are installed for a release."""
        return self.distributions + self.beside

    def timed_as(self, mode: str) -> str:
        """Return the benchmarks' name of `mode`: "eager", "compiled", or "" if they do not time it."""
        return {"eager": "eager", self.compiled: "compiled"}.get(mode, "")

    @property
    def usually_timed(self) -> str:
        """Return the benchmarks' name of the usual mode."""
        return self.timed_as(self.usual)

    def labels(self, device: str) -> str:
        """Return the integer type of index labels on a device."""
        return self.label_type if device == "cpu" else self.device_label_type or self.label_type


def bound(module: str) -> str:
    """Return the name that `import module` binds: "np" of "numpy as np", "scipy" of "scipy.special"."""
    return module.partition(" as ")[2] or module.partition(".")[0]


def function(name: str, arguments: Sequence[str], body: str, decorator: str = "") -> str:
    """Return the definition of a function of `arguments`, whose value is the last line of `body`."""
    *statements, value = body.split("\n")
    head = [f"@{decorator}"] if decorator else []
    return "\n".join(
        (
            *head,
            f"def {name}({', '.join(arguments)}):",
            *(f"    {line}" for line in (*statements, f"return {value}")),
        )
    )


def load(file: Path = FILE) -> dict[str, Framework]:
    """Return the frameworks of a file by name, in its order.

    Raises:
        TypeError: a table has a field too many or too few.
    """
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return {name: _framework(name, table) for name, table in tables.items()}


def _framework(name: str, table: dict[str, Any]) -> Framework:
    modes = {mode: Mode(**fields) for mode, fields in table.pop("modes").items()}
    spelling = table.pop("spelling", None)
    fields = {"package": name} | _frozen(table)
    return Framework(name=name, modes=modes, spelling=spelling and _spelling(spelling), **fields)


def _spelling(table: dict[str, Any]) -> Spelling:
    calls = {
        (operation, form): text
        for operation, forms in table.pop("calls").items()
        for form, text in (forms.items() if isinstance(forms, dict) else [("", forms)])
    }
    return Spelling(calls=calls, **_frozen(table))


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


FRAMEWORKS = load()
TIMED_FRAMEWORKS = tuple(name for name, framework in FRAMEWORKS.items() if framework.timed)


def require_mode(name: str, mode: str) -> None:
    """Raise ValueError for a mode that a framework does not have."""
    modes = FRAMEWORKS[name].modes
    if mode not in modes:
        raise ValueError(f"{name} has no mode {mode!r}: choose one of {', '.join(modes)}")
