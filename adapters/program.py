"""A program in any language that answers calls over its standard input and output: `exec:COMMAND`.

docs/protocol.md describes the lines. One process answers all calls. One that ends, or writes what is no answer,
costs the call at hand: the next call starts the program again.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from adapters import LOG
from adapters.frameworks import FRAMEWORKS
from adapters.lines import FORMATS, Process, answered, brief, packed
from adapters.protocol import FEATURES, OPERATIONS, Array, Died, NoAnswer, NotProvided

VERSION = 1  # of the protocol
# what takes functions of ours; and the protocol sends no matrix, no γ and no seed, and one array back
HERE = frozenset(
    {"vmap", "autocast", "deterministic", "residuals", "dynamic", "linear_cross_entropy", "focal_loss"}
    | {"categorical", "gumbel_softmax", "gumbel_noise", "top_k"}
)
OPTIONS = {"reduction": "none", "ignore_index": None, "label_smoothing": 0.0}  # with defaults, which are not sent
ABILITIES = frozenset(
    {"vjp", "jvp", "hvp", "index_labels", "probability_labels", "class_axis", "class_weight", "where"}
    | {*OPTIONS, "elementary", "threads"}
)
STRIDES = "strides"  # a feature of the protocol alone
KNOWN = {
    "formats": FORMATS.keys(),
    "features": ABILITIES | {STRIDES},
    "operations": {*OPERATIONS, *FEATURES} - ABILITIES - HERE,
}
TEXT = re.compile("[!-~]([ -~]{0,62}[!-~])?")  # names come from outside and stand in records and pages


class Adapter:
    """A program on a device in a mode, which it is told and may refuse. Its arrays are NumPy's on this side."""

    asarray = to_numpy = staticmethod(np.asarray)

    def __init__(self, command: str, device: str = "cpu", mode: str = "eager") -> None:
        """Start the program; raise ValueError, in one line, where it cannot be run or gives no proper hello."""
        self.device, self.mode = device, mode
        self._lock, self._asked = Lock(), 0
        self._process: Process | None = None
        self._hello: dict[str, Any] = {}
        self._operations: frozenset[str] = frozenset()
        try:
            self._words = shlex.split(command)
            if not self._words:
                raise ValueError("there is no command")
            self._start()
        except OSError as error:
            raise ValueError(f"cannot be run: {error.strerror or error}") from error
        except NoAnswer as error:
            log = os.environ.get(LOG)
            raise ValueError(f"no hello: {error}{f'; see {log}' if log else ''}") from error

    def _start(self) -> Process:
        """Start the program, let it say hello, and keep what it says of itself."""
        process = Process(self._words)
        try:
            hello = process.hello({"protocol": VERSION, "device": self.device, "mode": self.mode})
            if not self._hello:
                self._introduce(hello)
            elif hello != self._hello:
                raise ValueError("it says another hello")
        except BaseException:
            process.end()
            raise
        self._process, self._hello = process, hello
        return process

    def _introduce(self, hello: Mapping[str, Any]) -> None:
        if "error" in hello:
            raise ValueError(f"the program refuses: {brief(hello['error'])}")
        if hello.get("protocol") != VERSION:
            raise ValueError(f"hello of protocol {brief(hello.get('protocol'))}; this suite speaks {VERSION}")
        for field in ("name", "version"):
            if not isinstance(hello.get(field), str) or not TEXT.fullmatch(hello[field]):
                raise ValueError(f"hello: {field} is {brief(hello.get(field))}, not a short printable text")
        if hello["name"] in FRAMEWORKS:
            raise ValueError(f"hello: name is {brief(hello['name'])}, which is an adapter of this suite")
        for field, names in KNOWN.items():
            told = hello.get(field)
            if not isinstance(told, list):
                raise ValueError(f"hello: {field} is {brief(told)}, not a list")
            for name in told:
                if not isinstance(name, str) or name not in names:
                    raise ValueError(
                        f"hello: {field} holds {brief(name)}, which is none of {', '.join(sorted(names))}"
                    )
        self.name, self.version = hello["name"], hello["version"]
        self.dtypes = frozenset(hello["formats"])
        self._operations = frozenset(hello["operations"])
        self._strided = STRIDES in hello["features"]
        self.features = frozenset(hello["features"]) - {STRIDES} | self._operations - {*OPERATIONS}

    def __getattr__(self, name: str) -> Callable[..., Array]:
        """Return the method of an operation."""
        if name in OPERATIONS or name in self.__dict__.get("_operations", ()):
            return partial(self._call, name)
        raise AttributeError(name)

    def synchronize(self, x: Array | tuple[Array, ...]) -> None:
        """Do nothing: an answer is computed."""

    def call(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call function(*arrays)."""
        return function(*arrays)

    def vjp(self, operation: str, x: Array, cotangent: Array, **kwargs: Any) -> Array:
        """Ask for the gradient."""
        return self._call(operation, x, derivative="vjp", cotangent=cotangent, **kwargs)

    def jvp(self, operation: str, x: Array, tangent: Array, **kwargs: Any) -> Array:
        """Ask for the derivative along `tangent`."""
        return self._call(operation, x, derivative="jvp", tangent=tangent, **kwargs)

    def hvp(self, operation: str, x: Array, cotangent: Array, tangent: Array, **kwargs: Any) -> Array:
        """Ask for the derivative of the gradient along `tangent`."""
        return self._call(operation, x, derivative="hvp", cotangent=cotangent, tangent=tangent, **kwargs)

    def exp(self, x: Array) -> Array:
        """Ask for the exponential."""
        return self._ask("exp", {"x": x}, {})

    def log(self, x: Array) -> Array:
        """Ask for the logarithm."""
        return self._ask("log", {"x": x}, {})

    def _call(
        self,
        operation: str,
        x: Array,
        labels: Array | None = None,
        *,
        axis: Any = -1,
        weight: Array | None = None,
        where: Array | None = None,
        cotangent: Array | None = None,
        tangent: Array | None = None,
        derivative: str = "",
        wrt: str = "x",
        **options: Any,
    ) -> Array:
        """Ask for an operation or its derivative; what hello does not list is not asked for."""
        given = {name: value for name, value in options.items() if value != OPTIONS.get(name)}
        needed = set(given)
        needed |= {"where"} if where is not None else set()
        needed |= {"class_weight"} if weight is not None else set()
        needed |= {"class_axis"} if axis not in (-1, np.ndim(x) - 1) else set()
        if labels is not None:
            needed.add("index_labels" if labels.dtype.kind in "iub" else "probability_labels")
        missing = sorted(needed - self.features) + [name for name in [operation] if name not in self._operations]
        if missing:
            raise NotProvided(f"{self.name} has no {', '.join(missing)}")
        named = {"x": x, "labels": labels, "weight": weight, "where": where}
        named |= {"cotangent": cotangent, "tangent": tangent}
        of = {"derivative": derivative, "wrt": wrt} if derivative else {}
        arrays = {name: array for name, array in named.items() if array is not None}
        return self._ask(operation, arrays, {"axis": axis, **given}, **of)

    def _ask(self, operation: str, arrays: Mapping[str, Array], options: Mapping[str, Any], **of: str) -> Array:
        with self._lock:
            process = self._process or self._restart()
            self._asked += 1
            told = {name: packed(np.asarray(array), self._strided) for name, array in arrays.items()}
            request = {"id": self._asked, "operation": operation, **of, "arrays": told, "options": options}
            try:
                return answered(process.ask(request), self._asked)
            except NoAnswer:
                self._process = None
                process.end()
                raise

    def _restart(self) -> Process:
        try:
            return self._start()
        except (OSError, ValueError) as error:
            raise Died(f"the program cannot be started again: {error}") from error
