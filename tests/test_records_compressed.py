"""Compressed records: they read as the plain ones do, and what is broken says so in one line."""

from __future__ import annotations

import lzma
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.record import reading, storage
from conformance.record.records import BrokenRecord
from conformance.record.writing import Writer
from tests.whole_record import assert_broken


@pytest.fixture
def packed(path: Path) -> Path:
    """The same record, compressed."""
    file = path.with_suffix(".jsonl.xz")
    file.write_bytes(lzma.compress(path.read_bytes()))
    return file


def test_a_compressed_record_reads_as_the_same_one(path: Path, packed: Path) -> None:
    assert replace(reading.read(packed), path=path) == reading.read(path)


@pytest.mark.parametrize(
    "broken",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data[:40] + bytes([data[40] ^ 255]) + data[41:],
        lzma.decompress,
        lambda data: lzma.compress(b""),
        lambda data: lzma.compress(bytes(range(256))),
        lambda data: lzma.compress(b"<!doctype html>\n"),
    ],
)
def test_a_broken_compressed_record_is_named_in_one_line(packed: Path, broken: Callable[[bytes], bytes]) -> None:
    packed.write_bytes(broken(packed.read_bytes()))
    assert_broken(packed)


def test_a_record_that_is_too_large_is_not_decompressed_whole(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed.write_bytes(lzma.compress(b" " * 10**7))
    monkeypatch.setattr(storage, "LARGEST", 10**6)
    assert_broken(packed, ": cannot be read: it holds more than 0 MiB")


def test_nothing_is_appended_to_a_compressed_record(packed: Path) -> None:
    before = packed.read_bytes()
    with pytest.raises(BrokenRecord, match=re.escape(str(packed))):
        Writer(packed)
    assert packed.read_bytes() == before
