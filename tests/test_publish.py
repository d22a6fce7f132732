"""The published site, of a scratch project of two frameworks with three releases each, in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from math import nan
from pathlib import Path
from typing import Any

import asv
import pytest
from asv.results import Results
from asv.runner import BenchmarkResult
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from adapters.releases import Release
from benchmarks.asv import release_repository
from reports.timing import asv_steps, publish
from tests import browser
from tests.asv_results import line

ASV = Path(asv.__file__).parent / "www"
RELEASES = (*line("numpy", "2.1.0", "2.2.0", "2.3.0"), *line("jax", "0.6.0", "0.7.0", "0.8.0"))
CONFIG: dict[str, Any] = {
    "version": 1,
    "project": "scratch",
    "repo": "releases",
    "dvcs": "git",
    "branches": ["numpy", "jax"],
    "environment_type": "existing",
    "pythons": [sys.executable],
    "benchmark_dir": "measured",
    "results_dir": "results",
    "html_dir": "html",
    "hash_length": 8,
}
BENCHMARKS = """
class Eager:
    param_names = ["operation", "shape"]
    params = [["softmax", "log_softmax"], ["<b>"]]

    def track_roofline(self, operation, shape): ...
    track_roofline.unit = "times the roofline"

    def track_latency(self, operation, shape): ...
    track_latency.unit = "seconds"
    track_latency.type = "time"

class Unmeasured(Eager):
    pass
"""
VALUES = {"core.Eager.track_roofline": (1.0, nan), "core.Eager.track_latency": (1e-6, 1e-3)}
CELL = "operation-softmax"
ROOFLINE = "core.Eager.track_roofline"
# legend, points, and whether its colour is on the canvas, of each line of a plot that is complete
DRAWN = """(() => {
    const plot = window.jQuery && jQuery("#main-graph").data("plot");
    if (!plot || jQuery.active) return null;
    const canvas = plot.getCanvas();
    const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set(new Uint32Array(image.data.buffer));
    const number = ([red, green, blue]) => (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
    const colour = name => number(jQuery("<i>").css("color", name).css("color").match(/\\d+/g));
    return plot.getData().map(line => [line.label, line.data, colours.has(colour(line.color))]);
})()"""
LOADS = re.compile(r"""(?:\ssrc\s*=|<link\b[^>]*\shref\s*=|@import\s|\burl\()\s*(?:url\()?["']?(?:https?:)?//""")


def project(folder: Path) -> Path:
    """The configuration of a scratch project with results of two machines; the second has one release."""
    (folder / "measured").mkdir()
    (folder / "measured" / "__init__.py").touch()
    (folder / "measured" / "core.py").write_text(BENCHMARKS, encoding="utf-8")
    config = folder / "asv.conf.json"
    config.write_text(json.dumps(CONFIG), encoding="utf-8")

    release_repository.build(RELEASES, folder / "releases")
    commits = release_repository.hashes(folder / "releases")
    environment = os.environ | {"HOME": str(folder)}  # where asv keeps the names of machines
    for command in (["machine", "--yes"], ["run", "--bench", "just-discover"]):
        asv = [sys.executable, "-m", "asv", *command]
        done = subprocess.run(asv, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    for factor, release in enumerate(RELEASES, 1):
        save(folder / "results", "box", commits[release.tag], when(release), factor)
    save(folder / "results", "other box", commits[release.tag], when(release), factor)
    return config


def when(release: Release) -> int:
    """The milliseconds by which asv dates a release."""
    return 1000 * int(datetime.combine(release.day, release_repository.NOON).timestamp())


def save(results: Path, machine: str, commit: str, date: int, factor: int) -> None:
    """Write the results of a release, through asv's own class."""
    (results / machine).mkdir(exist_ok=True)
    facts = {"machine": machine, "cpu": "a <fast> one", "version": 1}
    (results / machine / "machine.json").write_text(json.dumps(facts), encoding="utf-8")
    benchmarks = json.loads((results / "benchmarks.json").read_text(encoding="utf-8"))
    found = Results({"machine": machine}, {}, commit, date, "3", "made", {})
    for name, values in VALUES.items():
        none = [None] * len(values)
        result = BenchmarkResult([value * factor for value in values], none, none, 0, "", None)
        found.add_result(benchmarks[name], result)
    found.save(str(results))


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish.publish(project(tmp_path_factory.mktemp("project"))).parent


@pytest.fixture(scope="module")
def address(html: Path) -> Iterator[str]:
    with browser.served(html) as found:
        yield found


def wait(driver: Chrome, script: str) -> Any:
    """The first answer of a script in the page that is not empty."""
    return WebDriverWait(driver, 20, poll_frequency=0.05).until(
        lambda _: driver.execute_script(f"return {script}")
    )


def lines(driver: Chrome) -> dict[str, list[Any]]:
    """Legend → points of each line that the plot draws in its own colour."""
    found = wait(driver, DRAWN)
    assert all(coloured for *_, coloured in found), found
    legend = [cell.text for cell in driver.find_elements(By.CSS_SELECTOR, "#main-graph .legendLabel")]
    assert sorted(legend) == sorted(label for label, *_ in found)
    return {label: points for label, points, _ in found}


def seen(driver: Chrome, address: str) -> None:
    """Assert that the page asked no other host and complained of nothing."""
    asked = browser.requests(driver)
    assert asked
    assert [url for url in asked if not url.startswith(f"{address}/")] == []
    assert browser.complaints(driver) == []


def follow(driver: Chrome, address: str, find: Callable[[str], bool]) -> list[str]:
    """The links of our index page that are asked for."""
    driver.get(f"{address}/frameworks.html")
    links = [link.get_attribute("href") for link in driver.find_elements(By.CSS_SELECTOR, "main a")]
    return [link for link in links if link and find(link)]


def test_nothing_published_loads_from_another_host(html: Path) -> None:
    files = [file for file in html.rglob("*") if file.suffix in (".html", ".js", ".css")]
    assert len(files) > 15
    assert [file.name for file in files if LOADS.search(file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "text",
    [
        '<script async src="https://a.example/b.js">',
        '<link rel="stylesheet" href="http://a.example/b.css">',
        "@import 'https://a.example/b.css'",
        "{background: url(//a.example/b.png)}",
    ],
)
def test_each_way_to_load_from_another_host_is_seen(text: str) -> None:
    assert LOADS.search(text)


def test_a_page_that_loads_what_is_not_at_hand_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="https://a.example/new.js"></script>', encoding="utf-8")
    with pytest.raises(publish.NotPublished, match=r"loads https://a\.example/new\.js: put a copy into"):
        publish.offline(tmp_path)


def test_copies_are_the_bytes_asv_asks_for() -> None:
    page = (ASV / "index.html").read_text(encoding="utf-8")
    guarded = re.findall(r'="(https://[^"]+)" integrity="(sha\d+)-([^"]+)"', page)
    assert {url for url, *_ in guarded} == set(publish.COPIES)
    same = set()
    for url, algorithm, digest in guarded:
        content = (publish.VENDOR / publish.COPIES[url]).read_bytes()
        if base64.b64encode(hashlib.new(algorithm, content).digest()).decode() == digest:
            same.add(publish.COPIES[url])
    marked = {name for name in publish.COPIES.values() if re.search(rf"`{name}`.*✓", readme())}
    assert same == marked
    assert len(same) == 2


def readme() -> str:
    return (publish.VENDOR / "README.md").read_text(encoding="utf-8")


def test_a_page_that_asks_another_host_is_seen(driver: Chrome, tmp_path: Path) -> None:
    shutil.copytree(ASV, tmp_path / "www")
    with browser.served(tmp_path / "www") as address:
        driver.get(address)
        wait(driver, "document.title == 'airspeed velocity error'")
    assert set(publish.COPIES) <= set(browser.requests(driver))
    assert browser.complaints(driver)


def test_nothing_measured_is_said_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "asv.conf.json"
    config.write_text(json.dumps(CONFIG), encoding="utf-8")
    with pytest.raises(publish.NotPublished, match="no results in results: measure first"):
        publish.publish(config)


def test_all_frameworks_are_drawn_over_release_dates(driver: Chrome, address: str, tmp_path: Path) -> None:
    every = follow(driver, address, lambda link: ROOFLINE in link and "branch=numpy&branch=jax" in link)
    assert len(every) == 1  # the other operation has no roofline
    driver.get(every[0])
    found = lines(driver)
    dates = [when(release) for release in RELEASES]
    assert found == {
        f"branch-numpy; {CELL}": [list(point) for point in zip(dates[:3], (1, 2, 3), strict=True)],
        f"branch-jax; {CELL}": [list(point) for point in zip(dates[3:], (4, 5, 6), strict=True)],
    }
    driver.save_screenshot(str(tmp_path / "all.png"))
    seen(driver, address)


def test_every_link_of_the_index_leads_to_a_plot_with_data(driver: Chrome, address: str, tmp_path: Path) -> None:
    links = follow(driver, address, lambda link: "track_" in link)
    driver.save_screenshot(str(tmp_path / "index.png"))
    rows = ((2, 2), (2, 1), (1, 2), (1, 1))  # of each machine and operation: frameworks, metrics
    assert len(links) == sum(map(sum, rows))
    for link in links:
        driver.get("about:blank")
        driver.get(link)
        found = lines(driver)
        assert len(found) == link.count("branch=")
        assert all(isinstance(y, int | float) for points in found.values() for _, y in points)
    seen(driver, address)


@pytest.mark.parametrize(("page", "content"), [("", "svg, canvas"), ("summarylist", "td"), ("regressions", "td")])
def test_the_other_pages_of_asv_are_shown_and_lead_to_ours(
    driver: Chrome, address: str, page: str, content: str, tmp_path: Path
) -> None:
    driver.get(f"{address}/#/{page}")
    wait(driver, f"document.querySelector('#{page or 'summarygrid'}-display :is({content})')")
    for head in driver.find_elements(By.CSS_SELECTOR, f"#{page or 'summarygrid'}-display th"):
        if head.is_displayed():
            head.click()  # sorts the table
    driver.save_screenshot(str(tmp_path / "page.png"))
    driver.find_element(By.LINK_TEXT, "Frameworks").click()
    assert wait(driver, "document.querySelector('h1').textContent") == "scratch: frameworks over their releases"
    seen(driver, address)


def test_the_site_opens_on_a_plot_of_times_the_roofline(driver: Chrome, address: str) -> None:
    driver.get(f"{address}/")
    assert len(lines(driver)) == 2
    assert "track_roofline" in driver.current_url
    seen(driver, address)


def test_the_steps_of_a_plot_stand_under_it(driver: Chrome, address: str, html: Path) -> None:
    (plot,) = follow(driver, address, lambda link: ROOFLINE in link and "branch=numpy&branch=jax" in link)
    script = html / asv_steps.SCRIPT
    assert '<script src="steps.js">' in (html / "index.html").read_text(encoding="utf-8")
    _, _, source = script.read_text(encoding="utf-8").partition("\n")
    known = [
        [plot.replace("branch=numpy&", ""), "JAX 0.7.0: 2.0 times slower than 0.6.0", "site.html#steps-box=x"],
        [plot.replace("machine=box", "machine=none"), "another machine", ""],
        [plot.replace("branch=numpy&branch=jax", "branch=torch"), "another framework", ""],
    ]
    script.write_text(f"const STEPS = {json.dumps(known)};\n{source}", encoding="utf-8")
    driver.get("about:blank")
    driver.get(plot)
    lines(driver)
    (step,) = driver.find_elements(By.CSS_SELECTOR, "#steps li a")
    assert step.text == known[0][1]
    assert str(step.get_attribute("href")).endswith("/site.html#steps-box=x")
    seen(driver, address)


def test_the_index_is_searched_and_its_address_keeps_the_words(driver: Chrome, address: str) -> None:
    def shown() -> list[str]:
        rows = driver.find_elements(By.CSS_SELECTOR, "main section:not(#releases) tbody tr")
        return [row.text for row in rows if row.is_displayed()]

    driver.get(f"{address}/frameworks.html")
    every = shown()
    driver.find_element(By.ID, "text").send_keys("log_softmax")
    assert 0 < len(shown()) < len(every)
    kept = driver.current_url
    driver.get("about:blank")
    driver.get(kept)
    assert 0 < len(shown()) < len(every)
    seen(driver, address)


def test_what_hovers_and_toggles_is_shown(driver: Chrome, address: str) -> None:
    driver.get(f"{address}/#/")
    wait(driver, "document.querySelector('.benchmark-text')")
    driver.execute_script("jQuery('.benchmark-text').first().trigger('mouseenter')")
    assert "core.Eager." in wait(driver, "document.querySelector('.tooltip')?.textContent")
    driver.get(f"{address}/#/summarylist")
    wait(driver, "document.querySelector('#summarylist-display td a')")
    driver.execute_script("jQuery('#summarylist-display td a').first().trigger('mouseenter')")
    wait(driver, "document.querySelector('.popover canvas')")
    driver.get(f"{address}/#{ROOFLINE}")
    wait(driver, DRAWN)
    driver.find_element(By.ID, "log-scale").click()
    wait(driver, "document.querySelector('#log-scale.active')")
    seen(driver, address)


def test_a_commit_named_by_a_plot_is_found_in_the_index(html: Path) -> None:
    text = (html / "frameworks.html").read_text(encoding="utf-8")
    for tag, commit in release_repository.hashes(html.parent / "releases").items():
        assert all(f'id="{anchor}"' in text for anchor in (commit, commit[: CONFIG["hash_length"]]))
        assert tag.partition("-")[2] in text


def test_each_vendored_file_is_the_one_that_was_taken() -> None:
    sums = (publish.VENDOR / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in sums)}
    ours = {"README.md", "SHA256SUMS", ".gitattributes"}
    found = {path.relative_to(publish.VENDOR).as_posix() for path in publish.VENDOR.rglob("*") if path.is_file()}
    assert found - ours == set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256((publish.VENDOR / name).read_bytes()).hexdigest() == digest, name
