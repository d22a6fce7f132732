"""The site is written whole or not at all, over nothing but a site, and says in one line what it lacks."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.record import writing
from reports import __main__ as command
from reports import evidence
from reports.evidence import Evidence, NoEvidence
from reports.site import build
from reports.site.page import NAVIGATION, Page
from tests.samples import check, record


def saved(path: Path, target: str = "torch:cpu:eager") -> Path:
    made = record(check(), target=target)
    path.write_text(writing.whole(made.header, made.checks, made.footer), encoding="utf-8")
    return path


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with one record; no page is made, and no results are read."""
    monkeypatch.setattr(build, "PAGES", ())
    monkeypatch.setattr(evidence, "_results", lambda timings, problems: None)
    saved(tmp_path / "torch.jsonl")
    return tmp_path


def site(*arguments: str) -> int:
    return command.main(["build", *arguments])


def test_every_entry_of_the_navigation_has_its_page() -> None:
    made = evidence.assemble([record(check())])
    paths = [one.path for pages in build.PAGES for one in pages(made)]
    assert set(NAVIGATION) <= set(paths)
    assert len(paths) == len(set(paths))


def test_a_site_replaces_a_site_and_nothing_else(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = bare / "deep" / "site"
    assert site(str(bare), "--output", str(output)) == 0
    assert capsys.readouterr().out.endswith(f"open {output / 'index.html'}\n")
    (output / "stale.html").touch()
    assert site(str(bare), "--output", str(output)) == 0
    assert not (output / "stale.html").exists()
    assert sorted(path.name for path in output.parent.iterdir()) == ["site"]

    other = bare / "papers"
    other.mkdir()
    (other / "thesis.tex").write_text("ten years")
    assert site(str(bare), "--output", str(other)) == 2
    assert "papers holds something else than a site" in capsys.readouterr().err
    assert (other / "thesis.tex").read_text() == "ten years"
    assert site(str(bare), "--output", str(bare / "torch.jsonl")) == 2


def test_a_page_that_fails_leaves_the_site_before_it(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(given: Evidence) -> Iterator[Page]:
        raise RuntimeError("a bug of ours")
        yield

    output = bare / "site"
    assert site(str(bare), "--output", str(output)) == 0
    monkeypatch.setattr(build, "PAGES", (fails,))
    with pytest.raises(RuntimeError):
        site(str(bare), "--output", str(output))
    assert (output / "assets" / "site.css").exists()


def test_what_is_left_out_is_a_line_and_exit_code_1(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bare / "broken.jsonl").write_text("{}\n")
    assert site(str(bare), "--output", str(bare / "site")) == 1
    err = capsys.readouterr().err
    assert err.startswith("build: left out: ")
    assert "broken.jsonl" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("place", "said"), [("nowhere", "no such file or folder"), (".", "no records")])
def test_no_record_is_a_line_and_exit_code_2(
    place: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site(str(tmp_path / place), "--output", str(tmp_path / "site")) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "site").exists()


def test_releases_are_apart_from_the_records_of_today(bare: Path) -> None:
    releases = bare / "releases"
    releases.mkdir()
    plain = saved(releases / "jax-0.7.2.jsonl", "jax:cpu:jit")
    (releases / "jax-0.7.2.jsonl.xz").write_bytes(lzma.compress(plain.read_bytes()))
    plain.unlink()
    found = evidence.gather([bare], releases)
    assert [one.header.target for one in found.records] == ["torch:cpu:eager"]
    assert [one.header.target for one in found.history] == ["jax:cpu:jit"]
    assert evidence.gather([bare], bare / "none").history == ()
    with pytest.raises(NoEvidence):
        evidence.gather([releases / "none"])


def test_results_that_cannot_be_read_cost_their_page_alone(tmp_path: Path) -> None:
    saved(tmp_path / "torch.jsonl")
    found = evidence.gather([tmp_path], tmp_path / "none", tmp_path / "none")
    assert found.results is None
    (problem,) = found.problems
    assert "measure first" in problem


def test_the_command_is_one_of_reports(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["build", str(bare), "--output", str(bare / "site")]) == 0
    assert (bare / "site" / "assets" / "site.js").exists()
    with pytest.raises(SystemExit) as ended:
        command.main(["build", "--help"])
    assert ended.value.code == 0
    assert "python -m reports build" in capsys.readouterr().out
