"""Tells people what records and results say: on a terminal, as HTML, as Markdown, as a site."""
