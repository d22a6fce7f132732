"""Adapters say how frameworks are called. Importing this package imports no framework."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from adapters import function
from adapters.frameworks import FRAMEWORKS, require_mode
from adapters.protocol import Adapter

EXEC = "exec:"  # and a command: a program of any language, as docs/protocol.md says
LOG = "SOFTMARK_LOG"  # the variable that names the file for what such a program writes to its standard error
ROOT = Path(__file__).resolve().parent.parent  # of the repository, which is not installed
CACHE = Path(os.environ.get("SOFTMARK_CACHE", ROOT / ".softmark"))  # of what may be computed again

# name → modes of the built-in adapters; a plain run takes the first mode
BUILT_IN = {name: tuple(framework.modes) for name, framework in FRAMEWORKS.items()}
# the adapters that a plain run judges; the others are judged when a run names them
MODES = {name: modes for name, modes in BUILT_IN.items() if FRAMEWORKS[name].judged}


class UnknownAdapter(ValueError):
    """The name is neither a built-in adapter nor an importable `package.module:Class`."""


def load(name: str, device: str = "cpu", mode: str = "eager") -> Adapter:
    """Return the adapter `name`, built in, "package.module:Class" or "exec:COMMAND", on `device` in `mode`.

    Raises:
        UnknownAdapter: there is no such built-in name, module or class.
        ImportError: the adapter is known and the framework under it cannot be imported.
        DeviceUnavailable, ValueError: the framework has no such device or mode; a command cannot be run.
    """
    if name.startswith(EXEC):
        program: Adapter = attribute("adapters.program:Adapter")(name.removeprefix(EXEC), device, mode)
        return program
    told = function.declared(name)
    if told is not None:
        return _function(told, device, mode)
    if ":" not in name:
        if name not in BUILT_IN:
            raise UnknownAdapter(
                f"unknown adapter {name!r}: choose one of {', '.join(BUILT_IN)}, package.module:Class "
                "or exec:COMMAND"
            )
        require_mode(name, mode)
        name = f"adapters.{name}:Adapter"
    adapter: Adapter = attribute(name)(device=device, mode=mode)
    return adapter


def attribute(name: str) -> Any:
    """Return the class or function "package.module:name".

    Raises:
        UnknownAdapter: there is no such module, or nothing of that name in it.
        ImportError: something that the module imports is missing.
    """
    module_name, _, inner = name.partition(":")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name + ".").startswith(error.name + "."):
            raise UnknownAdapter(f"unknown adapter {name!r}: no module {module_name!r}") from error
        raise
    try:
        return getattr(module, inner)
    except AttributeError as error:
        raise UnknownAdapter(f"unknown adapter {name!r}: {module_name} has no {inner!r}") from error


def _given(name: str) -> Any:
    return function.GIVEN.get(name) or attribute(name)


def _function(told: function.Declared, device: str, mode: str) -> Adapter:
    built_in = told.arrays in BUILT_IN
    spelling = FRAMEWORKS[told.arrays].spelling if built_in else None
    if told.gradient == "autograd" and not (spelling and spelling.derivatives):
        raise ValueError(f"{told.arrays} has no autograd: name the gradient as module:function")
    base = type(load(told.arrays, device, mode)) if built_in else attribute("adapters.dlpack:Adapter")
    gradient = _given(told.gradient) if ":" in told.gradient else None
    return function.adapter(told, base, _given(told.name), gradient, device, mode)
