"""Nothing in a record becomes markup, and the command says in one line what is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from conformance.ci.markup import escape, fence
from reports import html, markdown, model, terminal
from reports.__main__ import main
from reports.checks import parts
from tests.samples import (
    HOSTILE,
    assembled,
    check,
    graded,
    hostile_record,
    markup,
    record,
)


class Tags(HTMLParser):
    """The elements of a page, and the addresses that it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.fetched: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.fetched += [value or "" for name, value in attrs if name in ("src", "srcset", "data", "poster")]
        if tag != "a":
            self.fetched += [value or "" for name, value in attrs if name in ("href", "action")]


def hostile() -> model.Report:
    return assembled(hostile_record())


def test_text_of_a_record_is_never_markup_in_html() -> None:
    tags = Tags()
    text = html.render(hostile())
    tags.feed(text)
    assert tags.found.count("script") == 1  # the page's own
    assert not set(tags.found) & {"img", "iframe", "object", "embed", "link", "base", "form"}
    assert not tags.handlers
    assert "&lt;script&gt;alert(1)" in text


def test_text_of_a_record_is_never_markup_in_markdown() -> None:
    assert markup(markdown.render(hostile())) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (HOSTILE, ["<script", "<img", "**x**"]),
        ("| a |\n| --- |\n| b | c |", ["| b | c |"]),
        ("```\n<script>\n```", []),
        (escape(HOSTILE), []),
    ],
)
def test_markup_is_found(text: str, found: list[str]) -> None:
    assert markup(text) == found


def test_text_around_a_link_keeps_its_spaces() -> None:
    text = markdown.linked(parts(" as  in a/b#1\nand in https://x.org/a. "))
    assert text == "as in [a/b#1](https://github.com/a/b/issues/1) and in [https://x.org/a](https://x.org/a)."


def test_code_block_cannot_be_closed_from_within() -> None:
    assert fence("a\n```\n<b>").startswith("````\n")


def test_text_of_a_record_is_never_markup_on_a_terminal() -> None:
    console = Console(record=True, width=400, file=open(os.devnull, "w"))  # noqa: SIM115  # closed with it
    terminal.show(hostile(), console)
    assert "[red]" in console.export_text()
    console.file.close()


def test_page_loads_nothing_from_any_host() -> None:
    tags = Tags()
    text = html.render(assembled(record(graded("fail"), check("SPV-03", "choice", observed="nan"))))
    tags.feed(text)
    assert all(address.startswith("#") for address in tags.fetched)
    assert not re.search(r"url\(|@import", text)
    assert "default-src 'none'" in text


# The command


def test_command_writes_both_files_beside_the_records(
    folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = folder(graded("fail", D=3.1))
    assert main([str(place)]) == 0
    assert (place / "report.html").exists()
    assert (place / "report.md").exists()
    assert "torch:cpu:eager" in capsys.readouterr().out


def test_command_leaves_the_page_out_when_asked(folder: Callable[..., Path], tmp_path: Path) -> None:
    place = folder(check())
    assert main([str(place), "--no-html", "--output", str(tmp_path / "new" / "deep")]) == 0
    assert [path.name for path in (tmp_path / "new" / "deep").iterdir()] == ["report.md"]


def test_broken_record_among_good_ones_is_named_and_the_rest_reported(
    folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = folder(check())
    (place / "bad.jsonl").write_text("nonsense\n")
    assert main([str(place)]) == 1
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1
    assert "bad.jsonl" in shown.err
    assert "holds" in shown.out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file or folder"),
        ({}, "no records"),
        ({"bad.jsonl": "nonsense\n"}, "bad.jsonl, line 1"),
        ({"bad.jsonl": ""}, "no header"),
    ],
)
def test_nothing_to_report_is_one_line_and_exit_code_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: dict[str, str] | None,
    message: str,
) -> None:
    place = tmp_path / "records"
    if content is not None:
        place.mkdir()
        for name, text in content.items():
            (place / name).write_text(text)
    assert main([str(place)]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert message in error


def test_output_that_cannot_be_written_is_one_line_and_exit_code_2(
    folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = folder(check())
    (tmp_path / "taken").write_text("a file, not a folder")
    assert main([str(place), "--output", str(tmp_path / "taken")]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "cannot write to" in error


@pytest.mark.parametrize("arguments", [[], ["x", "--unknown"], ["x", "--output"]])
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_code:
        main(arguments)
    assert exit_code.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
