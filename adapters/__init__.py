"""Adapters say how frameworks are called. Importing this package imports no framework."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from adapters.frameworks import FRAMEWORKS, require_mode
from adapters.protocol import Adapter

ROOT = Path(__file__).resolve().parent.parent  # of the repository, which is not installed

# name → modes of the built-in adapters; a plain run takes the first mode
BUILT_IN = {name: tuple(framework.modes) for name, framework in FRAMEWORKS.items()}
# the adapters that a plain run judges; the others are judged when a run names them
MODES = {name: modes for name, modes in BUILT_IN.items() if FRAMEWORKS[name].judged}


class UnknownAdapter(ValueError):
    """The name is neither a built-in adapter nor an importable `package.module:Class`."""


def load(name: str, device: str = "cpu", mode: str = "eager") -> Adapter:
    """Return the adapter `name`, built in or "package.module:Class", on `device` in `mode`.

    Raises:
        UnknownAdapter: there is no such built-in name, module or class.
        ImportError: the adapter is known and the framework under it cannot be imported.
        DeviceUnavailable, ValueError: the framework has no such device, or no such mode.
    """
    module_name, _, class_name = name.partition(":")
    if not class_name:
        if name not in BUILT_IN:
            raise UnknownAdapter(
                f"unknown adapter {name!r}: choose one of {', '.join(BUILT_IN)} or package.module:Class"
            )
        require_mode(name, mode)
        module_name, class_name = f"adapters.{name}", "Adapter"
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name + ".").startswith(error.name + "."):
            raise UnknownAdapter(f"unknown adapter {name!r}: no module {module_name!r}") from error
        raise
    try:
        adapter_class = getattr(module, class_name)
    except AttributeError as error:
        raise UnknownAdapter(f"unknown adapter {name!r}: {module_name} has no {class_name!r}") from error
    adapter: Adapter = adapter_class(device=device, mode=mode)
    return adapter
