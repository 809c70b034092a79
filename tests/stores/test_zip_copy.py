"""Copying entries of a zip as they are packed, read back by ``zipfile``."""

import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.ranges import LocalSource
from mmvoxceleb.stores.zip_copy import PackedEntry, ZipCopy

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
NAMES = ["top.txt", "a/ä/ö.png", "日本/語.png", "empty/", *(f"video/c{at % 5}/{at:07d}.png" for at in range(60))]


class Pipe(io.BytesIO):
    """Cannot seek, so ``zipfile`` writes sizes and checksums behind the content."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: Any) -> int:
        raise io.UnsupportedOperation("seek")

    def tell(self) -> int:
        raise io.UnsupportedOperation("tell")


class Sparse(io.RawIOBase):
    """Writes zeros as holes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", 0)
        self._zeros = bytes(8 << 20)

    def write(self, data: Any) -> int:
        if len(data) > 1000 and data == self._zeros[: len(data)]:
            self._file.seek(len(data), io.SEEK_CUR)
        else:
            self._file.write(data)
        return len(data)


def make_zip(path: Path, *names: str, piped: bool = False, zip64: bool = False) -> Path:
    rng = random.Random(0)
    buffer: io.BytesIO = Pipe() if piped else io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = b"a note"
        for name in names or NAMES:
            info = zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 6))
            info.compress_type = rng.choice(METHODS)
            info.external_attr = 0o640 << 16
            info.comment, info.extra = b"of an entry", struct.pack("<HH5s", 0x5455, 5, b"\1abcd")
            with archive.open(info, "w", force_zip64=zip64) as file:
                file.write(b"" if name.endswith("/") else rng.randbytes(rng.randrange(3000)))
    path.write_bytes(buffer.getvalue())
    return path


def copied(source: Path, target: Path, keep: Callable[[PackedEntry], bool] = lambda entry: True) -> Path:
    with target.open("wb") as file:
        copy = ZipCopy(LocalSource(source), file)
        for entry in copy:
            if keep(entry):
                copy.keep(entry)
        copy.finish()
    return target


def seen(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return {
            info.filename: (
                archive.read(info), info.compress_type, info.date_time, info.external_attr, info.comment, info.extra,
            )
            for info in archive.infolist()
        }  # fmt: skip


@pytest.mark.parametrize("front", [b"", b"#!/bin/sh\n" * 10])
@pytest.mark.parametrize("options", [{}, {"piped": True}, {"zip64": True}, {"piped": True, "zip64": True}])
def test_a_copy_is_read_as_its_source(tmp_path: Path, options: dict[str, bool], front: bytes) -> None:
    source = make_zip(tmp_path / "source.zip", **options)
    source.write_bytes(front + source.read_bytes())
    whole = seen(source)
    assert seen(copied(source, tmp_path / "whole.zip")) == whole
    some = {name: what for at, (name, what) in enumerate(whole.items()) if at % 3}
    part = copied(source, tmp_path / "part.zip", lambda entry: entry.name in some)
    assert seen(part) == some
    assert list(seen(part)) == list(some)
    assert seen(copied(part, tmp_path / "again.zip")) == some
    assert part.read_bytes() == (tmp_path / "again.zip").read_bytes()


def test_nothing_of_what_is_left_out_is_in_the_copy(tmp_path: Path) -> None:
    source = make_zip(tmp_path / "source.zip")
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("person/face.png", b"a face")
        archive.comment = b"with person"
    data = copied(source, tmp_path / "copy.zip", lambda entry: "person" not in entry.name).read_bytes()
    assert b"a face" in source.read_bytes()
    assert b"person" not in data
    assert b"a face" not in data


def test_no_entry_is_left(tmp_path: Path) -> None:
    copy = copied(make_zip(tmp_path / "source.zip"), tmp_path / "copy.zip", lambda entry: False)
    assert seen(copy) == {}


def test_more_entries_than_a_short_end_record_counts(tmp_path: Path) -> None:
    source = tmp_path / "source.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for at in range(70_000):
            archive.writestr(f"{at}.txt", str(at))
    copy = copied(source, tmp_path / "copy.zip")
    assert copy.read_bytes() == source.read_bytes()
    fewer = copied(source, tmp_path / "fewer.zip", lambda entry: entry.name.startswith("1"))
    with zipfile.ZipFile(fewer) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 11_111


def test_entries_beyond_4_gb(tmp_path: Path) -> None:
    size = (4 << 30) + 10
    names = "big.bin", "small.bin"
    source = tmp_path / "source.zip"
    locals_, records, at = [], b"", 0
    for name, length in zip(names, (size, 4), strict=True):
        large = struct.pack("<2H2Q", 1, 16, length, length) if length > 0xFFFFFFFF else b""
        short = min(length, 0xFFFFFFFF)
        crc = 0x2144DF1C if name == "small.bin" else 0  # of four zeros
        fields = (45, 0, 0, 0, 33, crc, short, short, len(name))
        locals_.append((at, struct.pack("<4s5H3L2H", b"PK\3\4", *fields, len(large)) + name.encode() + large))
        extra = large or struct.pack("<2HQ", 1, 8, at)
        last = len(extra), 0, 0, 0, 0, 0 if large else 0xFFFFFFFF
        records += struct.pack("<4s6H3L5H2L", b"PK\1\2", 0x031E, *fields, *last) + name.encode() + extra
        at += len(locals_[-1][1]) + length
    with source.open("wb") as file:
        for start, header in locals_:
            file.seek(start)
            file.write(header)
        file.seek(at)
        file.write(records)
        file.write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, len(records), at))
        file.write(struct.pack("<4sLQL", b"PK\6\7", 0, at + len(records), 1))
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(records), 0xFFFFFFFF, 0))
    target = Sparse(tmp_path / "copy.zip")
    copy = ZipCopy(LocalSource(source), target)  # type: ignore[arg-type]
    for entry in copy:
        copy.keep(entry)
    copy.finish()
    with zipfile.ZipFile(tmp_path / "copy.zip") as archive:
        big, small = archive.infolist()
        assert (big.filename, big.file_size, big.header_offset) == ("big.bin", size, 0)
        assert small.header_offset > 4 << 30
        assert archive.read(small) == bytes(4)
        with archive.open(big) as file:
            assert file.read(1 << 10) == bytes(1 << 10)
    second = copied(source, tmp_path / "second.zip", lambda entry: entry.name == "small.bin")
    assert seen(second)["small.bin"][0] == bytes(4)
    assert second.stat().st_size < 200


def test_a_damaged_entry_stays_damaged_and_stops_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for at in range(5):
            archive.writestr(f"{at}.png", f"the content of {at}")
    source.write_bytes(source.read_bytes().replace(b"content of 3", b"content 0f 3"))
    copy = copied(source, tmp_path / "copy.zip", lambda entry: entry.name != "0.png")
    with zipfile.ZipFile(copy) as archive:
        assert archive.testzip() == "3.png"
        assert archive.read("4.png") == b"the content of 4"


@pytest.mark.parametrize("piped", [False, True])
def test_other_content_is_packed_as_it_was_before(tmp_path: Path, piped: bool) -> None:
    source = tmp_path / "source.zip"
    buffer: io.BytesIO = Pipe() if piped else io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("stored.json", b"one" * 50)
        archive.writestr("deflated.json", b"two" * 50, zipfile.ZIP_DEFLATED)
    source.write_bytes(buffer.getvalue())
    with (tmp_path / "copy.zip").open("wb") as file:
        copy = ZipCopy(LocalSource(source), file)
        for entry in copy:
            copy.put(entry, copy.read(entry).replace(b"o", b"0") + b"longer")
        copy.finish()
    found = seen(tmp_path / "copy.zip")
    assert {name: what[:2] for name, what in found.items()} == {
        "stored.json": (b"0ne" * 50 + b"longer", zipfile.ZIP_STORED),
        "deflated.json": (b"tw0" * 50 + b"longer", zipfile.ZIP_DEFLATED),
    }


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("a.bin", random.Random(0).randbytes(1000))
    data = (tmp_path / "one.zip").read_bytes()
    start = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    record, count = data[start:end], 3
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, count * len(record), start, 0)
    (tmp_path / "bomb.zip").write_bytes(data[:start] + record * count + last)
    with pytest.raises(CorruptSourceError, match=r"bomb\.zip: entry 'a\.bin' at byte 0 overlaps another one"):
        copied(tmp_path / "bomb.zip", tmp_path / "copy.zip")


def test_a_local_header_of_another_entry_is_refused(tmp_path: Path) -> None:
    source = make_zip(tmp_path / "source.zip", "a.bin", "b.bin")
    source.write_bytes(source.read_bytes().replace(b"b.bin", b"c.bin", 1))
    with pytest.raises(CorruptSourceError, match=r"places entry 'b\.bin' at byte .*, and the local header there is of"):
        copied(source, tmp_path / "copy.zip")
