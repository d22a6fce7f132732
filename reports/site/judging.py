"""The code that judges each requirement, as it stands in `conformance/test_*.py`; nothing of it is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import conformance

FOLDER = Path(conformance.__file__).parent


@dataclass(frozen=True)
class Judge:
    """One test: where it stands, its source, and that of the function that yields its cases.

    `cases` is "" where that function stands in another module, whose name `provider` still tells.
    """

    file: str
    line: int
    source: str
    provider: str
    cases: str


@cache
def judges(folder: Path = FOLDER) -> dict[str, Judge]:
    """Requirement → the test that carries its marker."""
    return dict(found for path in sorted(folder.glob("test_*.py")) for found in _tests(path))


def _tests(path: Path) -> Iterator[tuple[str, Judge]]:
    text = path.read_text(encoding="utf-8")
    functions = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    for node in functions.values():
        for marker in node.decorator_list:
            if isinstance(marker, ast.Call) and ast.unparse(marker.func) == "pytest.mark.requirement":
                given = {keyword.arg: keyword.value for keyword in marker.keywords}
                provider = ast.unparse(given["cases"])
                beside = functions.get(provider)
                yield (
                    ast.literal_eval(marker.args[0]),
                    Judge(
                        file=f"{path.parent.name}/{path.name}",
                        line=marker.lineno,
                        source=_source(text, node),
                        provider=provider,
                        cases=_source(text, beside) if beside else "",
                    ),
                )


def _source(text: str, node: ast.FunctionDef) -> str:
    """The lines of a function, its decorators among them."""
    first = min([node.lineno, *(marker.lineno for marker in node.decorator_list)])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
