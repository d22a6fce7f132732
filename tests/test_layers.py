"""Imports go one way: reports → benchmarks → conformance → adapters; and modules stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "adapters": {"adapters"},
    "conformance": {"conformance", "adapters"},
    "benchmarks": {"benchmarks", "conformance", "adapters"},
    "reports": {"reports", "benchmarks", "conformance", "adapters"},
}
OURS = {*MAY_IMPORT, "tests"}
FRAMEWORKS = {"torch", "tensorflow", "jax", "jaxlib", "optax", "scipy", "keras", "onnxruntime", "onnx"}
OWN = {
    "torch": {"torch"},
    "tensorflow": {"tensorflow"},
    "jax": {"jax", "jaxlib", "optax"},
    "scipy": {"scipy"},
    "onnxruntime": {"onnxruntime", "onnx"},
}
# inside conformance: the rooms of each room's imports, "" for the test modules
ROOMS = {
    "truth": {"truth"},
    "operations": {"operations", "truth"},
    "record": {"record", "operations"},
    "run": {"run", "record", "operations", "truth"},
    "cases": {"cases", "run", "operations", "truth"},
    "tests": {"cases", "run", "record", "operations", "truth"},
}
LONGEST = 400
MODULES = sorted(path for folder in MAY_IMPORT for path in (ROOT / folder).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that the import statements of `tree` name, at any depth; "." for a relative one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else node.module or ""


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


def top(name: str) -> str:
    return name.partition(".")[0]


def upward(source: str, folder: str) -> list[str]:
    """Imports of ours that a module in `folder` may not make, and relative ones."""
    names = imported(ast.parse(source))
    return [name for name in names if name == "." or (top(name) in OURS and top(name) not in MAY_IMPORT[folder])]


def eager(source: str, module: str) -> list[str]:
    """Frameworks imported at module level, other than in the adapter module of that name."""
    own = OWN.get(module.removeprefix("adapters."), set()) if module.startswith("adapters.") else set()
    return [name for name in at_module_level(ast.parse(source)) if top(name) in FRAMEWORKS - own]


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


def room(name: str) -> str:
    """The room of a module of conformance: its folder, "tests", or "" for a module of the folder itself."""
    parts = name.split(".")[1:]
    return "tests" if parts and parts[0].startswith("test_") else parts[0] if parts and parts[0] in ROOMS else ""


def across(source: str, module: str) -> list[str]:
    """Imports between rooms of conformance that a module may not make."""
    if room(module) not in ROOMS:
        return []
    tree = ast.parse(source)
    names = {name for name in imported(tree) if name.startswith("conformance.")}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "conformance":
            names |= {f"conformance.{alias.name}" for alias in node.names}
    return sorted(name for name in names if room(name) and room(name) not in ROOMS[room(module)])


@everywhere()
def test_rooms_of_conformance_import_one_way(path: Path) -> None:
    assert across(path.read_text(encoding="utf-8"), dotted(path)) == []


@pytest.mark.parametrize(
    ("source", "module", "found"),
    [
        ("from conformance.test_range import offsets", "conformance.cases.rows", ["conformance.test_range"]),
        ("from conformance import test_range", "conformance.test_gradients", ["conformance.test_range"]),
        ("from conformance.run.case import Case", "conformance.operations.softmax", ["conformance.run.case"]),
        ("import conformance.operations.query", "conformance.truth.cache", ["conformance.operations.query"]),
        ("from conformance import requirements", "conformance.run.target", []),
        ("from conformance.run.case import Case", "conformance.__main__", []),
    ],
)
def test_an_import_between_rooms_the_wrong_way_is_found(source: str, module: str, found: list[str]) -> None:
    assert across(source, module) == found


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
        ("def f():\n    from reports import model", "conformance", ["reports"]),
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
