"""The numbers of power: kept in a file when the faults have been judged, and shown on the page of kills."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from adapters.faulty.random import of_seed
from conformance.ci.markup import escape, table_of
from reports.power.judging import Candidate
from reports.power.probing import CALLS, Drawn

FILE = Path(__file__).with_name("faults.json")
PAGE = Path(__file__).parent.with_name("kills.md")
TITLE = "## Random faults"


def drawn(found: Drawn) -> dict[str, Any]:
    """Return what was drawn, as data."""
    return {
        "faults": len(found.faults),
        "without call": len(found.without_call),
        "equivalent": len(found.equivalent),
        "calls": CALLS,
    }


def judged(found: Iterable[Candidate]) -> list[dict[str, Any]]:
    """Return the faults that survive, as data."""
    return [{"seed": one.fault.seed, "checks": one.met} for one in found if not one.caught]


def section(path: Path = FILE) -> Iterator[str]:
    """Yield the blocks of the page of kills that tell of random faults; none before they have been judged."""
    if not path.exists():
        return
    kept = json.loads(path.read_text(encoding="utf-8"))
    of = kept["drawn"]
    yield TITLE
    yield (
        f"{of['faults']} faults were drawn at random (`adapters.faulty.random`): the reference, wrong in one way "
        "where a call has two levels at once; of every other one the operation is one of the two. Each answers "
        "some legal call outside the bound, found among "
        f"{of['calls']} random calls that are no cases of the suite. Of the other draws {of['without call']} "
        f"have levels that none of these calls has together, and {of['equivalent']} answer each of them within "
        "the bound."
    )
    yield table_of(
        ("tier", "caught", "of", "share", "survivors"),
        (
            (
                tier,
                str(of["faults"] - len(left)),
                str(of["faults"]),
                share(of["faults"], len(left)),
                str(len(left)),
            )
            for tier, left in kept["survivors"].items()
        ),
    )
    for tier, left in kept["survivors"].items():
        if left:
            yield f"### What survives the {tier} tier"
            yield table_of(
                ("fault", "what it is", "why it survives"),
                (
                    (f"Fault{one['seed']}", escape(str(of_seed(one["seed"])())), why(one["checks"]))
                    for one in left
                ),
            )


def renew(page: Path = PAGE) -> None:
    """Write the section of random faults, the last one of the page of kills, anew."""
    others = page.read_text(encoding="utf-8").partition(f"\n{TITLE}")[0].rstrip("\n")
    page.write_text("\n\n".join((others, *section())) + "\n", encoding="utf-8")


def share(faults: int, survivors: int) -> str:
    """Return the share that is caught."""
    return f"{100 * (faults - survivors) / faults:.1f} %"


def why(checks: int) -> str:
    """Return the reason for which a fault survives."""
    if checks:
        return f"both levels meet in {checks} checks, whose results it leaves within the bound"
    return "no check has both levels"
