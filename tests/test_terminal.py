"""The tables that people read: all numbers in them, in the width of a terminal."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from adapters.frameworks import FRAMEWORKS
from benchmarks.timing import devices
from benchmarks.timing.cells import Cell, cells, kept
from benchmarks.timing.rounds import Measured
from reports.timing import terminal
from reports.timing.terminal import Timings

WIDTH = 110
CELL = Cell("softmax", "forward", "eager", "float32", "imagenet", "1")
VERSIONS = {"numpy": "2.4.6", "scipy": "1.17.1", "torch": "2.13.0", "tensorflow": "2.21.0", "jax": "0.10.2"}


def measured(latency: float, times: float = 2.0) -> Measured:
    return Measured(
        rows=[{"latency": latency, "roof": latency / times, "taken": 7, "disturbed": 0, "discarded": 0}]
    )


def shown(found: Timings, width: int = WIDTH) -> str:
    file = StringIO()
    terminal.show(Console(file=file, width=width), found, VERSIONS, "cpu")
    return file.getvalue()


def test_five_frameworks_stand_side_by_side_in_the_width_of_a_terminal() -> None:
    found = {name: {cell: measured(0.1234567, 1234) for cell in cells("core")} for name in VERSIONS}
    text = shown(found)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text
    rows = [line for line in text.splitlines() if line.count("123,457 1,234×") == 5]
    usual = {replace(cell, mode="") for cell in cells("core")}
    assert len(rows) == 2 * len(usual)  # in both modes
    for name, version in VERSIONS.items():
        assert name in text
        assert version in text


def test_each_number_of_the_core_tier_is_shown_once() -> None:
    every = {name: [cell for cell in cells("core") if kept("core", name, cell)] for name in ("torch", "jax")}
    latency = iter(range(1001, 9999))
    found = {name: {cell: measured(1e-6 * next(latency)) for cell in of} for name, of in every.items()}
    text = shown(found)
    for cell, entry in (pair for of in found.values() for pair in of.items()):
        assert text.count(f"{1e6 * entry.median('latency'):,.0f} ") == 1, cell


def test_a_figure_stands_in_its_row_under_its_framework() -> None:
    found = {"numpy": {CELL: measured(5e-6)}, "jax": {replace(CELL, mode="compiled"): measured(7e-6)}}
    lines = shown(found).splitlines()
    head = next(line for line in lines if "numpy" in line)
    row = next(line for line in lines if "5.00" in line)
    assert row.split() == ["imagenet", "1", "5.00", "2.00×", "7.00", "2.00×"]
    assert head.index("jax") > row.index("5.00")
    assert "eager" in head + lines[lines.index(head) + 2]
    assert lines[lines.index(row) - 1].strip() == "softmax"


def test_what_the_numbers_mean_and_are_of_is_said() -> None:
    text = " ".join(shown({"numpy": {CELL: measured(5e-6)}}).split())
    assert "×: times the roofline, the time divided by the least that this machine needs" in text
    assert "Shapes: imagenet 256×1000." in text
    assert "Machine: " in text
    assert "core" in text.partition("Machine: ")[2]


def test_samples_that_were_thrown_away_are_told() -> None:
    one, two = measured(5e-6), measured(5e-6)
    one.rows[0] |= {"taken": 7, "disturbed": 2, "discarded": 2}
    two.rows[0] |= {"taken": 9, "disturbed": 0, "discarded": 0}
    text = " ".join(shown({"numpy": {CELL: one}, "scipy": {CELL: two}}).split())
    assert "Something else ran during 2 of 16 samples: they were thrown away." in text
    assert "~" not in text


def test_a_time_that_stands_on_disturbed_samples_is_marked() -> None:
    one, two = measured(5e-6), measured(7e-6)
    one.rows[0] |= {"taken": 9, "disturbed": 2, "discarded": 2}
    two.rows[0] |= {"taken": 21, "disturbed": 20, "discarded": 0}
    text = " ".join(shown({"numpy": {CELL: one}, "scipy": {CELL: two}}).split())
    assert " 5.00 2.00× ~7.00 2.00×" in text
    assert "during 22 of 30 samples: 2 were thrown away, 20 kept where there were too few others (~)." in text


@pytest.mark.parametrize(
    ("device", "shares", "told"),
    [
        ("cuda", (0.0, None), True),
        ("cuda", (0.0, 0.1), False),
        ("cpu", (None, None), False),
    ],
)
def test_that_nobody_knows_whether_a_device_was_slowed_is_told(
    device: str, shares: tuple[float | None, ...], told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "describe", dict)
    one, two = measured(5e-6), measured(7e-6)
    one.rows[0]["slowed"], two.rows[0]["slowed"] = shares
    one.rows[0]["capped"] = 0.5
    file = StringIO()
    terminal.show(Console(file=file, width=WIDTH), {"jax": {CELL: one}, "torch": {CELL: two}}, VERSIONS, device)
    assert ("It is unknown whether heat slowed the device" in file.getvalue()) is told
    known = "slowed the device for at most 10% of a time, its power limit held it for up to 50%."
    assert (known in " ".join(file.getvalue().split())) is (device == "cuda" and not told)


def test_a_cell_that_failed_is_told_and_absent_ones_are_not() -> None:
    other, third = replace(CELL, shape="bert"), replace(CELL, shape="cifar")
    why = {other: "crash: exit status -6", third: "absent: NotProvided: no"}
    text = shown({"numpy": {CELL: measured(1e-6)} | {cell: Measured(why=said) for cell, said in why.items()}})
    assert text.splitlines()[-1] == "numpy: crash: exit status -6 (softmax forward eager float32 bert 1)"
    assert "NotProvided" not in text


def test_an_absent_framework_is_told_once() -> None:
    absent = Measured(why="absent: DeviceUnavailable: no CUDA device")
    text = shown({"torch": dict.fromkeys(cells("core"), absent)})
    assert text.count("\n") == 1
    assert text.startswith("torch: absent: DeviceUnavailable: no CUDA device (softmax forward eager")


@pytest.mark.parametrize(
    ("cell", "call", "on"),
    [
        (CELL, "softmax", "imagenet"),
        (replace(CELL, direction="forward+backward"), "softmax + backward", "imagenet"),
        (replace(CELL, operation="cross_entropy_index", format="bfloat16"), "cross-entropy", "imagenet bfloat16"),
        (
            replace(CELL, operation="cross_entropy_probability", data="peaked"),
            "cross-entropy p",
            "imagenet peaked",
        ),
    ],
)
def test_a_cell_is_named_shortly(cell: Cell, call: str, on: str) -> None:
    assert (terminal.call(cell), terminal.on(cell)) == (call, on)


def test_what_people_run_is_eager_but_for_jax() -> None:
    assert [name for name in VERSIONS if FRAMEWORKS[name].usually_timed == "compiled"] == ["jax"]
