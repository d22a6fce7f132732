"""The specification as data: its form, its wording, and one marked test for each of its tables."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from adapters import protocol
from conformance.operations import OPERATIONS
from conformance.operations.operation import KINDS
from conformance.requirements import FAMILIES, FILE, LEVELS, RETIRED, Requirement, load

MODULES = {
    "ACC": "test_accuracy",
    "SPV": "test_special_values",
    "RNG": "test_range",
    "INV": "test_invariants",
    "GRD": "test_gradients",
    "LBL": "test_labels",
    "IFC": "test_interface",
    "DET": "test_determinism",
    "CMP": "test_compiled",
    "CRS": "test_crossed",
    "LIN": "test_linear",
    "SMP": "test_sampling",
    "SEL": "test_selection",
    "USE": "test_use",
}
REQUIREMENTS = load()
THREAD = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+#[1-9]\d*")
WORK = re.compile(r".*(\b(19|20)\d\d\b|\d\.\d|, \d+\.\d+).*")  # a paper or standard has a year or a section
WISHES = re.compile(r"\b(should|must|shall|ought|needs? to|has to|have to|will|test|check|ensure|verify)\b", re.I)


def module(family: str) -> ModuleType:
    return import_module(f"conformance.{MODULES[family]}")


def functions(of: ModuleType) -> Iterator[tuple[str, Any]]:
    return ((name, f) for name, f in inspect.getmembers(of, inspect.isfunction) if name.startswith("test_"))


def markers(function: Any) -> list[pytest.Mark]:
    return [mark for mark in getattr(function, "pytestmark", []) if mark.name == "requirement"]


def every(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(name, REQUIREMENTS.values(), ids=lambda r: r.id)


def test_each_requirement_has_one_test_and_each_test_one_requirement() -> None:
    marked = Counter(
        mark.args[0] for family in MODULES for _, f in functions(module(family)) for mark in markers(f)
    )
    assert marked == Counter(dict.fromkeys(REQUIREMENTS, 1))
    for family in MODULES:
        for name, function in functions(module(family)):
            assert len(markers(function)) == 1, name


def test_a_requirement_is_judged_in_the_file_of_its_family() -> None:
    assert set(MODULES) == set(FAMILIES)
    folder = FILE.parent
    assert {path.stem for path in folder.glob("test_*.py")} == set(MODULES.values())
    for family, name in MODULES.items():
        assert name.removeprefix("test_") == "_".join(FAMILIES[family].split(" and ")[0].split())
        for _, function in functions(module(family)):
            assert markers(function)[0].args[0].startswith(family + "-")


def test_each_test_names_what_yields_its_cases() -> None:
    for family in MODULES:
        for name, function in functions(module(family)):
            (mark,) = markers(function)
            assert list(mark.kwargs) == ["cases"], name
            parameters = inspect.signature(mark.kwargs["cases"]).parameters
            assert list(parameters) == ["operation", "dtype", "tier"], name
            assert "check" in inspect.signature(function).parameters, name


def test_no_test_stands_twice_under_one_name() -> None:
    for family in MODULES:
        source = inspect.getsource(module(family))
        names = [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        assert max(Counter(names).values()) == 1 or family == "GRD"  # its providers are closures named alike
        tests = [name for name in names if name.startswith("test_")]
        assert len(tests) == len(set(tests))


def test_names_of_tests_are_statements() -> None:
    for family in MODULES:
        for name, _ in functions(module(family)):
            words = name.split("_")[1:]
            assert len(words) >= 2, name
            assert not WISHES.search(" ".join(words)), name


def test_all_families_are_filled_and_numbered_without_a_gap() -> None:
    assert len(REQUIREMENTS) >= 45
    for family in FAMILIES:
        numbers = [int(r.id[4:]) for r in REQUIREMENTS.values() if r.family == family]
        retired = [int(name[4:]) for name in RETIRED if name[:3] == family]
        assert numbers == sorted(numbers), family
        assert sorted(numbers + retired) == list(range(1, len(numbers + retired) + 1)), family
        assert numbers, family


def test_a_retired_id_is_not_used_again_and_says_what_became_of_it() -> None:
    assert RETIRED.keys().isdisjoint(REQUIREMENTS)
    assert all(re.search(r"\b[A-Z]{3}-\d\d\b", reason) for reason in RETIRED.values())


@every("requirement")
def test_an_id_is_a_family_and_two_digits(requirement: Requirement) -> None:
    assert re.fullmatch(r"[A-Z]{3}-\d\d", requirement.id)
    assert requirement.family in FAMILIES


def test_a_requirement_is_stated_for_kinds_of_operations_or_for_some_by_name() -> None:
    for name, table in tomllib.loads(FILE.read_text(encoding="utf-8")).items():
        assert ("kinds" in table) != ("operations" in table), name
        assert set(table.get("kinds", KINDS)) <= set(KINDS), name
        if "kinds" in table:
            of_kinds = tuple(o.name for o in OPERATIONS.values() if o.kind in table["kinds"])
            assert REQUIREMENTS[name].operations == of_kinds


def test_the_operations_that_an_adapter_must_have_are_the_first() -> None:
    assert tuple(o.name for o in OPERATIONS.values() if not o.optional) == protocol.OPERATIONS
    assert {o.kind for o in OPERATIONS.values()} <= set(KINDS)


@every("requirement")
def test_a_level_and_operations_are_known_ones(requirement: Requirement) -> None:
    assert requirement.level in LEVELS
    assert requirement.operations
    assert set(requirement.operations) <= set(OPERATIONS)
    assert len(set(requirement.operations)) == len(requirement.operations)


@every("requirement")
def test_a_text_is_a_statement_in_the_present_tense(requirement: Requirement) -> None:
    text = requirement.text
    assert not WISHES.search(text)
    assert text[0].isupper() or text[:2] in ("n ", "f(") or text.startswith(tuple(OPERATIONS))
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text.split()) >= 5


def test_no_two_requirements_state_the_same() -> None:
    texts = [requirement.text for requirement in REQUIREMENTS.values()]
    assert len(set(texts)) == len(texts)


@every("requirement")
def test_a_source_is_a_thread_a_paper_or_a_standard(requirement: Requirement) -> None:
    assert requirement.sources
    assert len(set(requirement.sources)) == len(requirement.sources)
    for source in requirement.sources:
        assert THREAD.fullmatch(source) or (WORK.fullmatch(source) and "#" not in source), source


@every("requirement")
def test_choices_are_listed_where_the_level_is_choice(requirement: Requirement) -> None:
    assert bool(requirement.choices) == (requirement.level == "choice")
    if requirement.choices:
        assert len(requirement.choices) >= 2
        assert all(re.fullmatch(r"[a-z][a-z_]*", name) for name in requirement.choices)
        assert all(requirement.choices.values())


@every("requirement")
def test_a_judged_requirement_names_what_it_catches(requirement: Requirement) -> None:
    assert bool(requirement.catches) == (requirement.level != "report")
    assert len(set(requirement.catches)) == len(requirement.catches)
