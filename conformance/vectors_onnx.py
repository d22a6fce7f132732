"""Write vectors as ONNX test data: NAME/model.onnx and NAME/test_data_set_0/, as ONNX's own tests of backends.

An output is the true value, rounded once to the format. ONNX has no place for a bound, which is in index.jsonl.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from conformance import files
from conformance.operations import query as questions
from conformance.run.measure import Call
from conformance.truth.formats import round_to

if TYPE_CHECKING:
    from conformance.vectors import Vector

OPSET = 18
OPERATORS = {
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "logsumexp": "ReduceLogSumExp",
    "softmax_cross_entropy": "SoftmaxCrossEntropyLoss",
}
FORMATS = ("bfloat16", "float16", "float32", "float64")
MOST = 4096  # elements of a folder's logits; the long rows are in arrays.safetensors


def write(vectors: Sequence[Vector], folder: Path) -> int:
    """Write those that ONNX can express, each call once, and return how many."""
    seen = set()
    for vector in vectors:
        call = vector.call
        key = repr((call.operation, call.dtype, call.axis, vector.subject.case.x, call.options))
        if expressible(call) and key not in seen:
            seen.add(key)
            _write(call, folder / vector.row.id.replace("/", "-"))
    return len(seen)


def expressible(call: Call) -> bool:
    """Return whether an operator of ONNX computes this call."""
    plain = not call.derivative and call.where is None
    if not plain or call.dtype not in FORMATS or not 0 < call.x.size <= MOST or call.operation not in OPERATORS:
        return False
    if call.labels is None:
        return True
    classes = call.x.ndim > 1 and call.axis in (1, 1 - call.x.ndim)
    return classes and call.labels.ndim == call.x.ndim - 1 and not call.options.get("label_smoothing")


def _write(call: Call, folder: Path) -> None:
    inputs = {"x": np.ascontiguousarray(call.x)}
    attributes: dict[str, Any] = {"axis": call.axis}
    if call.operation == "logsumexp":
        inputs["axes"], attributes = np.array([call.axis]), {"keepdims": 0}
    if call.labels is not None:
        inputs["labels"] = np.asarray(call.labels, np.int64)
        attributes = {"reduction": call.options.get("reduction", "none")}
        if call.options.get("ignore_index") is not None:
            attributes["ignore_index"] = call.options["ignore_index"]
        if call.options.get("weight") is not None:
            inputs["weight"] = np.ascontiguousarray(call.options["weight"])
    output = round_to(call.shaped(questions.truth(call.query).value), call.dtype)
    node = helper.make_node(OPERATORS[call.operation], list(inputs), ["y"], **attributes)
    given = [_described(name, array) for name, array in inputs.items()]
    graph = helper.make_graph([node], folder.name, given, [_described("y", output)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    data = folder / "test_data_set_0"
    files.write(folder / "model.onnx", model.SerializeToString(), durable=False)
    for i, (name, array) in enumerate(inputs.items()):
        files.write(data / f"input_{i}.pb", _tensor(name, array), durable=False)
    files.write(data / "output_0.pb", _tensor("y", output), durable=False)


def _described(name: str, array: Any) -> Any:
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, kind, array.shape)


def _tensor(name: str, array: Any) -> bytes:
    made: bytes = numpy_helper.from_array(
        np.ascontiguousarray(array).reshape(array.shape), name
    ).SerializeToString()
    return made
