"""`python -m reports compare A B [--markdown] [--all]`: print what differs between two targets.

A and B are frameworks ("torch", "tf"), targets ("jax:cpu:jit"), releases ("jax-0.7.2") or record files. The
exit code is 0 when both were compared, whatever differs, and 2 if one of them does not exist.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance.record.records import BrokenRecord
from conformance.terminal import complain
from reports.console import console
from reports.differences import markdown, terminal
from reports.differences.comparison import compare
from reports.differences.operands import UnknownOperand, find, operands
from reports.evidence import RECORDS, RELEASES, Evidence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `python -m reports compare`."""
    parser.add_argument("first", metavar="A", help="a framework, target, release (jax-0.7.2) or record's file")
    parser.add_argument("second", metavar="B", help="another one")
    parser.add_argument("--markdown", action="store_true", help="as Markdown instead of a table")
    parser.add_argument("--all", action="store_true", help="every row of the tables")
    parser.add_argument(
        "--records", nargs=1, type=Path, default=[RECORDS], metavar="DIR", help="default: reports/records"
    )
    parser.add_argument("--releases", type=Path, default=RELEASES, metavar="DIR", help="records of the releases")


def run(options: argparse.Namespace, evidence: Evidence) -> int:
    """Print the differences and return the exit code."""
    try:
        known = [operand for group in operands(evidence.records, evidence.history) for operand in group]
        first, second = (find(name, known) for name in (options.first, options.second))
    except (UnknownOperand, BrokenRecord) as error:
        complain(f"compare: {error}")
        return 2
    comparison = compare(first, second, evidence)
    if options.markdown:
        print(markdown.render(comparison, options.all), end="")
    else:
        terminal.show(comparison, console(), options.all)
    return 0
