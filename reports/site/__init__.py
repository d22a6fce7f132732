"""The site of `python -m reports build`: static pages that open from a file, made of records and results alone.

One module and one template a sort of page; `build.PAGES` lists the modules, `evidence` is all they read.
"""
