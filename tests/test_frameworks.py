"""`adapters/frameworks.toml` is the one place of what a framework is; what cannot read it agrees with it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from adapters.frameworks import FILE, FRAMEWORKS, Spelling, function, load
from adapters.releases import PACKAGES
from benchmarks.asv import install

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TABLE = ROOT / "docs" / "judging.md"
BARE = Spelling(array="{value}", index="{value}", calls={}, imports=("a.b", "c.d as e"))


def test_each_framework_has_an_adapter_and_the_other_way_round() -> None:
    modules = {path.stem for path in (ROOT / "adapters").glob("*.py")}
    assert modules - FRAMEWORKS.keys() == {
        "__init__",
        "dlpack",
        "frameworks",
        "function",
        "functions",
        "interpreter",
        "linear",
        "lines",
        "losses",
        "program",
        "protocol",
        "releases",
        "rows",
        "sampling",
        "selection",
    }
    assert FRAMEWORKS.keys() <= modules


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_is_compiled_is_a_mode_with_a_decorator(name: str) -> None:
    known = FRAMEWORKS[name]
    assert not known.compiled or known.modes[known.compiled].decorator
    assert known.timed_as("eager") == "eager"
    assert not known.timed or known.usually_timed


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_distribution_is_pinned(name: str) -> None:
    pins = {
        pin.partition("==")[0]
        for group in PYPROJECT["dependency-groups"].values()
        for pin in group
        if isinstance(pin, str)
    }
    assert {package for package in FRAMEWORKS[name].packages if "{" not in package} <= pins


def test_asv_has_one_branch_for_each_tracked_framework() -> None:
    assert json.loads((ROOT / "asv.conf.json").read_text(encoding="utf-8"))["branches"] == list(PACKAGES)


def test_what_is_installed_by_asv_knows_the_big_ones() -> None:
    assert [name for name in FRAMEWORKS if install.big(name)] == [
        n for n, known in FRAMEWORKS.items() if known.big
    ]


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_table_of_adapters_says_what_the_framework_says(name: str) -> None:
    row = re.search(rf"^\| `{name}` \| (.*) \| (.*) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert row is not None
    known = FRAMEWORKS[name]
    assert row[1].partition(":")[0] == ", ".join(known.modes)
    assert row[2] == known.cross_entropy


def test_a_field_that_is_not_known_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "frameworks.toml"
    file.write_text(FILE.read_text(encoding="utf-8").replace("gpu = true", "cuda = true"), encoding="utf-8")
    with pytest.raises(TypeError, match="cuda"):
        load(file)


def test_an_import_is_needed_where_its_name_stands() -> None:
    assert BARE.needed("a.b.f(x)") == ["numpy as np", "a.b"]
    assert BARE.needed("e.f(x) + np.a.b") == ["numpy as np", "c.d as e"]
    assert BARE.needed("c.d.f(aa.b)") == ["numpy as np"]


def test_the_last_line_of_a_function_is_its_value() -> None:
    assert function("f", ["x", "y"], "z = x\nz + y", "g") == "@g\ndef f(x, y):\n    z = x\n    return z + y"
    assert function("f", [], "1") == "def f():\n    return 1"
