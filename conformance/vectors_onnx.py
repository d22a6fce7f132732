"""Write vectors as ONNX test data: NAME/model.onnx and NAME/test_data_set_0/, as ONNX's own tests of backends.

An output is the true value, rounded once to the format. ONNX has no place for a bound, which is in index.jsonl.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from conformance import files
from conformance.operations import query as questions
from conformance.run.measure import Call
from conformance.truth.formats import round_to

OPSET = 18
OPERATORS = {
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "logsumexp": "ReduceLogSumExp",
    "softmax_cross_entropy": "SoftmaxCrossEntropyLoss",
}
FORMATS = ("bfloat16", "float16", "float32", "float64")
MOST = 4096  # elements of a folder's logits; the long rows are in arrays.safetensors


def write(calls: Mapping[str, Call], folder: Path) -> int:
    """Write those that ONNX can express, by the ids of their checks, and return how many."""
    chosen = {name: call for name, call in calls.items() if expressible(call)}
    for name, call in chosen.items():
        _write(call, folder / name.replace("/", "-"))
    return len(chosen)


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
    from onnx import checker, helper, numpy_helper  # which few have, and nothing else here needs

    def described(name: str, array: Any) -> Any:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

    def keep(file: str, name: str, array: Any) -> None:
        contiguous = np.ascontiguousarray(array).reshape(array.shape)
        data = numpy_helper.from_array(contiguous, name).SerializeToString()
        files.write(folder / "test_data_set_0" / file, data, durable=False)

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
    given = [described(name, array) for name, array in inputs.items()]
    graph = helper.make_graph([node], folder.name, given, [described("y", output)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    checker.check_model(model)
    files.write(folder / "model.onnx", model.SerializeToString(), durable=False)
    for i, (name, array) in enumerate(inputs.items()):
        keep(f"input_{i}.pb", name, array)
    keep("output_0.pb", "y", output)
