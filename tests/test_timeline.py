"""A timeline says of each release what its record says, and since which release a deviation shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from conformance.deviations import Deviation, Scope
from conformance.record.records import Check, Footer, Record
from conformance.record.timeline import OTHER, Standing, Timeline, sentence, shows, standing, timelines
from tests.samples import ENTRY, REQUIREMENTS, check, record

MUST, SHOULD = REQUIREMENTS["ACC-01"], REQUIREMENTS["ACC-02"]
CHOICE = replace(REQUIREMENTS["SPV-03"], choices={"nan": "NaN", "zero": "0"})
SPECIFICATION = {**REQUIREMENTS, "SPV-03": CHOICE}
NARROW = replace(ENTRY, id="one-case", scopes=(Scope("ACC-01", ("*",), ("*",), ("known-*",)),))


def released(version: str, *checks: Check, problem: str | None = None, **fields: str) -> Record:
    footer = Footer(len(checks), "", error=problem)
    found = record(*checks, footer=footer, **fields)
    return replace(found, header=replace(found.header, framework={"name": "torch", "version": version}))


def timeline(*records: Record, entries: tuple[Deviation, ...] = (NARROW,)) -> Timeline:
    (found,) = timelines(records, SPECIFICATION, entries, {"torch-2.0": date(2026, 1, 1)})
    return found


def row(found: Timeline, name: str) -> list[str]:
    return next([one.state for one in row.cells] for row in found.rows if row.requirement.id == name)


KNOWN, NEW = check(outcome="fail", case="known-a"), check(outcome="fail", case="b")


@pytest.mark.parametrize(
    ("checks", "state"),
    [
        ([check(), check(case="b")], "holds"),
        ([check(), KNOWN], "deviation"),
        ([check(), replace(KNOWN, outcome="deviation")], "deviation"),
        ([check(), replace(KNOWN, outcome="crash")], "deviation"),
        ([check(), replace(KNOWN, outcome="fixed")], "holds"),
        ([KNOWN, NEW], "fails"),
        ([check(), replace(NEW, outcome="timeout")], "fails"),
        ([check(outcome="absent"), KNOWN], "deviation"),
        ([check(outcome="absent"), check(outcome="absent", case="b")], "absent"),
        ([], "unknown"),
    ],
)
def test_a_must_has_the_state_of_its_worst_check(checks: list[Check], state: str) -> None:
    assert standing(MUST, checks, [NARROW]).state == state


@pytest.mark.parametrize(("outcome", "state"), [("fail", "should"), ("crash", "fails"), ("pass", "holds")])
def test_a_should_that_fails_is_told_apart_unless_it_crashes(outcome: str, state: str) -> None:
    assert standing(SHOULD, [check("ACC-02", outcome)], [NARROW]).state == state


def test_a_cell_counts_what_is_asked_and_names_the_deviations_shown() -> None:
    found = standing(MUST, [check(), KNOWN, NEW, check(outcome="absent", case="c")], [NARROW])
    assert (found.checks, found.failed, found.entries) == (3, 2, ("one-case",))


def test_answers_are_the_legal_ones_in_their_order_and_one_name_for_all_others() -> None:
    answers = ("zero", "nan / zero", "loss 1.5", "loss 2.5")
    checks = [check("SPV-03", "choice", observed=answer, case=answer) for answer in answers]
    assert standing(CHOICE, checks, []).answers == ("nan", "zero", OTHER)
    assert standing(CHOICE, checks[:1], []).answers == ("zero",)
    assert standing(MUST, [check(observed="0.5")], []).answers == ()


def test_releases_are_in_order_of_number_without_what_a_build_adds() -> None:
    found = timeline(released("2.10.0"), released("2.9.1+cpu"), released("2.0"), released("odd"))
    assert [release.version for release in found.releases] == ["odd", "2.0", "2.9.1", "2.10.0"]
    assert [release.day for release in found.releases] == [None, date(2026, 1, 1), None, None]


def test_of_two_records_of_a_release_the_later_is_taken() -> None:
    late = released("2.0", KNOWN, start="2026-02-01T00:00:00+00:00")
    early = released("2.0", check(), start="2026-01-01T00:00:00+00:00")
    for pair in ((late, early), (early, late)):
        assert row(timeline(*pair), "ACC-01") == ["deviation"]


def test_each_target_has_a_timeline_of_its_own() -> None:
    found = timelines([released("1"), released("1", target="jax:cpu:jit"), released("2")], SPECIFICATION, [])
    assert [(one.target, len(one.releases)) for one in found] == [("jax:cpu:jit", 1), ("torch:cpu:eager", 2)]


def test_a_release_that_could_not_be_judged_is_unknown_and_says_why() -> None:
    found = timeline(released("1", check()), released("2", check(), problem="does not import"))
    assert [release.problem for release in found.releases] == [None, "does not import"]
    assert row(found, "ACC-01") == ["holds", "unknown"]
    cut = replace(released("1", check()), footer=None)
    assert timeline(cut).releases[0].problem == "the run was cut off"


@pytest.mark.parametrize(
    "entry",
    [
        replace(NARROW, adapter="jax"),
        replace(NARROW, device="cuda"),
        replace(NARROW, modes=("compiled",)),
    ],
)
def test_a_deviation_of_another_target_covers_nothing(entry: Deviation) -> None:
    found = timeline(released("1", KNOWN), entries=(entry,))
    assert row(found, "ACC-01") == ["fails"]
    assert found.spans == ()


def test_a_deviation_covers_releases_outside_its_versions() -> None:
    narrow = replace(NARROW, versions="==9")
    found = timeline(released("1", KNOWN), released("2", check(case="known-a")), entries=(narrow,))
    assert row(found, "ACC-01") == ["deviation", "holds"]
    assert found.spans[0].shows == (True, False)


def test_a_deviation_shows_where_one_of_its_checks_fails_and_tells_nothing_where_none_was_asked() -> None:
    def one(*checks: Check) -> bool | None:
        return shows(NARROW, {"ACC-01": checks})

    assert one(check(case="known-a"), check(outcome="fail", case="known-b")) is True
    assert one(check(case="known-a"), check(outcome="fail", case="other")) is False
    assert one(check(outcome="absent", case="known-a")) is None
    assert one(check(outcome="fail", case="other")) is None


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ([True, True, True], "since 1, the oldest judged"),
        ([False, True, True], "since 2 (not yet in 1)"),
        ([True, False, False], "since 1, the oldest judged; gone in 2"),
        ([False, True, False], "since 2 (not yet in 1); gone in 3"),
        ([True, False, True], "since 1, the oldest judged; gone in 2; again since 3"),
        ([False, None, True], "since 3 (not yet in 1)"),
        ([None, True, True], "since 2, the oldest judged"),
        ([True, None, None], "since 1, the oldest judged"),
        ([False, False, False], "in no release judged, 1 to 3"),
        ([None, False, None], "in no release judged, 2"),
        ([None, None, None], "not asked in any release that is judged here"),
    ],
)
def test_a_sentence_says_when_a_deviation_came_and_went(shown: list[bool | None], said: str) -> None:
    assert sentence(["1", "2", "3"], shown) == said


def test_changes_are_against_the_last_release_in_which_a_requirement_was_judged() -> None:
    found = timeline(
        released("1", NEW), released("2", problem="no"), released("3", check()), released("4", check())
    )
    changed = [[(one.before.state, one.after.state) for one in found.changes(at)] for at in range(4)]
    assert changed == [[], [], [("fails", "holds")], []]


def test_another_answer_is_a_change_and_another_count_is_none() -> None:
    def given(version: str, *answers: str) -> Record:
        return released(version, *(check("SPV-03", "choice", observed=one, case=one) for one in answers))

    found = timeline(given("1", "nan"), given("2", "zero"), given("3", "zero", "zero"))
    assert [len(found.changes(at)) for at in range(3)] == [0, 1, 0]
    assert [one.requirement.id for one in found.rows if one.changes] == ["SPV-03"]


def test_deviations_move_with_the_release_in_which_they_come_and_go() -> None:
    passes = check(case="known-a")
    found = timeline(released("1", passes), released("2", KNOWN), released("3", KNOWN), released("4", passes))
    moves = [[[span.entry.id for span in side] for side in found.moves(at)] for at in range(4)]
    assert moves == [[[], []], [["one-case"], []], [[], []], [[], ["one-case"]]]


def test_failures_that_no_deviation_describes_are_told_with_their_releases() -> None:
    found = timeline(released("1", NEW), released("2", problem="no"), released("3", KNOWN, check(case="b")))
    assert [(row.requirement.id, told) for row, told in found.failures()] == [
        ("ACC-01", "since 1, the oldest judged; gone in 3")
    ]


def test_a_row_is_steady_whatever_is_unknown_in_it() -> None:
    found = timeline(released("1", check()), released("2", problem="no"), released("3", check()))
    assert not any(one.changes for one in found.rows)
    assert found.rows[0].cells[1] == Standing("unknown")
