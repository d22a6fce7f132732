"""`python -m reports.power [--faults N] [--tiers TIER …] [--write]`: judge random faults, in one process.

It prints each fault that survives; `--write` keeps the numbers and renews their section on the page of kills.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from adapters.faulty.random import of_seed
from reports.power import judging, probing, results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="reports.power", description=__doc__, usage=argparse.SUPPRESS)
    parser.add_argument("--faults", type=int, default=500, help="how many to draw")
    parser.add_argument("--tiers", nargs="+", default=["quick"], help="the tiers that judge them")
    parser.add_argument("--write", action="store_true", help="keep the numbers")
    options = parser.parse_args(arguments)
    found = probing.draw(options.faults)
    survivors = {}
    for tier in options.tiers:
        judged = judging.judge([of_seed(seed)() for seed in found.faults], tier)
        survivors[tier] = results.judged(judged)
        for one in judged:
            if not one.caught:
                print(f"{one.fault.name}: {one.fault}; {results.why(one.met)}")
        print(f"{tier}: {results.share(len(judged), len(survivors[tier]))} of {len(judged)} caught")
    if options.write:
        kept = json.loads(results.FILE.read_text(encoding="utf-8")) if results.FILE.exists() else {}
        known = kept.get("survivors", {}) if kept.get("drawn") == results.drawn(found) else {}
        kept = {"drawn": results.drawn(found), "survivors": known | survivors}
        results.FILE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        results.renew()
        print(f"wrote {results.FILE} and {results.PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
