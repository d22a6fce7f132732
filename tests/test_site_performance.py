"""The page of performance: values, sentences, charts and links, of made-up results."""

from __future__ import annotations

import html as entities
import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from adapters import ROOT
from benchmarks.asv import results
from benchmarks.asv.results import Machine, Result, Results
from benchmarks.timing.cells import SHAPES
from reports.evidence import assemble
from reports.site import build, latency, page, performance
from reports.site.build import NotBuilt, address
from reports.timing import asv_steps
from tests import browser
from tests.asv_results import commits
from tests.samples import ENTRY, HOSTILE, REQUIREMENTS, record
from tests.test_performance import CELL, JAX, NUMPY, freshly, written


def read(place: Path) -> Results:
    return results.read(place, commits(*JAX, *NUMPY))


def text(found: Results | None, asv: str = "") -> str:
    evidence = replace(assemble([record()], (), found, REQUIREMENTS, [ENTRY]), asv=asv)
    (one,) = performance.pages(evidence)
    return page.render(one, evidence, page.environment())


def table(html: str, after: str) -> list[list[str]]:
    part = html.partition(after)[2].partition("</table>")[0]
    found = re.findall(r"<tr>(.*?)</tr>", part, re.DOTALL)
    return [[re.sub(r"<[^>]*>", "", cell).strip() for cell in re.split(r"</t[hd]>", row)[:-1]] for row in found]


def test_each_framework_and_mode_has_a_column_with_its_copies(tmp_path: Path) -> None:
    written(tmp_path)
    head, row = table(text(read(tmp_path)), 'id="softmax-forward"')
    assert head == ["shape", "NumPy", "JAX", "JAX, compiled"]
    assert row[:2] == ["256×1000 float32 on one thread", "5.00 (3.00)"]
    assert [float(value) for value in row[2:]] == pytest.approx([1.5, 1.25], rel=0.02)


def test_what_fresh_memory_costs_is_a_table(tmp_path: Path) -> None:
    written(tmp_path)
    found = read(tmp_path)
    assert 'id="fresh-' not in text(found)
    head, row = table(text(freshly(found)), 'id="fresh-machine"')
    assert head == ["call", "NumPy", "JAX, compiled"]
    assert row == ["softmax forward, 512×32000 float32 on one thread", "1.10 (0)", "4.5 (16,001)"]


def test_the_least_of_a_line_is_marked(tmp_path: Path) -> None:
    written(tmp_path)
    part = text(read(tmp_path)).partition('id="softmax-forward"')[2].partition("</details>")[0]
    assert re.findall(r'<td class="num"><b>([\d.]+)', part) == ["1.25"]


def test_the_order_at_one_shape_is_a_sentence(tmp_path: Path) -> None:
    written(tmp_path)
    assert re.search(
        r"At 256×1000 float32 on one thread, nearest to the roofline first: "
        r"JAX, compiled 1\.2\d; JAX 1\.\d+; NumPy 5\.00\.",
        text(read(tmp_path)),
    )


def test_the_order_is_told_of_the_shape_of_a_language_model() -> None:
    near, far = (replace(CELL, shape=shape) for shape in ("imagenet", "llama2"))
    rows = [
        Result("box", of, "roofline", cell, value)
        for of, cell, value in (
            (JAX[0], near, 2.0),
            (NUMPY[0], near, 3.0),
            (JAX[0], far, 9.0),
            (NUMPY[0], far, 4.0),
        )
    ]
    html = text(Results({"box": Machine("box", "", "", "", "")}, tuple(rows), ()))
    assert "At 512×32000 float32 on one thread, nearest to the roofline first: NumPy 4.00; JAX 9.00." in html
    assert "nearest is JAX with 2.00 at 256×1000" in html
    assert "farthest JAX with 9.00 at 512×32000" in html


def test_what_is_not_measured_is_said(tmp_path: Path) -> None:
    written(tmp_path)
    found = {row[0]: row[1:] for row in table(text(read(tmp_path)), "What was measured here")}
    assert found["TensorFlow"] == ["not measured here: tox run -e bench-history -- tensorflow"]
    assert found["JAX"][0] == "0.10.0"
    assert re.fullmatch(r"7 of \d+ · the others: tox run -e bench-history -- jax", found["JAX"][2])


def test_steps_are_sentences(tmp_path: Path) -> None:
    written(tmp_path)
    steps = text(read(tmp_path)).partition('id="steps-machine"')[2].partition("<details")[0]
    told = re.findall(r"<li>(.*?)</li>", steps)
    assert len(told) == 2
    up = r"<b>JAX 0\.8\.0</b>: softmax forward [\d.]+ times slower than 0\.7\.2 at "
    assert any(re.match(up, one) for one in told)


def test_latency_over_releases_is_drawn_with_its_steps_and_told_in_a_table(tmp_path: Path) -> None:
    written(tmp_path)
    html = text(read(tmp_path))
    head, *rows = table(html, "Latency, forward")
    assert head == ["release", "day", "softmax, 256×1000"]
    assert [row[0] for row in rows][:3] == ["NumPy 2.3.0", "NumPy 2.4.0", "JAX 0.7.0"]
    assert re.fullmatch(r"[56]\.\d+ µs / 5\.\d+ µs", rows[2][2])
    assert rows[0][2].endswith(" / –")
    chart = html.partition('id="latency-machine"')[2]
    assert "JAX 0.8.0, eager: " in chart
    assert chart.count('class="ring"') == 2


def test_latency_is_of_shapes_that_the_suite_has() -> None:
    assert set(latency.SHAPES) <= set(SHAPES)


def test_several_machines_have_a_part_each_and_no_anchor_twice(tmp_path: Path) -> None:
    written(tmp_path)
    written(tmp_path, machine="box-cuda", cpu="A GPU")
    html = text(read(tmp_path))
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', html)) <= set(ids)
    assert {"softmax-forward", "softmax-forward-box-cuda", "steps-machine-box-cuda"} <= set(ids)
    assert "8×19×512×1024 along axis 1 float32 on the GPU" in html
    assert "Forward, float32 on the GPU" in html


def test_links_lead_into_asv_where_there_is_such_a_site(tmp_path: Path) -> None:
    written(tmp_path)
    assert "tox run -e bench-publish" in text(read(tmp_path))
    html = text(read(tmp_path), "../../.asv/html")
    links = [entities.unescape(url) for url in re.findall(r'href="(\.\./\.\.[^"]*)"', html)]
    assert "../../.asv/html/frameworks.html" in links
    of_eager = [url for url in links if "#core.Eager.track_roofline?" in url]
    assert "p-operation=%27softmax%27" in of_eager[0]
    assert "machine=box&" in of_eager[0]
    assert any("#core.Eager.track_latency?" in url and "machine=box&branch=jax&p-" in url for url in links)
    assert "asv preview" in html


def test_a_step_leads_to_its_plot_and_the_plot_to_its_step(tmp_path: Path) -> None:
    written(tmp_path)
    found = read(tmp_path)
    page_of_steps = text(found, asv=".")
    told = [
        entities.unescape(re.sub("<[^>]*>", "", item)) for item in re.findall("<li>(.*?)</li>", page_of_steps)
    ]
    known = list(asv_steps.steps(found, "performance.html"))
    assert len(known) == 2
    for plot, sentence, link in known:
        assert plot in entities.unescape(page_of_steps)
        assert re.fullmatch(r"JAX 0\.(8\.0|9\.2): 5\.0 times (slower|faster) than 0\.(7\.2|9\.0)", sentence), (
            sentence
        )
        ((name, words),) = parse_qsl(link.partition("#")[2])
        assert f'id="{name}" data-filter=' in page_of_steps
        assert any(all(word in item for word in words.split()) for item in told)


def test_the_steps_are_filtered_and_the_address_keeps_the_words(tmp_path: Path, driver: Chrome) -> None:
    written(tmp_path)
    made = assemble([record()], (), read(tmp_path), REQUIREMENTS, [ENTRY])
    build.write(build.texts(made), tmp_path / "site")
    address = (tmp_path / "site" / "performance.html").as_uri()

    def shown() -> list[str]:
        items = driver.find_elements(By.CSS_SELECTOR, "#list-machine li")
        return [item.text for item in items if item.is_displayed()]

    driver.get(f"{address}#steps-box=slower")
    (slower,) = shown()
    assert "slower" in slower
    field = driver.find_element(By.ID, "steps-box")
    field.clear()
    field.send_keys("jax faster")
    assert driver.current_url == f"{address}#steps-box=jax+faster"
    field.clear()
    field.send_keys(" \b")
    assert len(shown()) == 2
    assert driver.current_url == address
    assert browser.complaints(driver) == []


def test_a_plot_is_named_as_asv_names_it() -> None:
    """By the committed results, whose names asv has made."""
    file = ROOT / "reports" / "asv" / "benchmarks.json"
    if not file.exists():
        pytest.skip("no results are committed")
    known = json.loads(file.read_text(encoding="utf-8"))
    found = results.read()
    machine = next(iter(found.machines.values()))
    for cell in {row.cell for row in found.rows if row.metric == "roofline"}:
        name, _, query = asv_steps.plot("x", machine.name, cell, "roofline").partition("#")[2].partition("?")
        for value, values in zip(cell.params, known[name]["params"], strict=True):
            assert repr(value) in values
        assert f"p-shape=%27{cell.shape}%27" in query


@pytest.mark.parametrize("found", [None, Results({}, (), ())])
def test_without_results_the_page_says_what_to_run(found: Results | None) -> None:
    html = text(found)
    assert "tox run -e bench-history" in html
    assert "<table" not in html


def test_text_of_a_machine_is_no_markup(tmp_path: Path) -> None:
    written(tmp_path, cpu=HOSTILE)
    html = text(read(tmp_path))
    assert "<script>alert" not in html
    assert "<img" not in html


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    written(tmp_path / "a")
    written(tmp_path / "b")
    assert text(read(tmp_path / "a")) == text(read(tmp_path / "b"))


def test_asv_is_found_in_a_folder_or_at_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.site.build.ASV", tmp_path / "none")
    output = tmp_path / "results" / "site"
    assert address("https://example.org/asv/", output) == "https://example.org/asv"
    assert address(None, output) == ""
    with pytest.raises(NotBuilt, match="bench-publish"):
        address(str(tmp_path), output)
    made = tmp_path / "a folder"
    made.mkdir()
    (made / "index.html").touch()
    assert address(str(made), output) == "../../a%20folder"
    monkeypatch.setattr("reports.site.build.ASV", made)
    assert address(None, output) == "../../a%20folder"
