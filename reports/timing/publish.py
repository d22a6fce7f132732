"""`python -m benchmarks publish`: make asv's site of all results, which works without a network.

asv's page loads ten files from content delivery networks and is blank without them; this one loads the copies in
`reports/timing/vendor`. asv's grid averages over all frameworks, so this site has an index of its own.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from adapters import ROOT
from adapters.releases import BadReleases, releases
from benchmarks.asv import release_repository
from benchmarks.asv.results import NoResults, read
from conformance.terminal import complain
from reports.site.build import OUTPUT
from reports.timing import asv_site, asv_steps

VENDOR = Path(__file__).resolve().parent / "vendor"
CDNJS = "https://cdnjs.cloudflare.com/ajax/libs"
JSDELIVR = "https://cdn.jsdelivr.net/npm"

# what asv's page loads → the copy of it
COPIES = {
    "https://code.jquery.com/jquery-3.3.1.min.js": "jquery.min.js",
    f"{CDNJS}/flot/0.8.3/jquery.flot.min.js": "jquery.flot.js",
    f"{CDNJS}/flot/0.8.3/jquery.flot.time.min.js": "jquery.flot.time.js",
    f"{CDNJS}/flot/0.8.3/jquery.flot.selection.min.js": "jquery.flot.selection.js",
    f"{CDNJS}/flot/0.8.3/jquery.flot.categories.min.js": "jquery.flot.categories.js",
    f"{JSDELIVR}/flot-orderbars@1.0.0/js/jquery.flot.orderBars.js": "jquery.flot.orderBars.js",
    f"{CDNJS}/stupidtable/1.0.1/stupidtable.min.js": "stupidtable.min.js",
    f"{CDNJS}/blueimp-md5/2.19.0/js/md5.min.js": "md5.min.js",
    f"{JSDELIVR}/bootstrap@3.1.1/dist/js/bootstrap.min.js": "bootstrap.js",
    f"{JSDELIVR}/bootstrap@3.1.1/dist/css/bootstrap.min.css": "bootstrap.min.css",
}
REMOTE = re.compile(r'(<(?:script|link)\b[^>]*?\b(?:src|href)=")(https?://[^"]+)"([^>]*>)')
GUARDS = re.compile(r'\s(?:integrity|crossorigin|referrerpolicy)="[^"]*"')
GRID = '<li id="nav-li-" class="active"><a href="#/">Benchmark grid</a></li>'
# asv's grid is the mean over all frameworks, which says nothing of any of them
LINKS = """<li><a href="frameworks.html">Frameworks</a></li>
        <li id="nav-li-" class="active"><a href="#/">Mean of all frameworks</a></li>"""
# asv writes the releases above a plot side by side, where fifty of them cover each other
LABELS = (
    '#main-graph > div[style*="-2ex"] { transform: rotate(-50deg); transform-origin: 0 100%;'
    " background: none !important }"
)


class NotPublished(ValueError):
    """The site cannot be made; the message says why and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no option: the site holds all results."""


def run(options: argparse.Namespace) -> int:
    """Write the site to `.asv/html` and say how to open it."""
    try:
        release_repository.write(releases())
        page = publish(ROOT / "asv.conf.json")
    except (BadReleases, NoResults, NotPublished, OSError) as error:
        complain(f"publish: {error}")
        return 2
    # file:// would not do: the page asks for its data by XMLHttpRequest, which browsers refuse there
    print(f"{page.relative_to(ROOT)} links to every plot. Serve it by: asv preview --browser")
    return 0


def publish(config: Path) -> Path:
    """Make the site of an asv configuration and return our index page in it.

    Raises:
        NoResults: no machine has results.
        NotPublished: nothing is measured, asv fails, or its page loads what there is no copy of.
        OSError: the configuration cannot be read.
    """
    settings = release_repository.settings(config)
    results = config.parent / settings.results_dir
    if not (results / "benchmarks.json").exists():
        raise NotPublished(f"no results in {settings.results_dir}: measure first, by tox run -e bench-history")
    asv = subprocess.run([sys.executable, "-m", "asv", "--config", str(config), "publish"], cwd=config.parent)
    if asv.returncode:
        raise NotPublished(f"asv publish failed with exit code {asv.returncode}: what it says stands above")
    html = config.parent / settings.html_dir
    offline(html)
    asv_steps.write(html, read(results), config.parent / OUTPUT)
    keep_measured(html)
    return asv_site.write(html)


def offline(html: Path) -> None:
    """Let the pages in a folder load local copies, and lead to our index."""
    shutil.copytree(VENDOR, html / "vendor")
    for page in html.glob("*.html"):
        text = REMOTE.sub(_local, page.read_text(encoding="utf-8"))
        text = text.replace(GRID, LINKS)
        own = (asv_site.START, asv_steps.SCRIPT) if page.name == "index.html" else ()
        start = "".join(f'<script src="{name}"></script>' for name in own)
        text = text.replace("<head>", f"<head>{start}").replace(
            "</head>", f"  <style>{LABELS}</style>\n  </head>"
        )
        page.write_text(text, encoding="utf-8")


def keep_measured(html: Path) -> None:
    """Remove benchmarks without results from asv's index: its grid asks for their data and is answered 404."""
    path = html / "index.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    there = {file.stem for file in (html / "graphs" / "summary").glob("*.json")}
    index["benchmarks"] = {name: benchmark for name, benchmark in index["benchmarks"].items() if name in there}
    path.write_text(json.dumps(index), encoding="utf-8")


def _local(tag: re.Match[str]) -> str:
    start, url, rest = tag.groups()
    if url not in COPIES:
        raise NotPublished(f"asv's page loads {url}: put a copy into vendor/ and its name into COPIES")
    return f'{start}vendor/{COPIES[url]}"{GUARDS.sub("", rest)}'
