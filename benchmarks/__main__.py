"""`python -m benchmarks COMMAND`: measure, compare, publish and report times."""

from __future__ import annotations

import argparse
from importlib import import_module

from conformance.run.processes import child
from conformance.terminal import complain, run

# command → its module; commands that only report live in `reports`, the layer above this one
COMMANDS = {
    "current": "reports.timing.current",
    "compare": "reports.timing.compare",
    "history": "benchmarks.asv.measure_releases",
    "regressions": "reports.timing.regressions",
    "performance": "reports.timing.performance",
    "publish": "reports.timing.publish",
    "gpu": "reports.timing.gpu",
    "agreement": "reports.timing.agreement",
    "overhead": "benchmarks.timing.overhead",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command's module; exit code 2: wrong usage, 130: interrupted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    modules = {name: import_module(module) for name, module in COMMANDS.items()}
    for name, module in modules.items():
        about = (module.__doc__ or "").strip().splitlines()[0]
        below = commands.add_parser(name, help=about.partition(": ")[2] or about, description=module.__doc__)
        module.add_arguments(below)
    options = parser.parse_args(arguments)
    try:
        with child.interruptible():
            return int(modules[options.command].run(options))
    except KeyboardInterrupt:
        complain(f"{options.command}: interrupted")
        return 130


if __name__ == "__main__":
    run(main)
