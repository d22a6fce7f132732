"""A cell in the framework alone: what an issue shows, with nothing of this project in it."""

from __future__ import annotations

from adapters.frameworks import FRAMEWORKS, Framework, Spelling, function
from adapters.releases import Release
from benchmarks.timing.cells import FORMATS, SHAPES, Cell

TIMING = """\
for _ in range(3):
    call()  # compiles, and fills caches
timer = timeit.Timer(call)
number, _ = timer.autorange()
print(f"{statistics.median(timer.repeat(9, number)) / number * 1e6:.1f} µs")
"""


def script(release: Release, cell: Cell, device: str = "cpu") -> str:
    """A program that prints the time of one call; "" where the framework's call is no line of its own."""
    setup = code(release.framework, cell, device)
    return f"{_threads(cell, device)}{setup}\n\n{TIMING}" if setup else ""


def code(name: str, cell: Cell, device: str = "cpu") -> str:
    """The program up to its timing: imports, inputs from a seed, and `call`."""
    framework = FRAMEWORKS[name]
    spelling = framework.spelling
    # what is written out computes in the array's own format, and the reference in float32
    if spelling is None or (spelling.written_out and FORMATS[cell.format] < FORMATS["float32"]):
        return ""
    options = {"ignore_index": "-100"} if cell.data == "ignored" else {}
    try:
        axis = str(SHAPES[cell.shape].axis)
        called = spelling.call(cell.judged.name, cell.form.name, axis=axis, options=options)
        functions = _functions(framework, spelling, cell, called)
    except (KeyError, ValueError):
        return ""
    parts = [
        "\n".join(("rng = np.random.default_rng(0)", *_inputs(framework, spelling, cell, device))),
        *(f"\n{text}" for text in (*functions, _call(spelling, cell, device))),
    ]
    wide = [spelling.float64] if spelling.float64 and cell.format == "float64" else []
    body = "\n".join((*wide, "", *parts))
    imports = "\n".join(f"import {module}" for module in spelling.needed(body))
    return f"import statistics\nimport timeit\n\n{imports}\n{body}"


def _threads(cell: Cell, device: str) -> str:
    """Before the import, since frameworks read it there."""
    if device != "cpu" or cell.threads != "1":
        return ""
    return "import os\n\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, on Linux\n\n"


def _inputs(framework: Framework, spelling: Spelling, cell: Cell, device: str) -> list[str]:
    shape = SHAPES[cell.shape]
    dims = shape.on(device)
    axis = shape.axis % len(dims)
    rows = (*dims[:axis], *dims[axis + 1 :])
    scale = " * np.float32(10)" if cell.data == "peaked" else ""

    def native(drawn: str) -> str:
        return spelling.made(drawn, cell.format, device)

    lines = [f"x = {native(f'rng.standard_normal({dims}, dtype=np.float32){scale}')}"]
    form = cell.form.name
    if form == "index":
        drawn = f"rng.integers(0, {shape.n}, {rows}, dtype=np.{framework.labels(device)})"
        if cell.data == "ignored":
            drawn = f"np.where(rng.random({rows}) < 0.3, -100, {drawn})"
        lines.append(f"labels = {spelling.made(drawn, 'integer', device)}")
    elif form == "probability":
        lines.append(f"weights = np.exp(rng.standard_normal({dims}, dtype=np.float32))")
        lines.append(f"labels = {native(f'weights / weights.sum({shape.axis}, keepdims=True)')}")
    if cell.direction != "forward":
        like = rows if cell.judged.per_row else dims
        lines.append(f"c = {native(f'rng.standard_normal({like}, dtype=np.float32)')}")
    return lines


def _functions(framework: Framework, spelling: Spelling, cell: Cell, called: str) -> list[str]:
    """Functions of every array: what a closure holds, a compiler takes for a constant."""
    decorator = framework.modes[framework.compiled].decorator if cell.mode == "compiled" else ""
    arguments = _arguments(cell)
    if cell.direction == "forward":
        return [function("forward", arguments, called, decorator)]
    first, both = (decorator, "") if spelling.compiles_forward else ("", decorator)
    body = spelling.derivatives["value_and_vjp"].format(f=f"forward({', '.join(arguments)})")
    return [function("forward", arguments, called, first), function("both", [*arguments, "c"], body, both)]


def _arguments(cell: Cell) -> list[str]:
    return ["x", "labels"] if cell.form.name else ["x"]


def _call(spelling: Spelling, cell: Cell, device: str) -> str:
    """`call`, which returns when the result is there."""
    arguments = ", ".join(_arguments(cell))
    run = f"forward({arguments})" if cell.direction == "forward" else f"both({arguments}, c)"
    if device == "cpu" or not spelling.synchronize:
        return function("call", [], spelling.wait.format(result=run))
    return function("call", [], f"result = {run}\n{spelling.synchronize}\nresult")
