"""With results of a GPU, every page keeps devices and machines apart, and the choice answers for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.asv import results
from reports.__main__ import main
from reports.evidence import Evidence, assemble
from reports.site import choose, overview, page
from reports.site.page import Page
from tests.asv_results import commits
from tests.samples import ENTRY, REQUIREMENTS, check, record
from tests.test_performance import JAX, NUMPY, written

CPU, CUDA = "jax:cpu:jit", "jax:cuda:jit"


@pytest.fixture
def both(tmp_path: Path) -> Evidence:
    """A framework that is judged and timed on a CPU and on a GPU, which has a fault of its own."""
    written(tmp_path)
    written(tmp_path, machine="box-cuda", cpu="A GPU")
    found = results.read(tmp_path, commits(*JAX, *NUMPY))
    today = [record(check(), target=CPU), record(check("ACC-01", "fail"), target=CUDA)]
    return assemble(today, (), found, REQUIREMENTS, [ENTRY])


def html(found: Evidence, pages: Callable[[Evidence], Iterator[Page]]) -> str:
    (one,) = pages(found)
    return page.render(one, found, page.environment())


def test_the_overview_has_a_table_for_each_device_and_machine(both: Evidence) -> None:
    text = html(both, overview.pages)
    captions = re.findall(r"<caption>Frameworks on (\w+), timed on ([\w-]+)", text)
    assert captions == [("cpu", "box"), ("cuda", "box-cuda")]
    tables = re.findall(r'<table class="names cards" id="frameworks.*?</table>', text, re.DOTALL)
    faults = [re.findall(r'data-label="new faults" class="\w+">(\d+)', table) for table in tables]
    assert faults == [["0"], ["1"]]
    assert "No result of a GPU" not in text


def test_the_choice_has_rows_of_each_device_and_no_way_to_add_one(both: Evidence) -> None:
    text = html(both, choose.pages)
    for device, target, other in (("cpu", CPU, CUDA), ("cuda", CUDA, CPU)):
        (table,) = re.findall(
            rf'data-for="task=attention device={device} dtype=float32".*?</table>', text, re.DOTALL
        )
        assert target in table
        assert other not in table
    assert "is committed here" not in text


def test_without_a_gpu_both_pages_say_how_to_add_one() -> None:
    found = assemble([record(check())], (), None, REQUIREMENTS, [ENTRY])
    for pages in (overview.pages, choose.pages):
        assert html(found, pages).count("--targets torch:cuda:eager --tier full") == 1


def test_the_terminal_answers_for_a_gpu(folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    place = folder(check("SPV-01"), target="torch:cuda:eager")
    given = ["--records", str(place), "--results", str(place)]
    assert main(["choose", "--task", "attention", "--device", "cuda", *given]) == 0
    assert "torch:cuda:eager" in capsys.readouterr().out
