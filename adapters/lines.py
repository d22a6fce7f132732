"""The lines between this suite and a program, which docs/protocol.md describes, and the program's process."""

from __future__ import annotations

import base64
import ctypes
import json
import math
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from functools import partial
from threading import Timer
from typing import Any

import ml_dtypes  # noqa: F401  # NumPy knows bfloat16 and float8 by name from here on
import numpy as np

from adapters import LOG
from adapters.frameworks import FOREIGN
from adapters.protocol import Array, Died, NoAnswer, NotProvided

HELLO = 60.0  # seconds from the start of a program to its first line
END = 2.0  # seconds that a program has to end by itself
ROOM = 2**20  # bytes of an answer beyond twice those of its request
NUMPY = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
FORMATS = {name: np.dtype(name) for name in (*NUMPY, *FOREIGN)}
# waits until the process that holds its standard input ends, whatever that dies of, and kills the program then
GUARD = "import os, sys; os.read(0, 1) or os.kill(int(sys.argv[1]), 9)"


class BrokenProtocol(NoAnswer):
    """A program wrote something else than an answer to the request; the message says what."""


class Process:
    """The process of a program: a line to it for each line from it."""

    def __init__(self, words: list[str]) -> None:
        """Raise OSError where the program is not found or cannot be run."""
        log = os.environ.get(LOG)
        with open(log, "ab") if log else nullcontext() as errors:
            self._child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        command = [sys.executable, "-I", "-S", "-c", GUARD, str(self._child.pid)]
        guard = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.end = weakref.finalize(self, end, self._child, guard)  # at the latest with this process

    def hello(self, greeting: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to the first line, for which the program has `HELLO` seconds."""
        timer = Timer(HELLO, self._child.kill)
        timer.start()
        try:
            return self.ask(greeting)
        except Died as error:
            raise error if timer.is_alive() else NoAnswer(f"no line within {HELLO:g} s") from error
        finally:
            timer.cancel()

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Write a line and return the object on the next line of the program.

        Raises:
            Died: the program ended, or writes no more.
            BrokenProtocol: the line is no object of JSON.
        """
        assert self._child.stdin is not None and self._child.stdout is not None  # noqa: PT018  # pipes, both
        line = json.dumps(message).encode() + b"\n"
        longest = ROOM + 2 * len(line)
        try:
            self._child.stdin.write(line)
            self._child.stdin.flush()
            answer = self._child.stdout.readline(longest)
        except OSError:  # nobody reads
            answer = b""
        if not answer.endswith(b"\n"):
            if len(answer) == longest:
                raise BrokenProtocol(f"an answer is longer than {longest} bytes: {shown(answer)}")
            raise Died(f"the program ended: {self.end()}{f', within a line: {shown(answer)}' if answer else ''}")
        return parsed(answer)


def end(program: subprocess.Popen[bytes], guard: subprocess.Popen[bytes]) -> str:
    """End a program and its guard, and say how it came to its end."""
    with suppress(OSError):
        program.stdin.close()  # type: ignore[union-attr]  # it is a pipe
    try:
        how = ending(program.wait(END))
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
        how = "it wrote no more, and ran on"
    program.stdout.close()  # type: ignore[union-attr]  # likewise
    guard.communicate(b"-")  # before the program's number is another's
    return how


def ending(code: int) -> str:
    """Return "exit code 3" or "signal SIGSEGV"."""
    if code >= 0:
        return f"exit code {code}"
    known = {number.value: number.name for number in signal.Signals}
    return f"signal {known.get(-code, -code)}"


def parsed(line: bytes) -> dict[str, Any]:
    """Return the object of a line."""
    if not line.lstrip().startswith(b"{"):
        raise BrokenProtocol(f"the program wrote {shown(line)} to standard output, which is for answers alone")
    try:
        answer: dict[str, Any] = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BrokenProtocol(f"an answer is no JSON: {shown(line)}") from error
    return answer


def answered(answer: Mapping[str, Any], asked: int) -> Array:
    """Return the array of an answer to the request number `asked`.

    Raises:
        NotProvided, RuntimeError: the program says that it has no such thing, or that it failed.
        BrokenProtocol: it is no answer to that request.
    """
    if answer.get("id") != asked:
        raise BrokenProtocol(f"an answer has the id {brief(answer.get('id'))}, not {asked}")
    kinds = [name for name in ("array", "not_provided", "error") if name in answer]
    if len(kinds) != 1:
        raise BrokenProtocol(
            f"an answer has one of array, not_provided and error, not {' and '.join(kinds) or 'none'}"
        )
    if kinds == ["array"]:
        return unpacked(answer["array"])
    raise {"not_provided": NotProvided, "error": RuntimeError}[kinds[0]](brief(answer[kinds[0]]))


def packed(x: np.ndarray[Any, Any], strided: bool) -> dict[str, Any]:
    """Return an array as JSON holds it: the memory of a view with its strides in bytes, or a copy in order."""
    told: dict[str, Any] = {"format": x.dtype.name, "shape": list(x.shape)}
    memory = x.tobytes
    if strided and x.size and not x.flags.c_contiguous:
        steps = [(n - 1) * stride for n, stride in zip(x.shape, x.strides, strict=True)]
        offset = -sum(step for step in steps if step < 0)
        told |= {"strides": list(x.strides), "offset": offset}
        memory = partial(ctypes.string_at, x.ctypes.data - offset, sum(map(abs, steps)) + x.itemsize)
    return told | {"data": base64.b64encode(memory()).decode("ascii")}


def unpacked(told: Any) -> Array:
    """Return the array that JSON holds; raise BrokenProtocol where it is none."""
    if not isinstance(told, dict) or not {"format", "shape", "data"} <= told.keys():
        raise BrokenProtocol(f"an array has format, shape and data; the answer's is {brief(told)}")
    name, shape, data = told["format"], told["shape"], told["data"]
    if not isinstance(name, str) or name not in FORMATS:
        raise BrokenProtocol(f"an answer's format is {brief(name)}, which is none")
    if not isinstance(shape, list) or len(shape) > 32 or any(type(n) is not int or n < 0 for n in shape):
        raise BrokenProtocol(f"an answer's shape is {brief(shape)}, not a list of sizes")
    try:
        memory = base64.b64decode(data, validate=True)
    except (TypeError, ValueError) as error:
        raise BrokenProtocol(f"an answer's data is no base64: {brief(data)}") from error
    size = math.prod(shape) * FORMATS[name].itemsize
    if len(memory) != size:
        raise BrokenProtocol(f"an answer's data has {len(memory)} bytes, not the {size} of {name} {shape}")
    return np.frombuffer(memory, FORMATS[name]).reshape(shape)


def brief(value: Any) -> str:
    """Return a value on one short line, as it is written in Python; a text as it is, where it is printable."""
    text = value if isinstance(value, str) and value.isprintable() else ascii(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def shown(line: bytes) -> str:
    """Return the beginning of a line in quotes."""
    return ascii(line[:60].decode("utf-8", "replace").strip()) + ("…" if len(line) > 60 else "")
