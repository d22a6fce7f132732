"""`python -m tests.program [MISTAKE]`: the NumPy reference behind the protocol of programs, or what breaks it.

A mistake of the hello shows at once, one of an answer where softmax is asked for a logit without an axis.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import ml_dtypes  # noqa: F401  # formats by name
import numpy as np

from adapters.numpy import Adapter
from adapters.protocol import NotProvided

HELLO = {
    "protocol": 1,
    "name": "reference",
    "version": "1.0 (x86)",
    "formats": ["float32"],
    "features": [
        *("vjp", "jvp", "hvp", "index_labels", "probability_labels", "class_axis", "reduction", "class_weight"),
        *("ignore_index", "label_smoothing", "where", "elementary", "strides", "threads"),
    ],
    "operations": ["softmax", "log_softmax", "softmax_cross_entropy", "logsumexp"],
}
HELLOS: dict[str, dict[str, Any]] = {
    "another-version": {"protocol": 2},
    "refuses": {"error": "no such\n device"},
    "nameless": {"name": None},
    "control-in-version": {"version": "1\u202e0"},
    "name-of-ours": {"name": "torch"},
    "unknown-format": {"formats": ["float31"]},
    "unknown-feature": {"features": ["vmap"]},
    "unknown-operation": {"operations": ["softplus"]},
    "formats-of-no-list": {"formats": "float32"},
    "no-formats": {"formats": []},
}
ARRAYS: dict[str, Any] = {
    "short": {"data": "AAAA"},
    "unknown-format-of-answer": {"format": "float31"},
    "object": {"format": "object"},
    "shape": {"shape": [2.5]},
    "negative": {"shape": [-1]},
    "base64": {"data": "?"},
    "no-data": {"data": None},
}


def silent() -> None:
    """Close standard output and stay."""
    os.close(1)
    time.sleep(3600)


def write(text: str) -> None:
    """Write to standard output."""
    print(text, end="", flush=True)


def cut() -> None:
    """Write the beginning of an answer, and end."""
    write('{"id": 1, "arr')
    sys.exit(0)


MISTAKES: dict[str, Callable[[], Any]] = {
    "dies": os.abort,
    "exits": lambda: os._exit(3),
    "hangs": lambda: time.sleep(3600),
    "closes": silent,
    "babbles": lambda: write("Loading weights …\n"),
    "cut": cut,
    "no-json": lambda: write("{'id': 1}\n"),
    "deep": lambda: write('{"a":' * 100_000 + "\n"),
    "bytes": lambda: os.write(1, b"\xff\xfe\n"),
    "endless": lambda: write("x" * 2**22),
}


def unpacked(told: dict[str, Any]) -> Any:
    """Return the array of a request, through the memory of a view."""
    memory = base64.b64decode(told["data"])
    dtype = np.dtype(told["format"])
    return np.ndarray(told["shape"], dtype, memory, told.get("offset", 0), told.get("strides"))


def packed(x: Any) -> dict[str, Any]:
    """Return the array of an answer."""
    data = base64.b64encode(x.tobytes()).decode()
    return {"format": x.dtype.name, "shape": list(x.shape), "data": data}


def answer(adapter: Adapter, request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer without its id."""
    arrays = {name: unpacked(array) for name, array in request["arrays"].items()}
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in request["options"].items()}
    x = arrays.pop("x")
    along = [arrays.pop(name) for name in ("cotangent", "tangent") if name in arrays]
    try:
        if "derivative" in request:
            wrt = {} if request["derivative"] == "jvp" else {"wrt": request["wrt"]}
            method = getattr(adapter, request["derivative"])
            return {"array": packed(method(request["operation"], x, *along, **arrays, **options, **wrt))}
        labels = [arrays.pop("labels")] if "labels" in arrays else []
        got = getattr(adapter, request["operation"])(x, *labels, **arrays, **options)
        return {"array": packed(np.asarray(got))}
    except NotProvided as error:
        return {"not_provided": str(error)}
    except Exception as error:  # of any kind, which the protocol tells
        return {"error": f"{type(error).__name__}: {error}"}


def main(mistake: str = "") -> None:
    """Speak the protocol."""
    sys.stdin.readline()
    if mistake == "mute":
        sys.exit("libframework.so.1: cannot open shared object file")
    if mistake == "late":
        time.sleep(3600)
    write("Hello!\n" if mistake == "no-hello" else json.dumps(HELLO | HELLOS.get(mistake, {})) + "\n")
    adapter = Adapter()
    for line in sys.stdin:
        request = json.loads(line)
        given = {"id": request["id"]} | answer(adapter, request)
        if request["operation"] == "softmax" and request["arrays"]["x"]["shape"] == []:
            given = {"id": request["id"], "array": packed(np.float32(1))}
            print(f"pid {os.getpid()}", file=sys.stderr, flush=True)
            MISTAKES.get(mistake, lambda: None)()
            given |= {"id": 0} if mistake == "another-id" else {}
            given |= {"error": "both"} if mistake == "two-kinds" else {}
            if mistake == "no-kind":
                del given["array"]
            if mistake == "no-array":
                given["array"] = [0.5]
            if mistake in ARRAYS:
                given["array"] |= ARRAYS[mistake]
        write(json.dumps(given) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
