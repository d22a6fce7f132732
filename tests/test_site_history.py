"""The page of history shows what changed with each release, and folds away what never did."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from conformance.deviations import Deviation
from conformance.record.records import Check, Footer, Record
from conformance.record.timeline import RequirementChange, Standing, timelines
from reports import evidence
from reports.site import history
from reports.site import page as rendering
from tests.samples import ENTRY, HOSTILE, REQUIREMENTS, check, hostile_record, record

CHOICE = replace(REQUIREMENTS["SPV-03"], choices={"nan": "NaN", "zero": "0"})
SPECIFICATION = {**REQUIREMENTS, "SPV-03": CHOICE}
FAILED = check(outcome="fail")
TORCH = (("1", "pass"), ("2", "fail"), ("3", "fail"))
JAX = (("1", "pass"), ("2", "absent"))


def released(version: str, *checks: Check, problem: str | None = None, target: str = "torch:cpu:eager") -> Record:
    found = record(*checks, footer=Footer(len(checks), "", error=problem), target=target)
    name = target.partition(":")[0]
    return replace(found, header=replace(found.header, framework={"name": name, "version": version}))


def page(*records: Record, entries: tuple[Deviation, ...] = (ENTRY,)) -> str:
    given = evidence.assemble([record(check())], records, requirements=SPECIFICATION, entries=entries)
    (one,) = history.pages(given)
    return rendering.render(one, given, rendering.environment())


def words(text: str) -> str:
    """The text of a page, one space between words."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def news(*records: Record, entries: tuple[Deviation, ...] = (ENTRY,)) -> list[history.News]:
    return history.news(timelines(records, SPECIFICATION, entries))


def test_without_records_the_page_says_what_makes_them() -> None:
    assert "python -m conformance releases makes them" in words(page())


def test_a_cell_has_a_sign_a_word_and_a_colour() -> None:
    other = check("GRD-01", "fail")
    text = page(released("1", check(), other), released("2", FAILED, check("GRD-01")))
    for cell in ('"good"><span aria-hidden="true">✓</span> holds', '<span aria-hidden="true">≠</span> deviation'):
        assert cell in text
    assert (
        'class="bad" title="in 1 of 1 check"><span aria-hidden="true">✕</span> fails <small>1/1</small>' in text
    )


def test_what_never_changed_is_folded_into_its_count() -> None:
    steady = (check("ACC-02", "absent"), check("GRD-01"))
    text = words(page(released("1", check(), *steady), released("2", FAILED, *steady)))
    assert "ACC: accuracy: 1 of 2 never changed (1 absent)" in text
    assert "GRD: gradients: 1 of 1 never changed (1 holds)" in text
    assert "DET: determinism: 1 of 1 never changed (1 unknown)" in text


def test_tables_have_captions_and_their_heads_a_scope_and_ids_are_given_once() -> None:
    text = page(released("2.6.0", check()), released("2.11.0", FAILED), released("1", target="jax:cpu:jit"))
    assert text.count("<table>") == text.count("<caption>") == 2
    assert not re.search(r"<th(?! scope=)[ >]", text)
    assert '<th scope="col">2.6.0<span>2025-01-29</span></th>' in text
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', text)) <= set(ids)


def test_a_release_that_could_not_be_judged_is_named_with_its_reason() -> None:
    assert "torch 2 could not be judged: no wheels" in words(
        page(released("1"), released("2", problem="no wheels"))
    )


def test_deviations_and_other_failures_are_told_with_their_releases() -> None:
    other = check("GRD-01", "fail")
    text = words(page(released("1", check(), other), released("2", FAILED, check("GRD-01"))))
    assert "The sum stalls: since 2 (not yet in 1) . pytorch/pytorch#1" in text
    assert "GRD-01 GRD-01 holds. Fails: since 1, the oldest judged; gone in 2" in text


def test_news_are_of_the_newest_release_first_and_of_none_that_changed_nothing() -> None:
    torch = [released(version, check(outcome=outcome)) for version, outcome in TORCH]
    jax = [released(version, check(outcome=outcome), target="jax:cpu:jit") for version, outcome in JAX]
    days = {"torch-2": date(2025, 1, 1), "jax-2": date(2026, 1, 1)}
    found = history.news(timelines([*torch, *jax], SPECIFICATION, [ENTRY], days))
    assert [(one.framework, one.version) for one in found] == [("jax", "2"), ("torch", "2")]


def test_a_requirement_that_a_deviation_explains_is_not_told_again() -> None:
    (item,) = news(released("1", check()), released("2", FAILED))
    assert ([span.entry.id for span in item.came], item.went, item.changes) == (["stalled-sum"], (), ())
    (item,) = news(released("1", FAILED), released("2", check()))
    assert ([span.entry.id for span in item.went], item.came, item.changes) == (["stalled-sum"], (), ())
    (item,) = news(released("1", check()), released("2", FAILED), entries=())
    assert [change.after.state for change in item.changes] == ["fails"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (Standing("holds"), Standing("deviation", 2, 1, ("a",)), True),
        (Standing("deviation", 2, 1, ("a",)), Standing("holds"), True),
        (Standing("deviation", 2, 1, ("b",)), Standing("deviation", 2, 2, ("a", "b")), True),
        (Standing("holds"), Standing("deviation", 2, 1, ("b",)), False),
        (Standing("holds"), Standing("deviation", 2, 2, ("a", "b")), False),
        (Standing("fails", 2, 1), Standing("deviation", 2, 1, ("a",)), False),
        (Standing("holds", answers=("nan",)), Standing("holds", answers=("zero",)), False),
        (Standing("deviation", 2, 1, ("b",), ("nan",)), Standing("deviation", 2, 1, ("b",), ("zero",)), False),
    ],
)
def test_only_what_moved_deviations_account_for_is_explained(
    before: Standing, after: Standing, told: bool
) -> None:
    assert history.explained(RequirementChange(CHOICE, before, after), {"a"}) is told


def test_another_answer_is_told_with_both() -> None:
    given = [check("SPV-03", "choice", observed=answer) for answer in ("nan", "zero")]
    text = words(page(released("1", given[0]), released("2", given[1])))
    assert "SPV-03 SPV-03 holds. Was ✓ holds , nan ; is ✓ holds , zero ." in text


def test_hostile_records_are_text() -> None:
    known = hostile_record()
    later = replace(known, header=replace(known.header, framework={"name": HOSTILE, "version": HOSTILE}))
    failed = replace(released(HOSTILE + "2", problem=HOSTILE, target=HOSTILE + ":cpu:eager"))
    text = page(known, later, failed)
    assert "alert(1)" in text
    assert HOSTILE not in text
    assert "<script>" not in text
    assert "<img" not in text
