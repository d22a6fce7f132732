"""`python -m reports.kills [DIR] [--write]`: show which requirement catches which gallery class.

The command reads the records in DIR; without DIR, it judges the whole gallery. `--write` writes kills.md.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from adapters.faulty import Faulty
from conformance import requirements
from conformance.ci.markup import escape, table_of
from conformance.record import records
from conformance.requirements import FAMILIES, Requirement
from conformance.run.processes import supervisor
from reports.checks import parts, plural
from reports.markdown import linked
from reports.pages import head

CAUGHT = ("fail", "crash", "timeout")
PREFIX = "adapters.faulty:"
PAGE = Path(__file__).with_name("kills.md")
GALLERY = {fault.__name__: fault for fault in sorted(Faulty.__subclasses__(), key=lambda fault: fault.__name__)}

Kills = Mapping[str, set[str]]  # the requirements that each class fails, by its name


def kills(read: Iterable[records.Record]) -> dict[str, set[str]]:
    """The requirements that each gallery class fails, by its name."""
    return {
        record.header.target.removeprefix(PREFIX).split(":")[0]: {
            check.requirement for check in record.checks if check.outcome in CAUGHT
        }
        for record in read
    }


def judge(output: Path, jobs: int = 2) -> dict[str, set[str]]:
    """Judge every class on the quick tier, with its records in the folder `output`; what each of them failed."""
    output.mkdir(parents=True, exist_ok=True)
    orders = [
        supervisor.Order(f"{PREFIX}{name}", "cpu", "eager", "quick", output, check_timeout=60) for name in GALLERY
    ]
    return kills(supervisor.run_all(orders, jobs, report=lambda progress: None))


def survivors(found: Kills) -> list[str]:
    """The pairs that `requirements.toml` lists under `catches` and that did not come about."""
    return [
        f"{requirement.id} does not catch {name}"
        for requirement in requirements.load().values()
        for name in requirement.catches
        if requirement.id not in found.get(name, set())
    ]


def table(found: Kills) -> str:
    """The matrix as Markdown: `X` where a listed pair came about, `x` where another did, `!` where it did not."""
    columns = judging()
    lines = ["| class | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, caught in sorted(found.items()):
        cells = [_cell(name in requirement.catches, column in caught) for column, requirement in columns.items()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def judging() -> dict[str, Requirement]:
    """The requirements that have a verdict."""
    return {name: found for name, found in requirements.load().items() if found.level != "report"}


def _cell(wanted: bool, caught: bool) -> str:
    return ("X" if wanted else "x") if caught else ("!" if wanted else " ")


def page(found: Kills) -> str:
    """The matrix as a page that can be read: a row for each class, and one for each requirement."""
    pairs = sum(len(caught) for caught in found.values())
    blocks = [
        "# What catches what",
        f"The gallery: {plural(len(found), 'implementation')}, wrong on purpose, one fault each, judged on the "
        f"quick tier by {plural(len(judging()), 'requirement')} that give a verdict. {plural(pairs, 'pair')} of "
        "a class and a requirement that catches it came about: *listed* are those that requirements.toml names "
        "and a test holds it to, *also* those besides.",
        "## The classes",
        *_classes(found),
        "## The requirements",
        *_requirements(found),
    ]
    return head("python -m reports.kills --write") + "\n\n".join(blocks) + "\n"


def _classes(found: Kills) -> Iterator[str]:
    """A table for each module of the gallery."""
    modules: dict[str, list[str]] = {}
    for name in sorted(found):
        modules.setdefault(_module(name), []).append(name)
    for module in sorted(modules):
        yield f"### {escape(module)}"
        yield table_of(
            ("class", "its fault", "caught by, listed", "also by"),
            (
                (f"**{escape(name)}**", linked(parts(fault(name))), *_split(found[name], listing(name)))
                for name in modules[module]
            ),
        )


def _requirements(found: Kills) -> Iterator[str]:
    """A table for each family."""
    for prefix, family in FAMILIES.items():
        rows = [
            (
                f"**{name}** ({requirement.level}) {escape(requirement.text)}",
                *_split({fault for fault, caught in found.items() if name in caught}, set(requirement.catches)),
            )
            for name, requirement in judging().items()
            if requirement.family == prefix
        ]
        if rows:
            yield f"### {prefix} {family}"
            yield table_of(("requirement", "catches, listed", "catches also"), rows)


def _split(caught: set[str], listed: set[str]) -> tuple[str, str]:
    """Those that were listed, with those of them that did not come about, and the others."""
    wanted = [escape(name) if name in caught else f"{escape(name)} (missed)" for name in sorted(listed)]
    return ", ".join(wanted) or "–", ", ".join(map(escape, sorted(caught - listed))) or "–"


def listing(name: str) -> set[str]:
    """The requirements that list a class under `catches`."""
    return {requirement.id for requirement in requirements.load().values() if name in requirement.catches}


def fault(name: str) -> str:
    """The sentence that says what is wrong with a class and where it was seen."""
    return (
        " ".join((inspect.getdoc(GALLERY[name]) or "").split()) if name in GALLERY else "no longer in the gallery"
    )


def _module(name: str) -> str:
    return GALLERY[name].__module__.rsplit(".", 1)[-1] if name in GALLERY else "unknown"


def main(arguments: list[str]) -> int:
    """Print the matrix or write the page; 1, and no page, where a class survives, 2 without records."""
    write = "--write" in arguments
    places = [Path(argument) for argument in arguments if argument != "--write"]
    try:
        found = kills(_read(places)) if places else _judged()
        missing = survivors(found)
        if not write:
            print(table(found))
        elif not missing:
            PAGE.write_text(page(found), encoding="utf-8")
            print(f"wrote {PAGE}")
    except (records.BrokenRecord, OSError) as error:
        print(f"reports.kills: {error}", file=sys.stderr)
        return 2
    for line in missing:
        print(line, file=sys.stderr)
    return 1 if missing else 0


def _judged() -> dict[str, set[str]]:
    with tempfile.TemporaryDirectory() as folder:
        return judge(Path(folder))


def _read(places: list[Path]) -> list[records.Record]:
    found = [records.read(path) for path in records.find(places)]
    if not found:
        raise records.BrokenRecord("no records; give the folder that holds the gallery's, or none to judge it")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
