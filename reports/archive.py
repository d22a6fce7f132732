"""`python -m reports.archive RESULTS_DIR FOLDER`: keep finished records, compressed, as `FOLDER/*.jsonl.xz`.

The same records give the same bytes. A row that met its requirement keeps what was asked and what was measured;
its witness in hex floats is kept where it has the worst error of its operation, label form, format and direction.
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from conformance import records
from conformance.records import BrokenRecord, Check, Record
from reports.accuracy import place
from reports.model import latest
from reports.witness import ratio

MET = ("pass", "choice", "measured")
PRESET = 9 | lzma.PRESET_EXTREME


def pack(record: Record) -> bytes:
    """The record as the bytes of a `*.jsonl.xz` file.

    Raises:
        BrokenRecord: the run did not come to its end, or nothing was judged in it.
    """
    if record.footer is None:
        raise BrokenRecord(f"{record.path}: incomplete; python -m conformance --resume goes on where it stopped")
    if record.footer.error is not None:
        raise BrokenRecord(f"{record.path}: {' '.join(record.footer.error.split())}")
    lines = [records.line(record.header), *map(records.line, thinned(record.checks)), records.line(record.footer)]
    return lzma.compress("".join(lines).encode(), preset=PRESET)


def thinned(checks: Iterable[Check]) -> list[Check]:
    """The checks, without the results of those that were met, the worst ones apart."""
    checks = list(checks)
    kept = {id(check) for check in _worst(checks)}
    return [check if check.outcome not in MET or id(check) in kept else _asked(check) for check in checks]


def _worst(checks: Iterable[Check]) -> list[Check]:
    """The check with the largest error over the bound at each place of the table of grades."""
    found: dict[tuple[str, ...], Check] = {}
    for check in checks:
        at = place(check)
        if at is not None and (at not in found or _error(check) > _error(found[at])):
            found[at] = check
    return list(found.values())


def _error(check: Check) -> float:
    value = ratio(check, "D")
    return -1.0 if value is None else value


def _asked(check: Check) -> Check:
    call = check.witness.get("call")
    return replace(check, witness={"call": call} if call else {})


def archive(source: Path, folder: Path) -> list[Path]:
    """Compress every record of the folder `source` into `folder`; all of them, or none where one is not whole.

    Raises:
        BrokenRecord: there are no records, or one is broken or incomplete.
        OSError: a file cannot be written.
    """
    found = records.find([source]) if source.is_dir() else []
    if not found:
        raise BrokenRecord(f"{source}: no records (*{records.PLAIN}) here; make some with python -m conformance")
    read = latest(records.read(path) for path in found)
    packed = {folder / _name(record): pack(record) for record in read}
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in packed.items():
        path.write_bytes(data)
    return list(packed)


def _name(record: Record) -> str:
    return records.file_name(record.header.target).removesuffix(records.PLAIN) + records.PACKED


def main(arguments: list[str]) -> int:
    """Run the command line; 2, with one line, where something is not as it is wanted."""
    if len(arguments) != 2 or any(argument.startswith("-") for argument in arguments):
        print("reports.archive: usage: python -m reports.archive RESULTS_DIR FOLDER", file=sys.stderr)
        return 2
    try:
        written = archive(*map(Path, arguments))
    except (BrokenRecord, OSError) as error:
        print(f"reports.archive: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(f"wrote {path}, {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
