"""Renders HTML, the report on one page: text from records is escaped, and nothing is fetched from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.checks import parts, plural
from reports.model import GRADES, LEVELS, Report
from reports.witness import short

CSS = Path(__file__).with_name("report.css")
# How each kind of outcome looks: a class, which gives the colour, and a sign, which says it without one.
LOOKS = {
    "crash": ("bad", "✕"),
    "timeout": ("bad", "✕"),
    "fail": ("bad", "✕"),
    "fixed": ("bad", "↻"),
    "fail (should)": ("warn", "▽"),
    "fail (report)": ("warn", "▽"),
    "deviation": ("known", "≠"),
    "pass": ("good", "✓"),
    "choice": ("plain", "○"),
    "measured": ("plain", "○"),
    "absent": ("mute", "–"),
    "none": ("mute", "–"),
}
TONES = {
    "causes": "bad",
    "failures": "bad",
    "crashes": "bad",
    "deviations": "known",
    "should": "warn",
    "stale": "bad",
}
STATES = {
    "holds": ("good", "✓"),
    "failures": ("bad", "✕"),
    "incomplete": ("warn", "…"),
    "error": ("bad", "✕"),
}


def render(report: Report) -> str:
    """Return the page."""
    template = environment([CSS.parent]).get_template("report.html.j2")
    return template.render(report=report, looks=LOOKS, tones=TONES, states=STATES, levels=LEVELS, grades=GRADES)


def environment(folders: Sequence[Path]) -> Environment:
    """Return a Jinja environment whose templates lie in the folders; a missing value is an error."""
    made = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"short": short, "parts": parts, "plural": plural}
    return made
