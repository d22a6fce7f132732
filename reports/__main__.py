"""`python -m reports DIR_OR_FILE…`: report records on the terminal, as one HTML page and as Markdown.

`python -m reports build` makes the site, `compare` shows what differs between two targets, `choose` what each
does well and badly for a task, `claims` what is true of what people say, and `double-softmax` whether a loss may
be of one. Give a folder of such a name as `./build`.

The exit code is 0 when all records were reported, 1 when some were broken, and 2 when there is nothing to report
or the report cannot be written.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance.terminal import complain, run
from reports import choose, compare, double_softmax, evidence, html, markdown, model, terminal
from reports.claims import page as claims
from reports.console import console
from reports.evidence import RELEASES, NoEvidence
from reports.site import build

# name → module with `add_arguments` and `run`
COMMANDS: dict[str, Any] = {
    "build": build,
    "compare": compare,
    "choose": choose,
    "claims": claims,
    "double-softmax": double_softmax,
}
ALONE = ("double-softmax",)  # those that need no evidence


class NotWritten(Exception):
    """The report cannot be written; the message says why, on one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in COMMANDS:
        return (_alone if arguments[0] in ALONE else _command)(arguments[0], arguments[1:])
    options = _parser().parse_args(arguments)
    try:
        read, broken = evidence.read(options.records)
        report = model.assemble(read)
        # first, so that a pager which is closed early does not cost the files
        written = _write(report, options.output or _beside(options.records[0]), not options.no_html)
        output = console()
        terminal.show(report, output)
        for path in written:
            output.print(f"wrote {path}", soft_wrap=True)
    except (NoEvidence, NotWritten) as error:
        complain(f"reports: {error}")
        return 2
    for message in broken:
        complain(f"reports: left out: {message}")
    return 1 if broken else 0


def _command(name: str, arguments: Sequence[str]) -> int:
    """Run a command on the evidence that its options name; exit code 2: there is none."""
    module = COMMANDS[name]
    parser = argparse.ArgumentParser(prog=f"python -m reports {name}", description=module.__doc__)
    parser.set_defaults(releases=RELEASES)
    module.add_arguments(parser)
    parser.add_argument("--results", type=Path, metavar="DIR", help="asv's results; default: reports/asv")
    options = parser.parse_args(arguments)
    gc.disable()  # the records live to the end, and scanning them takes a third
    try:
        found = evidence.gather(options.records, options.releases, options.results)
        for problem in found.problems:
            complain(f"{name}: left out: {problem}")
        return int(module.run(options, found))
    except NoEvidence as error:
        complain(f"{name}: {error}")
        return 2
    finally:
        gc.enable()


def _alone(name: str, arguments: Sequence[str]) -> int:
    """Run a command that needs no evidence; wrong usage is one line."""
    module = COMMANDS[name]
    parser = argparse.ArgumentParser(
        prog=f"python -m reports {name}", description=module.__doc__, usage=argparse.SUPPRESS
    )
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reports",
        usage=argparse.SUPPRESS,  # it would stand before each error, which is to be one line
        description="python -m reports DIR_OR_FILE… [--output DIR] [--no-html]: report what records say.",
    )
    parser.add_argument(
        "records", nargs="+", type=Path, metavar="DIR_OR_FILE", help="a record or a folder of them"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="where the files go (default: the first DIR)")
    parser.add_argument("--no-html", action="store_true", help="write report.md only")
    return parser


def _beside(first: Path) -> Path:
    return first if first.is_dir() else first.parent


def _write(report: model.Report, folder: Path, with_html: bool) -> list[Path]:
    texts = {"report.html": html.render(report)} if with_html else {}
    texts["report.md"] = markdown.render(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise NotWritten(f"cannot write to {folder}: {error.strerror or error}") from error
    return [folder / name for name in texts]


if __name__ == "__main__":
    run(main, at_once=True)
