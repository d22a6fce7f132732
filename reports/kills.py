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
from conformance.record import reading, records, storage
from conformance.requirements import FAMILIES, Requirement
from conformance.run.processes import supervisor
from conformance.terminal import complain
from reports.checks import parts, plural
from reports.markdown import linked
from reports.pages import head
from reports.power import results

CAUGHT = ("fail", "crash", "timeout")
PREFIX = "adapters.faulty:"
PAGE = Path(__file__).with_name("kills.md")
GALLERY = {fault.__name__: fault for fault in sorted(Faulty.__subclasses__(), key=lambda fault: fault.__name__)}

Kills = Mapping[str, set[str]]  # the requirements that each class fails, by its name


def kills(read: Iterable[records.Record]) -> dict[str, set[str]]:
    """Return the requirements that each gallery class fails, by the name of the class."""
    return {
        record.header.target.removeprefix(PREFIX).split(":")[0]: {
            check.requirement for check in record.checks if check.outcome in CAUGHT
        }
        for record in read
    }


def judge(output: Path, jobs: int = 2, listed: bool = False) -> dict[str, set[str]]:
    """Judge every class on the quick tier with records in the folder `output`; return what each failed.

    With `listed`, each is judged only on the requirements that name it.
    """
    output.mkdir(parents=True, exist_ok=True)
    naming = {
        name: tuple(one.id for one in requirements.load().values() if listed and name in one.catches)
        for name in GALLERY
    }
    orders = [
        supervisor.Order(f"{PREFIX}{name}", "cpu", "eager", "quick", output, 60, requirements=naming[name])
        for name in GALLERY
    ]
    return kills(supervisor.run_all(orders, jobs, report=lambda progress: None))


def survivors(caught: Kills) -> list[str]:
    """List the pairs in `catches` of `requirements.toml` in which the requirement does not catch the class."""
    return [
        f"{requirement.id} does not catch {name}"
        for requirement in requirements.load().values()
        for name in requirement.catches
        if requirement.id not in caught.get(name, set())
    ]


def table(caught_by: Kills) -> str:
    """Return the matrix as Markdown: `X` is a listed pair that catches, `x` another, `!` one that misses."""
    columns = judging()
    rows = (
        (name, *(_cell(name in column.catches, column.id in caught) for column in columns.values()))
        for name, caught in sorted(caught_by.items())
    )
    return table_of(("class", *columns), rows)


def judging() -> dict[str, Requirement]:
    """Return the requirements that have a verdict."""
    return {
        name: requirement for name, requirement in requirements.load().items() if requirement.level != "report"
    }


def _cell(wanted: bool, caught: bool) -> str:
    return ("X" if wanted else "x") if caught else ("!" if wanted else " ")


def page(kills_of: Kills) -> str:
    """Return the matrix as a page with a row for each class and one for each requirement."""
    pairs = sum(len(caught) for caught in kills_of.values())
    blocks = [
        "# What catches what",
        f"The gallery holds {plural(len(kills_of), 'implementation')} that are wrong on purpose, with one fault "
        f"each. {plural(len(judging()), 'requirement')} with a verdict judged them on the quick tier, and caught "
        f"them in {plural(pairs, 'pair')} of a class and a requirement. *Listed* pairs are those that "
        "requirements.toml names and a test requires; *also* are the others.",
        "## The classes",
        *_classes(kills_of),
        "## The requirements",
        *_requirements(kills_of),
        *results.section(),
    ]
    return head("python -m reports.kills --write") + "\n\n".join(blocks) + "\n"


def _classes(kills_of: Kills) -> Iterator[str]:
    """Yield a table for each module of the gallery."""
    modules: dict[str, list[str]] = {}
    for name in sorted(kills_of):
        modules.setdefault(_module(name), []).append(name)
    for module in sorted(modules):
        yield f"### {escape(module)}"
        yield table_of(
            ("class", "its fault", "caught by, listed", "also by"),
            (
                (f"**{escape(name)}**", linked(parts(fault(name))), *_split(kills_of[name], listing(name)))
                for name in modules[module]
            ),
        )


def _requirements(kills_of: Kills) -> Iterator[str]:
    """Yield a table for each family."""
    for prefix, family in FAMILIES.items():
        rows = [
            (
                f"**{name}** ({requirement.level}) {escape(requirement.text)}",
                *_split(
                    {fault for fault, caught in kills_of.items() if name in caught}, set(requirement.catches)
                ),
            )
            for name, requirement in judging().items()
            if requirement.family == prefix
        ]
        if rows:
            yield f"### {prefix} {family}"
            yield table_of(("requirement", "catches, listed", "catches also"), rows)


def _split(caught: set[str], listed: set[str]) -> tuple[str, str]:
    """Return the listed names, those that were missed marked, and the other names."""
    wanted = [escape(name) if name in caught else f"{escape(name)} (missed)" for name in sorted(listed)]
    return ", ".join(wanted) or "–", ", ".join(map(escape, sorted(caught - listed))) or "–"


def listing(name: str) -> set[str]:
    """Return the requirements that list a class under `catches`."""
    return {requirement.id for requirement in requirements.load().values() if name in requirement.catches}


def fault(name: str) -> str:
    """Return the sentence that says what is wrong with a class and where the fault was seen."""
    return (
        " ".join((inspect.getdoc(GALLERY[name]) or "").split()) if name in GALLERY else "no longer in the gallery"
    )


def _module(name: str) -> str:
    return GALLERY[name].__module__.rsplit(".", 1)[-1] if name in GALLERY else "unknown"


def main(arguments: list[str]) -> int:
    """Print the matrix or write the page; return 1 and write nothing if a class survives, 2 without records."""
    write = "--write" in arguments
    places = [Path(argument) for argument in arguments if argument != "--write"]
    try:
        with tempfile.TemporaryDirectory() as folder:
            kills_of = kills(_read(places)) if places else judge(Path(folder))
        missing = survivors(kills_of)
        if not write:
            print(table(kills_of))
        elif not missing:
            PAGE.write_text(page(kills_of), encoding="utf-8")
            print(f"wrote {PAGE}")
    except (records.BrokenRecord, OSError) as error:
        complain(f"reports.kills: {error}")
        return 2
    for line in missing:
        complain(line)
    return 1 if missing else 0


def _read(places: list[Path]) -> list[records.Record]:
    read = [reading.read(path) for path in storage.find(places)]
    if not read:
        raise records.BrokenRecord("no records; give the folder that holds the gallery's, or none to judge it")
    return read


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
