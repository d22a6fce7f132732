"""Requirements, and the tests that judge whether a target meets them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent  # with requirements.toml, deviations.toml and the tests that judge


def judge(function: Any, *, operation: str, **options: Any) -> Any:
    """Judge a function in this process, as `conformance.single_function.judge` says, and return its verdict."""
    return import_module("conformance.single_function").judge(function, operation=operation, **options)
