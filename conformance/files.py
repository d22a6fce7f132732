"""Write a file whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write(path: Path, content: str | bytes, durable: bool = True) -> None:
    """Give a file new content, or leave it as it was; a folder that is missing is made.

    A link stays one, and a file keeps its permissions. What is no regular file, such as /dev/stdout, is written
    to as it is. `durable` content is on the disk when this returns, whatever happens to the machine.

    Raises:
        OSError: the file cannot be written; it holds what it held before.
    """
    data = content.encode() if isinstance(content, str) else content
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        with partial.open("xb") as file:
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
