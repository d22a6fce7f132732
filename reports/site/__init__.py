"""Builds the site of `python -m reports build`: static pages that open from a file, made of records and results.

Each kind of page has one module and one template; `build.PAGES` lists the modules, which read only `Evidence`.
"""
