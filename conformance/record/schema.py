"""Holds a row against a JSON Schema, by the keywords that `records.schema.json` uses; a fault is one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "records.schema.json"
LONGEST = 60  # characters of a value that a message shows
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
Schema = Mapping[str, Any]


@cache
def kinds() -> dict[str, dict[str, Any]]:
    """Return the schema of each kind of row."""
    branches = json.loads(FILE.read_text(encoding="utf-8"))["oneOf"]
    return {branch["properties"]["kind"]["const"]: branch for branch in branches}


@cache
def plain(kind: str) -> dict[str, frozenset[type]]:
    """Return field → the types that it may have, of the fields of which the schema asks no more."""
    return {
        name: frozenset(of for word in _names(field) for of in TYPES[word])
        for name, field in kinds()[kind]["properties"].items()
        if "type" in field and field.keys() <= {"type", "description"}
    }


@cache
def met(kind: str) -> set[tuple[str, str]]:
    """Return the fields and texts that were held already: a record repeats a few of them in all its rows."""
    return set()


@cache
def _hold_names(kind: str, names: tuple[str, ...]) -> None:
    """Raise a ValueError where a row of these fields lacks one or has one too many."""
    schema = kinds()[kind]
    if missing := [name for name in schema["required"] if name not in names]:
        raise ValueError(f"a {kind} without {', '.join(missing)}")
    if unknown := [name for name in names if name not in schema["properties"]]:
        raise ValueError(f"a {kind} has no field {brief(unknown[0])}")


def hold(row: Mapping[str, Any], schema: Schema) -> None:
    """Raise a ValueError that names the field where the schema does not allow the row."""
    kind = row["kind"]
    simple, allowed = plain(kind), met(kind)
    _hold_names(kind, tuple(row))
    for name, value in row.items():
        if type(value) in simple.get(name, ()) or (type(value) is str and (name, value) in allowed):
            continue
        _hold(value, schema["properties"][name], name, kind)
        if type(value) is str:
            allowed.add((name, value))


def _hold(value: Any, schema: Schema, name: str, kind: str) -> None:
    if expected := _unmet(value, schema):
        raise ValueError(f"the field {name} of a {kind} is {expected}, not {brief(value)}")
    if isinstance(value, list) and "items" in schema:
        for item in value:
            _hold(item, schema["items"], f"{name}[]", kind)
    if isinstance(value, dict):
        if missing := [key for key in schema.get("required", ()) if key not in value]:
            raise ValueError(f"the field {name} of a {kind} has no {', '.join(missing)}")
        for key, item in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", True))
            if inner is False:
                raise ValueError(f"the field {name} of a {kind} has no field {brief(key)}")
            if inner is not True:
                _hold(item, inner, f"{name}.{key}"[:LONGEST], kind)


def _unmet(value: Any, schema: Schema) -> str | None:
    """Return what the schema expects in place of the value; None where it allows it."""
    if "const" in schema and (type(value), value) != (type(schema["const"]), schema["const"]):
        return repr(schema["const"])
    if "enum" in schema and value not in schema["enum"]:
        return f"one of {', '.join(schema['enum'])}"
    if "type" in schema and not any(type(value) in TYPES[name] for name in _names(schema)):
        return " or ".join(_names(schema))
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return f"text like {schema['pattern']}"
    if "minimum" in schema and value < schema["minimum"]:
        return f"at least {schema['minimum']}"
    return None


def _names(schema: Schema) -> list[str]:
    return [schema["type"]] if isinstance(schema["type"], str) else schema["type"]


def brief(value: Any) -> str:
    """Return the value on one short line."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
