"""deviations.toml: what it says of the frameworks is precise, and their own programs print what it says."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from packaging.version import Version

import adapters
from adapters.frameworks import FRAMEWORKS
from conformance import deviations, requirements
from conformance.deviations import Deviation, Scope
from conformance.record.records import Check
from conformance.run.outcome import as_known
from conformance.truth.formats import format_of
from tests import samples

ENTRIES = deviations.load()
SCOPES = [pytest.param(scope, id=f"{e.id}-{i}") for e in ENTRIES for i, scope in enumerate(e.scopes)]
entries = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)

# Runs programs that it reads, each in a namespace of its own, after the version of their framework.
BATCH = """
import importlib.metadata, json, sys
module = importlib.import_module(sys.argv[1])
print(getattr(module, "__version__", None) or importlib.metadata.version(sys.argv[1]))
for name, program in json.load(sys.stdin).items():
    print("\\f" + name)
    exec(program, {})
"""

WHOLE = """
[stalled-sum]
adapter = "numpy"
versions = ">=1"
device = "cpu"
modes = ["eager"]
title = "The sum stalls"
reason = "257 ones sum to 256."
link = "unreported"
reproduction = "print(256)"
prints = "256"
expected = "257"
checks = [{ requirement = "ACC-03", dtypes = ["bfloat16"] }]
"""


@entries
def test_entry_is_about_a_framework_of_ours(entry: Deviation) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", entry.id)
    assert entry.adapter in adapters.BUILT_IN
    assert set(entry.modes) <= set(adapters.BUILT_IN[entry.adapter])
    assert len(set(entry.modes)) == len(entry.modes)
    assert entry.versions


def test_titles_and_ids_tell_entries_apart() -> None:
    assert len({entry.id for entry in ENTRIES}) == len(ENTRIES)
    for entry in ENTRIES:
        others = [e for e in ENTRIES if e.adapter == entry.adapter and e is not entry]
        assert entry.title not in [other.title for other in others]


@entries
def test_entry_gives_a_number_a_link_and_one_line_each(entry: Deviation) -> None:
    assert re.search(r"\d", entry.reason)
    assert entry.link == "unreported" or re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", entry.link)
    for text in (entry.title, entry.reason, entry.expected):
        assert text
        assert "\n" not in text
    assert len(entry.title) <= 114


@pytest.mark.parametrize("scope", SCOPES)
def test_checks_of_an_entry_exist(scope: Scope) -> None:
    requirement = requirements.load()[scope.requirement]
    assert requirement.level in ("must", "choice")
    assert set(scope.operations) <= {*requirement.operations, "*"}
    assert all(dtype == "*" or format_of(dtype).precision for dtype in scope.dtypes)
    assert scope.cases != ("*",)


@entries
def test_reproduction_is_a_few_lines_of_the_framework_alone(entry: Deviation) -> None:
    assert len(entry.reproduction.strip().splitlines()) <= 6
    assert not re.search(r"\b(conformance|adapters|reports|softmark)\b", entry.reproduction)
    compile(entry.reproduction, entry.id, "exec")


def backend_of(entry: Deviation) -> str:
    """What Keras is imported on, which a process cannot change."""
    return entry.modes[0] if entry.adapter == "keras" else ""


@cache
def printed(adapter: str, backend: str) -> tuple[str, dict[str, str]]:
    """The framework's version, and what each of its reproductions prints; one interpreter for all of them."""
    programs = {e.id: e.reproduction for e in ENTRIES if (e.adapter, backend_of(e)) == (adapter, backend)}
    run = subprocess.run(
        [sys.executable, "-I", "-c", BATCH, FRAMEWORKS[adapter].package],
        input=json.dumps(programs),
        env=os.environ | {"TRITON_INTERPRET": "1"} | ({"KERAS_BACKEND": backend} if backend else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    version, *parts = run.stdout.split("\f")
    return version.strip(), {name: text for name, _, text in (part.partition("\n") for part in parts)}


@entries
def test_reproduction_prints_what_the_entry_says(entry: Deviation) -> None:
    for name in filter(None, (FRAMEWORKS[entry.adapter].package, backend_of(entry))):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    version, texts = printed(entry.adapter, backend_of(entry))
    if not (entry.names(Version(version)) and entry.concerns(entry.device, entry.modes[0])):
        pytest.skip(f"{entry.adapter} {version} is not among {entry.versions}")
    assert texts[entry.id].strip() == entry.prints.strip()


def test_no_scope_is_told_twice() -> None:
    told = Counter(
        (entry.adapter, mode, scope.requirement, operation, dtype, case)
        for entry in ENTRIES
        for mode in entry.modes
        for scope in entry.scopes
        for operation in scope.operations
        for dtype in scope.dtypes
        for case in scope.cases
    )
    assert [scope for scope, times in told.items() if times > 1] == []


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "known.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_entry_is_read_with_its_defaults(tmp_path: Path) -> None:
    (entry,) = deviations.load(written(tmp_path, WHOLE))
    assert (entry.id, entry.tier) == ("stalled-sum", "quick")
    assert deviations.of_target([entry], "numpy", "2.4.6", "cpu", "eager") == [entry]
    assert deviations.of_target([entry], "numpy", "2.4.6", "cpu", "jit") == []
    assert deviations.of_target([entry], "scipy", "2.4.6", "cpu", "eager") == []
    assert entry.covers("ACC-03", "softmax", "bfloat16", "equal-n257")
    assert not entry.covers("ACC-03", "softmax", "float16", "equal-n257")


def test_some_checks_of_a_scope_may_pass_and_stay_passes(tmp_path: Path) -> None:
    some = WHOLE.replace('requirement = "ACC-03",', 'requirement = "ACC-03", some = true,')
    assert some != WHOLE
    for text, outcomes in ((WHOLE, ["deviation", "fixed"]), (some, ["deviation", "pass"])):
        entries = deviations.load(written(tmp_path, text))
        deviations.load.cache_clear()
        rows = [Check("ACC-03", "softmax", "bfloat16", "equal-n257", outcome) for outcome in ("fail", "pass")]
        found = [as_known(row, entries) for row in rows]
        assert [row.outcome for row in found] == outcomes
        assert found[1].entry == (None if "pass" in outcomes else "stalled-sum")  # so that one has to fail


def test_version_covers_builds_of_it() -> None:
    (entry,) = (e for e in ENTRIES if e.id == "torch-float16-mean-overflow")
    assert entry.names(Version("2.13.0+cpu"))
    assert not entry.names(Version("2.14.0+cpu"))


def known(version: str, *versions: str) -> list[tuple[str, bool]]:
    entries = [replace(samples.ENTRY, versions=one) for one in versions]
    place = (samples.ENTRY.device, samples.ENTRY.modes[0])
    found = deviations.of_target(entries, samples.ENTRY.adapter, version, *place)
    return [(entry.versions, entry.confirmed) for entry in found]


def test_on_a_version_that_no_entry_names_all_are_known_and_unconfirmed() -> None:
    assert known("2.0", "==1.0", ">=1.0,<=1.2") == [("==1.0", False), (">=1.0,<=1.2", False)]
    assert known("1.1+cpu", "==1.0", ">=1.0,<=1.2") == [(">=1.0,<=1.2", True)]
    assert known("nightly", "==1.0") == []


def test_what_is_unconfirmed_is_known_from_the_newest_version_that_an_entry_names() -> None:
    entries = [replace(samples.ENTRY, versions=one) for one in ("==1.0", ">=1.0,<=1.10", "==1.9")]
    assert deviations.known_from(entries) == ""
    assert deviations.known_from([replace(entry, confirmed=False) for entry in entries]) == "1.10"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title", "titel", "[stalled-sum]: unknown field titel"),
        ('title = "The sum stalls"\n', "", "[stalled-sum]: no title"),
        ('"eager"', "1", "[stalled-sum]: modes is not a text: 1"),
        ('["eager"]', '"eager"', "[stalled-sum]: modes is not a list of at least one text: 'eager'"),
        ('["bfloat16"]', '"bfloat16"', "[stalled-sum]: dtypes is not a list of at least one text: 'bfloat16'"),
        ('["bfloat16"]', "[]", "[stalled-sum]: dtypes is not a list of at least one text: []"),
        ("dtypes", "dtype", "[stalled-sum]: unknown field dtype"),
        ('requirement = "ACC-03", ', "", "[stalled-sum]: no requirement"),
        ("dtypes =", "some = 1, dtypes =", "[stalled-sum]: some is true or false: 1"),
        ('[{ requirement = "ACC-03", dtypes = ["bfloat16"] }]', "[]", "[stalled-sum]: checks is not a list"),
        ('">=1"', '"1.x"', "[stalled-sum]: Invalid specifier: '1.x'"),
        (
            'title = "',
            'tier = "slow"\ntitle = "',
            "[stalled-sum]: tier 'slow' is none of quick, full, exhaustive",
        ),
        ("[stalled-sum]", "link2 = 1\n[stalled-sum]", "[link2]: 1 is not a table"),
        ("[stalled-sum]", "[stalled-sum", "Expected ']'"),
    ],
)
def test_malformed_entry_is_one_line_that_names_it(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)) as caught:
        deviations.load(written(tmp_path, WHOLE.replace(old, new, 1)))
    assert str(caught.value).startswith("known.toml")
    assert "\n" not in str(caught.value)
