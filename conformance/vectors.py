"""`python -m conformance vectors --tier quick --output DIR`: write the cases with their true values and bounds.

With the folder, a result can be judged without this suite, in any language, and the suite judges without its
oracle (`--vectors DIR`). It holds index.jsonl with its schema, arrays.safetensors, and, where onnx is installed,
ONNX test data.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

import adapters
from conformance import HERE, files, terminal, vectors_onnx
from conformance.record import verdict
from conformance.record.records import Check, Record
from conformance.requirements import TIERS
from conformance.run import measure, subjects
from conformance.run.measure import Call
from conformance.run.processes import child, machine, supervisor
from conformance.run.target import Subject
from conformance.single_function import run_shown
from conformance.truth import cache
from conformance.truth.arithmetic import GRADES
from conformance.truth.cache import ARRAYS, INDEX, NoTruth
from conformance.truth.formats import exact
from conformance.truth.oracle import Truth
from conformance.truth.tensors import Tensors

REFERENCE = "numpy"  # it meets every requirement, and its run asks all that a run asks of the oracle
FORMAT = 1
SCHEMA = HERE / "vectors.schema.json"
SHORT = 16  # elements: up to so many are also written as hex floats

Array = NDArray[Any]


@dataclass(frozen=True)
class Vector:
    """One check of the reference, and its call.

    `bounded`: the check says that each element of this very call is within a bound.
    """

    subject: Subject
    row: Check
    call: Call
    bounded: bool


def main(arguments: Sequence[str]) -> int:
    """Write vectors; exit code 0: they are written, 1: the reference fails, 2: wrong usage, 130: interrupted."""
    parser = argparse.ArgumentParser(prog="python -m conformance vectors", description=__doc__)
    parser.add_argument("--tier", default="quick", choices=TIERS)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write")
    options = parser.parse_args(arguments)
    console = terminal.console()
    try:
        with child.interruptible(), files.reserved(options.output), tempfile.TemporaryDirectory() as scratch:
            asked = Path(scratch) / "asked"
            record = _reference(options.tier, Path(scratch), asked, console)
            if reasons := verdict.problems(record):
                terminal.complain(f"vectors: the reference does not hold: {reasons[0]}")
                return 1
            written = write(record, asked.read_text(encoding="ascii").splitlines(), options.output)
    except KeyboardInterrupt:
        terminal.complain("vectors: interrupted")
        return 130
    except (OSError, NoTruth) as error:
        terminal.complain(f"vectors: {error}")
        return 2
    for line in written:
        console.print(line, soft_wrap=True)
    return 0


def use(folder: Path, tier: str) -> None:
    """Let the runs of this process judge from a folder of vectors.

    Raises:
        ValueError: it holds none of that tier.
    """
    try:
        with (folder / INDEX).open(encoding="utf-8") as lines:
            header = json.loads(lines.readline())
        if header["format"] != FORMAT or header["tier"] != tier:
            raise ValueError(f"they are of format {header['format']} and tier {header['tier']}")
        cache.vectors(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"no vectors of format {FORMAT} and tier {tier} in {folder}: {error}") from error
    os.environ[cache.VECTORS] = str(folder.absolute())


def _reference(tier: str, folder: Path, asked: Path, console: Console) -> Record:
    order = supervisor.Order(REFERENCE, "cpu", "eager", tier, folder / "results", 120.0)
    order.output.mkdir()
    os.environ[cache.ASKED] = str(asked)
    try:
        return run_shown(order, console)
    finally:
        del os.environ[cache.ASKED]


def write(record: Record, asked: Sequence[str], folder: Path) -> list[str]:
    """Write the vectors of a record of the reference, whose questions `asked` lists; return what there is."""
    tensors = Tensors()
    answers = dict(line.split() for line in asked)
    found = list(vectors(record, answers))
    lines = [_header(record)]
    lines += (_truth(question, name, tensors) for question, name in answers.items())
    lines += (_vector(vector, tensors) for vector in found)
    with (folder / ARRAYS).open("wb") as file:
        tensors.write(file)
    files.write(folder / INDEX, "".join(f"{json.dumps(line)}\n" for line in lines))
    shutil.copy(SCHEMA, folder / SCHEMA.name)
    size = sum(path.stat().st_size for path in (folder / ARRAYS, folder / INDEX))
    bounded = sum(vector.bounded for vector in found)
    told = [f"{len(found)} checks, {bounded} of them bounds on one call, {size / 1e6:.0f} MB in {folder}"]
    if find_spec("onnx") is None:
        return [*told, "no ONNX test data: onnx is not installed (the group `others` of pyproject.toml has it)"]
    count = vectors_onnx.write(
        {vector.row.id: vector.call for vector in found if vector.bounded}, folder / "onnx"
    )
    return [*told, f"{count} of them also as ONNX test data"]


def vectors(record: Record, asked: Container[str]) -> Iterator[Vector]:
    """Yield the checks of a record of the reference, in which these questions were asked."""
    adapter = adapters.load(REFERENCE)
    rows = {row.id: row for row in record.checks}
    for subject in subjects.every(adapter, record.header.tier):
        call = subject.case.call(subject.operation, subject.dtype)
        row = rows[subjects.check_id(subject)]
        judged = row.bound is not None and row.witness.get("call") == subject.case.describe(call)
        yield Vector(subject, row, call, judged and cache.question(call.asked) in asked)


def _header(record: Record) -> dict[str, Any]:
    suite = {"commit": record.header.suite_commit, "digest": machine.suite_digest()}
    return {"kind": "header", "format": FORMAT, "tier": record.header.tier, "suite": suite, "arrays": ARRAYS}


def _truth(question: str, name: str, tensors: Tensors) -> dict[str, Any]:
    return {"kind": "truth", "question": question} | _parts(cache.answer(name), tensors)


def _parts(truth: Truth, tensors: Tensors) -> dict[str, Any]:
    return {part.name: tensors.add(np.asarray(getattr(truth, part.name))) for part in fields(Truth)}


def _vector(vector: Vector, tensors: Tensors) -> dict[str, Any]:
    subject, call = vector.subject, vector.call
    requirement = subject.requirement
    options = {name: value for name, value in call.options.items() if name != "weight"}
    given = {
        "x": call.x, "labels": call.labels, "cotangent": call.cotangent, "tangent": call.tangent,
        "weight": call.options.get("weight"), "where": call.where, "matrix": call.matrix, "bias": call.bias,
    }  # fmt: skip
    inputs = {name: array for name, array in given.items() if array is not None}
    line: dict[str, Any] = {
        "kind": "vector",
        "check": vector.row.id,
        "level": requirement.level,
        "judge": "bound" if vector.bounded else "choice" if requirement.level == "choice" else "suite",
        "operation": call.operation,
        "dtype": call.dtype,
        "axis": call.axis,
        "derivative": call.derivative,
        "wrt": call.wrt,
        "method": call.method,
        "options": options,
        "inputs": {name: tensors.add(array) for name, array in inputs.items()},
        "hex": {name: hexed(array) for name, array in inputs.items() if array.size <= SHORT},
    }
    if requirement.choices:
        line["choices"] = list(requirement.choices)
    return line | (_bounded(vector, tensors) if vector.bounded else {})


def _bounded(vector: Vector, tensors: Tensors) -> dict[str, Any]:
    call = vector.call
    judgement = measure.compare(call, np.zeros(call.result_shape))
    truth = Truth(*(call.shaped(getattr(judgement.truth, part.name)) for part in fields(Truth)))
    bounds = {grade: tensors.add(call.shaped(judgement.tolerance[grade])) for grade in GRADES}
    short = {"expected": hexed(truth.value)} if truth.value.size <= SHORT else {}
    return {
        "grade": vector.row.bound,
        "expected": _parts(truth, tensors),
        "bounds": bounds,
        "expected_hex": short,
    }


def hexed(array: Array) -> list[Any]:
    """Return the elements in order, floats in hexadecimal."""
    flat = np.asarray(array).reshape(-1)
    return flat.tolist() if flat.dtype.kind in "iub" else [float(value).hex() for value in exact(flat)]
