"""Renders pages: text from records is escaped, and nothing is fetched from another host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment

from reports.evidence import Evidence
from reports.html import LOOKS, STATES
from reports.html import environment as templates

HERE = Path(__file__).parent
# address → name, in the order of the navigation; "#" stands nowhere in them
NAVIGATION = {
    "index.html": "Overview",
    "choose.html": "Choose",
    "port.html": "Port",
    "history.html": "Upgrade",
    "requirements.html": "Requirements",
    "differences.html": "Differences",
    "accuracy.html": "Accuracy",
    "performance.html": "Performance",
    "claims.html": "Claims",
}


@dataclass(frozen=True)
class Page:
    """One file of the site: `path` from its root, `values` for the template.

    `part` is the entry of the navigation that the page belongs to, by its address.
    """

    path: str
    title: str
    template: str
    part: str
    values: Mapping[str, object] = field(default_factory=dict)


def environment() -> Environment:
    """Return the Jinja environment of every page: everything is escaped, and a missing value is an error."""
    made = templates([HERE, HERE.parent])
    made.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
    made.globals |= {"navigation": NAVIGATION, "looks": LOOKS, "states": STATES}
    return made


def render(page: Page, evidence: Evidence, jinja: Environment) -> str:
    """Return the text of a page. `root` in a template leads from the page to the site's root."""
    root = "../" * page.path.count("/")
    return jinja.get_template(page.template).render(page=page, root=root, evidence=evidence, **page.values)
