"""`python -m conformance confirm RECORD…`: write into deviations.toml the version on which its entries were seen.

An entry is confirmed for a version where all that it covers failed in each of its modes, and gone where all of it
passed. What is in between is narrowed by hand, and what was not judged is left until it is.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from conformance import deviations, files, terminal
from conformance.deviations import Deviation
from conformance.record.reading import read
from conformance.record.records import BrokenRecord, Check, Record
from conformance.record.storage import find
from conformance.record.verdict import FAILED

CLOSED = ({"=="}, {">=", "<="})  # operators of the ranges that can be widened

Seen = Mapping[str, Sequence[Check]]  # mode → the rows that an entry covers


def main(arguments: Sequence[str]) -> int:
    """Confirm entries; exit code 0: each is confirmed or gone, 1: some are neither, 2: there is nothing to do."""
    parser = argparse.ArgumentParser(prog="python -m conformance confirm", description=__doc__)
    needed = "records of every mode of a framework, or their folder"
    parser.add_argument("records", nargs="+", type=Path, metavar="record", help=needed)
    parser.add_argument("--deviations", type=Path, default=deviations.FILE, help="the file to write")
    options = parser.parse_args(arguments)
    try:
        told = confirm([read(path) for path in find(options.records)], options.deviations)
    except (BrokenRecord, ValueError, OSError) as error:
        terminal.complain(f"confirm: {error}")
        return 2
    console = terminal.console()
    for line in told.values():
        console.print(line, soft_wrap=True)
    return int(not all(line.endswith(("confirmed", "gone")) for line in told.values()))


def confirm(records: Iterable[Record], file: Path = deviations.FILE) -> dict[str, str]:
    """Write the version of the records into the entries that show in all of them; return a line for each entry.

    Raises:
        ValueError: no record is of a version that no entry names, or two of a framework are of two versions.
    """
    seen: dict[str, dict[str, Record]] = defaultdict(dict)  # adapter → "cpu:eager" → record
    for record in records:
        if record.unfinished is None and record.footer and record.footer.known_from:
            adapter, device, mode = record.header.target.rsplit(":", 2)
            seen[adapter][f"{device}:{mode}"] = record
    if not seen:
        raise ValueError("no whole record here is of a version that no entry names")
    text, told = file.read_text(encoding="utf-8"), {}
    for entry in deviations.load(file):
        places = seen.get(entry.adapter, {})
        versions = {record.header.framework["version"] for record in places.values()}
        if len(versions) > 1:
            raise ValueError(f"the records of {entry.adapter} are of versions {' and '.join(sorted(versions))}")
        for version in versions:
            rows = {mode: _rows(places.get(f"{entry.device}:{mode}"), entry) for mode in entry.modes}
            found = _standing(rows)
            told[entry.id] = f"{entry.id}: on {version} {found}"
            if found == "confirmed" and not entry.names(Version(version)):
                text = _written(text, entry, Version(version))
    files.write(file, text)
    deviations.load.cache_clear()
    return told


def widened(entry: Deviation, version: Version) -> str:
    """Return the entry's range of versions, up or down to one more.

    Raises:
        ValueError: the range is none that ends at versions where it was seen.
    """
    if {one.operator for one in SpecifierSet(entry.versions)} not in CLOSED or "*" in entry.versions:
        raise ValueError(f"[{entry.id}]: {entry.versions} is widened by hand")
    ends = (*entry.ends, Version(version.public))
    return f">={min(ends)},<={max(ends)}"


def _rows(record: Record | None, entry: Deviation) -> list[Check]:
    return [check for check in record.checks if check.entry == entry.id] if record else []


def _standing(seen: Seen) -> str:
    """Return what the rows of every mode say of an entry."""
    if lacking := [mode for mode, rows in seen.items() if not rows]:
        return f"not judged in {' and '.join(lacking)}"
    shows = [check.outcome in FAILED for rows in seen.values() for check in rows]
    if all(shows):
        return "confirmed"
    return f"in {sum(shows)} of {len(shows)} checks: narrow it" if any(shows) else "gone"


def _written(text: str, entry: Deviation, version: Version) -> str:
    table = re.compile(rf'^(\[{re.escape(entry.id)}\]\n(?:[^\[].*\n)*?versions = )"[^"]*"', re.MULTILINE)
    return table.sub(rf'\g<1>"{widened(entry, version)}"', text, count=1)
