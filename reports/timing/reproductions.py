"""A cell in the framework alone: what an issue shows, with nothing of this project in it."""

from __future__ import annotations

from adapters.releases import Release
from benchmarks.timing.cells import SHAPES, Cell

TORCH = {
    "softmax": "torch.softmax(x, dim={axis})",
    "log_softmax": "torch.log_softmax(x, dim={axis})",
    "cross_entropy_index": "torch.nn.functional.cross_entropy(x, labels, reduction='none'{ignored})",
    "cross_entropy_probability": "torch.nn.functional.cross_entropy(x, labels, reduction='none')",
}
TENSORFLOW = {
    "softmax": "tf.nn.softmax(x, axis={axis})",
    "log_softmax": "tf.nn.log_softmax(x, axis={axis})",
    "cross_entropy_index": "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=x)",
    "cross_entropy_probability": "tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=x, axis={axis})",
}
JAX = {
    "softmax": "jax.nn.softmax(x, axis={axis})",
    "log_softmax": "jax.nn.log_softmax(x, axis={axis})",
    "cross_entropy_index": "optax.softmax_cross_entropy_with_integer_labels(x, labels{along})",
    "cross_entropy_probability": "optax.softmax_cross_entropy(x, labels{along})",
}
NUMPY = {  # no function of NumPy's own: the reference written out
    "softmax": "(e := np.exp(x - x.max({axis}, keepdims=True))) / e.sum({axis}, keepdims=True)",
    "log_softmax": "(s := x - x.max({axis}, keepdims=True)) - np.log(np.exp(s).sum({axis}, keepdims=True))",
}
SCIPY = {
    "softmax": "scipy.special.softmax(x, axis={axis})",
    "log_softmax": "scipy.special.log_softmax(x, axis={axis})",
}
CALLS = {"torch": TORCH, "tensorflow": TENSORFLOW, "jax": JAX, "scipy": SCIPY, "numpy": NUMPY}
FORMS = {"torch": "torch.from_numpy({})", "tensorflow": "tf.constant({})", "jax": "jnp.asarray({})"}
IMPORTS = {
    "torch": "import torch",
    "tensorflow": "import tensorflow as tf",
    "jax": "import jax\nimport jax.numpy as jnp",
    "scipy": "import scipy.special",
    "numpy": "",
}
CASTS = {"torch": "{}.to(torch.{})", "tensorflow": "tf.cast({}, tf.{})", "jax": "{}.astype(jnp.{})"}

# The derivative as each framework's manual writes it, of `forward` and the cotangent `g`.
BACKWARD = {
    "torch": """\
    point = x.detach().requires_grad_()
    y = {of_point}
    return y, torch.autograd.grad(y, point, g)[0]""",
    "tensorflow": """\
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = {of_x}
    return y, tape.gradient(y, x, output_gradients=g)""",
    "jax": """\
    y, pullback = jax.vjp(lambda x: {of_x}, x)
    return y, pullback(g)[0]""",
}
COMPILED = {
    "torch": "@torch.compile(fullgraph=True, dynamic=False)\n",
    "tensorflow": "@tf.function(autograph=False, jit_compile=True)\n",
    "jax": "@jax.jit\n",
}
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
    return f"{_threads(release.framework, cell, device)}{setup}\n\n{TIMING}" if setup else ""


def code(framework: str, cell: Cell, device: str = "cpu") -> str:
    """The program up to its timing: imports, inputs from a seed, and `call`."""
    calls = CALLS[framework]
    backward = cell.direction == "forward+backward"
    narrow = framework not in CASTS and cell.format in (
        "bfloat16",
        "float16",
    )  # what NumPy's users cast themselves
    if cell.operation not in calls or narrow or (backward and framework not in BACKWARD):
        return ""
    shape = SHAPES[cell.shape]
    along = "" if shape.axis == -1 else f", axis={shape.axis}"
    ignored = ", ignore_index=-100" if cell.data == "ignored" else ""
    called = calls[cell.operation].format(axis=shape.axis, along=along, ignored=ignored)
    optax = "\nimport optax" if called.startswith("optax") else ""
    wide = (
        "\njax.config.update('jax_enable_x64', True)" if framework == "jax" and cell.format == "float64" else ""
    )
    imports = f"import numpy as np\n{IMPORTS[framework]}{optax}{wide}".strip()
    parts = [
        f"import statistics\nimport timeit\n\n{imports}\n",
        "\n".join(["rng = np.random.default_rng(0)", *_inputs(framework, cell, device, backward)]),
        *(f"\n{function}" for function in (*_functions(framework, cell, called), _call(framework, cell, device))),
    ]
    return "\n".join(parts)


def _threads(framework: str, cell: Cell, device: str) -> str:
    """Before the import, since frameworks read it there."""
    if device != "cpu" or cell.threads != "1":
        return ""
    return "import os\n\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, on Linux\n\n"


def _inputs(framework: str, cell: Cell, device: str, backward: bool) -> list[str]:
    shape = SHAPES[cell.shape]
    dims = shape.on(device)
    axis = shape.axis % len(dims)
    rows = (*dims[:axis], *dims[axis + 1 :])
    scale = " * np.float32(10)" if cell.data == "peaked" else ""
    lines = [f"x = {_native(framework, cell, f'rng.standard_normal({dims}, dtype=np.float32){scale}', device)}"]
    if cell.operation == "cross_entropy_index":
        integers = "int64" if framework == "torch" else "int32"
        drawn = f"rng.integers(0, {shape.n}, {rows}, dtype=np.{integers})"
        if cell.data == "ignored":
            drawn = f"np.where(rng.random({rows}) < 0.3, -100, {drawn})"
        lines.append(f"labels = {_array(framework, drawn, device)}")
    elif cell.operation == "cross_entropy_probability":
        lines.append(f"weights = np.exp(rng.standard_normal({dims}, dtype=np.float32))")
        drawn = f"weights / weights.sum({shape.axis}, keepdims=True)"
        lines.append(f"labels = {_native(framework, cell, drawn, device)}")
    if backward:
        like = rows if cell.operation.startswith("cross_entropy") else dims
        lines.append(f"g = {_native(framework, cell, f'rng.standard_normal({like}, dtype=np.float32)', device)}")
    return lines


def _array(framework: str, drawn: str, device: str) -> str:
    moved = ".cuda()" if framework == "torch" and device == "cuda" else ""
    return FORMS.get(framework, "{}").format(drawn) + moved


def _native(framework: str, cell: Cell, drawn: str, device: str) -> str:
    """An array of the framework's in the cell's format."""
    array = _array(framework, drawn, device)
    if cell.format == "float32":
        return array
    cast = CASTS.get(framework)
    return cast.format(array, cell.format) if cast else f"({drawn}).astype(np.{cell.format})"


def _functions(framework: str, cell: Cell, called: str) -> list[str]:
    """Functions of every array: what a closure holds, a compiler takes for a constant."""
    compiled = COMPILED.get(framework, "") if cell.mode == "compiled" else ""
    forward = ", ".join(_arguments(cell))
    if cell.direction == "forward":
        return [f"{compiled}def forward({forward}):\n    return {called}"]
    body = BACKWARD[framework].format(of_x=f"forward({forward})", of_point=f"forward(point{forward[1:]})")
    first, both = (compiled, "") if framework == "torch" else ("", compiled)  # PyTorch derives what is compiled
    return [
        f"{first}def forward({forward}):\n    return {called}",
        f"{both}def both({forward}, g):\n{body}",
    ]


def _arguments(cell: Cell) -> list[str]:
    return ["x", "labels"] if cell.operation.startswith("cross_entropy") else ["x"]


def _call(framework: str, cell: Cell, device: str) -> str:
    """`call`, which returns when the result is there."""
    arguments = ", ".join(_arguments(cell))
    run = f"forward({arguments})" if cell.direction == "forward" else f"both({arguments}, g)"
    if framework == "jax":
        return f"def call():\n    return jax.block_until_ready({run})"
    if device == "cuda":
        wait = "torch.cuda.synchronize()" if framework == "torch" else "tf.test.experimental.sync_devices()"
        return f"def call():\n    result = {run}\n    {wait}\n    return result"
    return f"def call():\n    return {run}"
