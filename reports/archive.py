"""`python -m reports.archive RESULTS_DIR FOLDER`: compress finished records into `FOLDER/*.jsonl.xz`."""

from __future__ import annotations

import sys
from pathlib import Path

from conformance.record.archive import pack
from conformance.record.reading import read
from conformance.record.records import PACKED, PLAIN, BrokenRecord, Record, file_name
from conformance.record.storage import find
from conformance.terminal import complain
from reports.model import latest


def archive(source: Path, folder: Path) -> list[Path]:
    """Compress every record of the folder `source` into `folder`; all of them, or none where one is not whole.

    Raises:
        BrokenRecord: there are no records, or one is broken or incomplete.
        OSError: a file cannot be written.
    """
    paths = find([source]) if source.is_dir() else []
    if not paths:
        raise BrokenRecord(f"{source}: no records (*{PLAIN}) here; make some with python -m conformance")
    kept = latest(map(read, paths))
    for record in kept:
        _whole(record)
    names = (file_name(record.header.target).removesuffix(PLAIN) + PACKED for record in kept)
    packed = {folder / name: pack(record) for name, record in zip(names, kept, strict=True)}
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in packed.items():
        path.write_bytes(data)
    return list(packed)


def _whole(record: Record) -> None:
    if record.footer and record.footer.error is not None:
        raise BrokenRecord(f"{record.path}: {' '.join(record.footer.error.split())}")
    if record.partial:
        advice = "python -m conformance --resume goes on where it stopped"
        raise BrokenRecord(f"{record.path}: incomplete, {record.partial}; {advice}")


def main(arguments: list[str]) -> int:
    """Run the command line; 2, with one line, where something is not as it is wanted."""
    if len(arguments) != 2 or any(argument.startswith("-") for argument in arguments):
        complain("reports.archive: usage: python -m reports.archive RESULTS_DIR FOLDER")
        return 2
    try:
        written = archive(*map(Path, arguments))
    except (BrokenRecord, OSError) as error:
        complain(f"reports.archive: {error}")
        return 2
    for path in written:
        print(f"wrote {path}, {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
