"""The console and the tables of every command that prints for people."""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance import terminal

PLAIN_WIDTH = 160  # columns if the output is not a terminal


def console() -> Console:
    """Return a console that is wide enough for the tables if its output is not a terminal."""
    return terminal.console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def table(title: str, *columns: str) -> Table:
    """Return an empty table; its title and columns are text, and never markup."""
    shown = Table(
        title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for column in columns:
        shown.add_column(Text(column), overflow="fold")
    return shown
