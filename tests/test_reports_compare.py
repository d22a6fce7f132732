"""`python -m reports compare` shows all that differs, and says in one line what it cannot compare."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from conformance.record.records import Check, Record
from reports.__main__ import main
from reports.differences import markdown, terminal
from reports.differences.comparison import Comparison, compare
from reports.differences.operands import Operand
from reports.evidence import assemble
from tests.samples import HOSTILE, check, graded, hostile_record, markup, record

JAX = "jax:cpu:jit"


@pytest.fixture
def results(folder: Callable[..., Path]) -> Path:
    """Two targets that differ in one must, one choice and one grade."""
    folder(*rows("pass", "nan", 0.5))
    return folder(*rows("fail", "empty", 0.9), target=JAX)


def rows(outcome: str, observed: str, worst: float) -> tuple[Check, ...]:
    return (
        check("ACC-06", outcome),
        check("SPV-03", "choice", observed=observed),
        graded(D=worst),
    )


def asked(results: Path, *arguments: str) -> list[str]:
    return [
        "compare",
        *arguments,
        "--records",
        str(results),
        "--results",
        str(results),
        "--releases",
        str(results),
    ]


def test_differences_are_shown_on_the_terminal(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(results, "torch:cpu:eager", JAX)) == 0
    text = capsys.readouterr().out
    assert (
        "Of 3 checks that both were given: 1 difference in value; 1 difference in what is legal; 1 of 1 grade"
        in text
    )
    order = ["Wrong, or different in value (1)", "Legal answers that differ (1)", "Grades that differ: 1 of 1"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "B (0.5)" in text
    assert "B (0.9)" in text


def test_differences_are_shown_as_markdown(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(results, "torch:cpu:eager", JAX, "--markdown")) == 0
    text = capsys.readouterr().out
    assert text.startswith("# torch:cpu:eager (torch 2.0) beside jax:cpu:jit (jax 2.0)\n")
    assert "**jax:cpu:jit**: fails (must)" in text
    assert "| softmax | float32 | forward | B (0.5) | B (0.9) |" in text


def test_records_are_compared_by_their_files(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = (str(results / f"{name}.jsonl") for name in ("torch-cpu-eager", "jax-cpu-jit"))
    assert main(asked(results, old, new)) == 0
    assert "1 difference in value" in capsys.readouterr().out


def test_target_beside_itself_has_no_difference(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(results, JAX, JAX)) == 0
    assert "nothing differs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cooking", JAX), "compare: unknown target 'cooking': choose one of jax:cpu:jit, torch:cpu:eager"),
        (("gone.jsonl", JAX), "compare: gone.jsonl: no such file"),
    ],
)
def test_what_is_not_there_is_one_line_and_exit_code_two(
    arguments: tuple[str, ...], said: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked(results, *arguments)) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith(said)


def test_no_records_is_one_line_and_exit_code_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(tmp_path, JAX, JAX)) == 2
    assert "no records" in capsys.readouterr().err


def compared(first: Record, second: Record) -> Comparison:
    evidence = assemble([first, second])
    return compare(Operand(first.header.target, first), Operand(second.header.target, second), evidence)


def hostile() -> Comparison:
    passing = record(*(check(row.requirement, case=HOSTILE, dtype=HOSTILE) for row in hostile_record().checks))
    return compared(passing, hostile_record())


def test_text_of_a_record_is_never_markup_in_markdown() -> None:
    text = markdown.render(hostile(), every=True)
    assert "script" in text
    assert markup(text) == []


def test_text_of_a_record_is_never_markup_on_a_terminal() -> None:
    out = io.StringIO()
    terminal.show(hostile(), Console(file=out, width=400), every=True)
    assert "[red]" in out.getvalue()


def test_long_tables_are_cut_unless_all_is_asked_for() -> None:
    first, second = (
        record(
            *(check("DET-04", "measured", observed=f"{bits} {place}", case=str(place)) for place in range(20)),
            target=target,
        )
        for target, bits in (("torch:cpu:eager", "same"), (JAX, "other"))
    )
    cut = markdown.render(compared(first, second))
    assert "And 8 more: `--all`." in cut
    assert "other 9 |" not in cut
    assert "other 9 |" in markdown.render(compared(first, second), every=True)
