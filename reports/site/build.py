"""`python -m reports build [DIR_OR_FILE…] [--output DIR]`: make a site of records and results."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

from conformance.terminal import complain
from reports.copies import side_by_side
from reports.evidence import RECORDS, RELEASES, Evidence
from reports.html import CSS
from reports.site import (
    accuracy,
    choose,
    claims,
    differences,
    frameworks,
    glossary,
    history,
    overview,
    page,
    performance,
    port,
    requirements,
    search,
)
from reports.site.page import HERE, Page

PAGES: tuple[Callable[[Evidence], Iterator[Page]], ...] = (
    differences.pages,  # takes longest
    overview.pages,
    choose.pages,
    port.pages,
    requirements.pages,
    accuracy.pages,
    performance.pages,
    claims.pages,
    history.pages,
    frameworks.pages,
    glossary.pages,
)
MARK = ".softmark-site"  # says that a folder is ours to replace
VENDORED = HERE / "vendor"  # as its npm package has it, with its licence
OUTPUT = Path("results") / "site"
ASV = Path(__file__).resolve().parents[2] / ".asv" / "html"


class NotBuilt(Exception):
    """The site cannot be written; the message says why, on one line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `python -m reports build`."""
    parser.add_argument(
        "records", nargs="*", type=Path, default=[RECORDS], metavar="DIR_OR_FILE", help="default: reports/records"
    )
    parser.add_argument("--releases", type=Path, default=RELEASES, metavar="DIR", help="records of the releases")
    parser.add_argument("--asv", metavar="FOLDER_OR_URL", help="asv's site to link to; default: .asv/html")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR", help=f"default: {OUTPUT}")


def run(options: argparse.Namespace, evidence: Evidence) -> int:
    """Build the site and say where it is; exit code 1: something was left out, 2: there is no site."""
    try:
        evidence = replace(evidence, asv=address(options.asv, options.output))
        write(texts(evidence), options.output)
    except NotBuilt as error:
        complain(f"build: {error}")
        return 2
    files = [path for path in options.output.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"wrote {len(files)} files, {size / 1e6:.1f} MB: open {options.output / 'index.html'}")
    return 1 if evidence.problems else 0


def address(asv: str | None, output: Path) -> str:
    """Return the address of asv's site relative to `output`; "" if none is named and none was made.

    Raises:
        NotBuilt: the folder that is named holds no site of asv's.
    """
    if asv is not None and asv.startswith(("https://", "http://")):
        return asv.rstrip("/")
    folder = ASV if asv is None else Path(asv)
    if (folder / "index.html").exists():
        return quote(Path(os.path.relpath(folder, output)).as_posix())
    if asv is not None:
        raise NotBuilt(f"{asv}: no site of asv's here; tox run -e bench-publish makes one in .asv/html")
    return ""


def texts(evidence: Evidence) -> dict[str, str]:
    """Return path → text of every file of the site."""
    jinja = page.environment()

    def rendered(pages: Callable[[Evidence], Iterator[Page]]) -> dict[str, str]:
        return {made.path: page.render(made, evidence, jinja) for made in pages(evidence)}

    every = side_by_side([partial(rendered, pages) for pages in PAGES])
    assets = {
        "assets/site.css": CSS.read_text(encoding="utf-8") + (HERE / "site.css").read_text(encoding="utf-8"),
        "assets/glossary.js": glossary.script(),
        "assets/searched.js": search.script(evidence),
        **{
            f"assets/{path.name}": path.read_text(encoding="utf-8")
            for path in sorted((*HERE.glob("*.js"), *VENDORED.glob("*.js")))
        },
    }
    return {path: text for part in (*every, assets) for path, text in part.items()}


def write(files: Mapping[str, str], folder: Path) -> None:
    """Make `folder` hold these files and no others; it is replaced whole, or left as it was.

    Raises:
        NotBuilt: the folder holds something that is not a site of ours, or cannot be written.
    """
    try:
        if folder.exists() and not (folder / MARK).exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise NotBuilt(f"{folder} holds something else than a site: name another folder by --output")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".site-") as beside:
            made = Path(beside) / "site"
            for name, text in {**files, MARK: ""}.items():
                (made / name).parent.mkdir(parents=True, exist_ok=True)
                (made / name).write_text(text, encoding="utf-8")
            if folder.exists():
                shutil.rmtree(folder)
            made.rename(folder)
    except OSError as error:
        raise NotBuilt(f"cannot write to {folder}: {error.strerror or error}") from error
