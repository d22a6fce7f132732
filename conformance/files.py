"""Write a file whole or not at all, and keep a folder to one run."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
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


def overwrite(path: Path, text: str, size: int = 1024) -> None:
    """Give a small file new content in place, padded with spaces, without waiting for the disk.

    A reader meanwhile may see some of both contents.

    Raises:
        OSError: the file cannot be written.
    """
    padded = text.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        os.ftruncate(descriptor, os.pwrite(descriptor, padded.ljust(size), 0))
    finally:
        os.close(descriptor)


class InUse(OSError):
    """Another run writes to the folder; the message names it."""


@contextmanager
def reserved(folder: Path) -> Iterator[None]:
    """Make a folder and keep it to this run while the block lasts; the system frees it, whatever the run dies of.

    Raises:
        InUse: another run has it.
        OSError: it cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+", encoding="utf-8") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise InUse(f"another run writes to {folder}: {file.read() or 'it does not say which'}") from error
        except OSError:  # this file system has no locks: then nothing is kept apart
            pass
        file.truncate(0)
        file.write(f"process {os.getpid()}, {shlex.join(sys.argv)}")
        file.flush()
        yield
        file.truncate(0)
