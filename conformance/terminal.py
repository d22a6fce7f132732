"""The terminal of every command: foreign text acts on nothing in it, and it may lack letters or close midway.

Adapters, frameworks and records of others are foreign: their names, versions and messages are shown as they are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from typing import NoReturn

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment

from conformance.foreign import one_line, visible

UNWRITTEN = 2
BROKEN_PIPE = 141  # what a shell says of a command whose reader has gone


@dataclass(frozen=True)
class _Visible:
    """Something to print, all text of which is visible."""

    shown: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _visible_segments(console.render(self.shown, options))


def _visible_segments(segments: Iterable[Segment]) -> Iterator[Segment]:
    for segment in segments:
        yield segment if segment.control else Segment(visible(segment.text), segment.style)


class _Hook(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Visible(renderable) for renderable in renderables]


def console(width: int | None = None) -> Console:
    """Return a console on which no text is markup, and all of it visible."""
    made = Console(width=width, markup=False, emoji=False, highlight=False)
    made.push_render_hook(_Hook())
    return made


def progress(console: Console) -> Progress:
    """Return bars that count what is done of each task, and vanish at the end."""
    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def complain(text: str) -> None:
    """Print one line of a command's own on stderr."""
    print(one_line(text), file=sys.stderr)


def run(main: Callable[[], int], at_once: bool = False) -> NoReturn:
    """Run a command and exit with its code, whatever letters the terminal has and whoever stops reading.

    `at_once` ends the process without freeing what it holds, which takes a second where it holds many records.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = main()
        sys.stdout.flush()
    except OSError as error:
        code = BROKEN_PIPE if isinstance(error, BrokenPipeError) else UNWRITTEN
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left unwritten goes there
        if code == UNWRITTEN:
            complain(f"not everything was said: {error}")
    if at_once:
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
