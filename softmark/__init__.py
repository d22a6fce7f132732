"""Run the suite from an installed package: the command `softmark`.

The folders `adapters`, `conformance`, `benchmarks` and `reports` travel inside this package, and are put on the
path of the command's own process and of the processes that it starts. Their names reach nobody's site-packages.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE if (HERE / "adapters").is_dir() else HERE.parent  # in a clone the folders stand beside this one
COMMANDS = {
    "judge": ("conformance", "judge"),
    "conformance": ("conformance",),
    "report": ("reports",),
}
USAGE = """usage: softmark COMMAND …

  softmark conformance   judge targets: python -m conformance
  softmark judge         judge one function: python -m conformance judge
  softmark report        report what records say: python -m reports

softmark COMMAND --help says more."""


def main() -> None:
    """Run a command of the suite in this process and exit with its code; 2 where there is no such command."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(USAGE)
        return
    if name not in COMMANDS:
        print(f"softmark: there is no command {name!r}; choose from {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    module, *first = COMMANDS[name]
    # the folder of the caller stays importable, as it is with `python -m`
    sys.path[:0] = [str(Path.cwd()), str(ROOT)]
    if ROOT == HERE:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        os.environ.setdefault("SOFTMARK_CACHE", str(cache / "softmark"))
    sys.argv[1:] = [*first, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
