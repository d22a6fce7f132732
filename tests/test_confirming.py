"""A deviation on a version that no entry names is known, unconfirmed, until one command confirms it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from conformance import deviations
from conformance.ci import baseline
from conformance.record import confirming, writing
from conformance.record.records import Check, Footer, Record
from conformance.record.verdict import problems, upgrade
from conformance.run.outcome import as_known
from reports.targets import summary
from tests import samples
from tests.samples import ENTRY, check

REST = """device = "cpu"
title = "One"
reason = "1"
link = "unreported"
reproduction = "print(1)"
prints = "1"
expected = "2"
"""
FILE = f"""# What is known.

[torch-one]
adapter = "torch"
versions = "==1.0"
modes = ["eager", "compiled"]
checks = [{{ requirement = "ACC-01" }}]
{REST}
[torch-two]
adapter = "torch"
versions = ">=0.9,<=1.0"  # seen in both
modes = ["eager"]
checks = [{{ requirement = "ACC-02" }}]
{REST}"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "known.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def record(*rows: Check, mode: str = "eager", since: str = "1.0") -> Record:
    footer = Footer(len(rows), "2026-01-01T00:01:00+00:00", known_from=since)
    return samples.record(*rows, target=f"torch:cpu:{mode}", footer=footer)


def row(entry: str, outcome: str = "deviation", case: str = "zeros") -> Check:
    return check("ACC-01" if entry == "torch-one" else "ACC-02", outcome, entry=entry, case=case)


@pytest.mark.parametrize(
    ("found", "confirmed", "outcome"),
    [
        ("fail", True, "deviation"),
        ("fail", False, "deviation"),
        ("pass", True, "fixed"),
        ("pass", False, "pass"),
        ("choice", False, "choice"),
        ("crash", False, "crash"),
    ],
)
def test_an_unconfirmed_entry_may_show_and_need_not(found: str, confirmed: bool, outcome: str) -> None:
    row = as_known(check("ACC-01", found), [replace(ENTRY, confirmed=confirmed)])
    assert (row.outcome, row.entry) == (outcome, ENTRY.id)


def test_what_is_known_new_and_gone_is_counted_and_only_what_is_new_fails() -> None:
    shows = [row("torch-one"), row("torch-one", "crash", "ones")]
    found = record(*shows, row("torch-two", "pass"), check("GRD-01"))
    line = "2 known from 1.0, 0 new, 1 gone"
    assert upgrade(found) == line
    assert problems(found) == []
    assert baseline.notes(found, None) == [line]
    assert summary(found, []).verdict.endswith(f"; {line}")
    failing = record(*found.checks, check("GRD-01", "fail", case="ones"))
    assert upgrade(failing) == "2 known from 1.0, 1 new, 1 gone"
    assert problems(failing) == ["GRD-01: 1 fail"]
    assert upgrade(record(*shows, since="")) == ""


def test_an_entry_that_shows_in_all_its_modes_is_confirmed(file: Path) -> None:
    told = confirming.confirm([record(row("torch-one")), record(row("torch-one"), mode="compiled")], file)
    assert told == {
        "torch-one": "torch-one: on 2.0 confirmed",
        "torch-two": "torch-two: on 2.0 not judged in eager",
    }
    assert file.read_text(encoding="utf-8") == FILE.replace('"==1.0"', '">=1.0,<=2.0"')
    one, two = deviations.load(file)
    assert one.names(Version("2.0"))
    assert not two.names(Version("2.0"))


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (("deviation", "crash"), "confirmed"),
        (("pass", "pass"), "gone"),
        (("deviation", "pass"), "in 1 of 2 checks: narrow it"),
    ],
)
def test_what_each_entry_became_is_said(
    outcomes: tuple[str, ...], said: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row("torch-two", outcome, case) for outcome, case in zip(outcomes, ("zeros", "ones"), strict=True)]
    judged = [record(row("torch-one"), *rows), record(row("torch-one"), mode="compiled")]
    paths = [file.with_name(f"{number}.jsonl") for number in range(2)]
    for path, one in zip(paths, judged, strict=True):
        path.write_text(writing.whole(one.header, one.checks, one.footer), encoding="utf-8")
    code = confirming.main([*map(str, paths), "--deviations", str(file)])
    assert code == (1 if "narrow" in said else 0)
    assert f"torch-two: on 2.0 {said}\n" in capsys.readouterr().out
    assert (">=0.9,<=2.0" in file.read_text(encoding="utf-8")) is (said == "confirmed")


def test_only_whole_records_of_a_version_that_no_entry_names_confirm_anything(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for useless in (record(row("torch-one"), since=""), replace(record(row("torch-one")), footer=None)):
        with pytest.raises(ValueError, match="no whole record here is of a version that no entry names"):
            confirming.confirm([useless], file)
    assert confirming.main([str(file), "--deviations", str(file)]) == 2
    assert capsys.readouterr().err.startswith("confirm: ")
    assert file.read_text(encoding="utf-8") == FILE


@pytest.mark.parametrize("versions", [">=1", "==1.*", "!=2.0", "~=1.0"])
def test_a_range_that_is_open_is_widened_by_hand(versions: str) -> None:
    with pytest.raises(ValueError, match="by hand"):
        confirming.widened(replace(ENTRY, versions=versions), Version("2.0"))


def test_a_range_is_widened_down_as_well_and_without_a_build() -> None:
    assert confirming.widened(replace(ENTRY, versions="==2.0"), Version("1.0+cpu")) == ">=1.0,<=2.0"


def test_an_entry_that_names_the_version_stays_as_it_is(file: Path) -> None:
    text = file.read_text(encoding="utf-8").replace('"==1.0"', '"==2.0"')
    file.write_text(text, encoding="utf-8")
    told = confirming.confirm([record(row("torch-one")), record(row("torch-one"), mode="compiled")], file)
    assert told["torch-one"] == "torch-one: on 2.0 confirmed"
    assert file.read_text(encoding="utf-8") == text
