"""Imports go one way, between the folders and between the rooms in them, in no circle; and modules stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from adapters import frameworks

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "adapters": {"adapters"},
    "conformance": {"conformance", "adapters"},
    "benchmarks": {"benchmarks", "conformance", "adapters"},
    "reports": {"reports", "benchmarks", "conformance", "adapters"},
}
OURS = {*MAY_IMPORT, "tests"}
# room → the rooms of its folder that it may import; requirements.py and deviations.py read the specification
ROOMS = {
    "conformance.truth": set(),
    "conformance.operations": {"conformance.truth"},
    "conformance.specification": {"conformance.operations"},
    "conformance.record": {"conformance.operations", "conformance.specification"},
    "conformance.run": {
        "conformance.record",
        "conformance.operations",
        "conformance.truth",
        "conformance.specification",
    },
    "conformance.cases": {"conformance.run", "conformance.operations", "conformance.truth"},
    "conformance.tests": {
        "conformance.cases",
        "conformance.run",
        "conformance.operations",
        "conformance.truth",
    },
    "conformance.ci": {"conformance.record", "conformance.specification"},
    "benchmarks.timing": set(),
    "benchmarks.asv": {"benchmarks.timing"},
    "benchmarks.suite": {"benchmarks.asv", "benchmarks.timing"},
    "benchmarks.own": {"benchmarks.timing"},
}
# framework → what its adapter imports at module level; that of Keras, whose mode decides what it imports, nothing
OWN = {
    name: {known.package, *known.packages}
    for name, known in frameworks.FRAMEWORKS.items()
    if "{mode}" not in known.beside
}
FRAMEWORKS = {*frameworks.FRAMEWORKS, *(module for modules in OWN.values() for module in modules)} - {"numpy"}
LONGEST = 400
MODULES = sorted(path for folder in MAY_IMPORT for path in (ROOT / folder).rglob("*.py"))
NAMED = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in MODULES}


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that the import statements of `tree` name, at any depth; "." for a relative one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = "." if node.level else node.module or ""
            modules = (f"{here}.{alias.name}" for alias in node.names)
            yield from (module if module in NAMED else here for module in modules)


def test_every_console_is_one_on_which_foreign_text_acts_on_nothing() -> None:
    alone = {"conformance/terminal.py", "benchmarks/asv/install.py"}  # where there is no Rich, into asv's log
    for path in MODULES:
        if path.relative_to(ROOT).as_posix() in alone:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node) if isinstance(node, ast.Call) else ""
            assert not called.startswith("Console("), path
            assert not called.startswith("TextColumn(") or "markup=False" in called, path
            assert not called.startswith("print(") or "sys.stderr" not in called, path


def at_module_level(tree: ast.Module) -> Iterator[str]:
    """Those that run when the module is imported: outside functions, and outside `if TYPE_CHECKING`."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node)
        todo += ast.iter_child_nodes(node)


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


def top(name: str) -> str:
    return name.partition(".")[0]


def upward(source: str, folder: str) -> list[str]:
    """Imports of ours that a module in `folder` may not make, and relative ones."""
    names = imported(parsed(source))
    return [name for name in names if name == "." or (top(name) in OURS and top(name) not in MAY_IMPORT[folder])]


def room(module: str) -> str:
    """The room that a module lives in; "" for the entry points, which may import any."""
    folder, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    if folder == "conformance" and name in ("requirements", "deviations"):
        return "conformance.specification"
    if folder == "conformance" and name.startswith("test_"):
        return "conformance.tests"
    return f"{folder}.{name}" if f"{folder}.{name}" in ROOMS else ""


def out_of_room(source: str, module: str) -> list[str]:
    """Imports that a module may not make of other rooms of its folder, or of another test that judges."""
    own = room(module)
    if not own:
        return []
    wrong = []
    for name in imported(parsed(source)):
        other = room(name)
        if (other and other != own and other not in ROOMS[own]) or other == own == "conformance.tests":
            wrong += [name] if top(name) == top(module) else []
    return wrong


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Modules that import one another, by Python's own topological sort; empty where there is no circle."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return [error.args[1]]
    return []


def eager(source: str, module: str) -> list[str]:
    """Frameworks imported at module level, other than in the adapter module of that name."""
    own = OWN.get(module.removeprefix("adapters."), set()) if module.startswith("adapters.") else set()
    return [name for name in at_module_level(parsed(source)) if top(name) in FRAMEWORKS - own]


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def everywhere() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", MODULES, ids=dotted)


def test_every_folder_is_looked_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(MAY_IMPORT)
    assert all((ROOT / folder / "__init__.py").exists() for folder in MAY_IMPORT)


@everywhere()
def test_imports_go_one_way(path: Path) -> None:
    assert upward(path.read_text(encoding="utf-8"), path.relative_to(ROOT).parts[0]) == []


@everywhere()
def test_rooms_import_one_way(path: Path) -> None:
    assert out_of_room(path.read_text(encoding="utf-8"), dotted(path)) == []


def test_every_folder_in_a_layer_is_a_room() -> None:
    folders = {dotted(path.parent) for path in MODULES if path.parent.parent.parent == ROOT}
    told = {name for name in folders if name.startswith(("conformance.", "benchmarks."))}
    assert told == {name for name in ROOMS if name not in ("conformance.specification", "conformance.tests")}


def test_no_modules_import_one_another() -> None:
    trees = {dotted(path).removesuffix(".__init__"): parsed(path.read_text(encoding="utf-8")) for path in MODULES}
    assert circles({name: set(imported(tree)) & NAMED - {name} for name, tree in trees.items()}) == []


@everywhere()
def test_a_framework_is_imported_in_its_own_adapter_alone(path: Path) -> None:
    assert eager(path.read_text(encoding="utf-8"), dotted(path)) == []


@everywhere()
def test_no_module_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize(
    ("source", "folder", "found"),
    [
        ("import conformance.truth.bounds", "adapters", ["conformance.truth.bounds"]),
        ("def f():\n    from reports import model", "conformance", ["reports.model"]),
        ("from benchmarks import cells", "conformance", ["benchmarks"]),
        ("from tests import emulation", "reports", ["tests"]),
        ("from . import ulp", "conformance", ["."]),
        ("from adapters import load\nimport numpy", "benchmarks", []),
        ("import conformancelike", "adapters", []),
    ],
)
def test_an_import_the_wrong_way_is_found(source: str, folder: str, found: list[str]) -> None:
    assert upward(source, folder) == found


@pytest.mark.parametrize(
    ("source", "module", "found"),
    [
        ("import torch.nn.functional as F", "adapters.torch", []),
        ("import torch", "adapters.jax", ["torch"]),
        ("import jax, optax", "adapters.jax", []),
        ("import keras", "adapters.keras", ["keras"]),
        (
            "try:\n    import scipy.special\nexcept ImportError:\n    pass",
            "conformance.truth.oracle",
            ["scipy.special"],
        ),
        ("class A:\n    import torch", "conformance.torch", ["torch"]),
        ("def f():\n    import torch", "benchmarks.timing.overhead", []),
        ("if TYPE_CHECKING:\n    import torch", "benchmarks.timing.overhead", []),
        ("import numpy, ml_dtypes", "conformance.truth.formats", []),
    ],
)
def test_a_framework_imported_elsewhere_is_found(source: str, module: str, found: list[str]) -> None:
    assert eager(source, module) == found


@pytest.mark.parametrize(
    ("source", "module", "found"),
    [
        ("from conformance.run import target", "conformance.truth.oracle", ["conformance.run.target"]),
        ("from conformance.test_range import tiny", "conformance.cases.gradients", ["conformance.test_range"]),
        ("from conformance.test_range import tiny", "conformance.test_gradients", ["conformance.test_range"]),
        ("def f():\n    import benchmarks.asv.results", "benchmarks.timing.clock", ["benchmarks.asv.results"]),
        ("from conformance.ci import baseline", "conformance.__main__", []),
        ("from conformance.truth import bounds", "conformance.run.measure", []),
        ("from conformance import requirements", "conformance.record.verdict", []),
    ],
)
def test_an_import_of_a_room_the_wrong_way_is_found(source: str, module: str, found: list[str]) -> None:
    assert out_of_room(source, module) == found


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert circles({"a": {"b", "c"}, "b": {"c"}}) == []
