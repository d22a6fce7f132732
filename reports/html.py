"""Renders the report as one HTML page: text from records is escaped, and nothing is fetched from anywhere."""

from __future__ import annotations

from pathlib import Path

from reports.model import GRADES, LEVELS, Report
from reports.templates import environment

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
TONES = {"failures": "bad", "crashes": "bad", "deviations": "known", "should": "warn", "stale": "bad"}
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
