"""Makes unreported.md: a report that is ready to file for each known deviation without an upstream thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from adapters.frameworks import FRAMEWORKS
from conformance import deviations
from conformance.ci.markup import escape, fence
from conformance.deviations import Deviation
from conformance.record.records import Header, Record
from conformance.requirements import Requirement
from reports.checks import Judged, all_checks, parts, plural
from reports.findings import UNREPORTED, severity, worst_checks
from reports.markdown import linked, quoted
from reports.witness import over_bound, rows, short

SHOWS = ("deviation", "crash", "timeout")


def page(
    records: Sequence[Record], specification: dict[str, Requirement], entries: Iterable[Deviation] | None = None
) -> str:
    """Return the page, made of the entries of `deviations.toml` unless others are given."""
    entries = deviations.load() if entries is None else tuple(entries)
    new = [entry for entry in entries if entry.link == UNREPORTED]
    checks = all_checks(records, specification)
    headers = {record.header.target: record.header for record in records}
    blocks = [
        "# Unreported deviations",
        f"{plural(len(new), 'fault')} without a thread upstream: each is a report that is ready to file. The "
        "measurements come from the records beside this page; every expected value is computed in ball "
        "arithmetic from the exact bits of the input.",
    ]
    for adapter in dict.fromkeys(entry.adapter for entry in new):
        blocks.append(f"## {escape(_title(adapter))}")
        for entry in new:
            if entry.adapter == adapter:
                blocks += _report(entry, checks, headers, specification)
    blocks += ["## Known upstream", "\n".join(_threads(entries)) or "None."]
    return "\n\n".join(blocks) + "\n"


def _title(adapter: str) -> str:
    known = FRAMEWORKS.get(adapter)
    return (known.long_title or known.title) if known else adapter


def _report(
    entry: Deviation,
    checks: Iterable[Judged],
    headers: dict[str, Header],
    specification: dict[str, Requirement],
) -> Iterator[str]:
    shown = [judged for judged in checks if judged.check.entry == entry.id and judged.check.outcome in SHOWS]
    yield f"### {escape(entry.title)}"
    yield _where(entry)
    yield fence(entry.reproduction, "python")
    yield "Actual: it prints"
    yield fence(entry.prints)
    yield f"Expected: {escape(entry.expected)}"
    yield f"Why: {escape(entry.reason)}"
    yield from _measured(shown, headers)
    yield "Every implementation is required to meet:"
    for name in dict.fromkeys(scope.requirement for scope in entry.scopes):
        yield quoted(specification[name]) if name in specification else f"> {escape(name)}"


def _where(entry: Deviation) -> str:
    machines = f", on {' and '.join(entry.machines)}" if entry.machines != ("*",) else ""
    text = f"{entry.adapter} {entry.versions}, {entry.device}, {' and '.join(entry.modes)}{machines}"
    return f"{escape(text)}. Listed as *{escape(entry.id)}*."


def _measured(shown: Sequence[Judged], headers: dict[str, Header]) -> Iterator[str]:
    if not shown:
        yield "No record beside this page shows it."
        return
    yield "Measured:"
    yield "\n".join(
        f"- {escape(item.target)}: {plural(item.checks)}, the worst {escape(item.check)}. "
        f"{escape(_machine(headers[item.target]))}"
        for item in worst_checks(shown, with_code=False)
    )
    worst = max(shown, key=severity)
    value = over_bound(worst.check)
    error = "" if value is None else f", an error of {short(value)} times the bound"
    yield f"The worst of them, {escape(worst.check.id)} on {escape(worst.target)}{error}:"
    yield fence("\n".join(f"{name}: {text}" for name, text in rows(worst.check)))


def _machine(header: Header) -> str:
    """Return versions, build and machine in one line."""
    framework = header.framework
    texts = (
        f"{framework.get('name', '?')} {framework.get('version', '?')}",
        framework.get("build", ""),
        f"Python {header.python}",
        header.device_model,
        header.platform,
        plural(header.threads, "thread"),
    )
    return ", ".join(part for part in texts if part)


def _threads(entries: Iterable[Deviation]) -> Iterator[str]:
    for entry in entries:
        if entry.link != UNREPORTED:
            yield (
                f"- {linked(parts(entry.link))}: {escape(entry.title)} "
                f"({escape(entry.adapter)} {escape(entry.versions)}, {escape(' and '.join(entry.modes))})"
            )
