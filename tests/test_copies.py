"""Parts that are computed side by side."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import pytest

from reports.copies import side_by_side

PROGRAM = """
import os, time
from functools import partial
from reports.copies import side_by_side

def part(number):
    time.sleep(0.2)
    if number == BAD:
        raise ValueError("the third part")
    return number, os.getpid()

try:
    found = side_by_side([partial(part, number) for number in range(4)])
except ValueError as error:
    print(error)
else:
    numbers, processes = zip(*found)
    print(numbers, os.getpid() in processes, len(set(processes)))
"""
ALONE = "(0, 1, 2, 3) True 1"


def said(bad: int | None = None, before: str = "") -> str:
    program = before + PROGRAM.replace("BAD", str(bad))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="another system does not copy a process")
def test_parts_are_computed_in_copies_and_come_in_order() -> None:
    assert said(before="import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n") == ALONE
    assert said() in ("(0, 1, 2, 3) False 2", ALONE)  # the machine may have one core


def test_a_process_with_the_threads_of_a_framework_is_not_copied() -> None:
    assert said(before="import sys; sys.modules['torch'] = sys\n") == ALONE


def test_an_error_of_a_part_is_raised() -> None:
    assert said(bad=2) == "the third part"


def test_no_parts_are_no_work() -> None:
    assert side_by_side([]) == []
    assert side_by_side([partial(int, "7")]) == [7]
