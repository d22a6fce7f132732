"""Reads the code that judges each requirement from `conformance/test_*.py`, without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import conformance

FOLDER = Path(conformance.__file__).parent


@dataclass(frozen=True)
class Code:
    """A function: its file and line, its source with decorators, and its docstring."""

    file: str
    line: int
    source: str
    says: str


@dataclass(frozen=True)
class Judge:
    """A test, the source of its cases as its marker names it, and that function if it is one of ours."""

    test: Code
    provider: str
    cases: Code | None


@cache
def judges(folder: Path = FOLDER) -> dict[str, Judge]:
    """Return requirement → the test that carries its marker."""
    modules = {path.stem: path for path in (*sorted(folder.glob("*.py")), *sorted(folder.glob("cases/*.py")))}
    tests = (name for name in modules if name.startswith("test_"))
    return dict(judge for name in tests for judge in _tests(modules[name], modules))


def _tests(path: Path, modules: dict[str, Path]) -> Iterator[tuple[str, Judge]]:
    for test, node in _functions(path).values():
        for marker in node.decorator_list:
            if isinstance(marker, ast.Call) and ast.unparse(marker.func) == "pytest.mark.requirement":
                given = {keyword.arg: keyword.value for keyword in marker.keywords}
                named = given["cases"]
                judge = Judge(test, _source(path, named), _provider(path, named, modules))
                yield ast.literal_eval(marker.args[0]), judge


def _provider(path: Path, named: ast.expr, modules: dict[str, Path]) -> Code | None:
    """Return the function that yields the cases: `cases`, `module.cases` or the one called to make it."""
    called = named.func if isinstance(named, ast.Call) else named
    home, _, name = ast.unparse(called).rpartition(".")
    if not home and name not in _functions(path):
        home, name = _imported(path).get(name, ("", name))
    function = _functions(modules.get(home, path)).get(name)
    return function[0] if function else None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _functions(path: Path) -> dict[str, tuple[Code, ast.FunctionDef]]:
    """Return the functions at the top level of the module, by name."""
    lines = path.read_text(encoding="utf-8").splitlines()
    functions = {}
    for node in _tree(path).body:
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(marker.lineno for marker in node.decorator_list)])
            source = "\n".join(lines[first - 1 : node.end_lineno])
            says = " ".join((ast.get_docstring(node) or "").split())
            functions[node.name] = Code(_address(path), first, source, says), node
    return functions


def _address(path: Path) -> str:
    """Return the file's path in the repository: "conformance/cases/losses.py"."""
    return str(
        path.relative_to(FOLDER.parent) if path.is_relative_to(FOLDER) else Path(path.parent.name, path.name)
    )


@cache
def _imported(path: Path) -> dict[str, tuple[str, str]]:
    """Return name → module and the name in it, for imports from modules beside this one."""
    return {
        alias.asname or alias.name: ((node.module or "").rpartition(".")[2], alias.name)
        for node in _tree(path).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _source(path: Path, node: ast.expr) -> str:
    """Return the source text of an expression."""
    return ast.get_source_segment(path.read_text(encoding="utf-8"), node) or ast.unparse(node)
